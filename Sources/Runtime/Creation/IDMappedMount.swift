internal import Kernel
internal import OCI
internal import Planner

/// An entry of `mounts` whose ids are mapped (`MOUNT_ATTR_IDMAP`, mount_setattr(2)), as this side does it for the process
/// that mounts: the right to do so is this side's.
struct IDMappedMount {
    private let mount: Mount
    private let idMap: MountIDMap
    private let place: String
    private let host: HostFacts
    private let linux: Linux
    private let rights: Rights

    /// Nil if there is no such entry, or nothing of it is mapped.
    ///
    /// - Parameter linux: the container's namespaces and mappings.
    init?(_ mounts: [Mount], index: Int, linux: Linux, host: HostFacts, rights: Rights) {
        guard mounts.indices.contains(index), let idMap = mounts[index].idMap else { return nil }
        mount = mounts[index]
        self.idMap = idMap
        place = "mounts[\(index)]"
        self.host = host
        self.linux = linux
        self.rights = rights
    }

    init?(_ preparation: Preparation, index: Int) {
        self.init(
            preparation.spec.mounts, index: index, linux: preparation.spec.linux, host: preparation.host,
            rights: preparation.rights)
    }

    /// Maps the ids of a detached mount that a process has made.
    func map(_ tree: borrowing Descriptor, of process: Int32) throws(RuntimeError) {
        // A new file system belongs to the container's user namespace, and its mount namespace too.
        let isInside = rights.caller != .root && linux.creates(.user)
        guard isInside, rights.caller == .ordinaryUser || mount.action == .new else { return try map(tree.number) }
        let users = try inside(idMap.uidMappings, linux.uidMappings, "uidMappings")
        let groups = try inside(idMap.gidMappings, linux.gidMappings, "gidMappings")
        do {
            try Tree.mapIDs(
                of: tree.number, inside: process, uidMap: users, gidMap: groups, recursive: idMap.isRecursive)
        } catch {
            throw explain(error)
        }
    }

    /// The same mappings, to ids of the container instead of ids of the host.
    private func inside(
        _ mappings: [IDMapping], _ containers: [IDMapping], _ name: StaticString
    ) throws(RuntimeError) -> String {
        var text = ""
        for mapping in mappings {
            var done: UInt32 = 0
            while done < mapping.size {
                let id = mapping.hostID + done
                guard let range = containers.first(where: { $0.hostID <= id && id - $0.hostID < $0.size }) else {
                    let field = "\(place).\(name)"
                    throw .plan(
                        PlanError(field: field, message: "id \(id) is not one of the container's user namespace"))
                }
                let offset = id - range.hostID
                let count = min(mapping.size - done, range.size - offset)
                text += "\(mapping.containerID + done) \(range.containerID + offset) \(count)\n"
                done += count
            }
        }
        return text
    }

    /// Maps the ids of a detached mount, borrowed: through the container's user namespace, or one that is made for these
    /// mappings.
    func map(_ tree: Int32) throws(RuntimeError) {
        let namespace = try namespace()
        do { try Tree.mapIDs(of: tree, through: namespace, recursive: idMap.isRecursive) } catch {
            throw explain(error)
        }
    }

    private func namespace() throws(RuntimeError) -> Descriptor {
        do {
            if idMap.usesContainerMappings, let path = linux.namespace(.user)?.path {
                return try Descriptor.open(path, [.readOnly])
            }
        } catch {
            throw .system(error, field: place)
        }
        let isContainers = idMap.usesContainerMappings
        let holder: HeldUserNamespace
        do { holder = try HeldUserNamespace() } catch { throw .system(error, field: place) }
        try IDMaps.write(
            users: isContainers ? linux.uidMappings : idMap.uidMappings,
            groups: isContainers ? linux.gidMappings : idMap.gidMappings, at: isContainers ? "linux." : "\(place).",
            for: holder.pid, rights)
        do { return try holder.descriptor() } catch { throw .system(error, field: place) }
    }

    // MARK: What the kernel means

    private func explain(_ error: SystemError) -> RuntimeError {
        let name = fileSystem ?? "this file system"
        let failure = SystemError("map the ids of \(name) at", mount.destination, error.errno)
        return .system(failure, field: place, hint: hint(error.errno, name))
    }

    private func hint(_ errno: Errno, _ name: String) -> String {
        switch errno {
        case .invalidArgument where name == "overlay":
            "the kernel maps no ids of an overlay; bind its layers with idmap, and make the overlay of those"
        case .invalidArgument where idMap.isRecursive && mount.isBind:
            "the kernel has no id-mapped mounts of \(name), or of something that is mounted below it"
        case .invalidArgument: "this kernel has no id-mapped mounts of \(name) (mount_setattr(2))"
        case .notPermitted:
            "it takes CAP_SYS_ADMIN in the user namespace that the file system belongs to, and ids that are not mapped yet"
        default: ""
        }
    }

    /// The type of the file system; nil: it cannot be found out.
    private var fileSystem: String? {
        guard mount.isBind, let source = mount.source else { return mount.type }
        // What the configuration has mounted in there is not what the host sees there.
        if lexicallyClean(source).begins(with: host.rootfs) { return nil }
        guard let place = try? Descriptor.open(source.absolute(in: host.bundle), [.path]),
            let mount = try? Tree.place(of: place.number), let table = try? MountTable(of: ThisProcess.pid)
        else { return nil }
        return table[mount.id]?.type
    }
}
