internal import Cgroups
internal import Checkpoint
internal import Kernel
internal import OCI
internal import Planner

extension Lifecycle {
    /// Saves a running container to disk. Unless it is to go on, it is gone then; after a failure it runs on.
    public func checkpoint(_ request: CheckpointRequest) throws(RuntimeError) {
        let id = try Self.checked(request.id)
        if let number = request.statusDescriptor, !ThisProcess.isOpen(number) {
            throw .usage("--status-fd: descriptor \(number) is not open")
        }
        let entry = try store.lock(id)
        let container = try Container(id, in: store)
        let status = try container.status(holdsLock: true)
        guard status == .running || status == .paused else {
            throw .status("container cannot be checkpointed in \(status.rawValue) state")
        }
        // CRIU takes back what it has done when it is told so, and not when it is killed.
        let termination: TerminationSignals
        do { termination = try TerminationSignals(blocking: ()) } catch { throw .system(error, field: "") }
        do {
            let checkpointing = try Checkpointing(
                request, container, interruption: termination.descriptor.number)
            checkpointing.strangers().forEach { warn("process \($0) was added by exec and is not saved") }
            try checkpointing.perform()
        } catch {
            // A CRIU that was killed leaves this as it needed it. The first error is the one to tell.
            let isFrozen = (try? container.isFrozen()) ?? (status == .paused)
            if status == .running, isFrozen { try? container.thaw() }
            if status == .paused, !isFrozen { try? container.cgroup.freeze() }
            if let signal = termination.next() { throw .interrupted(signal: signal, error) }
            throw error
        }
        if request.isPreDump || request.leavesRunning { return }
        try destroy(container, entry)
    }
}

/// A checkpoint of one container.
private struct Checkpointing {
    let request: CheckpointRequest
    let container: Container
    let interruption: Int32
    let spec: Spec

    init(_ request: CheckpointRequest, _ container: Container, interruption: Int32) throws(RuntimeError) {
        self.request = request
        self.container = container
        self.interruption = interruption
        spec = try container.configuration(Spec.decode)
    }

    /// The processes that the first one has not made: CRIU saves it with its descendants.
    func strangers() -> [Int32] {
        if request.isPreDump { return [] }
        // Who comes and goes meanwhile is in nobody's list.
        guard let own = try? ProcessTree.descendants(of: container.record.pid),
            let all = try? container.cgroup.processes()
        else { return [] }
        return all.filter { !own.contains($0) }
    }

    func perform() throws(RuntimeError) {
        let directories = try ImageDirectories.forCheckpoint(request.settings)
        try checkParent(directories)
        let connection = try connectToPageServer()
        let pages = Self.number(of: connection)
        let options = try options(directories, pages: pages)
        let session = try CriuSession(
            .checkpoint, request.settings, interruption: interruption, pageConnection: pages)
        var stopsNetwork = false
        do throws(RuntimeError) {
            try perform(session, options, directories, &stopsNetwork)
        } catch {
            if session.end(), stopsNetwork { StoppedNetwork.release(of: container.record.pid) }
            throw error
        }
        session.end()
    }

    private static func number(of descriptor: borrowing Descriptor?) -> Int32? {
        switch descriptor {
        case .some(let descriptor): descriptor.number
        case .none: nil
        }
    }

    /// A connection to the page server, which can be ended from here when it does not answer: the container stands
    /// still meanwhile.
    ///
    /// - Returns: nil if there is no such server, or CRIU has to look for its name. With lazy pages CRIU is the server.
    private func connectToPageServer() throws(RuntimeError) -> Descriptor? {
        guard let server = request.pageServer, !request.settings.lazyPages else { return nil }
        do {
            return try Descriptor.connected(to: server.address, port: server.port, unless: interruption)
        } catch {
            if error.errno == .invalidArgument { return nil }
            throw .system(error, field: "--page-server", hint: "\"criu page-server\" has to run there")
        }
    }

    private func perform(
        _ session: borrowing CriuSession, _ options: CriuOptions, _ directories: borrowing ImageDirectories,
        _ stopsNetwork: inout Bool
    ) throws(RuntimeError) {
        try session.require(
            CriuFeatures(tracksMemory: request.isPreDump, lazyPages: request.settings.lazyPages))
        let answer = try session.work(request.isPreDump ? .preDump : .dump, options, givingUp: letGo) {
            event, _, _ throws(RuntimeError) in
            switch event {
            case .statusReady: try tellThatPagesAreReady()
            case .networkLock: stopsNetwork = true
            case .networkUnlock: stopsNetwork = false
            case .preDump, .postDump, .preRestore, .postRestore, .setupNamespaces, .postSetupNamespaces, .preResume,
                .postResume, .orphanTerminalMaster, nil:
                break
            }
        }
        if !answer.isSuccess {
            throw .criu(CriuFailure(.checkpoint, directories, said: session.output, message: answer.message))
        }
    }

    /// CRIU may wait for a process that is stopped and frozen.
    private func letGo() {
        if container.cgroup.hasDeepFreezer { try? container.thaw() }
    }

    private func tellThatPagesAreReady() throws(RuntimeError) {
        guard let number = request.statusDescriptor else { return }
        try attempt("--status-fd") { () throws(SystemError) in try Streams.writeAll([0], to: number) }
    }

    private func checkParent(_ directories: borrowing ImageDirectories) throws(RuntimeError) {
        guard let parent = request.parentPath else { return }
        if parent.isAbsolute { throw .usage("--parent-path: \(parent) is not relative to --image-path") }
        let path = "\(directories.imagePath)/\(parent)"
        let status = try attempt("--parent-path") { () throws(SystemError) in try Files.status(path, follow: true) }
        if status.kind != .directory { throw .system(SystemError("open", path, .notDirectory), field: "--parent-path") }
    }

    // MARK: What CRIU is told

    /// - Parameters:
    ///   - directories: where the images go.
    ///   - pages: a descriptor that CRIU has of a connection to the page server.
    private func options(
        _ directories: borrowing ImageDirectories, pages: Int32?
    ) throws(RuntimeError) -> CriuOptions {
        var options = CriuOptions(request.settings, spec)
        options.set(.imagesDirectory, number: directories.imageNumber)
        options.set(.workDirectory, number: directories.workNumber)
        options.set(.logFile, text: directories.logName)
        options.set(.pid, number: container.record.pid)
        options.set(.root, text: container.record.rootfs)
        options.set(.leaveRunning, request.leavesRunning)
        options.set(.linkRemap, request.linkRemap)
        options.set(.tcpSkipInFlight, request.tcpSkipInFlight)
        if let freezer = container.cgroup.freezerPath, try !isStuckWhenFrozen() {
            options.set(.freezeCgroup, text: freezer)
        }
        if request.isPreDump { options.set(.trackMemory) }
        if let parent = request.parentPath {
            options.set(.parentImages, text: parent)
            options.set(.trackMemory)
        }
        if let server = request.pageServer {
            options.setPageServer(server.address, port: server.port, connection: pages)
        }
        if request.isPreDump { return options }
        try nameNamespaces(in: &options)
        let pid = container.record.pid
        let field = CriuFailure.Operation.checkpoint.rawValue
        let table = try attempt(field) { () throws(SystemError) in try MountTable(of: pid) }
        let found = try MountSearch.find(
            ExternalMounts.displaced(spec, in: container.record.rootfs, table), in: container,
            interruption: interruption)
        ExternalMounts.name(spec, in: container.record.rootfs, table, found: found, in: &options)
        let descriptors: [UInt8]
        do { descriptors = try StandardDescriptors.name(of: pid, table, in: &options) } catch {
            throw .system(error, field: field)
        }
        try directories.write(StandardDescriptors.fileName, descriptors)
        return options
    }

    /// Whether a process is stopped by a signal, and the cgroup's freezer would keep it from what CRIU then waits for. CRIU
    /// has other means to make all stand still. Of those that are frozen already the kernel says no more than that.
    private func isStuckWhenFrozen() throws(RuntimeError) -> Bool {
        guard container.cgroup.hasDeepFreezer, try !container.isFrozen() else { return false }
        do {
            // Who has ended meanwhile stands still.
            return try container.cgroup.processes().contains { pid in
                (try? ProcessStatus(of: pid).state) == UInt8(ascii: "T")
            }
        } catch {
            throw .cgroup(error)
        }
    }

    /// Namespaces that others have made are not saved: at the restore they are there.
    private func nameNamespaces(in options: inout CriuOptions) throws(RuntimeError) {
        for kind in ExternalNamespaces.kinds where spec.linux.namespace(kind)?.path != nil {
            let path = "/proc/\(container.record.pid)/ns/\(kind.procName)"
            let status = try attempt("linux.namespaces") { () throws(SystemError) in
                try Files.status(path, follow: true)
            }
            options.set(.external, text: "\(kind.procName)[\(status.inode)]:\(ExternalNamespaces.name(of: kind))")
        }
    }
}

/// Namespaces of the kinds that CRIU can leave alone. Their names are those that runc gives them.
enum ExternalNamespaces {
    static let kinds: [NamespaceKind] = [.network, .pid]

    static func name(of kind: NamespaceKind) -> String { kind == .network ? "extRootNetNS" : "extRootPidNS" }
}

extension CriuOptions {
    /// What a checkpoint and a restore are told alike.
    init(_ settings: CriuSettings, _ spec: Spec) {
        self.init()
        set(.logLevel, number: 4)
        set(.notifies)
        set(.orphanTerminalMaster)
        set(.managesCgroups)
        set(.manageCgroupsMode, number: settings.cgroupMode.number)
        set(.tcpEstablished, settings.tcpEstablished)
        set(.externalUnixSockets, settings.externalUnixSockets)
        set(.shellJob, settings.shellJob)
        set(.fileLocks, settings.fileLocks)
        set(.lazyPages, settings.lazyPages)
        set(.autoDedup, settings.autoDedup)
        set(.externalSharing)
        set(.externalMasters)
        if settings.emptyNetwork { set(.emptyNamespaces, number: Int32(NamespaceKind.network.cloneFlag)) }
        if let method = settings.networkLock { set(.networkLock, number: method.number) }
        // Who is not root of the host may be permitted this much (CAP_CHECKPOINT_RESTORE).
        if Rights.caller() != .root { set(.unprivileged) }
        if let file = CriuProgram.configuration(spec.annotation(CriuProgram.configurationAnnotation)) {
            set(.configFile, text: file)
        }
    }
}
