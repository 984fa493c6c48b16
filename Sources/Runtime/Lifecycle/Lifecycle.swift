internal import Cgroups
internal import Kernel
internal import Launch
public import OCI
internal import Planner

/// The commands on containers, for one state directory.
public struct Lifecycle: Sendable {
    public let store: Store
    let rootless: RootlessMode
    /// Takes what went wrong without failing the command.
    let warn: @Sendable (String) -> Void

    public init(store: Store, rootless: RootlessMode = .auto, warn: @escaping @Sendable (String) -> Void) {
        self.store = store
        self.rootless = rootless
        self.warn = warn
    }

    // MARK: create

    /// Makes a container whose process waits for `start`.
    public func create(_ request: CreateRequest) throws(RuntimeError) {
        try requireRights()
        let request = try keepingDescriptors(request)
        let preparation = try prepare(request, hasGate: true)
        try preparation.checkTerminal(request, detaches: true)
        try untilSignalled(preparation) { interruption throws(RuntimeError) in
            try create(request, preparation, interruption: interruption)
        }
    }

    /// What may take long because of its hooks ends, and is taken back, when a signal asks for the end. Without hooks it is
    /// over before anybody could want that; and who waits for a service ends by the signal itself.
    ///
    /// - Parameter body: gets a borrowed descriptor that is readable then.
    func untilSignalled(
        _ preparation: Preparation, _ body: (Int32?) throws(RuntimeError) -> Void
    ) throws(RuntimeError) {
        if preparation.spec.hooks.isEmpty || preparation.manager != nil { return try body(nil) }
        let termination: TerminationSignals
        do { termination = try TerminationSignals(blocking: ()) } catch { throw .system(error, field: "") }
        do { try body(termination.descriptor.number) } catch {
            if let signal = termination.next() { throw .interrupted(signal: signal, error) }
            throw error
        }
    }

    func keepingDescriptors(_ request: CreateRequest) throws(RuntimeError) -> CreateRequest {
        var request = request
        request.preservedDescriptors = try Preparation.keepDescriptors(preserved: request.preservedDescriptors)
        return request
    }

    func create(
        _ request: CreateRequest, _ preparation: Preparation, interruption: Int32? = nil
    ) throws(RuntimeError) {
        let creation = try bringUp(request, preparation, interruption: interruption)
        do { try creation.reply([]) } catch {
            creation.undo().forEach(warn)
            throw error
        }
    }

    func prepare(
        _ request: CreateRequest, hasGate: Bool, givesStreams: Bool = true
    ) throws(RuntimeError) -> Preparation {
        let preparation = try Preparation(
            request, hasGate: hasGate, givesStreams: givesStreams, cache: filterCache, states: store.root,
            rights: Rights(rootless))
        preparation.spec.warnings.forEach { warn("\($0)") }
        preparation.cgroupNotes.forEach { warn("\($0)") }
        preparation.plan.warnings.forEach(warn)
        try preparation.checkMemory()
        return preparation
    }

    /// Compiled filters are kept beside the containers; the name can be no container's id.
    var filterCache: String { "\(store.root)/@seccomp" }

    /// What has to be so before anything is made.
    func requireRights() throws(RuntimeError) {
        try Host.requireKernel()
        // What is made, cgroups among it, does not depend on the caller's mask; modes are stated where it matters.
        ThisProcess.setFileModeMask(0o022)
    }

    // MARK: start

    /// Opens the gate of a created container, and waits until it executes its program.
    public func start(_ id: String) throws(RuntimeError) {
        let manager = try NotifySocket.manager()
        var notifications: NotifySocket?
        let container = try openGate(try Self.checked(id), manager, &notifications)
        // Hooks run without the lock: they may well call apus for this very container.
        do { try runPoststart(container) } catch {
            stop(container)
            throw error
        }
        guard let notifications, let process = try container.process() else { return }
        try notifications.awaitReadiness(of: process)
    }

    /// Ends a container whose start has failed after all: nothing runs in it any more, its cgroups are gone, and its poststop
    /// hooks have run. What is left is its state, for `delete`. What goes wrong here is a warning: the start's error is the
    /// one to tell.
    private func stop(_ container: Container) {
        do throws(RuntimeError) {
            let entry = try store.lock(container.record.id)
            var record = try store.record(of: container.record.id)
            // Somebody may have deleted it, and made another one of its name.
            guard record.created == container.record.created else { return }
            try container.endAll()
            try container.removeCgroups()
            // They run once.
            record.hooks.poststop = []
            try entry.write(record)
            HookRunner(state: container.state(.stopped, pid: 0)).runAll(container.record.hooks.poststop, .poststop)
                .forEach(warn)
        } catch {
            if case .unknownContainer = error { return }
            warn("\(error)")
        }
    }

    private func openGate(
        _ id: String, _ manager: String?, _ notifications: inout NotifySocket?
    ) throws(RuntimeError) -> Container {
        let entry = try store.lock(id)
        let container = try Container(id, in: store)
        switch try container.status(holdsLock: true) {
        case .created: break
        case .running: throw .status("cannot start an already running container")
        case .paused: throw .status("cannot start a container in the paused state")
        case .stopped: throw .status("cannot start a container that has stopped")
        case .creating: throw .status("cannot start a container that is being created")
        }
        if container.record.lacksProcess {
            throw .status("cannot start container \(id): its configuration has no process, so there is nothing to run")
        }
        try openGate(of: container, entry, manager, &notifications)
        do { try Files.remove(Entry.gateName, at: .directory(entry.directory.number)) } catch {
            throw .system(error, field: "--root")
        }
        return container
    }

    private func openGate(
        of container: Container, _ entry: borrowing Entry, _ manager: String?, _ notifications: inout NotifySocket?
    ) throws(RuntimeError) {
        let mark = Timeline.begin("gate, last steps, exec")
        defer { Timeline.end(mark) }
        var gate = try reachGate(entry)
        if let manager {
            // Nothing has happened yet: a container without the socket still waits.
            notifications = try NotifySocket(gate.takeNotifySocket(), in: entry, for: manager, warn: warn)
        }
        do throws(RuntimeError) {
            if container.record.hooks.startContainer.isEmpty {
                do { try gate.open(descriptors: []) } catch { throw RuntimeError(error) }
                try awaitProgram(gate, container)
            } else {
                try openWithHooks(gate, container)
            }
        } catch {
            // Its end of the connection closes a moment before it is gone; who deletes it next finds it stopped.
            if case .step = error { _ = try? container.hasEnded(within: 1000) }
            throw error
        }
    }

    private func reachGate(_ entry: borrowing Entry) throws(RuntimeError) -> Gate {
        do { return try Gate(at: entry.gatePath) } catch {
            if error.errno == .connectionRefused { throw .status("cannot start a container that has stopped") }
            throw .system(error, field: "process")
        }
    }

    private func openWithHooks(_ gate: borrowing Gate, _ container: Container) throws(RuntimeError) {
        let files = try HookFiles(
            inside: container.state(.created, pid: Self.pidInside(container.record.pid)), "hooks.startContainer")
        do throws(RuntimeError) {
            do { try gate.open(descriptors: files.descriptors) } catch { throw RuntimeError(error) }
            try awaitProgram(gate, container, every: HookFiles.interval, meanwhile: { files.trim() })
        } catch {
            guard case .step(var failure) = error else { throw error }
            failure.output = files.writtenText()
            files.close()
            throw .step(failure)
        }
        files.close()
    }

    /// Waits until the process executes its program. On the way there its filter may need an agent.
    private func awaitProgram(
        _ gate: borrowing Gate, _ container: Container, every interval: Int32 = -1, meanwhile: () -> Void = {}
    ) throws(RuntimeError) {
        while let number = try Self.nextListener(gate, interval, meanwhile) {
            let listener = Descriptor(owning: number)
            do throws(RuntimeError) {
                let profile = try container.configuration(Spec.decodeForExec).linux.seccomp
                let pid = container.record.pid
                try SeccompAgent(profile).take(listener, of: pid, in: container.state(.created, pid: pid))
            } catch {
                try? gate.answerListener(isTaken: false)
                _ = try? container.hasEnded(within: 1000)
                throw error
            }
            do { try gate.answerListener(isTaken: true) } catch { throw RuntimeError(error) }
        }
    }

    private static func nextListener(
        _ gate: borrowing Gate, _ interval: Int32, _ meanwhile: () -> Void
    ) throws(RuntimeError) -> Int32? {
        do { return try gate.nextListener(every: interval, meanwhile: meanwhile) } catch { throw RuntimeError(error) }
    }

    /// The pid that the process has in its own pid namespace: the last of NSpid in /proc/PID/status.
    static func pidInside(_ pid: Int32) -> Int32 {
        guard let status = try? Files.readText("/proc/\(pid)/status") else { return pid }
        for line in status.components(between: "\n") where line.begins(with: "NSpid:") {
            return line.components(between: "\t").last.flatMap { Int32($0) } ?? pid
        }
        return pid
    }

    /// A poststart hook that fails stops the container (runtime.md, "Lifecycle", 9).
    func runPoststart(_ container: Container, interruption: Int32? = nil) throws(RuntimeError) {
        let hooks = container.record.hooks.poststart
        guard !hooks.isEmpty else { return }
        do {
            let state = container.state(.running, pid: container.record.pid)
            try HookRunner(state: state, interruption: interruption).run(hooks, .poststart)
        } catch {
            _ = try? container.signalFirst(9)  // It may have ended by itself.
            throw error
        }
    }

    // MARK: state, list

    public func state(_ id: String) throws(RuntimeError) -> State {
        let container = try Container(try Self.checked(id), in: store)
        return container.state(try container.status())
    }

    /// The states of all containers; one that cannot be read is a warning.
    public func list() throws(RuntimeError) -> [State] {
        var states: [State] = []
        try store.requireRoot()
        for id in try store.ids() {
            do {
                let container = try Container(id, in: store)
                var state = container.state(try container.status())
                state.owner = Users.name(of: container.record.owner)
                states.append(state)
            } catch {
                // Deleted since the directory was read, or not begun yet.
                if case .unknownContainer = error { continue }
                warn("\(id): \(error)")
            }
        }
        return states
    }

    // MARK: kill

    /// Sends a signal to the first process, or to all; SIGKILL to all also where the kernel does not see to it itself.
    public func kill(_ id: String, signal: Int32, all: Bool) throws(RuntimeError) {
        let container = try Container(try Self.checked(id), in: store)
        // As in runc there is nobody left to be signalled, which is no error of who means everybody.
        if all, try container.status() == .stopped, container.cgroup.isAbsent { return }
        let isEnd = try container.isEnded(by: signal)
        let process = try send(signal, to: container, all: all)
        if !isEnd { return }
        // Whoever asks next is to find what has happened, and not what is about to.
        do { _ = try process?.hasEnded(within: Self.certainEnd) } catch { throw .system(error, field: "") }
    }

    /// How long a signal that ends a process is given to do so, in milliseconds. A process that the kernel cannot interrupt
    /// takes longer, and is no reason for `kill` to fail.
    private static var certainEnd: Int32 { 1000 }

    /// - Returns: the first process; nil if it has ended.
    private func send(
        _ signal: Int32, to container: Container, all: Bool
    ) throws(RuntimeError) -> Kernel.Process? {
        if container.cgroup.isAbsent {
            // Nobody knows who belongs to the container; but a pid namespace dies with its first process.
            if all, signal != 9 || Self.pidInside(container.record.pid) != 1 { _ = try container.requireCgroup() }
            return try container.signalFirst(signal)
        }
        var reachesAll = all
        if !all, signal == 9 { reachesAll = try container.outlivesItsFirstProcess() }
        if reachesAll {
            let process = try container.process()
            try container.signalAll(signal)
            return process
        }
        let process = try container.signalFirst(signal)
        // On cgroup v1 a frozen process dies only when it is thawed; a cgroup that is gone needs no thawing.
        if signal == 9, try container.isFrozen() { try container.thaw() }
        return process
    }

    // MARK: delete

    /// Removes a container that has stopped, or with `force` any, and then an unknown one too.
    public func delete(_ id: String, force: Bool) throws(RuntimeError) {
        let id = try Self.checked(id)
        let entry: Entry
        do { entry = force ? try lockAndEnd(id) : try store.lock(id) } catch {
            if force, case .unknownContainer = error { return }
            throw error
        }
        let record: Record
        do { record = try store.record(of: id) } catch {
            // A create that was killed before it had written anything. A state that cannot be read stays: something may
            // run of which nobody else knows.
            guard force, case .unknownContainer = error else { throw error }
            try removeUnwritten(entry, error)
            return
        }
        let container = Container(record, in: store)
        let status = try container.status(holdsLock: true)
        switch status {
        case .stopped, .created: break
        // Whoever made it is gone, and its process is not: nobody knows how far it has come.
        case .creating, .running, .paused:
            if !force, try !container.hasEndedMeanwhile() {
                throw .status("cannot delete container \(id) that is not stopped: \(status.rawValue)")
            }
        }
        try destroy(container, entry)
    }

    /// What is no container's is not touched, whatever its name: the directory of states may have been named by mistake.
    private func removeUnwritten(_ entry: borrowing Entry, _ error: RuntimeError) throws(RuntimeError) {
        let isContainers: Bool
        do { isContainers = try Entry.isContainers(entry.directory) } catch { throw .system(error, field: "--root") }
        guard isContainers else {
            throw .brokenState(path: entry.path, reason: "there is no state in it, and what is there is no container's")
        }
        try entry.remove()
    }

    /// The lock on a container, which whoever holds it is made to let go of: a `create` whose process is killed gives
    /// up and cleans up.
    private func lockAndEnd(_ id: String) throws(RuntimeError) -> Entry {
        var failure = ""
        for attempt in 0..<1000 {
            if let entry = try store.tryLock(id) { return entry }
            if attempt == 0, let record = try? store.record(of: id) {
                let container = Container(record, in: store)
                // It is being made or removed by somebody else: what is there ends.
                _ = try? container.signalFirst(9)  // It may have ended meanwhile.
                do { try container.signalAll(9) } catch { failure = ": \(error)" }
            }
            Wait.sleep(milliseconds: 10)
        }
        throw .status("container \(id) is in use by another command, which did not end within 10 s\(failure)")
    }

    /// Ends what is left of a container, and removes every trace of it.
    func destroy(
        _ container: Container, _ entry: borrowing Entry, interruption: Int32? = nil
    ) throws(RuntimeError) {
        let mark = Timeline.begin("processes and cgroup removed")
        try container.endAll()
        try container.removeCgroups()
        try container.record.outerRoot?.remove(rootfs: container.record.rootfs)
        Timeline.end(mark)
        let runner = HookRunner(state: container.state(.stopped, pid: 0), interruption: interruption)
        runner.runAll(container.record.hooks.poststop, .poststop).forEach(warn)
        try entry.remove()
    }

    // MARK: plan

    /// The plan of a bundle, compiled as `create` does, without touching anything.
    public func plan(_ request: CreateRequest) throws(RuntimeError) -> Preparation {
        let preparation = try Preparation(
            request, hasGate: true, cache: nil, states: store.root, rights: Rights(rootless), isOnlyPlanned: true)
        preparation.spec.warnings.forEach { warn("\($0)") }
        return preparation
    }

    /// The ids that a pattern matches.
    public func ids(matching pattern: String) throws(RuntimeError) -> [String] {
        guard let expression = IDPattern(pattern) else { throw .pattern(pattern) }
        return try store.ids().filter { expression.occurs(in: $0) }
    }

    static func checked(_ id: String) throws(RuntimeError) -> String {
        do { return try ContainerID(id).text } catch { throw .invalidID(error) }
    }
}
