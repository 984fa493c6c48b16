internal import InitProtocol
public import Kernel
internal import Planner

/// The other side of the gate: what `start` does. A process waits there until somebody who has come gives the word.
public struct Gate: ~Copyable {
    private let path: String
    private let connection: Descriptor
    private let report: MappedFile
    private let plan: Descriptor
    private var notifySocket: Descriptor?

    /// Goes to the gate of a waiting container.
    ///
    /// - Parameter path: the gate's socket.
    /// - Throws: ECONNREFUSED: nobody waits there any more.
    public init(at path: String) throws(SystemError) {
        let connection = try Descriptor.connected(to: path, .sequencedPackets)
        let hello: Message
        do { hello = try connection.receive() } catch {
            throw error.isEndOfPeer ? SystemError("recvmsg", path, .connectionRefused) : error
        }
        let numbers = hello.descriptors
        guard numbers.count == 2 || numbers.count == 3 else {
            for number in numbers { _ = Descriptor(owning: number) }
            throw SystemError(
                "sendmsg", path, hello.bytes.isEmpty ? .connectionRefused : Self.failure(hello.bytes) ?? .badMessage)
        }
        let page = Descriptor(owning: numbers[0])
        let plan = Descriptor(owning: numbers[1])
        let notifySocket = numbers.count == 3 ? Descriptor(owning: numbers[2]) : nil
        // In a pid namespace that it shares, another process may speak in the name of the one at the gate.
        guard page.isSizeSealed, try page.status().size == Plan.reportSize, plan.isSealed else {
            throw SystemError("recvmsg", path, .badMessage)
        }
        report = try MappedFile(page, size: Plan.reportSize)
        self.path = path
        self.connection = connection
        self.plan = plan
        self.notifySocket = notifySocket
    }

    /// What went wrong on the other side, if that is what a message says.
    private static func failure(_ bytes: [UInt8]) -> Errno? {
        guard bytes.count == MemoryLayout<apus_message>.size else { return nil }
        let message = unsafe bytes.withUnsafeBytes { unsafe $0.loadUnaligned(as: apus_message.self) }
        return message.value > 0 ? Errno(rawValue: message.value) : nil
    }

    /// The socket at which the container says that it is ready; nil if it has none, or it was taken before.
    public mutating func takeNotifySocket() -> Descriptor? {
        var taken: Descriptor?
        swap(&taken, &notifySocket)
        return taken
    }

    /// Gives the word to go on.
    ///
    /// - Parameter descriptors: borrowed; what the steps behind the gate need.
    public borrowing func open(descriptors: [Int32]) throws(LaunchError) {
        do { try answer(descriptors) } catch { throw .system(error) }
    }

    /// Waits until the process executes its program, or asks to hand on the listener of its filter, which then is the
    /// caller's; nil: it executes.
    ///
    /// - Parameters:
    ///   - interval: how often `meanwhile` is called while nothing happens (milliseconds); -1: never.
    ///   - meanwhile: what is done now and then; it must not take long.
    /// - Throws: `.step` with what the plan says of the step that failed.
    public borrowing func nextListener(
        every interval: Int32 = -1, meanwhile: () -> Void = {}
    ) throws(LaunchError) -> Int32? {
        do throws(SystemError) {
            // Close-on-exec closes the other end: the end of the stream is a successful exec, or a death.
            while true {
                while interval >= 0, try Wait.readable([connection.number], milliseconds: interval).isEmpty {
                    meanwhile()
                }
                let message = try connection.receiveUntilReset()
                if Self.meeting(of: message.bytes) == .listener {
                    for number in message.descriptors.dropFirst() { _ = Descriptor(owning: number) }
                    guard let listener = message.descriptors.first else {
                        throw SystemError("recvmsg", path, .badMessage)
                    }
                    return listener
                }
                // In a pid namespace that it shares, another process may speak in the name of the one at the gate.
                for number in message.descriptors { _ = Descriptor(owning: number) }
                if message.bytes.isEmpty { break }
                // It has not understood the word, and waits for the next who comes.
                if let errno = Self.failure(message.bytes) { throw SystemError("recvmsg", path, errno) }
            }
        } catch {
            throw .system(error)
        }
        let end = Report(report)
        if end.phase == .executing { return nil }
        let failure: StepFailure
        do { failure = try Notes(plan).failure(end) } catch { throw .system(error) }
        throw .step(failure)
    }

    /// What a message is about; nil: nothing that there is.
    private static func meeting(of bytes: [UInt8]) -> Meeting? {
        guard bytes.count == MemoryLayout<apus_message>.size else { return nil }
        return Meeting(number: unsafe bytes.withUnsafeBytes { unsafe $0.loadUnaligned(as: apus_message.self) }.meeting)
    }

    /// Says that the listener has been handed on, or that the process has to give up.
    public borrowing func answerListener(isTaken: Bool) throws(LaunchError) {
        do { try answer([], value: isTaken ? 0 : 1) } catch { throw .system(error) }
    }

    private borrowing func answer(_ descriptors: [Int32], value: Int32 = 0) throws(SystemError) {
        let word = apus_message(meeting: 0, value: value)
        try connection.sendUnlessReset(
            unsafe withUnsafeBytes(of: word) { unsafe [UInt8]($0) }, descriptors: descriptors)
    }
}

extension Descriptor {
    /// The next message; empty at the end, also where the other side died with something unread.
    fileprivate borrowing func receiveUntilReset() throws(SystemError) -> Message {
        do { return try receive() } catch {
            if error.errno == .connectionReset { return Message(bytes: [], descriptors: []) }
            throw error
        }
    }

    /// Sends a message; one that died meanwhile tells by its end.
    fileprivate borrowing func sendUnlessReset(_ bytes: [UInt8], descriptors: [Int32]) throws(SystemError) {
        do { try send(bytes, descriptors: descriptors) } catch {
            if !error.isEndOfPeer { throw error }
        }
    }
}

/// What a plan's steps behind the gate are, read from the plan itself.
private struct Notes: ~Copyable {
    private let file: MappedFile
    private let header: apus_plan

    init(_ plan: borrowing Descriptor) throws(SystemError) {
        let size = Int(try plan.status().size)
        let file = try MappedFile(plan, size: size)
        let bytes = file.bytes(at: 0, count: MemoryLayout<apus_plan>.size)
        guard bytes.count == MemoryLayout<apus_plan>.size else { throw SystemError("mmap", "plan", .invalidArgument) }
        self.file = file
        header = unsafe bytes.withUnsafeBytes { unsafe $0.loadUnaligned(as: apus_plan.self) }
    }

    borrowing func failure(_ report: Report) -> StepFailure {
        let note = text(of: report.step).split(separator: "\t", maxSplits: 1)
        let field = note.first.map(String.init) ?? "process"
        return StepFailure(field: field, step: note.last.map(String.init) ?? "", report: report, exit: nil)
    }

    private borrowing func text(of step: UInt32) -> String {
        guard step >= header.gate_step, step - header.gate_step < header.notes.count else {
            return "process\twait at the gate"
        }
        let entry = file.bytes(at: Int(header.notes.offset) + 8 * Int(step - header.gate_step), count: 8)
        let offset = entry.reversed().reduce(0) { $0 << 8 | Int($1) }
        let bytes = file.bytes(at: offset, count: 4096).prefix { $0 != 0 }
        return String(decoding: bytes, as: UTF8.self)
    }
}
