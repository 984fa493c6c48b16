internal import OCI

extension PlanBuilder {
    /// On cgroup v1 the process moves itself, through descriptors that the host opened: no global lock is taken. On
    /// v2 it is cloned into its cgroup. Where systemd makes the cgroup, the process is moved into it meanwhile.
    ///
    /// The host makes the hierarchies' directories while the process is busy with its first mounts. So this comes late:
    /// before the first thing that depends on it, a mount of cgroups, or else after the mounts.
    mutating func joinCgroups() throws(PlanError) {
        if hasJoinedCgroups { return }
        hasJoinedCgroups = true
        let origin = Origin.field("linux.cgroupsPath")
        let count = host.cgroups.joining == .stays ? 0 : host.cgroups.hierarchies.count
        if count > Self.mostHierarchies {
            throw PlanError(field: "linux.cgroupsPath", message: "more than \(Self.mostHierarchies) cgroup hierarchies")
        }
        var delegated: Slot?
        if annotations.delegatedCgroup != nil {
            let slot = reserveSlot()
            delegated = slot
            guard host.cgroups.isUnifiedHost, host.cgroups.unified != nil, host.cgroups.joining != .stays else {
                throw PlanError(
                    field: CrunAnnotations.delegatedCgroupField,
                    message: "only a cgroup of its own can be delegated, where cgroup v2 is alone in charge")
            }
            add(.meet(.cgroups, receive: slot, count: 1), origin)
        } else if count > 0 {
            let slots = (0..<count).map { _ in reserveSlot() }
            add(.meet(.cgroups, receive: slots[0], count: count), origin)
            for slot in slots { add(.joinCgroup(slot), origin) }
        } else if host.cgroups.joining == .isMoved {
            add(.meet(.cgroups), origin)
        }
        // The root of a new cgroup namespace is the cgroup that its maker is in.
        if let index = index(of: .cgroup), spec.linux.creates(.cgroup) {
            add(.unshare(flags: NamespaceKind.cgroup.cloneFlag), .element("linux.namespaces", index))
        }
        // Below the root of the namespace, which the container manages as well.
        if let delegated { add(.joinCgroup(delegated), .field("annotations[\"run.oci.delegate-cgroup\"]")) }
    }

    /// As many descriptors as one message carries.
    private static let mostHierarchies = 16

    /// Joins the namespaces that are given by path and makes the new ones.
    ///
    /// The clone itself makes most of them. Where a namespace has to be entered first, as the owner of the new
    /// ones or because only a child is in it (pid and time namespaces), the process joins and then forks.
    mutating func separateNamespaces() {
        let newFlags = spec.linux.namespaces.reduce(UInt64(0)) { flags, namespace in
            namespace.path == nil && isMadeByClone(namespace.kind) ? flags | namespace.kind.cloneFlag : flags
        }
        // Nobody's groups come along into a namespace that may not permit to drop them.
        if joinsByPath(.user), !annotations.keepsGroups {
            add(
                .setGroups([]), .field("process.user.additionalGids"),
                tolerating: host.caller == .root ? [] : [Tolerated.notPermitted])
        }
        if spec.linux.creates(.time), isInUserNamespace {
            separateInside(newFlags)
        } else if forks(new: newFlags) {
            makeTimeNamespace()
            joinNamespaces()
            fork(newFlags)
        } else {
            plan.cloneFlags = newFlags
            joinNamespaces()
        }
        makeNetworkNamespace()
        if hasNewUserNamespace, !spec.linux.creates(.time) { getMapped() }
    }

    /// A time namespace belongs to the user namespace in which it is made: that one is made, or joined, first, and
    /// mapped, since whoever has no user in there has no rights over files in it either. Only a child is in the time
    /// namespace; the others are made with it.
    private mutating func separateInside(_ flags: UInt64) {
        let user = NamespaceKind.user.cloneFlag
        let joins = spec.linux.namespaces.contains { $0.path != nil }
        let offsets = holdOffsets()
        if hasNewUserNamespace, !joins { plan.cloneFlags = user }
        joinNamespaces()
        if hasNewUserNamespace {
            if joins, let index = index(of: .user) { add(.unshare(flags: user), .element("linux.namespaces", index)) }
            getMapped { $0.makeTimeNamespace(offsets) }
        } else {
            makeTimeNamespace(offsets)
        }
        if let held = offsets?.slot { add(.close(held), .field("linux.timeOffsets")) }
        fork(flags & ~user)
    }

    /// Where the clock offsets are written, if that has to be held before namespaces are joined.
    private mutating func holdOffsets() -> OffsetsFile? {
        let origin = Origin.field("linux.timeOffsets")
        if host.caller == .ordinaryUser, !hasNewUserNamespace, spec.linux.timeOffsets != nil {
            // The file of a process that is not dumpable belongs to the host's root. So it is opened while only the user's
            // own processes could trace this one; those in the namespace that is joined must not. Who opens it needs the
            // right over the namespace, and whoever may join that has it.
            let file = reserveSlot()
            add(.setDumpable(true), origin)
            add(.openPath(nil, path: "/proc/self/timens_offsets", flags: OpenFlag.write, into: file), origin)
            add(.setDumpable(false), origin)
            return OffsetsFile(slot: file, path: "")
        }
        // In a mount namespace that is joined /proc is that of somebody else.
        guard joinsByPath(.mount) else { return nil }
        let proc = reserveSlot()
        add(.openPath(nil, path: "/proc", flags: OpenFlag.directoryPath, into: proc), origin)
        return OffsetsFile(slot: proc, path: "self/timens_offsets")
    }

    /// Goes on in a sibling, in the namespaces that only a child enters.
    mutating func fork(_ flags: UInt64) {
        add(.fork(flags: flags), .field("linux.namespaces"))
        plan.forks = true
    }

    /// By far the dearest namespace (half a millisecond). The host has to wait for the clone; while this is made it makes
    /// the cgroups.
    private mutating func makeNetworkNamespace() {
        guard let index = index(of: .network), spec.linux.creates(.network) else { return }
        let origin = Origin.element("linux.namespaces", index)
        if !isMadeByClone(.network) { add(.unshare(flags: NamespaceKind.network.cloneFlag), origin) }
        add(.bringUpLoopback, origin)
    }

    /// The maps are files of the process, and those of one that is not dumpable belong to the host's root alone. Nobody
    /// but the host's processes can see this one.
    ///
    /// - Parameter inside: what is to be done as soon as the process has its maps, and files of its own in /proc.
    private mutating func getMapped(_ inside: (inout PlanBuilder) -> Void = { _ in }) {
        let origin = Origin.field("linux.uidMappings")
        let isForRootAlone = host.caller == .root
        if !isForRootAlone { add(.setDumpable(true), origin) }
        add(.meet(.idMaps), origin)
        inside(&self)
        if !isForRootAlone { add(.setDumpable(false), origin) }
    }

    /// The others are made when what they take over from their maker is in place: the cgroup, the clock offsets, and,
    /// for an ipc namespace, whose message queues belong to its maker, the identity; and a network namespace is made
    /// while the host does something else, but for a process that is cloned into its cgroup, which would pay for its memory.
    private func isMadeByClone(_ kind: NamespaceKind) -> Bool {
        switch kind {
        case .cgroup, .time: false
        case .ipc: !hasNewUserNamespace
        case .network: plan.cloneTarget != nil
        case .mount, .pid, .user, .uts: true
        }
    }

    private func forks(new: UInt64) -> Bool {
        let joins = spec.linux.namespaces.contains { $0.path != nil }
        return joinsByPath(.pid) || spec.linux.creates(.time)
            || (joinsByPath(.user) && new != 0)
            || (hasNewUserNamespace && joins)
    }

    private func joinsByPath(_ kind: NamespaceKind) -> Bool { spec.linux.namespace(kind)?.path != nil }

    private func index(of kind: NamespaceKind) -> Int? { spec.linux.namespaces.firstIndex { $0.kind == kind } }

    /// The user namespace comes last: the others may belong to its parent, over which it has no power. For an ordinary
    /// user it comes first: only in there has he power over any.
    private mutating func joinNamespaces() {
        let indices = spec.linux.namespaces.indices
        let others = indices.filter { spec.linux.namespaces[$0].kind != .user }
        let user = indices.filter { spec.linux.namespaces[$0].kind == .user }
        let ordered = host.caller == .ordinaryUser ? user + others : others + user
        for index in ordered {
            let namespace = spec.linux.namespaces[index]
            guard let path = namespace.path else { continue }
            let origin = Origin.element("linux.namespaces", index, ".path")
            let source = Provision.Source.namespace(
                path: path, kind: namespace.kind, reliance: Plan.reliance(on: namespace.kind, in: spec))
            add(.joinNamespace(provide(source, origin), flag: namespace.kind.cloneFlag), origin)
        }
    }

    /// The offsets are fixed once a process is in the namespace: they are written before the fork that enters it.
    ///
    /// - Parameter file: where they are written; nil: where it always is.
    private mutating func makeTimeNamespace(_ file: OffsetsFile? = nil) {
        guard let index = index(of: .time), spec.linux.creates(.time) else { return }
        add(.unshare(flags: NamespaceKind.time.cloneFlag), .element("linux.namespaces", index))
        let clocks = [("monotonic", spec.linux.timeOffsets?.monotonic), ("boottime", spec.linux.timeOffsets?.boottime)]
        let lines = clocks.compactMap { clock, offset in
            offset.map { "\(clock) \($0.secs) \($0.nanosecs)\n" }
        }
        guard !lines.isEmpty else { return }
        add(
            .writeFile(file?.slot, path: file?.path ?? "/proc/self/timens_offsets", value: lines.joined()),
            .field("linux.timeOffsets"))
    }

    /// With the maps written, the process becomes root inside: whatever it makes belongs to the container.
    mutating func becomeRootOfUserNamespace() {
        guard isInUserNamespace else { return }
        becomeRootInside()
        if let index = index(of: .ipc), spec.linux.creates(.ipc), !isMadeByClone(.ipc) {
            add(.unshare(flags: NamespaceKind.ipc.cloneFlag), .element("linux.namespaces", index))
        }
    }

    mutating func becomeRootInside() {
        if !annotations.keepsGroups {
            add(.setGroups([]), .field("linux.gidMappings"), tolerating: [Tolerated.notPermitted])
        }
        add(.setGroup(0), .field("linux.gidMappings"))
        add(.setUser(0), .field("linux.uidMappings"))
    }

    mutating func joinKeyring() {
        // Whoever the container's user is may search its own keyring: as its owner, or, in a user namespace, as any.
        let search: UInt32 = isInUserNamespace ? 0x8 : 0x8_0000  // KEY_OTH_SEARCH, KEY_USR_SEARCH
        add(
            .joinSessionKeyring(name: "_ses.\(options.id)", permissions: search), .field("process"),
            // A kernel without keyrings has none to leak.
            tolerating: [Tolerated.noSystemCall])
    }

    mutating func nameHost() {
        if let name = spec.hostname, !name.isEmpty { add(.setHostName(name), .field("hostname")) }
        if let name = spec.domainname, !name.isEmpty { add(.setDomainName(name), .field("domainname")) }
    }

    /// Where a process writes about itself must be the kernel's own procfs: one that is made here, before anything
    /// of the image is touched, and that no other process can reach (CVE-2019-16884, CVE-2025-52881).
    mutating func openPrivateProc(_ process: Process) {
        guard !spec.linux.sysctl.isEmpty || process.apparmorProfile != nil || process.selinuxLabel != nil else {
            return
        }
        let origin = Origin.field(
            !spec.linux.sysctl.isEmpty
                ? "linux.sysctl"
                : process.apparmorProfile != nil ? "process.apparmorProfile" : "process.selinuxLabel")
        // A user namespace may mount procfs only for a pid namespace of its own; else a copy of the host's has to do.
        let mayBeRefused = lacksHostPrivileges && !spec.linux.creates(.pid)
        if mayBeRefused {
            add(.openTree(nil, path: "/proc", flags: TreeFlag.clone | TreeFlag.recursive, into: .procfs), origin)
        }
        add(.openFileSystem(type: "proc", into: .fileSystem), origin)
        add(
            .configure(.fileSystem, .create), origin, tolerating: mayBeRefused ? [Tolerated.notPermitted] : [],
            skip: mayBeRefused ? 1 : 0)
        add(.createMount(.fileSystem, attributes: 0xe, into: .procfs), origin)  // nosuid, nodev, noexec
    }

    /// The process's own descriptors in the procfs of the host, for who opens what it has looked at before: the
    /// container's own procfs may be anything.
    mutating func openOwnDescriptors(_ process: Process) {
        guard opensOwn(process) else { return }
        let origin = Origin.field("process")
        if joinsMounts {
            add(
                .openPath(.ownDescriptors, path: "self/fd", flags: OpenFlag.directoryPath, into: .ownDescriptors),
                origin)
        } else {
            add(.openPath(nil, path: "/proc/self/fd", flags: OpenFlag.directoryPath, into: .ownDescriptors), origin)
        }
    }

    /// In a mount namespace that is joined /proc is that of somebody else: the host's is held from before.
    mutating func holdHostProc() {
        guard joinsMounts, let process = spec.process, opensOwn(process) else { return }
        add(.openPath(nil, path: "/proc", flags: OpenFlag.directoryPath, into: .ownDescriptors), .field("process"))
    }

    private var joinsMounts: Bool { isFirstProcess && joinsByPath(.mount) }

    func opensOwn(_ process: Process) -> Bool {
        !Self.hasHome(process) || process.terminal || !host.nullStreams.isEmpty
            || spec.mounts.contains { $0.tmpcopyup }
    }

    mutating func setSysctls() {
        for sysctl in spec.linux.sysctl {
            add(
                .writeFile(.procfs, path: "sys/\(sysctl.path ?? sysctl.key)", value: sysctl.value),
                .field("linux.sysctl"))
        }
    }
}

/// A file below a descriptor that is held, or, with an empty path, the descriptor itself.
private struct OffsetsFile {
    var slot: Slot
    var path: String
}
