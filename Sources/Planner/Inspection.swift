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
            .changeDirectory(let given), .retryDirectory(let given), .runHook(let given, _, _, _),
            .copyLink(let given, _, _), .makeNode(_, let given, _, _, _, _, _), .makeLink(_, let given, _),
            .remove(_, let given), .findExecutable(let given, _):
            path = given
        case .joinCgroup, .joinNamespace, .unshare, .fork, .meet, .setGroups, .setGroup, .setUser, .newSession,
            .joinSessionKeyring, .openFileSystem, .pickFileSystem, .configure, .createMount, .moveMount, .chooseCover,
            .copyMode, .copyTree, .verifyDevice, .enter, .pivotRoot, .detachOldRoot, .changeRoot, .verifyDirectory,
            .setHostName, .setDomainName, .bringUpLoopback, .unlockTerminal, .openPeer, .setWindow, .setOwner,
            .setControllingTerminal, .duplicate, .setLimit, .setFileModeMask, .setPersonality, .setScheduler,
            .setIOPriority, .setMemoryPolicy, .keepCapabilities, .dropBounding, .setCapabilities, .setAmbient,
            .setNoNewPrivileges, .findHome, .waitAtGate, .closeOnExec, .loadSeccomp, .execute, .setAffinity,
            .setDumpable,
            .tellPID:
            return nil
        }
        return path.isEmpty ? nil : path
    }
}

extension Plan {
    /// Where the plan looks for a process's program, in this order: as it is if its name has a slash, else in the
    /// directories of the container's PATH. Relative ones are relative to the working directory.
    public static func programCandidates(of process: Process) -> [String] { PlanBuilder.candidates(process) }

    /// The devices that every container has (config-linux.md, "Default Devices").
    public static var defaultDevices: [Device] { PlanBuilder.defaultDevices }
}
