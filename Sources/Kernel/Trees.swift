internal import CKernel

/// Detached copies of mount trees (open_tree(2)).
public enum Tree {
    /// Copies what is mounted at `path`; with `recursive` also everything below it.
    public static func copy(_ path: String, recursive: Bool, noFollow: Bool) throws(SystemError) -> Descriptor {
        let flags: UInt32 = 1 | (recursive ? 0x8000 : 0) | (noFollow ? 0x100 : 0)  // OPEN_TREE_CLONE, AT_*
        return Descriptor(owning: try check(unsafe ck_open_tree(path, flags), "open_tree", path))
    }

    /// A detached tree that gets what is mounted on the host later on, and sends nothing back.
    public static func becomeSlave(_ tree: borrowing Descriptor) throws(SystemError) {
        _ = try check(ck_tree_slave(tree.number), "mount_setattr(MS_SLAVE)")
    }

    /// Makes a detached mount read-only, nosuid, nodev and noexec.
    public static func restrict(_ tree: borrowing Descriptor) throws(SystemError) {
        _ = try check(ck_tree_restrict(tree.number), "mount_setattr")
    }

    /// Makes a detached mount read-only: nobody can change anything about what is in it. Devices in it work as before.
    public static func makeReadOnly(_ tree: borrowing Descriptor) throws(SystemError) {
        _ = try check(ck_tree_read_only(tree.number), "mount_setattr(MOUNT_ATTR_RDONLY)")
    }

    /// A detached tmpfs, nosuid and noexec.
    ///
    /// - Parameter inodes: how many there can be, its root among them.
    public static func temporaryFileSystem(inodes: Int) throws(SystemError) -> Descriptor {
        var call: UnsafePointer<CChar>?
        let result = unsafe ck_temporary_file_system(UInt32(inodes), &call)
        return Descriptor(
            owning: try check(result, unsafe call.map { unsafe String(cString: $0) } ?? "fsmount", "tmpfs"))
    }

    /// A detached mount, read-only, of what two directories hold together (overlayfs): the permissions to enter it are those of
    /// the first one, whoever may enter the second.
    ///
    /// - Parameters:
    ///   - upper: a borrowed descriptor of the directory that is looked into first.
    ///   - lower: a borrowed descriptor of the other one.
    public static func union(of upper: Int32, and lower: Int32) throws(SystemError) -> Descriptor {
        var call: UnsafePointer<CChar>?
        let result = unsafe ck_union(upper, lower, &call)
        return Descriptor(
            owning: try check(result, unsafe call.map { unsafe String(cString: $0) } ?? "fsmount", "overlay"))
    }

    /// The id of the mount that `path` leads to, unique where the kernel has unique ones (Linux 6.8).
    ///
    /// - Parameters:
    ///   - path: what is looked at, links not followed.
    ///   - namespace: a borrowed descriptor of a mount namespace; nil: the caller's own.
    public static func mountID(of path: String, in namespace: Int32? = nil) throws(SystemError) -> UInt64 {
        var id: UInt64 = 0
        _ = try check(unsafe ck_outer_mount_id(namespace ?? -1, path, &id), "statx", path)
        return id
    }

    /// Where a descriptor lies. Of a file system with a server, such as FUSE, the server is not asked.
    public static func place(of descriptor: Int32) throws(SystemError) -> MountPlace {
        var place = ck_mount_place()
        _ = try check(unsafe ck_mount_place(descriptor, &place), "statx")
        return MountPlace(
            id: place.id, lastingID: place.lasting_id, isRoot: place.is_root, device: place.device, inode: place.inode)
    }

    /// Unmounts one mount at `path`, with everything below it. It is no error if it is gone.
    ///
    /// - Parameters:
    ///   - path: where it is mounted.
    ///   - before: the id of the mount below.
    ///   - mount: its id; 0: whatever is mounted there above the mount with the id `before`.
    ///   - namespace: a borrowed descriptor of a mount namespace; nil: the caller's own.
    public static func unmount(
        _ path: String, above before: UInt64, mount: UInt64, in namespace: Int32? = nil
    ) throws(SystemError) {
        _ = try check(unsafe ck_unmount(namespace ?? -1, path, before, mount), "umount2", path)
    }

    /// Whether the mount at `path` is read-only, nosuid, nodev or noexec on the host.
    public static func isRestricted(_ path: String) throws(SystemError) -> Bool {
        try check(unsafe ck_is_restricted(path), "statvfs", path) == 1
    }

    /// Maps the ids of a detached tree through a user namespace (mount_setattr(2), Linux 5.12).
    ///
    /// `tree`: borrowed.
    public static func mapIDs(
        of tree: Int32, through namespace: borrowing Descriptor, recursive: Bool
    ) throws(SystemError) {
        _ = try check(ck_map_ids(tree, namespace.number, recursive), "mount_setattr(MOUNT_ATTR_IDMAP)")
    }

    /// Maps the ids of a detached tree, borrowed, that belongs to the user namespace of a process, for a caller who owns
    /// that and has no power outside: through a user namespace below that one, with maps that count in its ids.
    public static func mapIDs(
        of tree: Int32, inside process: Int32, uidMap: String, gidMap: String, recursive: Bool
    ) throws(SystemError) {
        let users = try Descriptor.open("/proc/\(process)/ns/user", [.readOnly])
        let mounts = try Descriptor.open("/proc/\(process)/ns/mnt", [.readOnly])
        var call: UnsafePointer<CChar>?
        let result = unsafe ck_map_ids_inside(users.number, mounts.number, tree, recursive, uidMap, gidMap, &call)
        _ = try check(result, unsafe call.map { unsafe String(cString: $0) } ?? "fork")
    }
}

/// A new user namespace without maps, and the process in it that keeps it until there is a descriptor of it.
public struct HeldUserNamespace: ~Copyable {
    /// The process whose maps are to be written (/proc/PID/uid_map).
    public let pid: Int32
    /// The process ends when this is closed.
    private let end: Int32

    public init() throws(SystemError) {
        var end: Int32 = -1
        var call: UnsafePointer<CChar>?
        let result = unsafe ck_hold_user_namespace(&end, &call)
        pid = try check(result, unsafe call.map { unsafe String(cString: $0) } ?? "clone", "user namespace")
        self.end = end
    }

    deinit { ck_let_go(pid, end) }

    public borrowing func descriptor() throws(SystemError) -> Descriptor {
        try Descriptor.open("/proc/\(pid)/ns/user", [.readOnly])
    }
}

/// A place among the mounts (statx(2)).
public struct MountPlace: Sendable, Equatable {
    /// The mount's id as /proc/PID/mountinfo has it. A later mount may have it too, once this one is gone.
    public let id: UInt64
    /// The id that no other mount ever has (Linux 6.8); before that the other one.
    public let lastingID: UInt64
    /// Whether it is the root of what is mounted.
    public let isRoot: Bool
    /// The file system's device, as stat(2) has it, and the inode in it.
    public let device: UInt64
    public let inode: UInt64
}

/// Several descriptors that are owned, and closed, together.
public struct DescriptorTable: ~Copyable, Sendable {
    private var numbers: [Int32] = []

    public init() {}

    deinit { for number in numbers { ck_close(number) } }

    /// Takes over a descriptor; returns its number for borrowing.
    @discardableResult
    public mutating func add(_ descriptor: consuming Descriptor) -> Int32 {
        let number = descriptor.release()
        numbers.append(number)
        return number
    }
}
