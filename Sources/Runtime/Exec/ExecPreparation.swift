internal import Cgroups
internal import Kernel
internal import OCI
internal import Planner
internal import Seccomp

/// Everything that is known of an `exec` before its first effect.
struct ExecPreparation: ~Copyable {
    let container: Container
    /// The container's first process: what is entered is what it is in.
    let target: Kernel.Process
    let process: OCI.Process
    var plan: Plan
    /// Where the new process goes.
    let cgroup: Cgroup
    let warnings: [String]
    let agent: SeccompAgent

    init(_ request: ExecRequest, _ container: Container, cache: String) throws(RuntimeError) {
        let state = Timeline.begin("state")
        let target = try container.enterable(evenPaused: request.ignoresPause)
        Timeline.end(state)
        let parse = Timeline.begin("parse")
        var spec = try container.configuration(Spec.decodeForExec)
        guard let own = spec.process ?? (request.processFile == nil ? nil : OCI.Process(args: [])) else {
            throw .status(
                "container \(container.record.id) has no process in its configuration to go by: describe the whole one"
                    + " with --process")
        }
        if container.record.hasAddedUserNamespace { spec.linux.namespaces.append(Namespace(.user)) }
        let made = try ExecProcess(request, in: own)
        try Preparation.checkTerminal(
            made.process.terminal, detaches: request.detaches, socket: request.consoleSocket)
        spec.process = made.process
        spec.annotations = container.record.annotations
        Timeline.end(parse)
        let facts = Timeline.begin("host")
        let cgroup = try Self.cgroup(request.cgroups, of: container)
        let hierarchies = cgroup.directories.filter { !$0.isUnified }.map { directory in
            CgroupFacts.Hierarchy(name: directory.label, options: [], directory: directory.path)
        }
        let lastCapability = Host.lastCapability
        var host = HostFacts(
            bundle: container.record.bundle, rootfs: container.record.rootfs,
            cgroups: CgroupFacts(hierarchies: hierarchies, unified: cgroup.unified),
            lastCapability: lastCapability, hasAppArmor: made.process.apparmorProfile != nil && Host.hasAppArmor,
            hasSELinux: made.process.selinuxLabel != nil && Host.hasSELinux, caller: Rights.caller())
        host.nullStreams = NullStreams.ofCaller(host.caller)
        let listened = try Preparation.listenDescriptors()
        Timeline.end(facts)
        let compile = Timeline.begin("compile seccomp")
        let filter = try Preparation.filter(spec, cache: cache)
        Timeline.end(compile)
        let planning = Timeline.begin("plan")
        let options = Planner.PlanOptions(
            id: container.record.id, hasGate: false, givesStreams: request.detaches,
            noNewKeyring: container.record.keepsKeyring, listenDescriptors: listened,
            preservedDescriptors: request.preservedDescriptors,
            listenNames: listened > 0 ? ThisProcess.environment("LISTEN_FDNAMES") : nil,
            filter: filter)
        let entry = ExecEntry(
            namespaces: try Self.namespaces(spec.linux, of: container.record.pid),
            changesRoot: !spec.linux.creates(.mount),
            isTraced: own.mayTrace || made.process.mayTrace,
            meetsHost: request.pidFile != nil || request.pidfdSocket != nil || made.process.scheduler != nil
                || container.resctrl != nil)
        let plan: Plan
        do { plan = try Plan.exec(spec, on: host, options: options, entry: entry) } catch { throw .plan(error) }
        try plan.requirePermitted(by: filter)
        let agent = SeccompAgent(spec.linux.seccomp)
        if filter?.hasListener == true { try agent.requirePresence() }
        Timeline.end(planning)
        self.container = container
        self.plan = plan
        self.agent = agent
        self.cgroup = cgroup
        process = made.process
        self.target = target
        let ungranted = UngrantedCapabilities.warnings(
            made.process.capabilities, spec.linux, own: ThisProcess.capabilities, last: lastCapability)
        warnings = made.warnings + ungranted.map { "\($0)" }
    }

    private static func broken(_ container: Container, _ reason: String) -> RuntimeError {
        .brokenState(path: container.configPath, reason: reason)
    }

    /// What the container was given instead of the caller's own. One that it joined may be the caller's: a process
    /// cannot join the user namespace that it is in (setns(2)).
    private static func namespaces(_ linux: Linux, of pid: Int32) throws(RuntimeError) -> [NamespaceKind] {
        var kinds: [NamespaceKind] = []
        for namespace in linux.namespaces {
            if namespace.path != nil, try isOwn(namespace.kind, pid) { continue }
            kinds.append(namespace.kind)
        }
        return kinds
    }

    static func isOwn(_ kind: NamespaceKind, _ pid: Int32) throws(RuntimeError) -> Bool {
        do {
            let theirs = try Files.status("/proc/\(pid)/ns/\(kind.procName)", follow: true)
            let ours = try Files.status("/proc/self/ns/\(kind.procName)", follow: true)
            return theirs.inode == ours.inode && theirs.device == ours.device
        } catch {
            throw .system(error, field: "linux.namespaces")
        }
    }

    private static func cgroup(_ texts: [String], of container: Container) throws(RuntimeError) -> Cgroup {
        do {
            var places: [SubCgroup] = []
            for text in texts where !text.isEmpty { places.append(try SubCgroup(text)) }
            // A container that manages its own cgroup has its processes below it.
            if places.isEmpty, CrunAnnotations(container.record.annotations).delegatedCgroup != nil {
                return try container.cgroup.unified(of: container.record.pid)
            }
            return try container.cgroup.replacing(places)
        } catch {
            throw .cgroup(error)
        }
    }
}

extension Container {
    /// The first process, if another one may join it.
    func enterable(evenPaused: Bool) throws(RuntimeError) -> Kernel.Process {
        guard record.pid > 0 else { throw try status() == .creating ? Self.beingCreated : Self.stopped }
        guard let process = try process() else { throw Self.stopped }
        // Whoever came in before everything is in place would find the host's.
        if try isInSetUp() { throw Self.beingCreated }
        if !evenPaused, try isFrozen() {
            throw .status("cannot exec in a paused container (use --ignore-paused to override)")
        }
        return process
    }

    static var stopped: RuntimeError { .status("cannot exec in a stopped container") }
    private static var beingCreated: RuntimeError { .status("cannot exec in a container that is being created") }
}

extension OCI.Process {
    /// Whether it, or what it starts, may trace processes that it sees, whatever they may do themselves.
    fileprivate var mayTrace: Bool { capabilities?.bounding.contains(.sysPtrace) == true }
}
