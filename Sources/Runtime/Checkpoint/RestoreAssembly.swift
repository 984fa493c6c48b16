internal import Checkpoint
internal import Kernel
internal import OCI
internal import Planner

/// What CRIU finds in its own mount namespace at a restore, and nobody else sees: the root file system as a mount of its
/// own, and below a directory of the container's state everything that external mounts of the image may stand for.
struct RestoreAssembly: ~Copyable {
    private var table = DescriptorTable()
    private(set) var attachments: [Attachment] = []
    /// The names of external mounts, and what they stand for.
    private(set) var mounts: [(key: String, path: String)] = []
    private let directory: String

    /// Of the container's state.
    static let directoryName = "restore"

    /// - Parameter directory: absolute, empty.
    init(_ preparation: Preparation, at directory: String) throws(RuntimeError) {
        self.directory = directory
        let sources = ExternalMounts.sources(preparation)
        let place = try attempt("--root") { () throws(SystemError) in
            try Tree.temporaryFileSystem(inodes: sources.count + 2)
        }
        let root = try attempt("root.path") { () throws(SystemError) in
            let tree = try Tree.copy(preparation.host.rootfs, recursive: false, noFollow: true)
            try Tree.becomeSlave(tree)
            return tree
        }
        attachments = [
            Attachment(tree: root.number, path: preparation.host.rootfs),
            Attachment(tree: place.number, path: directory),
        ]
        let inRoot = ContainerRoot(root)
        var later: [Attachment] = []
        for (index, source) in sources.enumerated() {
            // A cgroup need not be there yet.
            if case .cgroup(let path) = source.kind {
                mounts.append((source.key, path))
                continue
            }
            let path = "\(directory)/\(index)"
            do {
                let tree = try Self.open(source, "\(index)", in: place.number, preparation)
                if let tree {
                    let number = table.add(tree)
                    later.append(Attachment(tree: number, path: path))
                }
                mounts.append((source.key, path))
            } catch {
                throw .system(error, field: source.field)
            }
        }
        try Self.makeMountPoints(in: inRoot, mounts, place.number, preparation)
        attachments += later
        table.add(inRoot.release())
        table.add(place)
    }

    /// Makes what a source is to be mounted on, or what it is itself.
    ///
    /// - Returns: what is to be mounted there; nil: it is there already.
    private static func open(
        _ source: ExternalMounts.Source, _ name: String, in place: Int32, _ preparation: Preparation
    ) throws(SystemError) -> Descriptor? {
        let base = Base.directory(place)
        switch source.kind {
        case .maskedDirectory, .emptyDirectory: try Files.makeDirectory(name, mode: 0o755, at: base)
        case .maskedFile:
            let mode: UInt32 = preparation.host.makesNodes ? 0o020666 : 0o100444
            try Files.makeNode(name, mode: mode, major: 1, minor: 3, uid: 0, gid: 0, at: base)
        case .device(let index):
            let device = preparation.plan.hostDevices[index]
            try Files.makeNode(
                name, mode: device.mode, major: device.major, minor: device.minor, uid: device.uid, gid: device.gid,
                at: base)
        case .hostDevice(let path):
            return try attachable(try Tree.copy(path, recursive: false, noFollow: false), name, base)
        case .cgroup: break
        case .bind(let index):
            let mount = preparation.spec.mounts[index]
            let given = mount.source ?? ""
            let tree = try Tree.copy(
                given.isAbsolute ? given : "\(preparation.host.bundle)/\(given)", recursive: mount.isRecursiveBind,
                noFollow: mount.sourceNoFollow)
            if let map = mount.idMap { try map.apply(to: tree, preparation.spec.linux) }
            return try attachable(tree, name, base)
        }
        return nil
    }

    /// Nothing that is mounted below it from here on goes back to the host.
    private static func attachable(
        _ tree: consuming Descriptor, _ name: String, _ base: Base
    ) throws(SystemError) -> Descriptor {
        try Tree.becomeSlave(tree)
        if try tree.status().kind == .directory {
            try Files.makeDirectory(name, mode: 0o755, at: base)
        } else {
            try Files.makeFile(name, mode: 0o600, at: base)
        }
        return tree
    }

    /// A root file system that is not the one of the checkpoint need not have what is mounted on. What is mounted below
    /// another mount finds it there: CRIU brings the content of those that it makes.
    private static func makeMountPoints(
        in root: borrowing ContainerRoot, _ mounts: [(key: String, path: String)], _ place: Int32,
        _ preparation: Preparation
    ) throws(RuntimeError) {
        let spec = preparation.spec
        let owner = (
            spec.linux.uidMappings.first { $0.containerID == 0 }?.hostID ?? 0,
            spec.linux.gidMappings.first { $0.containerID == 0 }?.hostID ?? 0
        )
        for (index, mount) in spec.mounts.enumerated() where !mount.isRemount {
            let destination = lexicallyClean(mount.destination)
            let isBelow = spec.mounts[..<index].contains {
                let other = lexicallyClean($0.destination)
                return other != "/" && destination.begins(with: other + "/")
            }
            if isBelow || destination == "/" { continue }
            let source = mounts.firstIndex { $0.key.hasBytes(of: destination) }
            do {
                var isDirectory = true
                if let source, mount.isBind {
                    isDirectory = try Files.status("\(source)", at: .directory(place)).kind == .directory
                }
                try root.makeMountPoint(destination, isDirectory: isDirectory, owner: owner)
            } catch {
                throw .system(error, field: "mounts[\(index)].destination")
            }
        }
    }

    /// Tells CRIU what the names stand for.
    func name(in options: inout CriuOptions) {
        for mount in mounts { options.set(.external, text: "mnt[\(mount.key)]:\(mount.path)") }
    }
}
