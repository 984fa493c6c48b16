internal import Kernel
internal import OCI
internal import Planner

/// Opens the descriptors that a plan wants from the host.
struct Provider: ~Copyable {
    private(set) var descriptors: [(Slot, Int32)] = []
    private var table = DescriptorTable()
    private var notifySocket: Descriptor?

    /// - Parameter statePath: the container's directory below `--root`.
    init(_ preparation: Preparation, statePath: String) throws(RuntimeError) {
        notifySocket = nil
        for provision in preparation.plan.provisions {
            let number: Int32
            do {
                guard let opened = try open(provision.source, preparation, statePath) else { continue }
                number = table.add(opened)
            } catch {
                throw .system(error, field: provision.origin.text)
            }
            if case .mappedTree(_, let index) = provision.source, let mount = IDMappedMount(preparation, index: index) {
                try mount.map(number)
            }
            if case .namespace(_, let kind, let reliance?) = provision.source {
                try Self.requireForeign(number, kind, reliance, provision.origin)
            }
            descriptors.append((provision.slot, number))
        }
    }

    private mutating func open(
        _ source: Provision.Source, _ preparation: Preparation, _ statePath: String
    ) throws(SystemError) -> Descriptor? {
        switch source {
        case .namespace(let path, _, _): try Descriptor.open(path, [.readOnly, .nonBlocking, .noControllingTerminal])
        case .process, .processRoot, .tasks, .attachedMount: nil  // Only a running container has them.
        case .gateListener: try Self.listenAtGate("\(statePath)/\(Entry.markerName)")
        case .notifyDirectory: try notifyDirectory()
        case .notifySocket: takeNotifySocket()
        case .devices: try Self.devices(preparation.plan.hostDevices)
        case .tree(let source): try Self.tree(source)
        case .mappedTree(let source, _): try Self.detachedTree(source)
        }
    }

    /// Whatever the path was meant for, what it leads to now counts: the namespace itself is compared.
    private static func requireForeign(
        _ namespace: Int32, _ kind: NamespaceKind, _ reliance: Origin, _ origin: Origin
    ) throws(RuntimeError) {
        do {
            guard try NamespaceFile.isCallers(namespace, kind.procName) else { return }
        } catch {
            throw .system(error, field: origin.text)
        }
        let article = kind == .ipc ? "an" : "a"
        throw .plan(
            PlanError(
                field: reliance.text,
                message: "needs \(article) \(kind.rawValue) namespace of the container's own, and \(origin.text)"
                    + " is the caller's"))
    }

    /// A host tree for a user namespace. It comes from outside of the container's mounts, so what restricts it on the
    /// host would not be locked inside: a restricted tree is not given (nil).
    static func tree(_ source: BindSource) throws(SystemError) -> Descriptor? {
        try Tree.isRestricted(source.path) ? nil : try detachedTree(source)
    }

    /// The nodes are in a file system of their own: what the container does to them is its own affair.
    private static func devices(_ devices: [HostDevice]) throws(SystemError) -> Descriptor {
        let mount = try Tree.temporaryFileSystem(inodes: devices.count + 1)
        for (index, device) in devices.enumerated() {
            try Files.makeNode(
                "\(index)", mode: device.mode, major: device.major, minor: device.minor, uid: device.uid,
                gid: device.gid, at: .directory(mount.number))
        }
        return mount
    }

    /// The directory with the socket; the socket itself is kept for who asks for it.
    private mutating func notifyDirectory() throws(SystemError) -> Descriptor {
        let mount = try Tree.temporaryFileSystem(inodes: 2)
        notifySocket = try NotifySocket.bound(in: mount.number)
        try Tree.restrict(mount)
        return mount
    }

    /// The socket at which the container says that it is ready, if it was not given to the process at the gate.
    mutating func takeNotifySocket() -> Descriptor? {
        var taken: Descriptor?
        swap(&taken, &notifySocket)
        return taken
    }

    /// The socket, like everything below --root, is for its owner alone.
    private static func listenAtGate(_ path: String) throws(SystemError) -> Descriptor {
        let mask = ThisProcess.setFileModeMask(0o177)
        defer { ThisProcess.setFileModeMask(mask) }
        return try Descriptor.listening(at: path, .sequencedPackets)
    }

    static func detachedTree(_ source: BindSource) throws(SystemError) -> Descriptor {
        let tree = try Tree.copy(source.path, recursive: source.isRecursive, noFollow: source.noFollow)
        try Tree.becomeSlave(tree)
        return tree
    }
}
