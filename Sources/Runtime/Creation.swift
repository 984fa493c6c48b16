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
    private let warn: (String) -> Void
    var record: Record
    var child: Child
    /// The master of the terminal, if the caller keeps it (`run` in the foreground).
    var terminal: Descriptor?
    /// What the hooks inside the container read and write.
    private var hookFiles: HookFiles?
    /// Whether the process has got the word to go on to its program already.
    private var hasBeenLetGo = false

    /// Reserves the container's state, makes its cgroup, and clones its process.
    static func begin(
        _ request: CreateRequest, _ preparation: Preparation, in store: Store, warn: @escaping (String) -> Void
    ) throws(RuntimeError) -> Creation {
        let entry = try store.reserve(preparation.id.text)
        let spec = preparation.spec
        var record = Record(
            id: preparation.id.text, ociVersion: spec.ociVersion, bundle: preparation.host.bundle,
            rootfs: preparation.host.rootfs, created: UInt64(Clock.now), owner: ThisProcess.effectiveUser)
        record.annotations = spec.annotations
        record.hooks.poststart = spec.hooks.poststart
        record.hooks.poststop = spec.hooks.poststop
        record.hooks.startContainer = spec.hooks.startContainer
        record.cgroup = preparation.location.stateText
        do {
            // What the state names, `delete` kills and removes: a cgroup that belongs to somebody else never gets there.
            do { try preparation.location.requireUnused() } catch { throw RuntimeError.cgroup(error) }
            try entry.write(record)
        } catch let error as RuntimeError {
            try? entry.remove()  // The first error is the one to tell.
            throw error
        } catch {
            throw .brokenState(path: entry.path, reason: "\(error)")
        }
        var group = ContainerCgroup(preparation)
        do {
            let child = try launch(preparation, try group.prepare(), gatePath: entry.futureGatePath)
            return Creation(
                store: store, request: request, preparation: preparation, entry: entry, group: group,
                record: record, child: child, warn: warn)
        } catch {
            group.discard()
            try? entry.remove()
            throw error
        }
    }

    private init(
        store: Store, request: CreateRequest, preparation: Preparation, entry: consuming Entry,
        group: ContainerCgroup, record: Record, child: consuming Child, warn: @escaping (String) -> Void
    ) {
        self.store = store
        self.request = request
        self.preparation = preparation
        self.entry = entry
        self.group = group
        self.record = record
        self.child = child
        self.warn = warn
        terminal = nil
        hookFiles = nil
    }

    /// Opens what the plan needs, and clones.
    private static func launch(
        _ preparation: Preparation, _ birthplace: consuming Descriptor?, gatePath: String
    ) throws(RuntimeError) -> Child {
        var provider = try Provider(preparation, gatePath: gatePath)
        let cgroup = provider.add(birthplace)
        do {
            return try Child(
                running: preparation.plan, descriptors: provider.descriptors, cgroup: cgroup,
                keepsCapabilities: preparation.plan.cloneFlags & NamespaceKind.user.cloneFlag != 0)
        } catch {
            throw .system(error, field: "linux.namespaces")
        }
    }

    // MARK: Meetings

    /// Keeps every meeting up to the one at which the process is ready.
    mutating func keepMeetings() throws(RuntimeError) {
        // The process is busy with its first steps: this is the time for what it does not wait for yet.
        try group.complete().forEach(warn)
        if answersAhead { try answerCgroups() }
        try writeProcess()
        if answersAhead, mayGoOnByItself {
            try reply([])
            hasBeenLetGo = true
        }
        while true {
            let next: Request
            do { next = try child.nextRequest() } catch { throw lost(error) }
            switch next {
            case .ended: throw explainEnd()
            case .meeting(let meeting, let descriptors):
                // It may have gone on in a sibling.
                if child.process.pid != record.pid { try writeProcess() }
                if meeting == .ready { return }
                try keep(meeting, descriptors)
            }
        }
    }

    /// Where nothing else is to be talked about, the answers are there before the questions, so that nobody waits for
    /// anybody: meetings take place in order.
    private var answersAhead: Bool {
        preparation.plan.steps.allSatisfy { step in
            switch step.operation {
            case .meet(let meeting, _, _, _): meeting == .cgroups || meeting == .ready
            case .fork: false
            default: true
            }
        }
    }

    /// Whether the process needs nothing from the host between being ready and its program (`run`), or the gate.
    private var mayGoOnByItself: Bool {
        let process = preparation.spec.process
        return request.pidFile == nil && process?.oomScoreAdj == nil && preparation.plan.gate == nil
            && preparation.spec.hooks.startContainer.isEmpty
    }

    private borrowing func answerCgroups() throws(RuntimeError) {
        guard !preparation.location.view.hierarchies.isEmpty else { return }
        var table = DescriptorTable()
        try reply(try group.openTasks(into: &table))
    }

    private mutating func keep(_ meeting: Meeting, _ descriptors: [Int32]) throws(RuntimeError) {
        let spec = preparation.spec
        switch meeting {
        case .idMaps: try IDMaps.write(spec.linux, for: child.process.pid)
        case .cgroups:
            if !answersAhead { try answerCgroups() }
            return
        case .runtimeHooks:
            let runner = HookRunner(state: state(.creating, pid: child.process.pid))
            try runner.run(spec.hooks.prestart, .prestart)
            try runner.run(spec.hooks.createRuntime, .createRuntime)
        case .containerHooks:
            try replyWithHookFiles(.creating, "hooks.createContainer")
            return
        case .console: try takeTerminal(descriptors)
        case .limits:
            for (index, limit) in preparation.plan.hostLimits {
                do {
                    try child.process.setLimit(Int32(limit.resource), soft: limit.soft, hard: limit.hard)
                } catch {
                    throw .system(error, field: "process.rlimits[\(index)]")
                }
            }
        case .ready: return
        }
        try reply([])
    }

    borrowing func reply(_ descriptors: [Int32]) throws(RuntimeError) {
        do { try child.reply(descriptors: descriptors) } catch { throw explainEnd() }
    }

    /// Hands over the state that hooks inside the container read: there the process has the pid that it sees itself.
    private mutating func replyWithHookFiles(_ status: ContainerStatus, _ field: String) throws(RuntimeError) {
        let pid = Lifecycle.pidInside(child.process.pid)
        let files: HookFiles
        do { files = try HookFiles(state: state(status, pid: pid)) } catch { throw .system(error, field: field) }
        try reply([files.input.number, files.output.number])
        hookFiles = consume files
    }

    borrowing func state(_ status: ContainerStatus, pid: Int32) -> State {
        Container(record, in: store).state(status, pid: pid)
    }

    /// The master of the terminal goes to the console socket, or stays here for the foreground.
    private mutating func takeTerminal(_ descriptors: [Int32]) throws(RuntimeError) {
        guard let number = descriptors.first else { throw explainEnd() }
        let master = Descriptor(owning: number)
        guard let path = request.consoleSocket else {
            terminal = consume master
            return
        }
        do {
            let socket = try Descriptor.connected(to: path, .stream)
            try socket.send(Array("/dev/ptmx".utf8), descriptors: [master.number])
        } catch {
            throw .system(error, field: "--console-socket")
        }
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
        do {
            if preparation.plan.gate != nil {
                try Files.rename(Entry.futureGateName, to: Entry.gateName, at: .directory(entry.directory.number))
            }
            if let path = request.pidFile { try Files.replace(path, with: Array("\(record.pid)".utf8), mode: 0o644) }
        } catch {
            throw .system(error, field: request.pidFile == nil ? "--root" : "--pid-file")
        }
    }

    /// The host writes the score, since lowering it takes a capability that the process may lack; and it writes it to the
    /// process that stays, the one that is ready.
    private borrowing func adjustOOMScore() throws(RuntimeError) {
        guard let score = preparation.spec.process?.oomScoreAdj else { return }
        do { try Files.writeExisting("/proc/\(child.process.pid)/oom_score_adj", "\(score)") } catch {
            throw .system(error, field: "process.oomScoreAdj")
        }
    }

    /// Lets a process without a gate go on (`run`), and waits until it executes its program.
    mutating func execute() throws(RuntimeError) {
        if !preparation.spec.hooks.startContainer.isEmpty {
            try replyWithHookFiles(.created, "hooks.startContainer")
        } else if !hasBeenLetGo {
            try reply([])
        }
        let next: Request
        do { next = try child.nextRequest() } catch { throw lost(error) }
        guard case .ended = next, child.currentReport().phase == .executing else { throw explainEnd() }
    }

    /// Why the process did not come to its next meeting.
    private borrowing func explainEnd() -> RuntimeError {
        let exit = child.kill()
        if child.currentReport().errno == nil, group.hasRunOutOfMemory {
            return .outOfMemory(limit: preparation.spec.linux.resources?.memory?.limit)
        }
        var failure = child.failure(exit)
        if failure.hook != nil { failure.output = hookOutput() }
        return .step(failure)
    }

    private borrowing func hookOutput() -> String {
        switch hookFiles {
        case .some(let files): files.writtenText()
        case .none: ""
        }
    }

    private borrowing func lost(_ error: LaunchError) -> RuntimeError {
        switch error {
        case .system(let error): .system(error, field: "process")
        case .step(let failure): .step(failure)
        }
    }

    /// Takes everything back: no process, cgroup or state remains. What the poststop hooks say is in vain.
    borrowing func undo() -> [String] {
        _ = child.kill()
        group.discard()
        try? entry.remove()
        return HookRunner(state: state(.stopped, pid: 0)).runAll(record.hooks.poststop, .poststop)
    }
}

/// Opens the descriptors that a plan wants from the host.
struct Provider: ~Copyable {
    private(set) var descriptors: [(Slot, Int32)] = []
    private var table = DescriptorTable()

    init(_ preparation: Preparation, gatePath: String) throws(RuntimeError) {
        for provision in preparation.plan.provisions {
            let number: Int32
            do {
                guard let opened = try Self.open(provision.source, preparation, gatePath) else { continue }
                number = table.add(opened)
            } catch {
                throw .system(error, field: provision.origin.text)
            }
            descriptors.append((provision.slot, number))
        }
    }

    private static func open(
        _ source: Provision.Source, _ preparation: Preparation, _ gatePath: String
    ) throws(SystemError) -> Descriptor? {
        switch source {
        case .namespace(let path): try Descriptor.open(path, [.readOnly])
        case .gateListener: try listenAtGate(gatePath)
        case .tree(let source): try tree(source)
        case .mappedTree(let source, let index):
            try mappedTree(source, preparation.spec.mounts[index].idMap, preparation.spec.linux)
        }
    }

    /// A host tree for a user namespace. It comes from outside of the container's mounts, so what restricts it on the
    /// host would not be locked inside: a restricted tree is not given (nil).
    private static func tree(_ source: BindSource) throws(SystemError) -> Descriptor? {
        if try Tree.isRestricted(source.path) { return nil }
        let tree = try Tree.copy(source.path, recursive: source.isRecursive, noFollow: source.noFollow)
        try Tree.becomeSlave(tree)
        return tree
    }

    /// The socket, like everything below --root, is for its owner alone.
    private static func listenAtGate(_ path: String) throws(SystemError) -> Descriptor {
        let mask = ThisProcess.setFileModeMask(0o177)
        defer { ThisProcess.setFileModeMask(mask) }
        return try Descriptor.listening(at: path, .sequencedPackets)
    }

    private static func mappedTree(
        _ source: BindSource, _ map: MountIDMap?, _ linux: Linux
    ) throws(SystemError) -> Descriptor {
        if linux.separates(.user), try Tree.isRestricted(source.path) {
            throw SystemError("mount_setattr(MOUNT_ATTR_IDMAP)", source.path, .notPermitted)
        }
        let tree = try Tree.copy(source.path, recursive: source.isRecursive, noFollow: source.noFollow)
        try Tree.becomeSlave(tree)
        guard let map else { return tree }
        if map.usesContainerMappings, let path = linux.namespace(.user)?.path {
            try Tree.mapIDs(of: tree, through: try Descriptor.open(path, [.readOnly]), recursive: map.isRecursive)
            return tree
        }
        let uids = map.usesContainerMappings ? linux.uidMappings : map.uidMappings
        let gids = map.usesContainerMappings ? linux.gidMappings : map.gidMappings
        let namespace = try Tree.userNamespace(uidMap: IDMaps.text(uids), gidMap: IDMaps.text(gids))
        try Tree.mapIDs(of: tree, through: namespace, recursive: map.isRecursive)
        return tree
    }

    /// Keeps a descriptor as long as the others; returns its number.
    mutating func add(_ descriptor: consuming Descriptor?) -> Int32? {
        switch consume descriptor {
        case .some(let descriptor): table.add(descriptor)
        case .none: nil
        }
    }
}
