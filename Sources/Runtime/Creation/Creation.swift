internal import Cgroups
internal import Kernel
internal import Launch
internal import OCI
internal import Planner

/// A container on its way from a preparation to its exec: what `create` and `run` share.
///
/// It owns everything that was made so far, so that a failure at any point can take it back.
struct Creation: ~Copyable {
    let store: Store
    let request: CreateRequest
    let preparation: Preparation
    let entry: Entry
    private var group: ContainerCgroup
    private var resctrl: ResctrlGroup?
    private let conversation: Conversation
    private let warn: (String) -> Void
    var record: Record
    var child: Child
    /// The master of the terminal, if the caller keeps it (`run` in the foreground).
    var terminal: Descriptor?
    /// Where the container says that it is ready, if somebody waits for that and the container is run at once.
    private(set) var notifications: NotifySocket?
    /// What the hooks inside the container read and write.
    private var hookFiles: HookFiles?
    /// Those that the container has by now.
    private var networkDevices: NetworkDevices?
    /// Whether the process has got the word to go on to its program already.
    private var hasBeenLetGo = false
    private var hasAdjustedOOMScore = false
    /// A descriptor that is readable when a signal says that all this is to be given up (`run` in the foreground, which
    /// gets no signal otherwise).
    private let interruption: Int32?

    /// Reserves the container's state, makes its cgroup, and clones its process.
    ///
    /// - Parameter interruption: a borrowed descriptor that is readable when somebody wants this to end.
    static func begin(
        _ request: CreateRequest, _ preparation: Preparation, in store: Store, interruption: Int32? = nil,
        warn: @escaping (String) -> Void
    ) throws(RuntimeError) -> Creation {
        let reserved = Timeline.begin("state")
        let entry = try store.reserve(preparation.id.text)
        let spec = preparation.spec
        var record = Record(preparation)
        record.hooks.startContainer = spec.hooks.startContainer
        record.keepsKeyring = request.noNewKeyring
        let mountsOutside = preparation.plan.mountsOutside
        var resctrl: ResctrlGroup?
        do throws(RuntimeError) {
            do { resctrl = try Resctrl.group(for: spec.linux.intelRdt, id: record.id) } catch {
                throw RuntimeError.cgroup(error)
            }
            record.resctrl = resctrl?.stateText ?? []
            if mountsOutside { record.outerRoot = try OuterRoot(spec.linux, rootfs: record.rootfs) }
            // What the state names, `delete` kills and removes: a cgroup that belongs to somebody else never gets
            // there.
            do { try preparation.location.requireUnused() } catch { throw RuntimeError.cgroup(error) }
            try entry.write(record)
            Timeline.end(reserved)
            if preparation.manager != nil, preparation.rights.caller == .ordinaryUser {
                try NotifySocket.makeDirectory(in: entry)
            }
        } catch {
            try? entry.remove()  // The first error is the one to tell.
            throw error
        }
        var group = ContainerCgroup(preparation)
        do throws(RuntimeError) {
            do { try resctrl?.make() } catch { throw RuntimeError.cgroup(error) }
            record.resctrl = resctrl?.stateText ?? []
            let cgroup = Timeline.begin("cgroup: place of birth")
            let cloneTarget = try group.prepare()
            Timeline.end(cgroup)
            if preparation.plan.gate == nil { try entry.mark() }
            var provider = try Provider(preparation, statePath: entry.path)
            let notifications = try listen(preparation, provider.takeNotifySocket(), entry, warn)
            let child = try launch(preparation, provider, cloneTarget)
            return Creation(
                store: store, request: request, preparation: preparation, entry: entry, group: group,
                resctrl: resctrl, record: record, child: child, notifications: notifications,
                interruption: interruption, warn: warn)
        } catch {
            group.discard()
            try? resctrl?.remove()
            try? entry.remove()
            throw error
        }
    }

    private init(
        store: Store, request: CreateRequest, preparation: Preparation, entry: consuming Entry,
        group: ContainerCgroup, resctrl: ResctrlGroup?, record: Record, child: consuming Child,
        notifications: NotifySocket?, interruption: Int32?, warn: @escaping (String) -> Void
    ) {
        self.store = store
        self.request = request
        self.preparation = preparation
        conversation = Conversation(preparation.plan)
        self.entry = entry
        self.group = group
        self.resctrl = resctrl
        self.record = record
        self.child = child
        self.interruption = interruption
        self.warn = warn
        terminal = nil
        self.notifications = notifications
        hookFiles = nil
        networkDevices = nil
    }

    /// A container with a gate is listened to from its start on.
    private static func listen(
        _ preparation: Preparation, _ socket: consuming Descriptor?, _ entry: borrowing Entry,
        _ warn: @escaping (String) -> Void
    ) throws(RuntimeError) -> NotifySocket? {
        guard preparation.plan.gate == nil, let manager = preparation.manager else { return nil }
        return try NotifySocket(socket, in: entry, for: manager, warn: warn)
    }

    /// Clones, with what the plan needs.
    private static func launch(
        _ preparation: Preparation, _ provider: borrowing Provider, _ cloneTarget: consuming Descriptor?
    ) throws(RuntimeError) -> Child {
        if preparation.plan.sharesPipes { CallerPipes.admitEverybody() }
        let streams: StandardStreams
        do { streams = try preparation.plan.hostStreams.replaced() } catch {
            throw .system(error, field: "process")
        }
        var table = DescriptorTable()
        let cgroup: Int32? =
            switch consume cloneTarget {
            case .some(let directory): table.add(directory)
            case .none: nil
            }
        let mark = Timeline.begin("plan encoded, clone")
        defer { Timeline.end(mark) }
        do {
            return try Child(
                running: preparation.plan, descriptors: provider.descriptors, cgroup: cgroup, streams: streams,
                keepsCapabilities: preparation.plan.cloneFlags & NamespaceKind.user.cloneFlag != 0)
        } catch {
            throw Rights.explain(
                error, cloning: preparation.plan, cgroup: cgroup == nil ? nil : preparation.plan.cloneTarget)
        }
    }

    // MARK: Meetings

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
    private mutating func nextRequest() throws(RuntimeError) -> Request {
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
    private mutating func closeHookFiles() {
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
            try IDMaps.write(spec.linux, for: child.process.pid, preparation.rights)
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
        case .ready: return
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
            preparation.spec.mounts.indices.contains(index)
        else { throw explainEnd() }
        do { try preparation.spec.mounts[index].idMap?.apply(to: tree, preparation.spec.linux) } catch {
            throw .system(error, field: "mounts[\(index)].source")
        }
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
    private mutating func replyWithHookFiles(_ status: ContainerStatus, _ field: String) throws(RuntimeError) {
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

    // MARK: The end of the creation

    private mutating func writeProcess() throws(RuntimeError) {
        record.pid = child.process.pid
        do { record.startTime = try Kernel.Process.startTime(of: record.pid) } catch {
            throw .system(error, field: "process")
        }
        try entry.write(record)
    }

    /// Makes it known that the process is ready: the gate gets its name, and the pid file is written.
    mutating func publish() throws(RuntimeError) {
        try adjustOOMScore()
        if record.outerRoot != nil {
            record.outerRoot?.note(record.pid)
            try entry.write(record)
        }
        do { try resctrl?.add(record.pid) } catch { throw .cgroup(error) }
        if let receiver = preparation.pidfdReceiver {
            try Handover.send(child.process.descriptor.number, "pidfd", to: receiver.path, receiver.field)
        }
        do {
            if preparation.plan.gate != nil {
                try Files.rename(Entry.markerName, to: Entry.gateName, at: .directory(entry.directory.number))
            }
            if let path = request.pidFile { try Files.replace(path, with: Array("\(record.pid)".utf8), mode: 0o644) }
        } catch {
            throw .system(error, field: request.pidFile == nil ? "--root" : "--pid-file")
        }
    }

    /// The host writes the score, since lowering it takes a capability that the process may lack; and it writes it to
    /// the process that stays, the one that is ready.
    private mutating func adjustOOMScore() throws(RuntimeError) {
        guard let score = preparation.spec.process?.oomScoreAdj, !hasAdjustedOOMScore else { return }
        do { try Files.writeExisting("/proc/\(child.process.pid)/oom_score_adj", "\(score)") } catch {
            let hint = error.errno == .accessDenied ? Rights.scoreHint : ""
            throw .system(error, field: "process.oomScoreAdj", hint: hint)
        }
        hasAdjustedOOMScore = true
    }

    /// Lets a process without a gate go on (`run`), and waits until it executes its program.
    mutating func execute() throws(RuntimeError) {
        if !preparation.spec.hooks.startContainer.isEmpty {
            try replyWithHookFiles(.created, "hooks.startContainer")
        } else if !hasBeenLetGo {
            try reply([])
        }
        let start = Timeline.now
        var next = try nextRequest()
        while case .meeting(.listener, let descriptors) = next {
            try giveToAgent(descriptors)
            next = try nextRequest()
        }
        guard case .ended = next, child.currentReport().phase == .executing, child.isFollowed else {
            throw explainEnd()
        }
        Timeline.add("last steps, exec", since: start, pid: child.process.pid)
        closeHookFiles()
        try entry.unmark()
    }

    private mutating func moveNetworkDevices() throws(RuntimeError) {
        let namespace: Descriptor
        do { namespace = try Descriptor.open("/proc/\(child.process.pid)/ns/net", []) } catch {
            throw .system(error, field: "linux.netDevices")
        }
        networkDevices = try NetworkDevices.move(preparation.spec.linux.netDevices, into: namespace)
    }

    /// The devices go back before their namespace is gone, which would end those that are no hardware.
    private borrowing func giveNetworkDevicesBack() -> [String] {
        switch networkDevices {
        case .some(let devices): devices.giveBack()
        case .none: []
        }
    }

    private borrowing func giveToAgent(_ descriptors: [Int32]) throws(RuntimeError) {
        guard let listener = Self.first(of: descriptors) else { throw explainEnd() }
        let agent = SeccompAgent(preparation.spec.linux.seccomp)
        try agent.take(listener, of: child.process.pid, in: state(.created, pid: child.process.pid))
        try reply([])
    }

    /// Why the process did not come to its next meeting.
    private borrowing func explainEnd() -> RuntimeError {
        let exit = child.kill()
        let errno = child.currentReport().errno
        if errno == nil, group.hasRunOutOfMemory { return preparation.outOfMemory }
        // The kernel may refuse memory instead of killing.
        if errno == .noMemory, preparation.hasTightMemory { return preparation.outOfMemory }
        var failure = child.failure(exit)
        if failure.hook != nil { failure.output = hookOutput() }
        return .step(failure)
    }

    /// What to say of a process that was killed with less memory than its start takes: nobody else tells why.
    borrowing func noteOnMemory(_ status: Int32) -> String? {
        guard status == 128 + 9, preparation.hasTightMemory, group.hasRunOutOfMemory else { return nil }
        return "\(preparation.outOfMemory)"
    }

    private borrowing func hookOutput() -> String {
        switch hookFiles {
        case .some(let files): files.writtenText()
        case .none: ""
        }
    }

    /// Takes everything back: no process, cgroup or state remains. What the poststop hooks say is in vain.
    borrowing func undo() -> [String] {
        var warnings = giveNetworkDevicesBack()
        _ = child.kill()
        group.discard()
        try? resctrl?.remove()
        do {
            try record.outerRoot?.remove(rootfs: record.rootfs)
            try? entry.remove()
        } catch {
            // The state stays, so that `delete` can try again.
            warnings.append("\(error)")
        }
        return warnings + HookRunner(state: state(.stopped, pid: 0)).runAll(record.hooks.poststop, .poststop)
    }
}

extension Record {
    /// The record of a container that is about to be made.
    init(_ preparation: Preparation) {
        let spec = preparation.spec
        self.init(
            id: preparation.id.text, ociVersion: spec.ociVersion, bundle: preparation.host.bundle,
            rootfs: preparation.host.rootfs, created: UInt64(Clock.now), owner: ThisProcess.effectiveUser)
        annotations = spec.annotations
        hooks.poststart = spec.hooks.poststart
        hooks.poststop = spec.hooks.poststop
        cgroup = preparation.location.stateText
        lacksProcess = spec.process == nil
        hasAddedUserNamespace = preparation.addsUserNamespace
    }
}

/// What a process and its host have to say to each other, found in one pass over the plan.
private struct Conversation {
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
