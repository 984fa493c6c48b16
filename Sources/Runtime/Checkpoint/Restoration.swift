internal import Cgroups
internal import Checkpoint
internal import Kernel
internal import Launch
internal import OCI
internal import Planner

extension Lifecycle {
    /// Brings a saved container back; in the foreground, returns the exit status of its process (128 + signal).
    public func restore(_ request: RestoreRequest, _ attachment: Attachment) throws(RuntimeError) -> Int32 {
        try requireRights()
        var isDetached = true
        if case .foreground(_, let subreaper) = attachment {
            isDetached = false
            do { if subreaper { try ThisProcess.becomeSubreaper() } } catch { throw .system(error, field: "") }
        }
        let directories = try ImageDirectories.forRestore(request.settings)
        let preparation = try prepare(request.create, hasGate: true, givesStreams: isDetached)
        try preparation.checkTerminal(request.create, detaches: isDetached)
        try Restoration.requireRestorable(preparation.spec)
        guard isDetached else { return try restoreInForeground(request, preparation, directories) }
        let termination: TerminationSignals
        do { termination = try TerminationSignals(blocking: ()) } catch { throw .system(error, field: "") }
        do {
            let restoration = try Restoration.perform(
                request, preparation, directories, in: store, interruption: termination.descriptor.number, warn: warn)
            _ = consume restoration
        } catch {
            if let signal = termination.next() { throw .interrupted(signal: signal, error) }
            throw error
        }
        return 0
    }

    private func restoreInForeground(
        _ request: RestoreRequest, _ preparation: Preparation, _ directories: borrowing ImageDirectories
    ) throws(RuntimeError) -> Int32 {
        // Signals are queued from before the process is there: none that is meant for it gets lost.
        let signals: SignalQueue
        do { signals = try SignalQueue() } catch { throw .system(error, field: "") }
        let termination: TerminationSignals
        do { termination = try TerminationSignals() } catch { throw .system(error, field: "") }
        var restoration: Restoration
        do {
            restoration = try Restoration.perform(
                request, preparation, directories, in: store, interruption: termination.descriptor.number, warn: warn)
        } catch {
            if let signal = termination.next() { throw .interrupted(signal: signal, error) }
            throw error
        }
        let container = restoration.container
        let status: Int32
        do { status = try Foreground(signals, restoration.takeTerminal()).follow(restoration.process) } catch {
            // Who cannot look after it does not leave it behind.
            if let entry = try? store.lock(container.record.id) { try? destroy(container, entry) }
            throw .system(error, field: "")
        }
        let entry: Entry
        do { entry = try store.lock(container.record.id) } catch {
            if case .unknownContainer = error { return status }  // Somebody has deleted it already.
            throw error
        }
        try destroy(container, entry)
        return status
    }
}

/// A container on its way back from an image. It owns what was made so far, so that a failure at any point can take it
/// back.
private struct Restoration: ~Copyable {
    let container: Container
    /// The first process: a child of this process.
    let process: Kernel.Process
    /// The master of the terminal, if nobody else has it.
    private var terminal: Descriptor?

    private init(_ container: Container, _ process: consuming Kernel.Process, _ terminal: consuming Descriptor?) {
        self.container = container
        self.process = process
        self.terminal = terminal
    }

    mutating func takeTerminal() -> Descriptor? {
        var taken: Descriptor?
        swap(&taken, &terminal)
        return taken
    }

    /// What CRIU has no way to do.
    static func requireRestorable(_ spec: Spec) throws(RuntimeError) {
        for (index, namespace) in spec.linux.namespaces.enumerated() where namespace.path != nil {
            switch namespace.kind {
            case .mount, .cgroup:
                throw .plan(
                    PlanError(
                        field: "linux.namespaces[\(index)].path",
                        message: "a container cannot be restored into another's \(namespace.kind.rawValue) namespace"))
            case .ipc, .network, .pid, .time, .user, .uts: break
            }
        }
    }

    /// Restores, and leaves nothing behind if that fails.
    static func perform(
        _ request: RestoreRequest, _ preparation: Preparation, _ directories: borrowing ImageDirectories,
        in store: Store, interruption: Int32, warn: @escaping (String) -> Void
    ) throws(RuntimeError) -> Restoration {
        var work = try RestoreWork.begin(request, preparation, in: store, interruption: interruption, warn: warn)
        do {
            try work.run(directories)
            let process = try attempt(CriuFailure.Operation.restore.rawValue) { () throws(SystemError) in
                try Kernel.Process(opening: work.record.pid)
            }
            return Restoration(Container(work.record, in: store), process, work.takeTerminal())
        } catch {
            work.undo().forEach(warn)
            throw error
        }
    }
}

/// The work on a restore.
private struct RestoreWork: ~Copyable {
    private let store: Store
    private let request: RestoreRequest
    private let preparation: Preparation
    private let entry: Entry
    private let interruption: Int32
    private let warn: (String) -> Void
    private var group: ContainerCgroup
    private var resctrl: ResctrlGroup?
    private(set) var record: Record
    private var terminal: Descriptor?
    /// The first process, as soon as it is there.
    private var pid: Int32 = 0
    /// Whether CRIU has left the container's cgroup, where it would stop itself together with the container.
    private var isCriuApart = false

    /// Reserves the container's state.
    static func begin(
        _ request: RestoreRequest, _ preparation: Preparation, in store: Store, interruption: Int32,
        warn: @escaping (String) -> Void
    ) throws(RuntimeError) -> RestoreWork {
        let entry = try store.reserve(preparation.id.text)
        var record = Record(preparation)
        record.keepsKeyring = request.create.noNewKeyring
        let resctrl: ResctrlGroup?
        do throws(RuntimeError) {
            do { resctrl = try Resctrl.group(for: preparation.spec.linux.intelRdt, id: record.id) } catch {
                throw RuntimeError.cgroup(error)
            }
            record.resctrl = resctrl?.stateText ?? []
            do { try preparation.location.requireUnused() } catch { throw RuntimeError.cgroup(error) }
            try entry.write(record)
            try entry.mark()
        } catch {
            try? entry.remove()  // The first error is the one to tell.
            throw error
        }
        return RestoreWork(
            store: store, request: request, preparation: preparation, entry: entry, record: record, resctrl: resctrl,
            interruption: interruption, warn: warn)
    }

    private init(
        store: Store, request: RestoreRequest, preparation: Preparation, entry: consuming Entry, record: Record,
        resctrl: ResctrlGroup?, interruption: Int32, warn: @escaping (String) -> Void
    ) {
        self.store = store
        self.request = request
        self.preparation = preparation
        self.entry = entry
        self.record = record
        self.resctrl = resctrl
        self.interruption = interruption
        self.warn = warn
        group = ContainerCgroup(preparation, leavesOutPids: true)
        terminal = nil
    }

    mutating func takeTerminal() -> Descriptor? {
        var taken: Descriptor?
        swap(&taken, &terminal)
        return taken
    }

    mutating func run(_ directories: borrowing ImageDirectories) throws(RuntimeError) {
        do { try resctrl?.make() } catch { throw .cgroup(error) }
        record.resctrl = resctrl?.stateText ?? []
        let state = try attempt("--root") { () throws(SystemError) in try Files.realPath(entry.path) }
        let inherited = try InheritedDescriptors(directories, preparation)
        let cloneTarget = try group.prepare()
        let assembly = try RestoreAssembly(preparation, request.settings, images: directories, state: state)
        let session = try CriuSession(.restore, request.settings, interruption: interruption) { start in
            start.attachments = assembly.attachments
            start.kept = inherited.numbers
            start.cgroup = Self.number(of: cloneTarget)
        }
        let mountPoints = MountPoints(preparation)
        var hasMadeTemporary = false
        do throws(RuntimeError) {
            hasMadeTemporary = try mountPoints.makeTemporary()
            try enterCgroup(session.client.process.pid)
            try run(session, assembly, inherited, directories)
        } catch {
            session.end()
            directories.removeLeftovers()
            if hasMadeTemporary { mountPoints.removeTemporary() }
            throw error
        }
        session.end()
        if hasMadeTemporary { mountPoints.removeTemporary() }
        entry.removeImages()
        try finish()
    }

    private static func number(of descriptor: borrowing Descriptor?) -> Int32? {
        switch descriptor {
        case .some(let descriptor): descriptor.number
        case .none: nil
        }
    }

    /// CRIU is in the container's cgroup before it makes the first process: whatever it makes belongs to the container.
    private mutating func enterCgroup(_ criu: Int32) throws(RuntimeError) {
        if group.isMoved { try group.send(criu) }
        try group.complete(criu).forEach(warn)
        try group.add(criu)
    }

    private mutating func run(
        _ session: borrowing CriuSession, _ assembly: borrowing RestoreAssembly,
        _ inherited: borrowing InheritedDescriptors, _ directories: borrowing ImageDirectories
    ) throws(RuntimeError) {
        let criu = session.client.process.pid
        // CRIU mounts in its working directory: it has to be one of CRIU's own mount namespace.
        let images = try Self.directory(assembly.imagePath, of: criu, "--image-path")
        let work = try Self.directory(directories.workPath, of: criu, "--work-path")
        var options = CriuOptions(request.settings, preparation.spec)
        options.set(.imagesDirectory, number: images.number)
        options.set(.workDirectory, number: work.number)
        options.set(.logFile, text: directories.logName)
        options.set(.root, text: preparation.host.rootfs)
        options.set(.restoresSibling)
        options.set(.tcpClose, request.tcpClose)
        if let profile = request.lsmProfile ?? configuredProfile {
            try requireLoaded(profile)
            options.set(.lsmProfile, text: profile)
        }
        if let context = request.lsmMountContext { options.set(.lsmMountContext, text: context) }
        assembly.name(in: &options)
        inherited.name(in: &options)
        try nameCgroups(of: criu, in: &options)
        try session.require(CriuFeatures(lazyPages: request.settings.lazyPages))
        let answer = try session.work(.restore, options) { event, pid, descriptor throws(RuntimeError) in
            try keep(event, pid, descriptor)
            if event == .postRestore { leaveCgroup(criu) }
        }
        if !answer.isSuccess {
            throw .criu(CriuFailure(.restore, directories, said: session.output, message: answer.message))
        }
        // An image of a paused container stops the cgroup too (--manage-cgroups-mode).
        if isCriuApart { try group.thaw() }
    }

    /// CRIU starts nothing any more that would have to be in the container's cgroup.
    private mutating func leaveCgroup(_ criu: Int32) {
        // Where it has to stay, the container cannot be stopped while it is looked at.
        isCriuApart = (try? group.release(criu)) != nil
    }

    private static func directory(_ path: String, of pid: Int32, _ field: String) throws(RuntimeError) -> Descriptor {
        try attempt(field) { () throws(SystemError) in
            try Descriptor.open("/proc/\(pid)/root\(path)", [.readOnly, .directory])
        }
    }

    /// CRIU waits for ever for a process that cannot enter its profile of AppArmor.
    private func requireLoaded(_ profile: String) throws(RuntimeError) {
        let type = "apparmor:"
        // Where that list cannot be read the kernel has the word; it has no profiles of other namespaces, and no stacks.
        guard profile.begins(with: type), let list = try? Files.readText("/sys/kernel/security/apparmor/profiles")
        else { return }
        let name = String(decoding: profile.utf8.dropFirst(type.utf8.count), as: UTF8.self)
        if name.hasBytes(of: "unconfined")
            || name.utf8.contains(where: { $0 == UInt8(ascii: ":") || $0 == UInt8(ascii: "&") })
        {
            return
        }
        // "NAME (enforce)"
        if list.components(between: "\n").contains(where: { $0.begins(with: "\(name) (") }) { return }
        throw .system(
            SystemError("find", name, .noEntry),
            field: request.lsmProfile == nil ? "process.apparmorProfile" : "--lsm-profile",
            hint: "no such profile of AppArmor is loaded: apparmor_parser(8) loads one")
    }

    /// The profile that the configuration asks for, where the kernel has such a thing.
    private var configuredProfile: String? {
        let process = preparation.spec.process
        if let profile = process?.apparmorProfile, preparation.host.hasAppArmor { return "apparmor:\(profile)" }
        if let label = process?.selinuxLabel, preparation.host.hasSELinux { return "selinux:\(label)" }
        return nil
    }

    /// What the image calls its cgroups is the container's new cgroup, in every hierarchy.
    private func nameCgroups(of criu: Int32, in options: inout CriuOptions) throws(RuntimeError) {
        if preparation.location.joining == .stays { return }
        let text = try attempt("linux.cgroupsPath") { () throws(SystemError) in
            try Files.readText("/proc/\(criu)/cgroup")
        }
        for line in text.components(between: "\n") {
            // "4:memory:/path", and "0::/path" for cgroup2.
            guard let first = line.utf8.firstIndex(of: UInt8(ascii: ":")) else { continue }
            let rest = line[line.utf8.index(after: first)...]
            guard let second = rest.utf8.firstIndex(of: UInt8(ascii: ":")) else { continue }
            options.add(
                .cgroupRoot, String(rest[..<second]), String(rest[rest.utf8.index(after: second)...]))
        }
    }

    // MARK: Events

    private mutating func keep(
        _ event: CriuEvent?, _ pid: Int32?, _ descriptor: consuming Descriptor?
    ) throws(RuntimeError) {
        switch event {
        case .setupNamespaces:
            guard let pid else { return }
            self.pid = pid
            try runHooks(pid)
        case .postRestore:
            if let pid { self.pid = pid }
            try publish()
        case .preResume: try requireConfinement()
        case .orphanTerminalMaster:
            guard let master = consume descriptor else { return }
            try takeTerminal(master)
        case .preDump, .postDump, .preRestore, .networkLock, .networkUnlock, .postSetupNamespaces, .postResume,
            .statusReady, nil:
            break
        }
    }

    /// The hooks that runc runs at this place. Those of the container's own namespaces belong to a start.
    private borrowing func runHooks(_ pid: Int32) throws(RuntimeError) {
        let hooks = preparation.spec.hooks
        let runner = HookRunner(
            state: Container(record, in: store).state(.creating, pid: pid), interruption: interruption)
        try runner.run(hooks.prestart, .prestart)
        try runner.run(hooks.createRuntime, .createRuntime)
    }

    private mutating func takeTerminal(_ master: consuming Descriptor) throws(RuntimeError) {
        if let path = request.create.consoleSocket {
            return try Handover.send(master.number, "/dev/ptmx", to: path, "--console-socket")
        }
        CallerTerminal.prepare(master.number)
        terminal = consume master
    }

    /// Everything is there and nobody runs yet: the container becomes known.
    private mutating func publish() throws(RuntimeError) {
        try RestoredContainer(pid, preparation).requireMountsAndNamespaces()
        do { try resctrl?.add(pid) } catch { throw .cgroup(error) }
        record.pid = pid
        do { record.identity = try Kernel.Process(opening: pid).identity() } catch {
            throw .system(error, field: CriuFailure.Operation.restore.rawValue)
        }
        try entry.write(record)
        try entry.writeConfiguration(preparation.document)
        if let path = request.create.pidFile {
            do { try Files.replace(path, with: Array("\(pid)".utf8), mode: 0o644) } catch {
                throw .system(error, field: "--pid-file")
            }
        }
    }

    /// The processes have got their rights back and stand still for the last time. They do so by their cgroup too: should
    /// this process end here, CRIU would let them run all the same.
    private mutating func requireConfinement() throws(RuntimeError) {
        if isCriuApart { group.freeze() }
        do throws(RuntimeError) {
            try RestoredContainer(pid, preparation).requireConfinement(profile: request.lsmProfile)
            try limitPids()
        } catch {
            // CRIU gives up no more at this point: nobody is to run an instruction of what is not confined.
            killRestored()
            throw error
        }
    }

    private borrowing func killRestored() {
        let all = (try? ProcessTree.descendants(of: pid)) ?? [pid]
        for number in all {
            guard let process = try? Kernel.Process(opening: number) else { continue }
            try? process.signal(9)
        }
    }

    private borrowing func killFirst() {
        guard pid > 0, let process = try? Kernel.Process(opening: pid) else { return }
        try? process.signal(9)
    }

    /// Everything of the container is there now, and CRIU needs no more processes in its cgroup.
    private mutating func limitPids() throws(RuntimeError) {
        guard let pids = preparation.spec.linux.resources?.pids else { return }
        var limit = Resources()
        limit.pids = pids
        try group.limitPids(limit)
    }

    private mutating func finish() throws(RuntimeError) {
        try entry.unmark()
        do { try entry.directory.unlock() } catch { throw .system(error, field: "--root") }
    }

    /// Takes everything back: no process, cgroup or state remains. What the poststop hooks say is in vain.
    borrowing func undo() -> [String] {
        killFirst()
        // Without a cgroup it is known by what it is: a child of this process, also before CRIU tells of it.
        if preparation.location.joining == .stays {
            for child in (try? ProcessTree.descendants(of: ThisProcess.pid)) ?? [] where child != ThisProcess.pid {
                if let process = try? Kernel.Process(opening: child) { try? process.signal(9) }
            }
        }
        group.discard()
        // Who was a child of this process is reaped; nobody else waits for it.
        if pid > 0, let process = try? Kernel.Process(opening: pid) { _ = try? process.hasEnded(within: 10_000) }
        try? resctrl?.remove()
        try? entry.remove()
        return HookRunner(state: Container(record, in: store).state(.stopped, pid: 0))
            .runAll(preparation.spec.hooks.poststop, .poststop)
    }
}

/// The caller's streams and the namespaces of others that CRIU takes over for an image.
private struct InheritedDescriptors: ~Copyable {
    private var table = DescriptorTable()
    private(set) var numbers: [Int32] = []
    private var names: [(number: Int32, key: String)] = []
    private var joined: [(kind: NamespaceKind, path: String)] = []

    init(_ directories: borrowing ImageDirectories, _ preparation: Preparation) throws(RuntimeError) {
        let streams = StandardDescriptors.inherited(try directories.read(StandardDescriptors.fileName))
        do {
            // The container gets no inode of the host's that it could change.
            let replaced = try NullStreams.ofCaller(preparation.rights.caller).replaced()
            for stream in streams {
                let number = replaced.number(of: stream.number) ?? stream.number
                // CRIU closes what it has taken: each name needs a descriptor of its own.
                for key in StandardDescriptors.keys(for: stream.name) {
                    keep(table.add(try Descriptor.duplicate(of: number)), key)
                }
            }
        } catch {
            throw .system(error, field: "process")
        }
        for (index, namespace) in preparation.spec.linux.namespaces.enumerated() {
            guard let path = namespace.path else { continue }
            guard ExternalNamespaces.kinds.contains(namespace.kind) else {
                joined.append((namespace.kind, path))
                continue
            }
            let flags: OpenFlags = [.readOnly, .nonBlocking, .noControllingTerminal]
            let file = try attempt("linux.namespaces[\(index)].path") { () throws(SystemError) in
                try Descriptor.open(path, flags)
            }
            keep(table.add(file), ExternalNamespaces.name(of: namespace.kind))
        }
    }

    private mutating func keep(_ number: Int32, _ key: String) {
        numbers.append(number)
        names.append((number, key))
    }

    func name(in options: inout CriuOptions) {
        for (number, key) in names { options.inherit(number, as: key) }
        for (kind, path) in joined { options.add(.joinedNamespace, kind.procName, path) }
    }
}
