public import OCI

extension Operation {
    /// The file that the operation is about, as the process names it; nil for one that is about none, or is given by a
    /// descriptor alone.
    public var path: String? {
        let path: String
        switch self {
        case .openPath(_, let given, _, _), .openTree(_, let given, _, _),
            .setMountAttributes(_, let given, _, _, _, _),
            .makeTarget(_, let given, _, _, _), .writeFile(_, let given, _), .detachMount(let given),
            .changeDirectory(let given), .retryDirectory(let given), .runHook(let given, _, _, _, _),
            .copyLink(let given, _, _), .makeNode(_, let given, _, _, _, _, _), .makeLink(_, let given, _),
            .remove(_, let given), .findExecutable(let given, _):
            path = given
        case .joinCgroup, .joinNamespace, .unshare, .fork, .meet, .handOver, .setGroups, .setGroup, .setUser,
            .newSession,
            .joinSessionKeyring, .openFileSystem, .pickFileSystem, .configure, .createMount, .mount, .moveMount,
            .chooseMask,
            .copyMode, .copyTree, .verifyDevice, .enter, .adoptRoot, .pivotRoot, .detachOldRoot, .changeRoot,
            .verifyDirectory,
            .setHostName, .setDomainName, .bringUpLoopback, .unlockTerminal, .openPeer, .setWindow, .setOwner,
            .setControllingTerminal, .duplicate, .setLimit, .setFileModeMask, .setPersonality, .setScheduler,
            .setIOPriority, .setMemoryPolicy, .keepCapabilities, .dropBounding, .setCapabilities, .setAmbient,
            .setNoNewPrivileges, .findHome, .waitAtGate, .closeOnExec, .loadSeccomp, .execute, .setAffinity,
            .setDumpable, .tellPID, .reopen, .close, .release,
            .unmount:
            return nil
        }
        return path.isEmpty ? nil : path
    }

    /// Whether the operation makes a device, and no FIFO or file.
    public var makesDevice: Bool {
        guard case .makeNode(_, _, let mode, _, _, _, _) = self else { return false }
        return mode & FileMode.type == FileMode.character || mode & FileMode.type == FileMode.block
    }
}

extension Plan {
    /// Where the plan looks for a process's program, in this order: as it is if its name has a slash, else in the
    /// directories of the container's PATH. Relative ones are relative to the working directory.
    ///
    /// Made one after the other: all of them together may be as long as the PATH times the name.
    public static func programCandidates(of process: Process) -> some Sequence<String> {
        let name = process.args[0]
        let isPath = name.hasSlash
        let path = isPath ? "" : PlanBuilder.searchPath(process)
        let directories = path.utf8.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
        return directories.lazy.filter { isPath || max(1, $0.count) + 1 + name.utf8.count < Self.longestPath }.map {
            isPath ? name : $0.isEmpty ? "./\(name)" : "\(Substring($0))/\(name)"
        }
    }

    /// PATH_MAX, with its zero at the end.
    private static var longestPath: Int { 4096 }

    /// What takes it for granted that the container's namespace of a kind is not the caller's own: what is done there
    /// would be done to the host. nil: nothing does.
    public static func reliance(on kind: NamespaceKind, in spec: Spec) -> Origin? {
        if spec.linux.sysctl.contains(where: { $0.namespace == kind }) { return .field("linux.sysctl") }
        switch kind {
        case .uts:
            if spec.hostname?.isEmpty == false { return .field("hostname") }
            return spec.domainname?.isEmpty == false ? .field("domainname") : nil
        case .cgroup:
            return spec.mounts.firstIndex { $0.action == .new && ($0.type == "cgroup" || $0.type == "cgroup2") }
                .map { .element("mounts", $0) }
        case .ipc, .mount, .network, .pid, .time, .user: return nil
        }
    }

    /// The entries of `mounts` as they are mounted: an ordinary user gets some in another way.
    public static func mounts(of spec: Spec, for caller: HostFacts.Caller) -> [Mount] {
        let builder = PlanBuilder(
            spec: spec, host: HostFacts(bundle: "", rootfs: "", caller: caller), options: PlanOptions(id: ""))
        return spec.mounts.map { builder.withoutPrivileges($0) }
    }

    /// The devices that every container has (config-linux.md, "Default Devices").
    public static var defaultDevices: [Device] { PlanBuilder.defaultDevices }
}
