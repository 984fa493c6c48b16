internal import Kernel

/// Carries bytes between the caller's streams and the container's terminal, as ssh does between two terminals.
///
/// It never waits for either side: where one does not take more, the other one is not read. What the caller lent
/// (descriptors 0, 1 and 2) stays as it was: their modes are those of open files that other processes use too.
final class Relay {
    /// The container's terminal; nil once the caller's is gone.
    private var master: Descriptor?
    private let masterNumber: Int32
    private var caller: CallerTerminal?
    /// Standard output, opened once more so that writing to it does not wait; nil where that cannot be had.
    private let ownOutput: Descriptor?
    /// What the caller gave and the container's terminal has not taken yet.
    private var typed: [UInt8] = []
    /// What the container printed and standard output has not taken yet.
    private var printed: [UInt8] = []
    private var inputIsOpen = true
    private var outputIsOpen = true
    /// The caller's terminal, or the reader of the output, is gone, and with it the container's terminal.
    private var isGone = false
    /// Nobody in the container has the terminal open. Somebody may open it again, which cannot be waited for.
    private var isUnused = false
    /// When the end of the input is said again (CLOCK_MONOTONIC), and the pause after that; nil: it has not ended.
    private var nextEnd: (time: Int64, pause: Int64)?

    init(_ master: consuming Descriptor) throws(SystemError) {
        try master.setNonBlocking()
        masterNumber = master.number
        self.master = consume master
        caller = Terminal.isTerminal(0) ? CallerTerminal(descriptor: 0) : nil
        ownOutput = Self.reopenOutput()
    }

    /// Terminals and pipes can be opened anew. A file cannot, since its position would be another one.
    private static func reopenOutput() -> Descriptor? {
        guard let kind = try? Files.status("/proc/self/fd/1", follow: true).kind else { return nil }
        guard kind == .fifo || (kind == .characterDevice && Terminal.isTerminal(1)) else { return nil }
        // Not permitted, or its readers are gone: writing tells.
        return try? Descriptor.open("/proc/self/fd/1", [.writeOnly, .nonBlocking, .noControllingTerminal])
    }

    // MARK: The caller's terminal

    func begin() {
        JobControl.allowsStops(true)
        caller?.enter()
        resize()
    }

    /// However the container ended, the caller gets the terminal back as it was.
    func end() { caller?.leave() }

    /// The container's terminal gets the size of the caller's.
    func resize() {
        if !isGone { CallerTerminal.copySize(to: masterNumber) }
    }

    /// Stops this process, with the caller's terminal as it was; the container goes on.
    func suspend() {
        caller?.leave()
        JobControl.stop()
    }

    /// Goes on after a stop: meanwhile the terminal was somebody else's.
    func resume() {
        caller?.enter()
        resize()
    }

    // MARK: What to wait for

    /// Descriptors and events of poll(2).
    var interests: [(Int32, Int16)] {
        var interests: [(Int32, Int16)] = []
        let wanted = (printed.isEmpty ? Events.readable : 0) | (typed.isEmpty ? 0 : Events.writable)
        if !isGone, !isUnused, wanted != 0 { interests.append((masterNumber, wanted)) }
        // The end of a terminal is seen even while nothing more can be taken from it.
        if inputIsOpen, typed.isEmpty || caller != nil { interests.append((0, typed.isEmpty ? Events.readable : 0)) }
        if !printed.isEmpty { interests.append((1, Events.writable)) }
        return interests
    }

    /// How long to wait for them at most; -1: for ever.
    var patience: Int32 {
        if isGone { return -1 }
        if isUnused { return 50 }
        guard typed.isEmpty, let nextEnd else { return -1 }
        return Int32(clamping: max(0, nextEnd.time - Clock.monotonic) / 1_000_000 + 1)
    }

    /// Takes on what poll(2) said.
    func handle(_ occurred: [(Int32, Int16)]) throws(SystemError) {
        isUnused = false
        for (descriptor, events) in occurred {
            switch descriptor {
            case 0: try handleInput(events)
            case 1: writeOutput()
            case masterNumber: try handleMaster(events)
            default: break  // Others wait with us for what is theirs.
            }
        }
        sayEndAgain()
    }

    private func handleMaster(_ events: Int16) throws(SystemError) {
        if isGone { return }
        if events & Events.writable != 0 { try writeInput() }
        if events & ~Events.writable == 0 { return }
        if printed.isEmpty { _ = try readOutput() } else { isUnused = events & Events.hungUp != 0 }
    }

    // MARK: From the caller to the container

    private func handleInput(_ events: Int16) throws(SystemError) {
        if caller != nil, events & Events.hungUp != 0 {
            hangUp()
        } else if events & Events.invalid != 0 {
            endInput()
        } else if events & (Events.readable | Events.hungUp | Events.failed) != 0 {
            // In the background this waits until a shell says otherwise; then the signal that continues us comes first.
            if let isReady = caller?.enterIfChanged(), !isReady { return }
            try readInput()
        }
    }

    private func readInput() throws(SystemError) {
        let bytes: [UInt8]
        do { bytes = try Streams.read(0) } catch {
            switch error.errno {
            case .tryAgain: return
            // EIO: an orphan in the background of its terminal, which nobody can bring to the foreground.
            default: return endInput()
            }
        }
        if bytes.isEmpty { return endInput() }
        typed = bytes
        try writeInput()
    }

    private func writeInput() throws(SystemError) {
        guard !isGone, !typed.isEmpty else { return }
        do {
            typed.removeFirst(try Streams.write(typed, to: masterNumber))
        } catch {
            switch error.errno {
            case .tryAgain: return
            case .inputOutput: isUnused = true
            default: throw error
            }
        }
    }

    /// A terminal has no end of its input but a character that says so.
    private func endInput() {
        inputIsOpen = false
        nextEnd = (Clock.monotonic, Self.firstPause)
        sayEndAgain()
    }

    private static let firstPause: Int64 = 100_000_000
    private static let longestPause: Int64 = 5_000_000_000

    /// The character means nothing in the middle of a line, and gets lost when a shell changes the mode of its
    /// terminal. Whoever asks for input after its end is to be told so, as by a pipe that was closed.
    private func sayEndAgain() {
        guard let (time, pause) = nextEnd, !isGone, typed.isEmpty, Clock.monotonic >= time else { return }
        nextEnd = (Clock.monotonic + pause, min(pause * 2, Self.longestPause))
        guard let character = try? TerminalMode(of: masterNumber).endOfInput else { return }
        typed = [character]
    }

    /// The caller's terminal is gone, or whoever read what was printed. The container's goes too: its programs get SIGHUP
    /// and the end of the input, and cannot print any more.
    private func hangUp() {
        inputIsOpen = false
        outputIsOpen = false
        isGone = true
        // Usually the kernel tells them when the leader of their session ends of its SIGHUP. Process 1 does not end of
        // it.
        Terminal.hangUp(masterNumber)
        printed = []
        master = nil
    }

    // MARK: From the container to the caller

    /// Takes what is there to be printed; false if nothing is.
    private func readOutput() throws(SystemError) -> Bool {
        let bytes: [UInt8]
        do { bytes = try Streams.read(masterNumber) } catch {
            switch error.errno {
            case .tryAgain: return false
            case .inputOutput:
                isUnused = true
                return false
            default: throw error
            }
        }
        guard !bytes.isEmpty else {
            isUnused = true
            return false
        }
        if outputIsOpen {
            printed = bytes
            writeOutput()
        }
        return true
    }

    /// Output that fails is no reason to end the container. Without anybody to read it there is no terminal any more: who
    /// writes on there is told so, as everywhere.
    private func writeOutput() {
        guard !printed.isEmpty else { return }
        do {
            switch ownOutput {
            case .some(let output): printed.removeFirst(try Streams.write(printed, to: output.number))
            // What poll(2) calls writable takes a page, at least, without waiting.
            case .none: printed.removeFirst(try Streams.write(Array(printed.prefix(4096)), to: 1))
            }
        } catch {
            switch error.errno {
            case .tryAgain: return
            case .brokenPipe, .connectionReset, .inputOutput: hangUp()
            default:
                outputIsOpen = false
                printed = []
            }
        }
    }

    /// What the process printed before it ended is still in the terminal. It is passed on to the last byte, unless one
    /// of the signals that end a program says that nobody wants it.
    func drain(_ signals: borrowing SignalQueue) throws(SystemError) {
        while outputIsOpen {
            if printed.isEmpty {
                guard try readOutput() else { return }
                continue
            }
            let occurred = try Wait.occurred(
                [(1, Events.writable), (signals.descriptor.number, Events.readable)], milliseconds: -1)
            while let signal = try signals.next() {
                switch signal {
                case Signals.stop: suspend()
                case Signals.hangUp, Signals.interrupt, Signals.quit, Signals.terminate: return
                default: break
                }
            }
            if occurred.contains(where: { $0.0 == 1 }) { writeOutput() }
        }
    }
}

/// Numbers of signals (signal(7)).
enum Signals {
    static let hangUp: Int32 = 1
    static let interrupt: Int32 = 2
    static let quit: Int32 = 3
    static let terminate: Int32 = 15
    static let childChanged: Int32 = 17
    static let resume: Int32 = 18
    static let stop: Int32 = 20
    static let urgent: Int32 = 23
    static let windowChanged: Int32 = 28
}

/// The terminal at which the caller sits, while the container's is shown on it.
struct CallerTerminal {
    let descriptor: Int32
    /// What it was before; nil: it is so now.
    private var original: TerminalMode?

    init(descriptor: Int32) {
        self.descriptor = descriptor
    }

    /// Has every key and every byte go through as it is. In the background this stops the process, as shells expect,
    /// and where nobody could continue it the terminal stays as it is.
    mutating func enter() {
        Terminal.awaitForeground(of: descriptor)
        guard Terminal.isInForeground(of: descriptor), let now = try? TerminalMode(of: descriptor) else { return }
        let former = original ?? now
        // A terminal that is gone is found out by reading it.
        guard (try? former.raw.apply(to: descriptor)) != nil else { return }
        original = former
    }

    /// Whether the terminal is ready to be read; enters it if it is not.
    mutating func enterIfChanged() -> Bool {
        if original != nil, Terminal.isInForeground(of: descriptor) { return true }
        enter()
        return original == nil || !Terminal.isInForeground(of: descriptor)
    }

    /// Puts back what was there before. In the background only if nobody else has changed it since: then it is the
    /// shell's.
    mutating func leave() {
        guard let original else { return }
        self.original = nil
        let isUntouched = (try? TerminalMode(of: descriptor))?.equals(original.raw) == true
        guard isUntouched || Terminal.isInForeground(of: descriptor) else { return }
        JobControl.allowsStops(false)
        try? original.apply(to: descriptor)  // A terminal that is gone needs nothing.
        JobControl.allowsStops(true)
    }

    /// Makes a container's terminal what its program is to find: as large as the caller's, and without carriage returns
    /// in what it prints where that goes to no terminal.
    static func prepare(_ terminal: Int32) {
        copySize(to: terminal)
        if Terminal.isTerminal(1) { return }
        // A terminal that prints them works as well.
        try? TerminalMode(of: terminal).plain.apply(to: terminal)
    }

    /// Gives another terminal the size of the caller's: of the first standard stream that is a terminal with a size.
    static func copySize(to terminal: Int32) {
        for stream in Int32(0)...2 {
            guard let size = try? Terminal.windowSize(of: stream), !size.isUnknown else { continue }
            try? Terminal.setWindowSize(size, of: terminal)  // A terminal without a size works.
            return
        }
    }
}
