public import OCI

/// What a process that changes the mounts of a running container has to enter.
public struct MountEntry: Sendable {
    /// Whether the container has a user namespace that is not the caller's own.
    public var joinsUser: Bool

    public init(joinsUser: Bool) { self.joinsUser = joinsUser }
}

extension Plan {
    /// Compiles the steps that mount, in a container that runs, what `spec.mounts` holds. Pure, like
    /// ``create(_:on:options:)``.
    ///
    /// `spec`: the container's configuration, with the mounts that are added in place of its own.
    public static func addMounts(
        _ spec: Spec, on host: HostFacts, options: PlanOptions, entry: MountEntry
    ) throws(PlanError) -> Plan {
        var builder = PlanBuilder(spec: spec, host: host, options: options)
        try builder.planAddition(entry)
        return builder.plan
    }

    /// Compiles the steps that unmount what is mounted at some places of a container that runs.
    public static func removeMounts(
        at destinations: [String], _ spec: Spec, on host: HostFacts, options: PlanOptions, entry: MountEntry
    ) throws(PlanError) -> Plan {
        var builder = PlanBuilder(spec: spec, host: host, options: options)
        try builder.planRemoval(destinations, entry)
        return builder.plan
    }

    /// Compiles the steps that look what is at some places of a container that runs: each is presented that is there.
    ///
    /// `destinations`: with their indices in `mounts`.
    public static func findMounts(
        at destinations: [(index: Int, path: String)], _ spec: Spec, on host: HostFacts, options: PlanOptions,
        entry: MountEntry
    ) -> Plan {
        var builder = PlanBuilder(spec: spec, host: host, options: options)
        builder.planSearch(destinations, entry)
        return builder.plan
    }

    /// Compiles the steps that take away again what a plan of ``addMounts(_:on:options:entry:)`` has attached: the last
    /// first.
    public static func takeMountsBack(
        _ count: Int, _ spec: Spec, on host: HostFacts, options: PlanOptions, entry: MountEntry
    ) -> Plan {
        var builder = PlanBuilder(spec: spec, host: host, options: options)
        builder.planTakingBack(count, entry)
        return builder.plan
    }
}

/// Mounts in a container that runs, and looks on.
///
/// Everything is made detached while the process sees the host, and nothing of the container. Then it enters the
/// container's mount namespace, where it has nothing but descriptors of what it has made, and attaches each to the very
/// place that it has looked at. The container cannot see the process, whose pid namespace is the host's.
extension PlanBuilder {
    fileprivate mutating func planAddition(_ entry: MountEntry) throws(PlanError) {
        isFirstProcess = false
        try findDestinations()
        for (index, mount) in spec.mounts.enumerated() {
            if let problem = mount.problemAsAdded {
                throw PlanError(field: "mounts[\(index)].\(problem.field)", message: problem.message)
            }
            try refuseUnavailable(mount, at: index)
            try refuseUnmappedOwner(of: mount, at: index)
        }
        enterBundle()
        let separates = entry.joinsUser || spec.mounts.contains(where: needsOldCall)
        if entry.joinsUser { joinUser() }
        if separates { leaveHostMounts() }
        let slots = try makeDetached(entry, isSlave: separates)
        add(.meet(.inside), .field("mounts"))
        enterMounts(NamespaceKind.mount.cloneFlag)
        for (index, slot) in slots.enumerated() { attach(slot, withoutPrivileges(spec.mounts[index]), index) }
        add(.meet(.ready), .field("mounts"))
        try requireSlots()
    }

    fileprivate mutating func planRemoval(_ destinations: [String], _ entry: MountEntry) throws(PlanError) {
        isFirstProcess = false
        enter(entry)
        let targets = destinations.indices.map { _ in reserveSlot() }
        // All of them are looked at before the first goes.
        for (index, target) in targets.enumerated() {
            let origin = Origin.element("mounts", index, ".destination")
            let path = pathInside(destinations[index]) ?? destinations[index]
            if let problem = Mount.problemWithDestination(path) {
                throw PlanError(field: origin.text, message: problem)
            }
            add(.openPath(.root, path: path, flags: OpenFlag.path, into: target), origin)
            add(.meet(.target, send: target), origin)
        }
        for (index, target) in targets.enumerated() {
            // One that went with another one before is gone.
            add(.unmount(target), .element("mounts", index), tolerating: [Tolerated.invalidArgument])
        }
        add(.meet(.ready), .field("mounts"))
        try requireSlots()
    }

    fileprivate mutating func planSearch(_ destinations: [(index: Int, path: String)], _ entry: MountEntry) {
        isFirstProcess = false
        enter(entry)
        for (index, path) in destinations {
            let origin = Origin.element("mounts", index, ".destination")
            // A destination may be written as the host's path.
            add(
                .openPath(.root, path: pathInside(path) ?? path, flags: OpenFlag.path, into: .target), origin,
                tolerating: [Tolerated.noEntry, Tolerated.notDirectory], skip: 1)
            add(.meet(.target, send: .target), origin)
        }
        add(.meet(.ready), .field("mounts"))
    }

    fileprivate mutating func planTakingBack(_ count: Int, _ entry: MountEntry) {
        isFirstProcess = false
        let mounts = (0..<count).map { provide(.attachedMount($0), .element("mounts", $0)) }
        enter(entry)
        for (index, mount) in mounts.enumerated().reversed() {
            // One that was never attached is in no namespace.
            add(.unmount(mount), .element("mounts", index), tolerating: [Tolerated.invalidArgument])
        }
        add(.meet(.ready), .field("mounts"))
    }

    private static let namespaceOrigin = Origin.field("linux.namespaces")

    // MARK: On the host's side

    private mutating func joinUser() {
        dropGroups()
        let origin = Self.namespaceOrigin
        add(.joinNamespace(provide(.process, origin), flag: NamespaceKind.user.cloneFlag), origin)
    }

    private mutating func dropGroups() {
        if annotations.keepsGroups { return }
        add(
            .setGroups([]), .field("process.user.additionalGids"),
            tolerating: host.caller == .root ? [] : [Tolerated.notPermitted])
    }

    /// Whether an option is too long for fsconfig(2).
    private func needsOldCall(_ mount: Mount) -> Bool {
        mount.action == .new && settings(of: mount).contains { $0.isTooLong }
    }

    /// A mount namespace of the process's own, with all that the host has mounted. In a user namespace what restricts
    /// the mounts there is locked, as in a container's from the start, so that the container cannot lift it.
    private mutating func leaveHostMounts() {
        add(.unshare(flags: NamespaceKind.mount.cloneFlag), .field("mounts"))
        add(
            .setMountAttributes(nil, path: "/", propagation: PropagationKind.slave.rawValue, isRecursive: true),
            .field("mounts"))
    }

    /// What is to be mounted, all of it; nobody sees any of it yet.
    private mutating func makeDetached(_ entry: MountEntry, isSlave: Bool) throws(PlanError) -> [Slot] {
        var slots = [Slot](repeating: .mount, count: spec.mounts.count)
        for (index, given) in spec.mounts.enumerated() where given.isBind {
            slots[index] = takeBind(withoutPrivileges(given), index)
        }
        if entry.joinsUser { becomeRootInside() }
        for (index, given) in spec.mounts.enumerated() {
            let mount = withoutPrivileges(given)
            let origin = Origin.element("mounts", index)
            if mount.isBind {
                if !isSlave { separate(slots[index], origin) }
                setAttributes(of: slots[index], mount, origin)
            } else {
                slots[index] = reserveSlot()
                let attributes = mount.attributes.set.subtracting(isLateReadOnly(mount) ? .readOnly : [])
                try makeFileSystem(mount, attributes, into: slots[index], origin)
                // It is attached to this process's own root, and belongs to no other namespace than this.
                if needsOldCall(mount) {
                    add(.openTree(slots[index], path: "", flags: TreeFlag.clone, into: slots[index]), origin)
                }
                setRecursiveAttributes(of: slots[index], mount, origin)
            }
        }
        return slots
    }

    private mutating func takeBind(_ mount: Mount, _ index: Int) -> Slot {
        if !mount.data.isEmpty {
            plan.warnings.append(
                "mounts[\(index)].options: no effect on a bind mount: \(mount.data.joined(separator: ","))")
        }
        let origin = Origin.element("mounts", index, ".source")
        let source = bindSource(mount)
        if mount.idMap != nil, !mapsIDsLate { return provide(.mappedTree(source, index: index), origin) }
        return takeSource(source, of: mount, origin)
    }

    /// As in a container's mounts from the start: what is mounted in there does not go to where it comes from.
    private mutating func separate(_ slot: Slot, _ origin: Origin) {
        let kind: PropagationKind
        switch spec.linux.rootfsPropagation?.kind {
        case .shared: return
        case .private: kind = .private
        default: kind = .slave
        }
        add(.setMountAttributes(slot, propagation: kind.rawValue, isRecursive: true), origin)
    }

    // MARK: In the container

    /// For who unmounts by descriptor, or only looks.
    private mutating func enter(_ entry: MountEntry) {
        add(
            .openPath(nil, path: "/proc/self/fd", flags: OpenFlag.directoryPath, into: .ownDescriptors),
            .field("mounts"))
        add(.meet(.inside), .field("mounts"))
        if entry.joinsUser { dropGroups() }
        enterMounts(NamespaceKind.mount.cloneFlag | (entry.joinsUser ? NamespaceKind.user.cloneFlag : 0))
        if entry.joinsUser { becomeRootInside() }
    }

    private mutating func enterMounts(_ flags: UInt64) {
        let origin = Self.namespaceOrigin
        add(.joinNamespace(provide(.process, origin), flag: flags), origin)
        add(.openPath(nil, path: "/", flags: OpenFlag.directoryPath, into: .root), .field("root.path"))
    }

    private mutating func attach(_ slot: Slot, _ mount: Mount, _ index: Int) {
        let origin = Origin.element("mounts", index)
        let rules: TargetRules =
            mount.destinationNoFollow ? [.notRoot, .notKernels, .noFollow] : [.notRoot, .notKernels]
        let kind: TargetKind = mount.isBind ? .like(slot) : .directory
        add(.makeTarget(root: .root, path: mount.destination, kind, rules, into: .target), origin)
        add(.meet(.target, send: .target), origin)
        if mount.type == "tmpfs", !mount.isBind, !mount.data.contains(where: { $0.hasPrefix("mode=") }) {
            add(.copyMode(from: .target, to: slot), origin)
        }
        if isLateReadOnly(mount) { add(.setMountAttributes(slot, set: MountAttributes.readOnly.rawValue), origin) }
        add(.meet(.mount, send: slot), origin)
        add(.moveMount(slot, to: .target), origin)
        propagate(slot, mount, origin)
    }
}
