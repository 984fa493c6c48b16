internal import Kernel
internal import Launch
internal import OCI
internal import Planner

/// Everything that is known of a container before its mounts are changed.
struct MountChange: ~Copyable {
    /// The container's own configuration.
    let spec: Spec
    let host: HostFacts
    let options: Planner.PlanOptions
    let entry: MountEntry
    /// The container's first process: what is entered is what it is in.
    let target: Kernel.Process

    init(_ container: Container) throws(RuntimeError) {
        switch try container.status(holdsLock: true) {
        case .running, .paused: break
        case .created: throw .status("container \(container.record.id) has not been started yet")
        case .creating, .stopped: throw Container.notRunning
        }
        guard let target = try container.process() else { throw Container.notRunning }
        var spec = try container.configuration(Spec.decode)
        if container.record.hasAddedUserNamespace { spec.linux.namespaces.append(Namespace(.user)) }
        spec.annotations = container.record.annotations
        // What is mounted in a namespace of others would be theirs as well, and stay when the container goes.
        guard spec.linux.creates(.mount), try !ExecPreparation.isOwn(.mount, container.record.pid) else {
            throw .status("container \(container.record.id) has no mount namespace of its own")
        }
        let isCallersUser = try ExecPreparation.isOwn(.user, container.record.pid)
        entry = MountEntry(joinsUser: spec.linux.separates(.user) && !isCallersUser)
        host = HostFacts(
            bundle: container.record.bundle, rootfs: container.record.rootfs, lastCapability: Host.lastCapability,
            hasSELinux: spec.linux.mountLabel != nil && Host.hasSELinux, caller: Rights.caller())
        options = Planner.PlanOptions(id: container.record.id, hasGate: false)
        self.spec = spec
        self.target = target
    }

    /// As many descriptors as one more worker takes.
    static func reserve() throws(RuntimeError) -> DescriptorTable {
        var table = DescriptorTable()
        do throws(SystemError) {
            for _ in 0..<16 { table.add(try Descriptor.open("/dev/null", [.path])) }
        } catch {
            throw .system(error, field: "")
        }
        return table
    }

    /// The file that a command is about.
    static func document(_ path: String) throws(RuntimeError) -> [UInt8] {
        do { return try Files.read(path) } catch { throw .system(error, field: "") }
    }

    /// What of the container's configuration covers a place, in words; nil if nothing does.
    borrowing func protection(at place: String) -> String? {
        for (index, path) in spec.linux.maskedPaths.enumerated() where Self.lies(place, in: lexicallyClean(path)) {
            return "is masked (linux.maskedPaths[\(index)])"
        }
        for (index, path) in spec.linux.readonlyPaths.enumerated() where place.hasBytes(of: lexicallyClean(path)) {
            return "is read-only (linux.readonlyPaths[\(index)])"
        }
        return nil
    }

    static func lies(_ path: String, in directory: String) -> Bool {
        path.hasBytes(of: directory) || path.begins(with: directory == "/" ? "/" : directory + "/")
    }

    /// The nth mount of a document, if its ids are mapped.
    borrowing func idMapped(_ spec: Spec, _ index: Int, _ linux: Linux) -> IDMappedMount? {
        IDMappedMount(spec.mounts, index: index, linux: linux, host: host, rights: Rights(.auto))
    }

    /// The container's user namespace for id mappings, whatever the configuration says that it is.
    borrowing func linuxOfProcess() -> Linux {
        var linux = spec.linux
        for index in linux.namespaces.indices where linux.namespaces[index].kind == .user {
            linux.namespaces[index].path = "/proc/\(target.pid)/ns/user"
        }
        return linux
    }

    /// Whether the container's process is still there, so that what its pid has led to was the container's.
    borrowing func requireProcess() throws(RuntimeError) {
        do {
            if try !target.hasEnded(within: 0) { return }
        } catch {
            throw .system(error, field: "")
        }
        throw Container.notRunning
    }
}
