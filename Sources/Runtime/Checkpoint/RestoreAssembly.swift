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
        _ preparation: Preparation, _ settings: CriuSettings, images: borrowing ImageDirectories, state: String
    ) throws(RuntimeError) {
        imagePath = images.imagePath
        let linux = preparation.spec.linux
        user = linux.separates(.user) ? linux.uidMappings.hostID(of: 0) ?? 0 : nil
        let sources = ExternalMounts.sources(preparation)
        let bound = preparation.spec.mounts.filter { $0.isBind }.map { Self.source($0, preparation).path }
        let used = (bound + [images.imagePath, images.workPath, preparation.host.rootfs]).map { path in
            (try? Files.realPath(path)) ?? path
        }
        let directory = try Self.directory(state: state, user, keepingOff: used)
        let place = try Self.place(inodes: sources.count + 3)
        attachments = [Attachment(tree: place.number, path: directory)]
        for (index, source) in sources.enumerated() {
            let name = "\(index)"
            if case .bind(let number) = source.kind, let mapped = IDMappedMount(preparation, index: number) {
                let bound = Self.source(preparation.spec.mounts[number], preparation)
                try add(mapped, bound, name, in: place.number, below: directory, source.field)
                mounts.append((source.key, "\(directory)/\(name)"))
                continue
            }
            do {
                let path = try add(source, name, in: place.number, below: directory, preparation)
                mounts.append((source.key, path))
            } catch {
                throw .system(error, field: source.field)
            }
        }
        do { if !linux.maskedPaths.isEmpty { try addMasks(in: place.number, below: directory, preparation) } } catch {
            throw .system(error, field: "linux.maskedPaths")
        }
        try MountPoints(preparation).make()
        if linux.creates(.user) { try addImages(images, settings, in: place.number, below: directory, state: state) }
        // What is mounted from here several times stays as it is. Devices of a container in a user namespace, which
        // could not make them writable again, are its own; what masks has its owner outside of such a namespace.
        do { if preparation.plan.hostDevices.isEmpty { try Tree.makeReadOnly(place) } } catch {
            throw .system(error, field: "--root")
        }
        table.add(place)
    }

    private static func place(inodes: Int) throws(RuntimeError) -> Descriptor {
        do { return try Tree.temporaryFileSystem(inodes: inodes) } catch {
            guard error.errno == .notPermitted, Rights.caller() != .root else {
                throw .system(error, field: "--root")
            }
            throw CriuFailure.unusable(
                .restore, "an ordinary user may not mount, which a restore has to",
                hint: "restore containers as root")
        }
    }

    /// Where it is: over the container's state, in which CRIU looks for nothing. Processes in a user namespace, which mount
    /// by themselves, do not get there; for them it is over a directory that every host has in a place that everybody
    /// may search. Not in procfs or sysfs, which with something mounted over a part could not be mounted anew.
    private static func directory(
        state: String, _ user: UInt32?, keepingOff used: [String]
    ) throws(RuntimeError) -> String {
        guard let user, !isReachable(state, for: user) else { return state }
        let candidates = ["/boot", "/media", "/mnt", "/srv", "/opt", "/home"]
        let free = candidates.first { candidate in
            (try? Files.status(candidate).kind == .directory) == true
                && !used.contains { $0.hasBytes(of: candidate) || $0.begins(with: candidate + "/") }
        }
        guard let free else {
            throw .system(
                SystemError("search", state, .accessDenied), field: "--root",
                hint: "the container's user has to get there; of \(candidates.joined(separator: ", ")) none is free")
        }
        return free
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
        case .maskedDirectory: return "\(directory)/\(Self.masks)/directory"
        case .maskedFile: return "\(directory)/\(Self.masks)/file"
        case .emptyDirectory: try Files.makeDirectory(name, mode: 0o755, at: base)
        case .device(let index):
            let device = preparation.plan.hostDevices[index]
            try Files.makeNode(
                name, mode: device.mode, major: device.major, minor: device.minor, uid: device.uid, gid: device.gid,
                at: base)
        case .bind(let index):
            let bound = Self.source(preparation.spec.mounts[index], preparation)
            _ = try Files.status(bound.path, follow: !bound.noFollow)
            // CRIU looks for what the host mounts there later where the path leads to.
            let isReachable = user.map { Self.isReachable(bound.path, for: $0) } ?? true
            if !bound.noFollow && isReachable { return bound.path }
            try attach(try Provider.detachedTree(bound), name, base, below: directory)
        }
        return "\(directory)/\(name)"
    }

    /// A bind mount whose ids are mapped.
    private mutating func add(
        _ mapped: IDMappedMount, _ source: BindSource, _ name: String, in place: Int32, below directory: String,
        _ field: String
    ) throws(RuntimeError) {
        let tree: Descriptor
        do { tree = try Provider.detachedTree(source) } catch { throw .system(error, field: field) }
        try mapped.map(tree.number)
        do { try attach(tree, name, .directory(place), below: directory) } catch {
            throw .system(error, field: field)
        }
    }

    private static func source(_ mount: Mount, _ preparation: Preparation) -> BindSource {
        BindSource(mount, bundle: preparation.host.bundle)
    }

    /// The masks look like those of a container that was not restored.
    private mutating func addMasks(
        in place: Int32, below directory: String, _ preparation: Preparation
    ) throws(SystemError) {
        let masks = try Tree.temporaryFileSystem(inodes: 3)
        let base = Base.directory(masks.number)
        try Files.makeDirectory("directory", mode: 0o755, at: base)
        let mode: UInt32 = preparation.host.makesNodes ? 0o020666 : 0o100444
        try Files.makeNode("file", mode: mode, major: 1, minor: 3, uid: 0, gid: 0, at: base)
        if preparation.plan.hostDevices.isEmpty { try Tree.makeReadOnly(masks) }
        try attach(masks, Self.masks, .directory(place), below: directory)
    }

    private static let masks = "masks"

    /// - Parameter tree: a detached one. Nothing that is mounted below it goes back to the host.
    private mutating func attach(
        _ tree: consuming Descriptor, _ name: String, _ base: Base, below directory: String
    ) throws(SystemError) {
        if try tree.status().kind == .directory {
            try Files.makeDirectory(name, mode: 0o755, at: base)
        } else {
            try Files.makeFile(name, mode: 0o600, at: base)
        }
        attachments.append(Attachment(tree: table.add(tree), path: "\(directory)/\(name)"))
    }

    /// Processes in a user namespace read images as nobody before their ids are mapped, and with these afterwards: everybody
    /// has to be able to search the directory. Where it is private, CRIU is given it with other permissions.
    private mutating func addImages(
        _ images: borrowing ImageDirectories, _ settings: CriuSettings, in place: Int32, below directory: String,
        state: String
    ) throws(RuntimeError) {
        do throws(SystemError) {
            let status = try Files.status(of: images.imageNumber)
            if status.permissions & 0o001 != 0 || status.uid == user && status.uid == ThisProcess.effectiveUser {
                return
            }
            // Where earlier images are is told from where these are; and pages that are used are taken out of the file.
            if Files.exists("parent", at: .directory(images.imageNumber)) || settings.autoDedup {
                throw SystemError("search", imagePath, .accessDenied)
            }
            let top = "\(state)/\(Entry.imagesName)"
            try Files.makeDirectory(top, mode: 0o711)
            try Files.changeMode(top, to: 0o711)
            let upper = try Descriptor.open(top, [.path, .directory])
            try attach(
                try Tree.union(of: upper.number, and: images.imageNumber), Entry.imagesName, .directory(place),
                below: directory)
            imagePath = "\(directory)/\(Entry.imagesName)"
        } catch {
            throw .system(
                error, field: "--image-path",
                hint: "a container with a user namespace is restored by processes that are not root: chmod o+x"
                    + " \(imagePath)")
        }
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
            let destination = spec.destination(mount.destination, in: preparation.host.rootfs)
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
            let other = preparation.spec.destination(mount.destination, in: preparation.host.rootfs)
            return other != "/" && destination.begins(with: other + "/")
        }
    }

    private func isDirectory(_ mount: Mount) throws(SystemError) -> Bool {
        guard mount.isBind, let source = mount.source else { return true }
        return try Files.status(source.absolute(in: preparation.host.bundle), follow: !mount.sourceNoFollow).kind
            == .directory
    }
}
