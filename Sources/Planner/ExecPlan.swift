public import OCI

/// What a process that joins a running container has to enter.
public struct ExecEntry: Sendable {
    /// The container's namespaces that are not the caller's own.
    public var namespaces: [NamespaceKind]
    /// Whether the container's root is not the root of its mount namespace.
    public var changesRoot: Bool
    /// Whether the container may trace what it sees (CAP_SYS_PTRACE).
    public var isTraced: Bool
    /// Whether the host wants to know the process before it goes on: a pid file, a pidfd, a scheduling policy.
    public var meetsHost: Bool

    public init(
        namespaces: [NamespaceKind], changesRoot: Bool = false, isTraced: Bool = false, meetsHost: Bool = false
    ) {
        self.namespaces = namespaces
        self.changesRoot = changesRoot
        self.isTraced = isTraced
        self.meetsHost = meetsHost
    }

    fileprivate func joins(_ kind: NamespaceKind) -> Bool { namespaces.contains(kind) }
}

extension Plan {
    /// Compiles the steps of one more process in a running container. Pure, like ``create(_:on:options:)``.
    ///
    /// - Parameters:
    ///   - spec: the container's configuration, with the process that is to run.
    ///   - host: what the plan has to know of the host.
    ///   - options: what the caller wants, beside the configuration.
    ///   - entry: how the process comes into the container.
    public static func exec(
        _ spec: Spec, on host: HostFacts, options: PlanOptions, entry: ExecEntry
    ) throws(PlanError) -> Plan {
        var builder = PlanBuilder(spec: spec, host: host, options: options)
        try builder.planExec(entry)
        return builder.plan
    }
}

extension Plan {
    /// CPUs as sched_setaffinity(2) takes them.
    public static func mask(of cpus: IndexRanges) -> [UInt8] { PlanBuilder.mask(cpus) }
}

extension PlanBuilder {
    /// From the host to the program.
    ///
    /// What takes rights over the host comes first. The container's pid namespace comes last: a container with
    /// CAP_SYS_PTRACE can trace whoever it sees (CVE-2016-9962). The process that joins the other namespaces stays out
    /// of its sight, gives up everything that the new process is not to have, and only then makes it.
    ///
    /// Loading a filter takes no_new_privs, or else CAP_SYS_ADMIN (seccomp(2)). Where the container could trace the new
    /// process while it still has that, the filter is loaded before the new process is made, which inherits it.
    fileprivate mutating func planExec(_ entry: ExecEntry) throws(PlanError) {
        guard let process = spec.process else { throw PlanError(field: "process", message: "is missing") }
        isFirstProcess = false
        try refuseUnavailable(process)
        try countKept()
        adjustOnHost(process)
        // Before anything of the container is touched: its devices are opened under its own rules only.
        joinHierarchies { !$0.counts }
        openOwnDescriptors(process)
        plan.hostStreams = process.terminal ? NullStreams() : host.nullStreams
        enter(entry)
        if process.terminal {
            add(.openPath(nil, path: "/", flags: OpenFlag.directoryPath, into: .root), .field("process.terminal"))
            openTerminal(process, asConsole: false)
        }
        if !options.noNewKeyring { joinKeyring() }
        shareStreams(process)
        becomeUser(process)
        let isFilteredEarly = entry.isTraced && entry.joins(.pid) && takesRightsForFilter(process)
        if isFilteredEarly { filterEarly(process, entry) }
        if entry.joins(.pid) { fork(0) }
        add(.newSession, .field("process"))
        if process.terminal { controlTerminal() }
        tellPID()
        joinHierarchies { $0.counts }
        limitInside(process, isFilteredEarly: isFilteredEarly)
        if isFilteredEarly {
            if entry.meetsHost { add(.meet(.ready), .field("process")) }
            lowerDescriptorLimit(process)
            release()
            executeProgram(process)
        } else {
            findProgram(process)
            forbidNewPrivileges(process)
            if entry.meetsHost { add(.meet(.ready), .field("process")) }
            execute(process)
        }
    }

    /// Everything that a filter may forbid, and that can be done before, is done before.
    private mutating func filterEarly(_ process: Process, _ entry: ExecEntry) {
        if options.filter == nil { return }
        permitCPUs(process.execCPUAffinity?.final)
        setMemoryPolicy()
        findProgram(process)
        add(.closeOnExec(from: plan.firstUnkept), .field("process"))
        loadFilter()
        setCapabilities(process, untilExec: 0)
        plan.filterDemand = FilterDemand(
            calls: callsBehindFilter(process, entry), caller: "exec",
            advice: """
                . In a container with CAP_SYS_PTRACE the filter is loaded before the new process can be traced; \
                permit the call, set process.noNewPrivileges, or drop CAP_SYS_PTRACE
                """)
    }

    /// What is called between the load of the filter and the program. Pointers count as 0.
    private func callsBehindFilter(_ process: Process, _ entry: ExecEntry) -> [FilteredCall] {
        var calls: [FilteredCall] = [
            ("capget", []), ("capset", []), ("prctl", [4]), ("prctl", [1, 9]),  // PR_SET_DUMPABLE, PR_SET_PDEATHSIG
            ("clone", [0x8000]), ("exit_group", []),  // CLONE_PARENT
            ("getpid", []), ("pidfd_open", []), ("sendmsg", []), ("close", []), ("recvmsg", []), ("setsid", []),
            ("ppoll", []), ("prctl", [1]), ("execve", []),
        ]
        if process.terminal { calls.append(("ioctl", [0, 0x540e])) }  // TIOCSCTTY
        if host.cgroups.hierarchies.contains(where: { $0.counts }) { calls.append(("write", [])) }
        if process.rlimits.contains(where: { $0.kind == .nproc || Self.isLowered($0) }) {
            calls.append(("prlimit64", []))
        }
        return calls
    }

    /// What the kernel grants the host's root alone. A child inherits all of it, but for a scheduling policy: a process
    /// with a deadline cannot have children. The host sets that at the end.
    private mutating func adjustOnHost(_ process: Process) {
        if let score = process.oomScoreAdj {
            let origin = Origin.field("process.oomScoreAdj")
            // The file of one that is not dumpable belongs to the host's root. The container cannot see it yet.
            if host.caller != .root { add(.setDumpable(true), origin) }
            add(.writeFile(nil, path: "/proc/self/oom_score_adj", value: "\(score)"), origin)
            if host.caller != .root { add(.setDumpable(false), origin) }
        }
        for (index, limit) in process.rlimits.enumerated() {
            guard let early = Self.earlyExecLimit(limit) else { continue }
            // Where the hard limit is the caller's own already, one more may be too many: the limit itself comes inside.
            add(
                .setLimit(early), .element("process.rlimits", index),
                tolerating: limit.kind == .nproc ? [Tolerated.notPermitted] : [])
        }
        setIOPriority(process)
        setPersonality()
        plan.hostScheduler = process.scheduler.map { SchedulerAttributes($0) }
        for (file, value, origin) in labels(of: process) {
            add(.writeFile(nil, path: "/proc/self/attr/\(file)", value: value), origin)
        }
    }

    /// The process that makes the new one counts as one of the user's for a moment.
    private static func earlyExecLimit(_ limit: Rlimit) -> ResourceLimit? {
        guard var early = earlyLimit(limit), limit.kind == .nproc else { return earlyLimit(limit) }
        if early.soft < .max { early.soft += 1 }
        if early.hard < .max { early.hard += 1 }
        return early
    }

    /// All namespaces at once, as they are at this moment (setns(2) with a pidfd, Linux 5.8). The user namespace among
    /// them gives its rights for the others, and the caller's rights count as well.
    private mutating func enter(_ entry: ExecEntry) {
        let origin = Origin.field("linux.namespaces")
        if entry.joins(.user), !annotations.keepsGroups {
            add(
                .setGroups([]), .field("process.user.additionalGids"),
                // A caller without root keeps his own, as the container's first process does.
                tolerating: host.caller == .root ? [] : [Tolerated.notPermitted])
        }
        // The root may be one that the host alone can find: it is opened before.
        let root = entry.changesRoot ? provide(.processRoot, .field("root.path")) : nil
        let flags = entry.namespaces.reduce(UInt64(0)) { $0 | $1.cloneFlag }
        if flags != 0 { add(.joinNamespace(provide(.process, origin), flag: flags), origin) }
        if let root {
            add(.enter(root), .field("root.path"))
            add(.close(root), .field("root.path"))
            add(.changeRoot, .field("root.path"))
            add(.changeDirectory("/"), .field("root.path"))
        }
        if entry.joins(.user) { becomeRootInside() }
    }

    /// The v1 hierarchies, each by a write of the process itself; into cgroup2 it was cloned.
    private mutating func joinHierarchies(_ isMeant: (CgroupFacts.Hierarchy) -> Bool) {
        for (index, hierarchy) in host.cgroups.hierarchies.enumerated() where isMeant(hierarchy) {
            let origin = Origin.field("linux.cgroupsPath")
            add(.joinCgroup(provide(.tasks(index), origin)), origin)
        }
    }

    /// What depends on the cgroups, or is for the new process alone.
    private mutating func limitInside(_ process: Process, isFilteredEarly: Bool) {
        if !isFilteredEarly {
            permitCPUs(process.execCPUAffinity?.final)
            setMemoryPolicy()
        }
        for (index, limit) in process.rlimits.enumerated() where limit.kind == .nproc {
            add(.setLimit(ResourceLimit(limit)), .element("process.rlimits", index))
        }
    }
}

extension CgroupFacts.Hierarchy {
    /// Whether processes are counted here: the one that makes the new process is not to take its place.
    fileprivate var counts: Bool { name == "pids" || name.hasPrefix("pids,") || name.hasSuffix(",pids") }
}
