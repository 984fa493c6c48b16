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
    var group: ContainerCgroup
    var resctrl: ResctrlGroup?
    let conversation: Conversation
    let warn: (String) -> Void
    var record: Record
    var child: Child
    /// The master of the terminal, if the caller keeps it (`run` in the foreground).
    var terminal: Descriptor?
    /// Where the container says that it is ready, if somebody waits for that and the container is run at once.
    private(set) var notifications: NotifySocket?
    /// What the hooks inside the container read and write.
    var hookFiles: HookFiles?
    /// Those that the container has by now.
    var networkDevices: NetworkDevices?
    /// Whether the process has got the word to go on to its program already.
    var hasBeenLetGo = false
    private var hasAdjustedOOMScore = false
    /// A descriptor that is readable when a signal says that all this is to be given up (`run` in the foreground, which
    /// gets no signal otherwise).
    let interruption: Int32?

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
            let cgroup = Timeline.begin("cgroup: clone target")
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

    // MARK: The end of the creation

    mutating func writeProcess() throws(RuntimeError) {
        record.pid = child.process.pid
        do { record.identity = try child.process.identity() } catch {
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
    mutating func adjustOOMScore() throws(RuntimeError) {
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

    /// The devices go back before their namespace is gone, which would end those that are no hardware.
    private borrowing func giveNetworkDevicesBack() -> [String] {
        switch networkDevices {
        case .some(let devices): devices.giveBack()
        case .none: []
        }
    }

    /// Why the process did not come to its next meeting.
    borrowing func explainEnd() -> RuntimeError {
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
    ///
    /// - Parameter isRetried: whether it is begun anew at once. No hook has run then, and the poststop hooks do not either.
    borrowing func undo(isRetried: Bool = false) -> [String] {
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
        if isRetried { return warnings }
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
