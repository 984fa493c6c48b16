internal import OCI

extension PlanBuilder {
    /// Meetings and hooks between the mounts and the pivot. Hooks, and sysctls after them, find the network devices.
    mutating func meetForHooks() {
        if !spec.linux.netDevices.isEmpty { add(.meet(.networkDevices), .field("linux.netDevices")) }
        if !spec.hooks.prestart.isEmpty || !spec.hooks.createRuntime.isEmpty {
            add(.meet(.runtimeHooks), .field(spec.hooks.prestart.isEmpty ? "hooks.createRuntime" : "hooks.prestart"))
        }
        guard !spec.hooks.createContainer.isEmpty else { return }
        add(.meet(.containerHooks, receive: .hookInput, count: hookDescriptors), .field("hooks.createContainer"))
        // Programs of the host, which find themselves in the container's root. Their environment is their own: what the
        // image asks for would be loaded into them (CVE-2025-23266).
        add(.enter(.root), .field("hooks.createContainer"))
        runHooks(spec.hooks.createContainer, "hooks.createContainer", withoutEnvironment: [])
    }

    /// What hooks inside read, and where they write: the state, output, and errors if they go elsewhere.
    private var hookDescriptors: Int { annotations.redirectsHooks ? 3 : 2 }

    /// - Parameter withoutEnvironment: the environment of a hook that has none; nil: the program's.
    private mutating func runHooks(
        _ hooks: [Hook], _ kind: StaticString, _ confinement: HookConfinement = HookConfinement(),
        withoutEnvironment: [String]?
    ) {
        var confinement = confinement
        if annotations.redirectsHooks { confinement.errors = .hookErrors }
        for (index, hook) in hooks.enumerated() {
            add(
                .runHook(
                    path: hook.path, arguments: hook.args.isEmpty ? [hook.path] : hook.args,
                    environment: hook.env ?? withoutEnvironment, timeout: hook.timeout ?? 0,
                    confinement: confinement), .element(kind, index))
        }
    }

    /// From a finished root to the exec: limits, identity, capabilities, the gate, the filter.
    mutating func planTail(_ process: Process) {
        limitResources(process)
        permitCPUs(nil)
        if !schedulesLate(process) { schedule(process) }
        setPolicies(process)
        label(process)
        shareStreams(process)
        becomeUser(process)
        tellPID()
        if spec.process != nil { findProgram(process) }
        forbidNewPrivileges(process)
        waitForStart()
        // Nobody opens the gate of a container without a process; behind it there is nothing but the end.
        if spec.process == nil { return add(.closeOnExec(from: plan.firstUnkept), .field("process")) }
        // Programs of the image, in the container: nothing that holds the container's program lets these go. An agent
        // is told of one filter, which hooks and program have together.
        let isShared = options.filter?.hasListener == true && !spec.hooks.startContainer.isEmpty
        if isShared { loadFilter() }
        runHooks(
            spec.hooks.startContainer, "hooks.startContainer",
            HookConfinement(filter: isShared ? nil : options.filter, files: Self.lateDescriptorLimit(process)),
            withoutEnvironment: nil)
        if schedulesLate(process) { schedule(process) }
        execute(process, isFiltered: isShared)
    }

    /// The last steps, the same for the first process and for a later one.
    mutating func execute(_ process: Process, isFiltered: Bool = false) {
        add(.closeOnExec(from: plan.firstUnkept), .field("process"))
        lowerDescriptorLimit(process)
        release()
        if !isFiltered { loadFilter() }
        executeProgram(process)
    }

    /// Loads the filter. Its listener, if it has one, is with the agent before anything that may wait for the agent.
    mutating func loadFilter() {
        guard let filter = options.filter else { return }
        let origin = Origin.field("linux.seccomp")
        add(.loadSeccomp(filter), origin)
        guard filter.hasListener else { return }
        let hasStarter = isFirstProcess && options.hasGate
        add(.handOver(.listener, through: hasStarter ? .gateConnection : nil), .field("linux.seccomp.listenerPath"))
        add(.close(.listener), origin)
        plan.filterDemand = FilterDemand(
            calls: [("sendmsg", []), ("recvmsg", [])], caller: "handing the listener to the agent",
            advice: "; permit the call")
    }

    /// Whoever waits at a gate has been let go there.
    mutating func release() {
        if !(isFirstProcess && options.hasGate) { add(.release, .field("process")) }
    }

    mutating func executeProgram(_ process: Process) {
        add(.execute(arguments: process.args, environment: environment(process)), .field("process.args"))
    }

    private mutating func limitResources(_ process: Process) {
        for (index, limit) in process.rlimits.enumerated() {
            guard let limit = Self.earlyLimit(limit) else { continue }
            // In a user namespace nobody can raise a hard limit; the host does it.
            if isInUserNamespace {
                plan.hostLimits.append((index: index, limit: limit))
            } else {
                add(.setLimit(limit), .element("process.rlimits", index))
            }
        }
        if !plan.hostLimits.isEmpty { add(.meet(.limits), .field("process.rlimits")) }
    }

    /// What of a limit is set early, while hard limits may still be raised. Few descriptors would leave none for the
    /// gate and for hooks: the soft limit goes down at the very end.
    static func earlyLimit(_ limit: Rlimit) -> ResourceLimit? {
        var early = ResourceLimit(limit)
        guard limit.kind == .nofile, limit.soft < descriptorsForTheGate else { return early }
        if limit.hard < descriptorsForTheGate { return nil }
        early.soft = descriptorsForTheGate
        return early
    }

    private static let descriptorsForTheGate: UInt64 = 64

    mutating func lowerDescriptorLimit(_ process: Process) {
        for (index, limit) in process.rlimits.enumerated() where Self.isLowered(limit) {
            add(.setLimit(ResourceLimit(limit)), .element("process.rlimits", index))
        }
    }

    static func isLowered(_ limit: Rlimit) -> Bool { limit.kind == .nofile && limit.soft < descriptorsForTheGate }

    private static func lateDescriptorLimit(_ process: Process) -> ResourceLimit? {
        process.rlimits.last { isLowered($0) }.map { ResourceLimit($0) }
    }

    /// A process under SCHED_DEADLINE cannot fork (sched(7)), and hooks are forked.
    private func schedulesLate(_ process: Process) -> Bool {
        process.scheduler?.policy == .deadline && isFirstProcess && !spec.hooks.startContainer.isEmpty
    }

    private mutating func schedule(_ process: Process) {
        guard let scheduler = process.scheduler else { return }
        add(.setScheduler(SchedulerAttributes(scheduler)), .field("process.scheduler"))
    }

    private mutating func setPolicies(_ process: Process) {
        setIOPriority(process)
        setMemoryPolicy()
        setPersonality()
    }

    mutating func setIOPriority(_ process: Process) {
        guard let priority = process.ioPriority else { return }
        let value = UInt32(priority.ioClass.rawValue) << 13 | UInt32(priority.priority)
        add(.setIOPriority(value), .field("process.ioPriority"))
    }

    mutating func setMemoryPolicy() {
        if let policy = spec.linux.memoryPolicy {
            add(
                .setMemoryPolicy(mode: policy.mode.rawValue | policy.flags.rawValue, nodes: Self.mask(policy.nodes)),
                .field("linux.memoryPolicy"))
        }
    }

    mutating func setPersonality() {
        if let personality = spec.linux.personality {
            add(.setPersonality(personality.rawValue), .field("linux.personality"))
        }
    }

    /// A bit for each index, in whole 64-bit words.
    static func mask(_ ranges: IndexRanges?) -> [UInt8] {
        guard let ranges = ranges?.ranges, let highest = ranges.map({ Int($0.upperBound) }).max() else { return [] }
        var mask = [UInt8](repeating: 0, count: (highest / 64 + 1) * 8)
        // How many more ranges than at the index before cover each one: many long ranges cost no more than one.
        var changes = [Int](repeating: 0, count: highest + 2)
        for range in ranges {
            changes[Int(range.lowerBound)] += 1
            changes[Int(range.upperBound) + 1] -= 1
        }
        var covering = 0
        for index in 0...highest {
            covering += changes[index]
            if covering > 0 { mask[index / 8] |= 1 << UInt8(index % 8) }
        }
        return mask
    }

    /// Labels take effect at the exec. A container that cannot get its label does not start.
    private mutating func label(_ process: Process) {
        for (file, value, origin) in labels(of: process) {
            add(.writeFile(.procfs, path: "self/attr/\(file)", value: value), origin)
        }
    }

    /// The files of /proc/self/attr that take the labels, and what is written there.
    func labels(of process: Process) -> [(file: String, value: String, origin: Origin)] {
        var labels: [(file: String, value: String, origin: Origin)] = []
        if let profile = process.apparmorProfile {
            labels.append(("apparmor/exec", "exec \(profile)", .field("process.apparmorProfile")))
        }
        if let label = process.selinuxLabel { labels.append(("exec", label, .field("process.selinuxLabel"))) }
        return labels
    }

    /// The user can open /dev/stdout and its like again.
    ///
    /// In the foreground they stay the caller's: their owner is not the container's to change. Of its pipes, which nobody
    /// can open who does not have them already, only the modes are opened, by the host.
    mutating func shareStreams(_ process: Process) {
        plan.sharesPipes = !process.terminal && (process.user.uid != 0 || isInUserNamespace)
        guard process.user.uid != 0, !process.terminal, options.givesStreams else { return }
        ownStream(.standardInput, process.user.uid)
        ownStream(.standardOutput, process.user.uid)
        ownStream(.standardError, process.user.uid)
    }

    private mutating func ownStream(_ slot: Slot, _ uid: UInt32) {
        add(
            .setOwner(slot, uid: uid, gid: .max), .field("process.user.uid"),
            // Streams that belong to nobody here, or to somebody else: they work as they are.
            tolerating: [Tolerated.notPermitted, Tolerated.invalidArgument, Tolerated.readOnlyFileSystem])
    }

    mutating func becomeUser(_ process: Process) {
        let capabilities = process.capabilities ?? Capabilities()
        let known = host.lastCapability >= 63 ? UInt64.max : (UInt64(1) << (UInt64(host.lastCapability) + 1)) - 1
        let origin = Origin.field("process.capabilities")
        add(
            .changeDirectory(process.cwd), .field("process.cwd"),
            tolerating: [Tolerated.accessDenied, Tolerated.notPermitted])
        add(.dropBounding(known & ~capabilities.bounding.rawValue), .field("process.capabilities.bounding"))
        if !Self.hasHome(process) { add(.findHome(uid: process.user.uid), .field("process.env")) }
        if opensOwn(process) { add(.close(.ownDescriptors), .field("process")) }
        add(.keepCapabilities, origin)
        let groups = process.user.additionalGids
        if !annotations.keepsGroups {
            add(
                .setGroups(groups), .field("process.user.additionalGids"),
                // A user namespace can forbid it (setgroups in user_namespaces(7)); no group is left to drop then.
                tolerating: groups.isEmpty && lacksHostPrivileges ? [Tolerated.notPermitted] : [])
        }
        add(.setGroup(process.user.gid), .field("process.user.gid"))
        add(.setUser(process.user.uid), .field("process.user.uid"))
        add(.setFileModeMask(process.user.umask ?? 0o022), .field("process.user.umask"))
        // Loading a filter without no_new_privs takes CAP_SYS_ADMIN, and scheduling by deadline CAP_SYS_NICE. They are
        // kept until the exec, whose rules (capabilities(7)) derive the new sets from the other ones.
        let forFilter = takesRightsForFilter(process) ? CapabilitySet([.sysAdmin]).rawValue : 0
        setCapabilities(
            process, untilExec: forFilter | (schedulesLate(process) ? CapabilitySet([.sysNice]).rawValue : 0))
        add(.setAmbient(capabilities.ambient.rawValue), .field("process.capabilities.ambient"))
        add(.retryDirectory(process.cwd), .field("process.cwd"))
        add(.verifyDirectory, .field("process.cwd"))
    }

    func takesRightsForFilter(_ process: Process) -> Bool { options.filter != nil && !process.noNewPrivileges }

    /// - Parameter untilExec: capabilities that the process has until its exec.
    mutating func setCapabilities(_ process: Process, untilExec: UInt64) {
        let capabilities = process.capabilities ?? Capabilities()
        add(
            .setCapabilities(
                effective: capabilities.effective.rawValue | untilExec,
                permitted: capabilities.permitted.rawValue | untilExec,
                inheritable: capabilities.inheritable.rawValue), .field("process.capabilities"))
    }

    mutating func findProgram(_ process: Process) {
        add(.findExecutable(name: process.args[0], path: Self.searchPath(process)), .element("process.args", 0))
    }

    mutating func forbidNewPrivileges(_ process: Process) {
        if process.noNewPrivileges { add(.setNoNewPrivileges, .field("process.noNewPrivileges")) }
    }

    /// The directories in which a program without a slash in its name is looked for, separated by `:`. Without a PATH, as
    /// by execvp(3), in those where programs usually are; the program itself is not told of them.
    static func searchPath(_ process: Process) -> String {
        process.env.last { $0.begins(with: "PATH=") }.map { String(decoding: $0.utf8.dropFirst(5), as: UTF8.self) }
            ?? defaultPath
    }

    static let defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

    private func environment(_ process: Process) -> [String] {
        var environment = Self.withoutDuplicates(process.env)
        if !Self.hasHome(process) { environment.removeAll { $0 == "HOME=" } }
        return withServices(environment)
    }

    /// An empty HOME counts as none, as in runc.
    static func hasHome(_ process: Process) -> Bool {
        process.env.last { $0.begins(with: "HOME=") }.map { $0 != "HOME=" } ?? false
    }

    /// Of several values for one name the last one counts.
    static func withoutDuplicates(_ environment: [String]) -> [String] {
        if environment.count > 64 { return withoutDuplicatesOfMany(environment) }
        // Comparing each with each costs less than a set, whose types have to be made first.
        return environment.enumerated().compactMap { index, entry in
            let name = entry.utf8.prefix { $0 != UInt8(ascii: "=") }
            let isOverridden = environment[(index + 1)...].contains { later in
                later.utf8.count > name.count && later.utf8.starts(with: name)
                    && later.utf8.dropFirst(name.count).first == UInt8(ascii: "=")
            }
            return isOverridden ? nil : entry
        }
    }

    private static func withoutDuplicatesOfMany(_ environment: [String]) -> [String] {
        var seen: Set<Substring> = []
        return environment.reversed().filter { seen.insert($0.prefix { $0 != "=" }).inserted }.reversed()
    }

    /// Everything up to here has been done: the host may say so, and `start` decides when it goes on.
    private mutating func waitForStart() {
        let hasHooks = !spec.hooks.startContainer.isEmpty
        let count = hasHooks ? hookDescriptors : 0
        if options.hasGate {
            add(.meet(.ready), .field("process"))
            plan.provisions.append(Provision(slot: .gateListener, source: .gateListener, origin: .field("process")))
            add(.waitAtGate(receive: .hookInput, count: count, notify: notifySocket), .field("process"))
            plan.gate = plan.steps.count
        } else {
            add(.meet(.ready, receive: .hookInput, count: count), .field("process"))
        }
    }
}

extension SchedulerAttributes {
    init(_ scheduler: Scheduler) {
        self.init(
            policy: scheduler.policy.rawValue, nice: scheduler.nice, priority: UInt32(scheduler.priority),
            flags: scheduler.flags.rawValue, runtime: scheduler.runtime, deadline: scheduler.deadline,
            period: scheduler.period)
    }
}

extension ResourceLimit {
    init(_ limit: Rlimit) {
        self.init(resource: limit.kind.rawValue, name: limit.kind.name, soft: limit.soft, hard: limit.hard)
    }
}
