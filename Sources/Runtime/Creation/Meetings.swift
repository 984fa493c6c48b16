internal import Cgroups
internal import Kernel
internal import Launch
internal import OCI
internal import Planner

/// The host's side of the meetings: what the process waits for on its way, and what it is given.
extension Creation {
    /// Keeps every meeting up to the one at which the process is ready.
    mutating func keepMeetings() throws(RuntimeError) {
        // The process is busy with its first steps: this is the time for what it does not wait for yet.
        let limits = Timeline.begin("cgroup: directories and limits")
        if group.isMoved {
            // A process that goes on in a sibling is not to be moved before.
            if !conversation.forks { try group.send(child.process.pid) }
            try writeProcess()
            if conversation.isAnsweredAhead { try completeGroup() }
        } else {
            try completeGroup()
        }
        Timeline.end(limits)
        if conversation.isAnsweredAhead { try answerCgroups() }
        if !group.isMoved { try writeProcess() }
        // What later processes are made of: the bundle's may have changed by then.
        try entry.writeConfiguration(preparation.document)
        if conversation.isAnsweredAhead, mayGoOnByItself {
            try reply([])
            hasBeenLetGo = true
        }
        while true {
            let start = Timeline.now
            switch try nextRequest() {
            case .ended: throw explainEnd()
            case .meeting(let meeting, let descriptors):
                Timeline.add("steps up to meeting: \(meeting)", since: start, pid: child.process.pid)
                closeHookFiles()
                // It may have gone on in a sibling.
                if child.process.pid != record.pid { try writeProcess() }
                if meeting == .ready { return }
                let start = Timeline.now
                try keep(meeting, descriptors)
                Timeline.add("meeting: \(meeting)", since: start, pid: ThisProcess.pid)
            }
        }
    }

    /// What the process wants next. While a hook runs in it, what the hook writes is kept small.
    mutating func nextRequest() throws(RuntimeError) -> Request {
        do {
            if hookFiles != nil || interruption != nil {
                let interval = hookFiles == nil ? -1 : HookFiles.interval
                while !(try child.hasRequest(within: interval, unless: interruption)) { trimHookOutput() }
            }
            return try child.nextRequest()
        } catch {
            throw RuntimeError(error, waitingFor: child)
        }
    }

    private borrowing func trimHookOutput() {
        switch hookFiles {
        case .some(let files): files.trim()
        case .none: break
        }
    }

    /// The process goes on behind its hooks: they are over.
    mutating func closeHookFiles() {
        var taken: HookFiles?
        swap(&taken, &hookFiles)
        switch consume taken {
        case .some(let files): files.close()
        case .none: break
        }
    }

    /// Whether the process needs nothing from the host between being ready and its program (`run`), or the gate.
    private var mayGoOnByItself: Bool {
        let process = preparation.spec.process
        return request.pidFile == nil && preparation.pidfdReceiver == nil && process?.oomScoreAdj == nil
            && preparation.plan.gate == nil && preparation.spec.hooks.startContainer.isEmpty && resctrl == nil
    }

    private mutating func completeGroup() throws(RuntimeError) {
        do { try group.complete(child.process.pid).forEach(warn) } catch {
            // systemd cannot move a process that has failed meanwhile: that failure is the one to tell.
            if child.currentReport().errno != nil { throw explainEnd() }
            throw error
        }
    }

    private borrowing func answerCgroups() throws(RuntimeError) {
        guard conversation.isAboutCgroups else { return }
        var table = DescriptorTable()
        try reply(try group.openTasks(into: &table))
    }

    private mutating func keep(_ meeting: Meeting, _ descriptors: [Int32]) throws(RuntimeError) {
        let spec = preparation.spec
        switch meeting {
        case .idMaps:
            try IDMaps.write(
                users: spec.linux.uidMappings, groups: spec.linux.gidMappings, at: "linux.", for: child.process.pid,
                preparation.rights)
            // Later its files belong to the container's root.
            if preparation.rights.caller != .root { try adjustOOMScore() }
        case .cgroups:
            if !conversation.isAnsweredAhead {
                if group.isMoved { try completeGroup() }
                try answerCgroups()
            }
            return
        case .networkDevices: try moveNetworkDevices()
        case .mapIDs: try mapIDs(descriptors)
        case .runtimeHooks:
            let runner = HookRunner(
                state: state(.creating, pid: child.process.pid), container: child.process.descriptor.number,
                interruption: interruption)
            do {
                try runner.run(spec.hooks.prestart, .prestart)
                try runner.run(spec.hooks.createRuntime, .createRuntime)
            } catch {
                // A hook ends with the process, and the process may have failed: that failure is the one to tell.
                if child.currentReport().errno != nil { throw explainEnd() }
                throw error
            }
        case .containerHooks:
            try replyWithHookFiles(.creating, "hooks.createContainer")
            return
        case .console where terminal == nil: try takeTerminal(descriptors)
        case .console: for number in descriptors { _ = Descriptor(owning: number) }
        case .limits:
            for (index, limit) in preparation.plan.hostLimits {
                do {
                    try child.process.setLimit(Int32(limit.resource), soft: limit.soft, hard: limit.hard)
                } catch {
                    let hint = error.errno == .notPermitted ? Rights.limitHint : ""
                    throw .system(error, field: "process.rlimits[\(index)]", hint: hint)
                }
            }
        case .ready, .inside, .target, .mount: return
        case .listener:
            try giveToAgent(descriptors)
            return
        }
        try reply([])
    }

    /// The process has copied the tree where its restrictions are locked; the right to map ids is this side's. The report
    /// says at which step the process is, and so for which mount.
    private borrowing func mapIDs(_ descriptors: [Int32]) throws(RuntimeError) {
        let step = Int(child.currentReport().step)
        guard let tree = Self.first(of: descriptors), preparation.plan.steps.indices.contains(step),
            case .element(_, let index, _) = preparation.plan.steps[step].origin,
            let mount = IDMappedMount(preparation, index: index)
        else { throw explainEnd() }
        try mount.map(tree, of: child.process.pid)
    }

    /// The descriptor that a meeting is about. What else came along is nobody's, and closed.
    private static func first(of descriptors: [Int32]) -> Descriptor? {
        for number in descriptors.dropFirst() { _ = Descriptor(owning: number) }
        return descriptors.first.map { Descriptor(owning: $0) }
    }

    borrowing func reply(_ descriptors: [Int32]) throws(RuntimeError) {
        do { try child.reply(descriptors: descriptors) } catch {
            // A process that is gone tells why in its report; any other failure is this side's.
            if error.isEndOfPeer { throw explainEnd() }
            throw .system(error, field: "process")
        }
    }

    /// Hands over the state that hooks inside the container read: there the process has the pid that it sees itself.
    mutating func replyWithHookFiles(_ status: ContainerStatus, _ field: String) throws(RuntimeError) {
        let pid = Lifecycle.pidInside(child.process.pid)
        let files = try HookFiles(inside: state(status, pid: pid), field)
        try reply(files.descriptors)
        hookFiles = consume files
    }

    borrowing func state(_ status: ContainerStatus, pid: Int32) -> State {
        Container(record, in: store).state(status, pid: pid)
    }

    /// The master of the terminal goes to the console socket, or stays here for the foreground.
    private mutating func takeTerminal(_ descriptors: [Int32]) throws(RuntimeError) {
        guard let master = Self.first(of: descriptors) else { throw explainEnd() }
        guard let path = request.consoleSocket else {
            CallerTerminal.prepare(master.number)
            terminal = consume master
            return
        }
        try Handover.send(master.number, "/dev/ptmx", to: path, "--console-socket")
    }

    private mutating func moveNetworkDevices() throws(RuntimeError) {
        let namespace: Descriptor
        do { namespace = try Descriptor.open("/proc/\(child.process.pid)/ns/net", []) } catch {
            throw .system(error, field: "linux.netDevices")
        }
        networkDevices = try NetworkDevices.move(preparation.spec.linux.netDevices, into: namespace)
    }

    borrowing func giveToAgent(_ descriptors: [Int32]) throws(RuntimeError) {
        guard let listener = Self.first(of: descriptors) else { throw explainEnd() }
        let agent = SeccompAgent(preparation.spec.linux.seccomp)
        try agent.take(listener, of: child.process.pid, in: state(.created, pid: child.process.pid))
        try reply([])
    }
}

/// What a process and its host have to say to each other, found in one pass over the plan.
struct Conversation {
    /// Whether the process goes on in a sibling.
    let forks: Bool
    /// Whether the process waits for its cgroups somewhere.
    private(set) var isAboutCgroups = false
    private var isAboutMore = false

    init(_ plan: Plan) {
        forks = plan.forks
        for step in plan.steps {
            guard case .meet(let meeting, _, _, _) = step.operation, meeting != .ready else { continue }
            if meeting == .cgroups { isAboutCgroups = true } else { isAboutMore = true }
        }
    }

    /// Where nothing else is to be talked about, the answers are there before the questions, so that nobody waits for
    /// anybody: meetings take place in order.
    var isAnsweredAhead: Bool { !forks && !isAboutMore }
}
