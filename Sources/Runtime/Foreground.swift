internal import Kernel

/// What `run` does while its container runs: passes signals on, relays the terminal, and waits for the end.
struct Foreground: ~Copyable {
    private let signals: SignalQueue
    /// The master of the container's terminal; nil if the container has the caller's own streams.
    private let master: Descriptor?
    /// What was typed and has not been taken by the container yet.
    private var pending: [UInt8] = []
    private var inputIsOpen = true
    private var outputIsOpen = true

    init(_ signals: consuming SignalQueue, _ master: consuming Descriptor?) {
        self.signals = signals
        self.master = master
    }

    /// Follows the process to its end, and returns its exit status as a shell gives it.
    consuming func follow(_ process: borrowing Kernel.Process) throws(SystemError) -> Int32 {
        let hasTerminal = master != nil
        if hasTerminal, Terminal.isTerminal(0) {
            try Terminal.makeRaw(0)
            resize()
        }
        let status: Int32
        do { status = try loop(process) } catch {
            try? Terminal.restore(0)  // The first error is the one to tell.
            throw error
        }
        if hasTerminal { try Terminal.restore(0) }
        return status
    }

    private mutating func loop(_ process: borrowing Kernel.Process) throws(SystemError) -> Int32 {
        while true {
            var interests: [(Int32, Int16)] = [(signals.descriptor.number, Events.readable), (process.descriptor.number, Events.readable)]
            if let master = masterNumber {
                interests.append((master, Events.readable | (pending.isEmpty ? 0 : Events.writable)))
                if inputIsOpen, pending.isEmpty { interests.append((0, Events.readable)) }
            }
            var hasEnded = false
            for (descriptor, events) in try Wait.occurred(interests, milliseconds: -1) {
                switch descriptor {
                case signals.descriptor.number: try passSignals(to: process)
                case process.descriptor.number: hasEnded = true
                case 0: try readInput()
                default: try relay(events)
                }
            }
            guard hasEnded, let end = try process.poll() else { continue }
            try drain()
            return end.shellStatus
        }
    }

    private var masterNumber: Int32? {
        switch master {
        case .some(let descriptor): descriptor.number
        case .none: nil
        }
    }

    /// Every signal goes to the container's process, but those that are about this one.
    private func passSignals(to process: borrowing Kernel.Process) throws(SystemError) {
        while let signal = try signals.next() {
            switch signal {
            case Self.childChanged: while ThisProcess.reapStranger(besides: process) {}
            case Self.windowChanged: resize()
            case Self.urgent: break
            default:
                do { try process.signal(signal) } catch {
                    if error.errno != .noProcess { throw error }
                }
            }
        }
    }

    private static let childChanged: Int32 = 17
    private static let windowChanged: Int32 = 28
    private static let urgent: Int32 = 23

    /// The container's terminal gets the size of the caller's.
    private func resize() {
        guard let master = masterNumber, let size = try? Terminal.windowSize(of: 0) else { return }
        try? Terminal.setWindowSize(size, of: master)  // A terminal without a size works.
    }

    private mutating func readInput() throws(SystemError) {
        let bytes: [UInt8]
        do { bytes = try Streams.read(0) } catch {
            if error.errno == .inputOutput { return inputIsOpen = false }
            throw error
        }
        if bytes.isEmpty {
            // The end of piped input is the end-of-file character of a terminal (Ctrl-D).
            inputIsOpen = false
            pending = [4]
        } else {
            pending = bytes
        }
    }

    private mutating func relay(_ events: Int16) throws(SystemError) {
        guard let master = masterNumber else { return }
        if events & Events.writable != 0, !pending.isEmpty {
            let count = try Streams.write(pending, to: master)
            pending.removeFirst(count)
        }
        if events & (Events.readable | Events.hungUp) != 0 { _ = try copyOutput(master) }
    }

    /// Copies what is there to standard output; false at the end (EIO: nobody has the other side open).
    private mutating func copyOutput(_ master: Int32) throws(SystemError) -> Bool {
        let bytes: [UInt8]
        do { bytes = try Streams.read(master) } catch {
            if error.errno == .inputOutput {
                Wait.sleep(milliseconds: 1)
                return false
            }
            throw error
        }
        if outputIsOpen { writeOut(bytes) }
        return !bytes.isEmpty
    }

    /// A reader that has gone away, or output that fails, is no reason to end the container.
    private mutating func writeOut(_ bytes: [UInt8]) {
        var rest = bytes[...]
        while !rest.isEmpty {
            do { rest = rest.dropFirst(try Streams.write(Array(rest), to: 1)) } catch {
                guard error.errno == .tryAgain else { return outputIsOpen = false }
                // Somebody made it non-blocking: wait until it takes more.
                _ = try? Wait.occurred([(1, Events.writable)], milliseconds: 1000)
            }
        }
    }

    /// What the process wrote before it ended is still in the terminal.
    private mutating func drain() throws(SystemError) {
        guard let master = masterNumber else { return }
        while !(try Wait.readable([master], milliseconds: 0)).isEmpty {
            guard try copyOutput(master) else { return }
        }
    }
}
