internal import CKernel

/// Calls on paths. A path is relative to `base`.
public enum Files {
    /// lstat(2), or stat(2) with `follow`.
    public static func status(
        _ path: String, at base: Base = .workingDirectory, follow: Bool = false
    ) throws(SystemError) -> FileStatus {
        try status(path, at: base, flags: follow ? 0 : AT_SYMLINK_NOFOLLOW)
    }

    static func status(_ path: String, at base: Base, flags: Int32) throws(SystemError) -> FileStatus {
        var result = ck_status()
        _ = try check(unsafe ck_stat(base.number, path, flags, &result), "stat", path)
        return FileStatus(result)
    }

    /// What the kernel knows of what a path leads to, by links of /proc as well: no server, such as that of FUSE, is asked
    /// (statx(2), `AT_STATX_DONT_SYNC`). Sizes and times may be old; what it is, and which, is not.
    public static func knownStatus(_ path: String) throws(SystemError) -> FileStatus {
        var result = ck_status()
        _ = try check(unsafe ck_known_status(path, &result), "statx", path)
        return FileStatus(result)
    }

    /// Whether something is at `path` (links are not followed).
    public static func exists(_ path: String, at base: Base = .workingDirectory) -> Bool {
        var result = ck_status()
        return unsafe ck_stat(base.number, path, AT_SYMLINK_NOFOLLOW, &result) == 0
    }

    public static func fileSystemType(_ path: String) throws(SystemError) -> Int64 {
        try check(unsafe ck_filesystem_type_at(path), "statfs", path)
    }

    /// The id, as /proc/self/mountinfo has it, of the mount that a path leads to (statx(2), `STATX_MNT_ID`); 0 where it is
    /// not told, as by user-mode QEMU.
    public static func mountID(_ path: String) throws(SystemError) -> UInt64 {
        var result: UInt64 = 0
        _ = try check(unsafe ck_mount_id(path, &result), "statx", path)
        return result
    }

    /// Makes a directory with its parents, as `mkdir -p` does; what is there stays as it is.
    ///
    /// - Parameters:
    ///   - path: what is made.
    ///   - mode: its permissions.
    ///   - parents: the permissions of parents that are made.
    public static func makeDirectories(_ path: String, mode: UInt32, parents: UInt32) throws(SystemError) {
        for (index, byte) in path.utf8.enumerated() where byte == UInt8(ascii: "/") && index > 0 {
            try makeIfMissing(String(decoding: path.utf8.prefix(index), as: UTF8.self), mode: parents)
        }
        try makeIfMissing(path, mode: mode)
    }

    private static func makeIfMissing(_ path: String, mode: UInt32) throws(SystemError) {
        // A parent that others own, or that cannot be written to, is not asked to be made.
        if exists(path) { return }
        do { try makeDirectory(path, mode: mode) } catch { if error.errno != .exists { throw error } }
    }

    public static func makeDirectory(
        _ path: String, mode: UInt32, at base: Base = .workingDirectory
    ) throws(SystemError) {
        _ = try check(unsafe ck_mkdir(base.number, path, mode), "mkdir", path)
    }

    public static func removeDirectory(_ path: String, at base: Base = .workingDirectory) throws(SystemError) {
        _ = try check(unsafe ck_unlink(base.number, path, AT_REMOVEDIR), "rmdir", path)
    }

    public static func remove(_ path: String, at base: Base = .workingDirectory) throws(SystemError) {
        _ = try check(unsafe ck_unlink(base.number, path, 0), "unlink", path)
    }

    public static func rename(_ old: String, to new: String, at base: Base = .workingDirectory) throws(SystemError) {
        _ = try check(unsafe ck_rename(base.number, old, base.number, new), "rename", new)
    }

    public static func changeMode(
        _ path: String, to mode: UInt32, at base: Base = .workingDirectory
    ) throws(SystemError) {
        _ = try check(unsafe ck_chmod(base.number, path, mode), "chmod", path)
    }

    /// What a borrowed descriptor refers to.
    public static func status(of descriptor: Int32) throws(SystemError) -> FileStatus {
        try status("", at: .directory(descriptor), flags: 0x1000)  // AT_EMPTY_PATH
    }

    /// Makes an empty file, which must not be there yet (mknod(2)).
    public static func makeFile(_ name: String, mode: UInt32, at base: Base) throws(SystemError) {
        _ = try check(unsafe ck_make_node(base.number, name, 0o100000 | mode, 0, 0), "mknod", name)
    }

    /// Makes a device node, FIFO or regular file (mknod(2)), with an owner and exactly these permissions.
    public static func makeNode(
        _ name: String, mode: UInt32, major: UInt32, minor: UInt32, uid: UInt32, gid: UInt32, at base: Base
    ) throws(SystemError) {
        _ = try check(unsafe ck_make_node(base.number, name, mode, major, minor), "mknod", name)
        try changeMode(name, to: mode & 0o7777, at: base)
        if uid != 0 || gid != 0 { try changeOwner(name, uid: uid, gid: gid, at: base) }
    }

    /// Changes the owner of the inode itself, never of what a link points to.
    public static func changeOwner(
        _ path: String, uid: UInt32, gid: UInt32, at base: Base = .workingDirectory
    ) throws(SystemError) {
        _ = try check(unsafe ck_chown(base.number, path, uid, gid, AT_SYMLINK_NOFOLLOW), "chown", path)
    }

    /// The target of a symbolic link.
    public static func readLink(_ path: String, at base: Base = .workingDirectory) throws(SystemError) -> String {
        try unsafe string(capacity: 4096, "readlink", path) { buffer, size in
            unsafe Int(ck_readlink(base.number, path, buffer, size))
        }
    }

    /// The absolute path without links, `.` and `..` (realpath(3)).
    public static func realPath(_ path: String) throws(SystemError) -> String {
        try unsafe string(capacity: 4097, "realpath", path) { buffer, size in
            unsafe Int(ck_realpath(path, buffer, size))
        }
    }

    /// The bytes that `fill` put into a buffer, as a string.
    static func string(
        capacity: Int, _ operation: String, _ path: String,
        _ fill: (UnsafeMutablePointer<CChar>?, Int) -> Int
    ) throws(SystemError) -> String {
        var failure = 0
        let text = unsafe String(unsafeUninitializedCapacity: capacity) { buffer in
            let size = unsafe buffer.withMemoryRebound(to: CChar.self) { unsafe fill($0.baseAddress, capacity) }
            failure = min(size, 0)
            return max(size, 0)
        }
        _ = try check(failure, operation, path)
        return text
    }
}
