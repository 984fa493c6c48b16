internal import Cgroups
internal import Kernel
internal import Launch
internal import OCI
internal import Planner

extension Lifecycle {
    /// Runs one more process in a container; in the foreground, returns its exit status (128 + signal).
    public func exec(_ request: ExecRequest) throws(RuntimeError) -> Int32 {
        try requireRights()
        var request = request
        request.preservedDescriptors = try Preparation.keepDescriptors(preserved: request.preservedDescriptors)
        let container = try Container(try Self.checked(request.id), in: store)
        let preparation = try ExecPreparation(request, container, cache: filterCache)
        preparation.warnings.forEach(warn)
        if request.detaches {
            _ = try Execution.start(request, preparation)
            return 0
        }
        // Signals are queued from before the process is there: none that is meant for it gets lost.
        let signals: SignalQueue
        do { signals = try SignalQueue() } catch { throw .system(error, field: "") }
        let termination: TerminationSignals
        do { termination = try TerminationSignals() } catch { throw .system(error, field: "") }
        var execution: Execution
        do {
            execution = try Execution.start(request, preparation, interruption: termination.descriptor.number)
        } catch {
            // What came while there was no process to pass it on to was meant for this one.
            if let signal = termination.next() { throw .interrupted(signal: signal, error) }
            throw error
        }
        do {
            let life = Timeline.begin("process runs")
            defer { Timeline.end(life) }
            return try Foreground(signals, execution.takeTerminal()).follow(execution.child.process)
        } catch {
            _ = execution.child.kill()
            throw .system(error, field: "")
        }
    }
}

/// A process on its way into a container.
struct Execution: ~Copyable {
    private(set) var child: Child
    /// The master of the terminal, if the caller keeps it.
    private var terminal: Descriptor?
    /// Whether the terminal is still to come. It comes before the process can be seen by the container, and once.
    private var expectsTerminal: Bool

    /// Brings a new process to its program.
    static func start(
        _ request: ExecRequest, _ preparation: borrowing ExecPreparation, interruption: Int32? = nil
    ) throws(RuntimeError) -> Execution {
        if let cpus = preparation.process.execCPUAffinity?.initial {
            do { try ThisProcess.setAffinity(Plan.mask(of: cpus)) } catch {
                let hint = error.errno == .invalidArgument ? "none of these CPUs is in the cpuset of apus" : ""
                throw .system(error, field: "process.execCPUAffinity.initial", hint: hint)
            }
        }
        let clone = Timeline.begin("plan encoded, clone")
        let child = try launch(preparation)
        Timeline.end(clone)
        var execution = Execution(
            child: child, expectsTerminal: preparation.process.terminal)
        do {
            try execution.keepMeetings(request, preparation, interruption)
        } catch {
            _ = execution.child.kill()
            throw error
        }
        return execution
    }

    private init(child: consuming Child, expectsTerminal: Bool) {
        self.child = child
        self.expectsTerminal = expectsTerminal
        terminal = nil
    }

    // MARK: Launch

    private static func launch(_ preparation: borrowing ExecPreparation) throws(RuntimeError) -> Child {
        var table = DescriptorTable()
        let descriptors = try open(preparation, into: &table)
        if preparation.plan.sharesPipes { CallerPipes.admitEverybody() }
        let streams = try streams(preparation)
        let cgroup = try unified(preparation.cgroup)
        do { return try clone(preparation.plan, descriptors, streams, cgroup) } catch {
            if error.errno != .busy { throw .system(error, field: "process") }
        }
        // The container has made cgroups of its own, and its first process is in one of these.
        let inner: Cgroup
        do { inner = try preparation.container.cgroup.unified(of: preparation.target.pid) } catch {
            throw .cgroup(error)
        }
        let cloneTarget = try unified(inner)
        do { return try clone(preparation.plan, descriptors, streams, cloneTarget) } catch {
            throw .system(error, field: "process")
        }
    }

    private static func unified(_ cgroup: Cgroup) throws(RuntimeError) -> Descriptor? {
        do { return try cgroup.openUnified() } catch { throw .cgroup(error) }
    }

    private static func clone(
        _ plan: Plan, _ descriptors: [(Slot, Int32)], _ streams: borrowing StandardStreams,
        _ cloneTarget: consuming Descriptor?
    ) throws(SystemError) -> Child {
        var table = DescriptorTable()
        let cgroup: Int32? =
            switch consume cloneTarget {
            case .some(let directory): table.add(directory)
            case .none: nil
            }
        return try Child(
            running: plan, descriptors: descriptors, cgroup: cgroup, streams: streams, keepsCapabilities: false)
    }

    private static func streams(_ preparation: borrowing ExecPreparation) throws(RuntimeError) -> StandardStreams {
        let streams = preparation.plan.hostStreams
        do {
            if streams.isEmpty { return StandardStreams() }
            let root = try root(of: preparation.target)
            return try streams.replaced(root: root.number)
        } catch {
            throw .system(error, field: "process")
        }
    }

    private static func open(
        _ preparation: borrowing ExecPreparation, into table: inout DescriptorTable
    ) throws(RuntimeError) -> [(Slot, Int32)] {
        var opened: [(Slot, Int32)] = []
        for provision in preparation.plan.provisions {
            let number: Int32
            switch provision.source {
            case .process: number = preparation.target.descriptor.number
            case .processRoot:
                do { number = table.add(try root(of: preparation.target)) } catch {
                    throw .system(error, field: provision.origin.text)
                }
            case .tasks(let index):
                do { number = table.add(try preparation.cgroup.openTasks(index)) } catch { throw .cgroup(error) }
            // A new container has them.
            case .namespace, .gateListener, .notifyDirectory, .notifySocket, .devices, .tree, .mappedTree,
                .attachedMount:
                continue
            }
            opened.append((provision.slot, number))
        }
        return opened
    }

    /// The root directory of a process that has not ended: else its pid may be another one's by now.
    private static func root(of process: borrowing Kernel.Process) throws(SystemError) -> Descriptor {
        let root = try Descriptor.open("/proc/\(process.pid)/root", [.path, .directory])
        if try process.hasEnded(within: 0) { throw SystemError("open", "/proc/\(process.pid)/root", .noProcess) }
        return root
    }

    // MARK: Meetings

    private mutating func keepMeetings(
        _ request: ExecRequest, _ preparation: borrowing ExecPreparation, _ interruption: Int32?
    ) throws(RuntimeError) {
        do {
            if preparation.plan.asksNothing { try child.answerForkAhead() }
        } catch {
            throw failedReply(error)
        }
        while true {
            let start = Timeline.now
            let next: Request
            do {
                if interruption != nil { _ = try child.hasRequest(within: -1, unless: interruption) }
                next = try child.nextRequest()
            } catch {
                throw RuntimeError(error, waitingFor: child)
            }
            switch next {
            case .ended:
                guard child.currentReport().phase == .executing, child.isFollowed else { throw explainEnd() }
                Timeline.add("last steps, exec", since: start, pid: child.process.pid)
                return
            case .meeting(let meeting, let descriptors):
                Timeline.add("steps up to meeting: \(meeting)", since: start, pid: child.process.pid)
                try keep(meeting, descriptors, request, preparation)
            }
        }
    }

    private mutating func keep(
        _ meeting: Meeting, _ descriptors: [Int32], _ request: ExecRequest,
        _ preparation: borrowing ExecPreparation
    ) throws(RuntimeError) {
        var received = DescriptorTable()
        for number in descriptors.dropFirst() { received.add(Descriptor(owning: number)) }
        let first = descriptors.first.map { Descriptor(owning: $0) }
        switch meeting {
        case .console where expectsTerminal:
            expectsTerminal = false
            try takeTerminal(first, request.consoleSocket)
        case .ready:
            do { try preparation.container.resctrl?.add(child.process.pid) } catch { throw .cgroup(error) }
            try announce(request, preparation.plan)
        case .listener:
            guard let listener = first else { throw explainEnd() }
            let container = preparation.container
            try preparation.agent.take(
                listener, of: child.process.pid, in: container.state(.running, pid: container.record.pid))
        // A new container's, or of mounts.
        case .console, .idMaps, .cgroups, .networkDevices, .runtimeHooks, .containerHooks, .limits, .mapIDs, .inside,
            .target, .mount:
            break
        }
        do { try child.reply() } catch { throw failedReply(error) }
    }

    /// A process that is gone tells why in its report; any other failure is this side's.
    private borrowing func failedReply(_ error: SystemError) -> RuntimeError {
        error.isEndOfPeer ? explainEnd() : .system(error, field: "process")
    }

    /// The process has nothing left to do but to run its program.
    private borrowing func announce(_ request: ExecRequest, _ plan: Plan) throws(RuntimeError) {
        if let scheduler = plan.hostScheduler {
            do { try child.process.setScheduling(SchedulingAttributes(scheduler)) } catch {
                let hint = SchedulingHint.text(
                    for: error.errno, hasDeadline: scheduler.policy == SchedulerPolicy.deadline.rawValue)
                throw .system(error, field: "process.scheduler", hint: hint ?? "")
            }
        }
        if let path = request.pidfdSocket {
            try Handover.send(child.process.descriptor.number, "pidfd", to: path, "--pidfd-socket")
        }
        guard let path = request.pidFile else { return }
        do { try Files.replace(path, with: Array("\(child.process.pid)".utf8), mode: 0o644) } catch {
            throw .system(error, field: "--pid-file")
        }
    }

    private mutating func takeTerminal(
        _ master: consuming Descriptor?, _ socket: String?
    ) throws(RuntimeError) {
        guard let master else { throw explainEnd() }
        if let socket {
            try Handover.send(master.number, "/dev/ptmx", to: socket, "--console-socket")
        } else {
            CallerTerminal.prepare(master.number)
            terminal = consume master
        }
    }

    mutating func takeTerminal() -> Descriptor? {
        var taken: Descriptor?
        swap(&taken, &terminal)
        return taken
    }

    /// Why the process did not come to its program.
    private borrowing func explainEnd() -> RuntimeError {
        let exit = child.kill()
        let failure = child.failure(exit)
        // setns(2) of a process that is ending: its namespaces are gone.
        if failure.errno == .noProcess, failure.field == "linux.namespaces" { return Container.stopped }
        return .step(failure)
    }
}

extension Plan {
    /// Whether the host has nothing to do between the clone and the program, but to learn of a fork.
    fileprivate var asksNothing: Bool {
        forks && !steps.contains { $0.operation.isMeeting }
    }
}

extension Operation {
    fileprivate var isMeeting: Bool {
        switch self {
        case .meet, .handOver: true
        default: false
        }
    }
}

extension SchedulingAttributes {
    fileprivate init(_ attributes: SchedulerAttributes) {
        self.init(
            policy: attributes.policy, nice: attributes.nice, priority: attributes.priority, flags: attributes.flags,
            runtime: attributes.runtime, deadline: attributes.deadline, period: attributes.period)
    }
}
