internal import Cgroups
internal import Kernel
internal import OCI

/// A container as its state directory and the kernel show it at one moment.
struct Container {
    let store: Store
    var record: Record

    init(_ id: String, in store: Store) throws(RuntimeError) {
        self.store = store
        record = try store.record(of: id)
    }

    init(_ record: Record, in store: Store) {
        self.store = store
        self.record = record
    }

    /// Empty for a container that stays in its creator's.
    var cgroup: Cgroup { Cgroup(restoring: record.cgroup) }

    /// Its class of service, if it has one.
    var resctrl: ResctrlGroup? { ResctrlGroup(restoring: record.resctrl) }

    /// The cgroup, for a command that is in vain without one.
    func requireCgroup() throws(RuntimeError) -> Cgroup {
        let cgroup = cgroup
        if cgroup.isAbsent {
            throw .status(
                "container \(record.id) has no cgroup of its own: its processes cannot be told from others, nor limited"
            )
        }
        return cgroup
    }

    /// Whether the first process lives.
    func isAlive() throws(RuntimeError) -> Bool {
        switch try process() {
        case .some: true
        case .none: false
        }
    }

    /// Computed from the process, so that it cannot be stale.
    ///
    /// - Parameter holdsLock: whether it is the caller who works on the container, so that nobody else does.
    func status(holdsLock: Bool = false) throws(RuntimeError) -> ContainerStatus {
        guard record.pid > 0 else {
            if holdsLock { return .stopped }
            return try isBeingCreated() ? .creating : .stopped
        }
        guard try isAlive() else { return .stopped }
        if try isInSetUp() { return .creating }
        if try isFrozen() { return .paused }
        return try isWaiting() ? .created : .running
    }

    /// Whether its first process has got a SIGKILL that has not ended it yet (proc_pid_status(5), SigPnd and ShdPnd).
    var isToBeKilled: Bool {
        // A process that is gone needs none.
        guard let status = try? Files.readText("/proc/\(record.pid)/status") else { return false }
        return status.components(between: "\n").contains { line in
            (line.begins(with: "SigPnd:") || line.begins(with: "ShdPnd:"))
                && line.split(separator: "\t").last.flatMap { UInt64($0, radix: 16) }.map { $0 >> 8 & 1 == 1 } ?? false
        }
    }

    /// Waits for the end of the first process if that is certain, and else for a moment: who has been told to end, or has
    /// just come to its end, is not to be taken for one that runs because the machine is busy.
    ///
    /// - Returns: whether it has ended.
    func hasEndedMeanwhile() throws(RuntimeError) -> Bool {
        let isExiting = (try? ProcessStatus(of: record.pid))?.isExiting ?? true
        return try hasEnded(within: isExiting || isToBeKilled ? 10_000 : 100)
    }

    /// Whether a signal is the end of the first process, whatever that is: SIGKILL, and what apus-init ends of while it waits
    /// for `start` (`ending_signals` there).
    func isEnded(by signal: Int32) throws(RuntimeError) -> Bool {
        if signal == 9 { return true }
        guard [1, 2, 3, 6, 15, 16].contains(signal), try isWaiting() else { return false }
        return try !isFrozen()
    }

    /// Whether its processes stand still.
    func isFrozen() throws(RuntimeError) -> Bool {
        do { return try cgroup.isFrozen() } catch { throw .cgroup(error) }
    }

    /// Lets its processes go on.
    func thaw() throws(RuntimeError) {
        do { try cgroup.thaw() } catch { throw .cgroup(error) }
    }

    /// Sends a signal to every process in its cgroup.
    func signalAll(_ signal: Int32) throws(RuntimeError) {
        do { try cgroup.signalAll(signal) } catch { throw .cgroup(error) }
    }

    /// Sends a signal to the first process, which is returned.
    @discardableResult
    func signalFirst(_ signal: Int32) throws(RuntimeError) -> Kernel.Process {
        guard let process = try process() else { throw Self.notRunning }
        do { try process.signal(signal) } catch {
            if error.errno == .noProcess { throw Self.notRunning }
            throw .system(error, field: "")
        }
        return process
    }

    static var notRunning: RuntimeError { .status("container not running") }

    /// Waits for the end of the first process; whether it has ended.
    func hasEnded(within milliseconds: Int32) throws(RuntimeError) -> Bool {
        guard let process = try process() else { return true }
        do { return try process.hasEnded(within: milliseconds) } catch { throw .system(error, field: "") }
    }

    /// Ends all processes, and waits until the first one has ended.
    func endAll() throws(RuntimeError) {
        guard let process = try process() else { return try signalAll(9) }
        try? process.signal(9)  // ESRCH: it has ended meanwhile.
        try signalAll(9)
        let hasEnded: Bool
        do { hasEnded = try process.hasEnded(within: 10_000) } catch { throw .system(error, field: "") }
        if !hasEnded { throw .status("container \(record.id) did not end within 10 s of SIGKILL") }
    }

    /// Removes its cgroup, in which no process is left, and its class of service.
    func removeCgroups() throws(RuntimeError) {
        do {
            try cgroup.remove()
            try resctrl?.remove()
        } catch {
            throw .cgroup(error)
        }
    }

    /// Where its own configuration is kept.
    var configPath: String { "\(store.path(of: record.id))/\(Entry.configName)" }

    /// Its own configuration, as it was when it was created: what `decode` reads of it.
    func configuration(_ decode: ([UInt8]) throws(SpecError) -> Spec) throws(RuntimeError) -> Spec {
        let bytes: [UInt8]
        do { bytes = try Files.readRegular(configPath) } catch { throw .system(error, field: "--root") }
        do { return try decode(bytes) } catch { throw .config(path: configPath, error) }
    }

    private func isBeingCreated() throws(RuntimeError) -> Bool {
        do {
            let directory = try Descriptor.open(store.path(of: record.id), [.readOnly, .directory, .noFollow])
            return try !directory.lock(exclusive: false, wait: false)
        } catch {
            if error.errno == .noEntry { return false }
            throw .system(error, field: "--root")
        }
    }

    /// Whether the container is being set up, or its set-up was cut off: the marker is there. Its process may be anywhere
    /// then, in the host's root too.
    func isInSetUp() throws(RuntimeError) -> Bool { try has(Entry.markerName) }

    /// Whether the process waits for `start`. A `start` that was killed may have left a gate through which the process has
    /// gone already. A container can give its program any name, and gains nothing by this one.
    private func isWaiting() throws(RuntimeError) -> Bool {
        guard try has(Entry.gateName) else { return false }
        do { return try Files.readLink("/proc/\(record.pid)/exe").begins(with: "/memfd:apus-init") } catch {
            // One that is ending has no program any more.
            if error.isEndOfProcess { return true }
            throw .system(error, field: "")
        }
    }

    /// Whether there is an entry in the container's directory.
    private func has(_ name: String) throws(RuntimeError) -> Bool {
        do { _ = try Files.status("\(store.path(of: record.id))/\(name)") } catch {
            if error.errno == .noEntry { return false }
            throw .system(error, field: "--root")
        }
        return true
    }

    func state(_ status: ContainerStatus, pid: Int32? = nil) -> State {
        State(
            ociVersion: record.ociVersion, id: record.id, status: status,
            pid: pid ?? (status == .stopped || status == .creating ? 0 : record.pid), bundle: record.bundle,
            rootfs: record.rootfs, created: record.created, annotations: record.annotations, owner: "")
    }

    /// Whether other processes go on when the first one is gone: those of a container that shares its pid namespace.
    /// The first process of a pid namespace takes all the others with it (pid_namespaces(7)).
    func outlivesItsFirstProcess() throws(RuntimeError) -> Bool {
        if try isAlive() { return Lifecycle.pidInside(record.pid) != 1 }
        do { return try !cgroup.processes().isEmpty } catch { throw .cgroup(error) }
    }

    /// The first process, held so that its pid cannot come to mean another one: the very one, not a later one with its pid.
    /// One that has ended and was not reaped yet is none.
    ///
    /// Only the kernel's word that there is no such process counts as an end: whoever took any other failure for one would
    /// delete a container that runs.
    func process() throws(RuntimeError) -> Kernel.Process? {
        guard record.pid > 0 else { return nil }
        do {
            let process = try Kernel.Process(opening: record.pid)
            guard try process.has(record.identity), try !process.hasEnded(within: 0) else { return nil }
            return process
        } catch {
            if error.isEndOfProcess { return nil }
            throw .system(error, field: "")
        }
    }
}

/// User names of the host, for people to read.
enum Users {
    /// The name of a user id in /etc/passwd; empty if it has none.
    static func name(of uid: UInt32) -> String {
        if uid == 0 { return "root" }
        guard let bytes = try? Files.read("/etc/passwd", limit: 4 << 20) else { return "" }
        for line in bytes.split(separator: UInt8(ascii: "\n")) {
            let fields = line.split(separator: UInt8(ascii: ":"), maxSplits: 3, omittingEmptySubsequences: false)
            guard fields.count > 2, UInt32(String(decoding: fields[2], as: UTF8.self)) == uid else { continue }
            return String(decoding: fields[0], as: UTF8.self)
        }
        return ""
    }
}
