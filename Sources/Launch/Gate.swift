internal import InitProtocol
internal import Kernel

/// The other side of the gate: what `start` does.
public enum Gate {
    /// Opens the gate of a waiting container and waits until it executes its program.
    ///
    /// - Parameters:
    ///   - path: the gate's socket.
    ///   - descriptors: borrowed; what the steps behind the gate need.
    ///   - interval: how often `meanwhile` is called while nothing happens (milliseconds); -1: never.
    /// - Throws: `.step` with what the plan says of the step that failed.
    public static func open(
        _ path: String, descriptors: [Int32], every interval: Int32 = -1, meanwhile: () -> Void = {}
    ) throws(LaunchError) {
        do {
            let connection = try Descriptor.connected(to: path, .sequencedPackets)
            let hello = try connection.receive()
            guard hello.descriptors.count == 2 else { throw SystemError("recvmsg", path, .connectionRefused) }
            let page = Descriptor(owning: hello.descriptors[0])
            let plan = Descriptor(owning: hello.descriptors[1])
            // In a pid namespace that it shares, another process may speak in the name of the one at the gate.
            guard page.isSizeSealed, try page.status().size == 4096, plan.isSealed else {
                throw SystemError("recvmsg", path, .badMessage)
            }
            let report = try MappedFile(page, size: 4096)
            let word = apus_message(meeting: 0, value: 0)
            try connection.sendUnlessReset(
                unsafe withUnsafeBytes(of: word) { unsafe [UInt8]($0) }, descriptors: descriptors)
            // Close-on-exec closes the other end: the end of the stream is a successful exec, or a death.
            repeat {
                while interval >= 0, try Wait.readable([connection.number], milliseconds: interval).isEmpty {
                    meanwhile()
                }
            } while !(try connection.receiveUntilReset()).isEmpty
            let end = Report(report)
            if end.phase != .executing { throw LaunchError.step(try Notes(plan).failure(end)) }
        } catch let error as SystemError {
            throw .system(error)
        } catch let error as LaunchError {
            throw error
        } catch {
            throw .system(SystemError("recvmsg", path, .inputOutput))
        }
    }
}

extension Descriptor {
    /// The next message; empty at the end, also where the other side died with something unread.
    fileprivate borrowing func receiveUntilReset() throws(SystemError) -> [UInt8] {
        do { return try receive().bytes } catch {
            if error.errno == .connectionReset { return [] }
            throw error
        }
    }

    /// Sends a message; one that died meanwhile tells by its end.
    fileprivate borrowing func sendUnlessReset(_ bytes: [UInt8], descriptors: [Int32]) throws(SystemError) {
        do { try send(bytes, descriptors: descriptors) } catch {
            if error.errno != .brokenPipe && error.errno != .connectionReset { throw error }
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
