internal import Kernel

/// What `run` does while its container runs: passes signals on, relays the terminal, and waits for the end.
struct Foreground: ~Copyable {
    private let signals: SignalQueue
    /// nil if the container has the caller's own streams.
    private let relay: Relay?
    /// nil if nobody waits for the container to be ready.
    private let notifications: NotifySocket?

    /// - Parameters:
    ///   - master: the master of the process's terminal; nil if it has the caller's own streams.
    ///   - notifications: where the process may say that it is ready.
    init(
        _ signals: consuming SignalQueue, _ master: consuming Descriptor?, notifications: NotifySocket? = nil
    ) throws(SystemError) {
        self.signals = signals
        switch consume master {
        case .some(let master): relay = try Relay(master)
        case .none: relay = nil
        }
        self.notifications = notifications
    }

    /// Follows the process to its end, and returns its exit status as a shell gives it.
    consuming func follow(_ process: borrowing Kernel.Process) throws(SystemError) -> Int32 {
        relay?.begin()
        defer { relay?.end() }
        while true {
            let occurred = try Wait.occurred(interests(process), milliseconds: relay?.patience ?? -1)
            for (descriptor, _) in occurred where descriptor == signals.descriptor.number {
                try passSignals(to: process)
            }
            try relay?.handle(occurred)
            notifications?.passOn()
            guard occurred.contains(where: { $0.0 == process.descriptor.number }), let end = try process.poll() else {
                continue
            }
            try relay?.drain(signals)
            return end.shellStatus
        }
    }

    private borrowing func interests(_ process: borrowing Kernel.Process) -> [(Int32, Int16)] {
        var interests = relay?.interests ?? []
        interests.append((signals.descriptor.number, Events.readable))
        interests.append((process.descriptor.number, Events.readable))
        if let notifications { interests.append((notifications.number, Events.readable)) }
        return interests
    }

    /// Every signal goes to the container's process, but those that are about this one.
    private borrowing func passSignals(to process: borrowing Kernel.Process) throws(SystemError) {
        while let signal = try signals.next() {
            switch signal {
            case Signals.childChanged: while ThisProcess.reapOrphan(besides: process) {}
            case Signals.windowChanged: relay?.resize()
            case Signals.urgent: break
            case Signals.stop where relay != nil: relay?.suspend()
            case Signals.resume where relay != nil: relay?.resume()
            default:
                do { try process.signal(signal) } catch {
                    if error.errno != .noProcess { throw error }
                }
            }
        }
    }
}
