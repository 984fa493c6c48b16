internal import Kernel
internal import Launch
internal import OCI
internal import Planner

extension Lifecycle {
    /// How `run` goes on once the process executes its program.
    public enum Attachment: Sendable {
        /// The command ends, the container goes on.
        case detached
        /// The command lasts as long as the container, and then deletes it unless it is to be kept.
        case foreground(keep: Bool, subreaper: Bool)
    }

    /// Creates and starts a container; in the foreground, returns the exit status of its process (128 + signal).
    public func run(_ request: CreateRequest, _ attachment: Attachment) throws(RuntimeError) -> Int32 {
        try requireRights()
        let request = try keepingDescriptors(request)
        switch attachment {
        case .detached:
            let preparation = try prepare(request, hasGate: false)
            try preparation.checkTerminal(request, detaches: true)
            try untilSignalled(preparation) { interruption throws(RuntimeError) in
                let creation = try begin(request, preparation, interruption: interruption)
                do throws(RuntimeError) {
                    try creation.unlock()
                    try runPoststart(creation.container, interruption: interruption)
                } catch {
                    creation.undo().forEach(warn)
                    throw error
                }
                try creation.notifications?.awaitReadiness(of: creation.child.process)
            }
            return 0
        case .foreground(let keep, let subreaper):
            let preparation = try prepare(request, hasGate: false, givesStreams: false)
            try preparation.checkTerminal(request, detaches: false)
            do { if subreaper { try ThisProcess.becomeSubreaper() } } catch { throw .system(error, field: "") }
            return try runInForeground(request, preparation, keep: keep)
        }
    }

    private func runInForeground(
        _ request: CreateRequest, _ preparation: Preparation, keep: Bool
    ) throws(RuntimeError) -> Int32 {
        // Signals are queued from before the process is there: none that is meant for it gets lost.
        let signals: SignalQueue
        do { signals = try SignalQueue() } catch { throw .system(error, field: "") }
        let termination: TerminationSignals
        do { termination = try TerminationSignals() } catch { throw .system(error, field: "") }
        do {
            return try runInForeground(request, preparation, signals, termination.descriptor.number, keep: keep)
        } catch {
            // What came while there was no process to pass it on to was meant for this one.
            if let signal = termination.next() { throw .interrupted(signal: signal, error) }
            throw error
        }
    }

    private func runInForeground(
        _ request: CreateRequest, _ preparation: Preparation, _ signals: consuming SignalQueue, _ interruption: Int32,
        keep: Bool
    ) throws(RuntimeError) -> Int32 {
        var creation = try begin(request, preparation, interruption: interruption)
        let status: Int32
        do {
            // While the container runs, other commands may work on it.
            try creation.unlock()
            try runPoststart(creation.container, interruption: interruption)
            let life = Timeline.begin("container runs")
            status = try follow(&creation, signals)
            Timeline.end(life)
            if let note = creation.noteOnMemory(status) { warn(note) }
        } catch {
            creation.undo().forEach(warn)
            throw error
        }
        if keep {
            creation.keep(status)
            return status
        }
        let entry: Entry
        do { entry = try store.lock(creation.record.id) } catch {
            if case .unknownContainer = error { return status }  // Somebody has deleted it already.
            throw error
        }
        try destroy(creation.container, entry, interruption: interruption)
        return status
    }

    private func follow(
        _ creation: inout Creation, _ signals: consuming SignalQueue
    ) throws(RuntimeError) -> Int32 {
        do {
            return try Foreground(signals, creation.takeTerminal(), notifications: creation.notifications)
                .follow(creation.child.process)
        } catch {
            throw .system(error, field: "")
        }
    }

    /// Brings a new container to its exec.
    private func begin(
        _ request: CreateRequest, _ preparation: Preparation, interruption: Int32? = nil
    ) throws(RuntimeError) -> Creation {
        var creation = try bringUp(request, preparation, interruption: interruption)
        do { try creation.execute() } catch {
            creation.undo().forEach(warn)
            throw error
        }
        return creation
    }
}

extension Creation {
    var container: Container { Container(record, in: store) }

    borrowing func unlock() throws(RuntimeError) {
        do { try entry.directory.unlock() } catch { throw .system(error, field: "--root") }
    }

    /// Writes down for `wait` how the process ended.
    mutating func keep(_ status: Int32) {
        record.exitStatus = status
        do {
            let entry = try store.lock(record.id)
            try entry.write(record)
        } catch {
            return  // Somebody has deleted it, or works on it: the caller has the status anyway.
        }
    }

    mutating func takeTerminal() -> Descriptor? {
        var taken: Descriptor?
        swap(&taken, &terminal)
        return taken
    }
}
