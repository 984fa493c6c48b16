internal import Checkpoint
internal import Kernel
internal import OCI
internal import Planner

/// What CRIU finds in its own mount namespace at a restore, and nobody else sees: what external mounts of the image may
/// stand for and the host does not have already.
struct RestoreAssembly: ~Copyable {
    private var table = DescriptorTable()
    private(set) var attachments: [Attachment] = []
    /// The names of external mounts, and what they stand for.
    private var mounts: [(key: String, path: String)] = []
    /// Where CRIU finds the images.
    private(set) var imagePath: String
    /// Whom the container's root is on the host, in a user namespace; nil: root.
    private let user: UInt32?

    /// - Parameter state: the container's state directory, absolute, without links.
    init(
        _ preparation: Preparation, images: borrowing ImageDirectories, state: String
    ) throws(RuntimeError) {
        imagePath = images.imagePath
        let linux = preparation.spec.linux
        user = linux.separates(.user) ? linux.uidMappings.hostID(of: 0) ?? 0 : nil
        let sources = ExternalMounts.sources(preparation)
        let bound = preparation.spec.mounts.filter { $0.isBind }.map { Self.sourcePath($0, preparation) }
        let used = (bound + [images.imagePath, images.workPath, preparation.host.rootfs]).map { path in
            (try? Files.realPath(path)) ?? path
        }
        let directory = Self.directory(state: state, user, keepingOff: used)
        let place = try attempt("--root") { () throws(SystemError) in
            try Tree.temporaryFileSystem(inodes: sources.count + 2)
        }
        attachments = [Attachment(tree: place.number, path: directory)]
        for (index, source) in sources.enumerated() {
            if case .bind(let number) = source.kind, let mapped = IDMappedMount(preparation, index: number) {
                let tree: Descriptor
                do { tree = try Self.tree(preparation.spec.mounts[number], preparation) } catch {
                    throw .system(error, field: source.field)
                }
                try mapped.map(tree.number)
                do { try attach(tree, "\(index)", .directory(place.number), below: directory) } catch {
                    throw .system(error, field: source.field)
                }
                mounts.append((source.key, "\(directory)/\(index)"))
                continue
            }
            do {
                let path = try add(source, "\(index)", in: place.number, below: directory, preparation)
                mounts.append((source.key, path))
            } catch {
                throw .system(error, field: source.field)
            }
        }
        try MountPoints(preparation).make()
        do {
            try addImages(preparation, in: place.number, below: directory)
            // What is mounted from here several times stays as it is. Devices of a container in a user namespace, which
            // could not make them writable again, are its own; what masks has its owner outside of such a namespace.
            if preparation.plan.hostDevices.isEmpty { try Tree.makeReadOnly(place) }
        } catch {
            throw .system(error, field: "--image-path")
        }
        table.add(place)
    }

    /// Where it is: over the container's state, in which CRIU looks for nothing. Processes in a user namespace, which mount
    /// by themselves, do not get there; for them it is over a directory that every host has in a place that everybody
    /// may search. Not in procfs or sysfs, which with something mounted over a part could not be mounted anew.
    private static func directory(state: String, _ user: UInt32?, keepingOff used: [String]) -> String {
        guard let user, !isReachable(state, for: user) else { return state }
        let candidates = ["/boot", "/media", "/mnt", "/srv", "/opt", "/home"]
        return candidates.first { candidate in
            (try? Files.status(candidate).kind == .directory) == true
                && !used.contains { $0.hasBytes(of: candidate) || $0.begins(with: candidate + "/") }
        } ?? state
    }

    /// Whether a user of the host may search every directory on the way to a path.
    private static func isReachable(_ path: String, for user: UInt32) -> Bool {
        for (index, byte) in path.utf8.enumerated() where byte == UInt8(ascii: "/") && index > 0 {
            let parent = String(decoding: path.utf8.prefix(index), as: UTF8.self)
            guard let status = try? Files.status(parent, follow: true) else { return false }
            let bit: UInt32 = status.uid == user ? 0o100 : 0o001
            if status.permissions & bit == 0 { return false }
        }
        return true
    }

    /// Makes what a source is, or what it is mounted on; returns its path.
    private mutating func add(
        _ source: ExternalMounts.Source, _ name: String, in place: Int32, below directory: String,
        _ preparation: Preparation
    ) throws(SystemError) -> String {
        let base = Base.directory(place)
        switch source.kind {
        case .cgroup(let path), .hostDevice(let path): return path
        case .maskedDirectory, .emptyDirectory: try Files.makeDirectory(name, mode: 0o755, at: base)
        case .maskedFile:
            let mode: UInt32 = preparation.host.makesNodes ? 0o020666 : 0o100444
            try Files.makeNode(name, mode: mode, major: 1, minor: 3, uid: 0, gid: 0, at: base)
        case .device(let index):
            let device = preparation.plan.hostDevices[index]
            try Files.makeNode(
                name, mode: device.mode, major: device.major, minor: device.minor, uid: device.uid, gid: device.gid,
                at: base)
        case .bind(let index):
            let mount = preparation.spec.mounts[index]
            let path = Self.sourcePath(mount, preparation)
            _ = try Files.status(path, follow: !mount.sourceNoFollow)
            // CRIU looks for what the host mounts there later where the path leads to.
            let isReachable = user.map { Self.isReachable(path, for: $0) } ?? true
            if !mount.sourceNoFollow && isReachable { return path }
            try attach(try Self.tree(mount, preparation), name, base, below: directory)
        }
        return "\(directory)/\(name)"
    }

    private static func sourcePath(_ mount: Mount, _ preparation: Preparation) -> String {
        let given = mount.source ?? ""
        return given.isAbsolute ? given : "\(preparation.host.bundle)/\(given)"
    }

    private static func tree(_ mount: Mount, _ preparation: Preparation) throws(SystemError) -> Descriptor {
        try Tree.copy(
            sourcePath(mount, preparation), recursive: mount.isRecursiveBind, noFollow: mount.sourceNoFollow)
    }

    /// Nothing that is mounted below it from here on goes back to the host.
    private mutating func attach(
        _ tree: consuming Descriptor, _ name: String, _ base: Base, below directory: String
    ) throws(SystemError) {
        try Tree.becomeSlave(tree)
        if try tree.status().kind == .directory {
            try Files.makeDirectory(name, mode: 0o755, at: base)
        } else {
            try Files.makeFile(name, mode: 0o600, at: base)
        }
        attachments.append(Attachment(tree: table.add(tree), path: "\(directory)/\(name)"))
    }

    /// Processes in a user namespace read images with the ids that they have there. For them the images belong to the
    /// container's root; for everybody else they are whose they are.
    private mutating func addImages(
        _ preparation: Preparation, in place: Int32, below directory: String
    ) throws(SystemError) {
        let linux = preparation.spec.linux
        guard linux.creates(.user), let uid = linux.uidMappings.hostID(of: 0),
            let gid = linux.gidMappings.hostID(of: 0)
        else { return }
        let owner = try Files.status(imagePath)
        let holder = try HeldUserNamespace()
        try Files.writeExisting("/proc/\(holder.pid)/uid_map", "\(owner.uid) \(uid) 1\n")
        try Files.writeExisting("/proc/\(holder.pid)/gid_map", "\(owner.gid) \(gid) 1\n")
        let namespace = try holder.descriptor()
        let tree = try Tree.copy(imagePath, recursive: false, noFollow: true)
        // A file system that cannot do this has to let everybody read.
        guard (try? Tree.mapIDs(of: tree.number, through: namespace, recursive: false)) != nil else { return }
        try attach(tree, "images", .directory(place), below: directory)
        imagePath = "\(directory)/images"
    }

    /// Tells CRIU what the names stand for.
    func name(in options: inout CriuOptions) {
        for mount in mounts { options.set(.external, text: "mnt[\(mount.key)]:\(mount.path)") }
    }
}

/// What is mounted on in the root file system of a container. One that is not that of the checkpoint need not have it.
struct MountPoints {
    let preparation: Preparation

    init(_ preparation: Preparation) { self.preparation = preparation }

    /// Makes what is missing. What is mounted below another mount finds it there: CRIU brings the content of those
    /// that it makes.
    func make() throws(RuntimeError) {
        let spec = preparation.spec
        let root = try attempt("root.path") { () throws(SystemError) in
            ContainerRoot(try Descriptor.open(preparation.host.rootfs, [.path, .directory]))
        }
        let owner = (spec.linux.uidMappings.hostID(of: 0) ?? 0, spec.linux.gidMappings.hostID(of: 0) ?? 0)
        for (index, mount) in spec.mounts.enumerated() where !mount.isRemount {
            let destination = lexicallyClean(mount.destination)
            if destination == "/" || isBelowAnother(destination, spec.mounts[..<index]) { continue }
            do {
                try root.makeMountPoint(destination, isDirectory: try isDirectory(mount), owner: owner)
            } catch {
                throw .system(error, field: "mounts[\(index)].destination")
            }
        }
    }

    /// CRIU leaves the host's root by way of the directory `tmp`, which a read-only root file system may lack, or else of one
    /// that it makes.
    ///
    /// - Returns: whether it was made, and is to be removed.
    func makeTemporary() throws(RuntimeError) -> Bool {
        guard preparation.spec.root.readonly else { return false }
        return try attempt("root.path") { () throws(SystemError) in
            let root = ContainerRoot(try Descriptor.open(preparation.host.rootfs, [.path, .directory]))
            if try root.find("/tmp") != nil { return false }
            try root.makeMountPoint("/tmp", isDirectory: true, owner: (0, 0))
            return true
        }
    }

    func removeTemporary() {
        // Somebody may use it already.
        guard let root = try? Descriptor.open(preparation.host.rootfs, [.path, .directory]) else { return }
        try? Files.removeDirectory("tmp", at: .directory(root.number))
    }

    private func isBelowAnother(_ destination: String, _ earlier: ArraySlice<Mount>) -> Bool {
        earlier.contains { mount in
            let other = lexicallyClean(mount.destination)
            return other != "/" && destination.begins(with: other + "/")
        }
    }

    private func isDirectory(_ mount: Mount) throws(SystemError) -> Bool {
        guard mount.isBind, let source = mount.source else { return true }
        let path = source.isAbsolute ? source : "\(preparation.host.bundle)/\(source)"
        return try Files.status(path, follow: !mount.sourceNoFollow).kind == .directory
    }
}

extension [IDMapping] {
    /// The host's number of an id of the container; nil: it has none.
    func hostID(of id: UInt32) -> UInt32? {
        for mapping in self where id >= mapping.containerID && id - mapping.containerID < mapping.size {
            return mapping.hostID + (id - mapping.containerID)
        }
        return nil
    }
}
