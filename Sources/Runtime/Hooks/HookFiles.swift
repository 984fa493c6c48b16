internal import Kernel
internal import OCI

/// What a hook reads and writes: memory files, so that nobody ever waits for who holds the other end. A hook may leave
/// a process behind.
struct HookFiles: ~Copyable {
    let input: Descriptor
    let output: Descriptor
    /// What is written to standard error, where that goes elsewhere.
    private let errors: Descriptor?
    private let transcript: HookTranscript?
    private let errorTranscript: HookTranscript?

    /// While a hook runs, its output is trimmed so often (milliseconds).
    static let interval: Int32 = 50
    /// What trimming leaves, and how much more has to be there before it is worth a call.
    private static let kept: Int64 = 64 << 10
    /// What is shown of the output, in bytes.
    private static let shown: Int64 = 1024

    init(state: State) throws(SystemError) {
        try self.init(state: state, errors: nil, transcript: nil, errorTranscript: nil)
    }

    /// What hooks inside the container read and write.
    init(inside state: State, _ field: String) throws(RuntimeError) {
        guard CrunAnnotations(state.annotations).redirectsHooks else {
            do { try self.init(state: state) } catch { throw .system(error, field: field) }
            return
        }
        var targets = try HookTargets(state.annotations)
        let transcript = HookTranscript(into: targets.takeOutput())
        let errorTranscript = HookTranscript(into: targets.takeErrors())
        do {
            try self.init(
                state: state, errors: try .memoryFile("hook-errors"), transcript: transcript,
                errorTranscript: errorTranscript)
        } catch {
            throw .system(error, field: field)
        }
    }

    private init(
        state: State, errors: consuming Descriptor?, transcript: HookTranscript?, errorTranscript: HookTranscript?
    ) throws(SystemError) {
        let input = try Descriptor.memoryFile("state")
        try input.write(state.hookInput())
        try input.seal()
        let reading = try Descriptor.open("/proc/self/fd/\(input.number)", [.readOnly])
        output = try Descriptor.memoryFile("hook-output")
        self.errors = errors
        self.transcript = transcript
        self.errorTranscript = errorTranscript
        self.input = reading
    }

    /// What a process in the container is sent for its hooks, in the order of its slots.
    var descriptors: [Int32] {
        switch errors {
        case .some(let errors): [input.number, output.number, errors.number]
        case .none: [input.number, output.number]
        }
    }

    /// What was written goes where it is to go.
    private borrowing func copy() {
        transcript?.copy(from: output)
        switch errors {
        case .some(let errors): errorTranscript?.copy(from: errors)
        case .none: break
        }
    }

    /// The last kilobyte that hooks wrote, on one line; their errors, where these do not go where the output goes.
    borrowing func writtenText() -> String {
        copy()
        switch errors {
        case .some(let errors):
            let text = Self.text(in: errors)
            return text.isEmpty ? Self.text(in: output) : text
        case .none: return Self.text(in: output)
        }
    }

    private static func text(in file: borrowing Descriptor) -> String {
        // What cannot be read is not shown: the failure of the hook is the news.
        guard let size = try? file.status().size,
            let bytes = try? file.read(atMost: Int(shown), from: max(0, size - shown))
        else { return "" }
        let text = String(decoding: bytes.drop { $0 == 0 || continues($0) }, as: UTF8.self)
        return text.split(separator: "\n").joined(separator: "; ")
    }

    /// A byte in the middle of a character, where the text was cut.
    private static func continues(_ byte: UInt8) -> Bool { byte & 0xC0 == 0x80 }

    /// Gives back the memory of all but the end of the output: a hook may write without end.
    borrowing func trim() {
        copy()
        Self.trim(output)
        switch errors {
        case .some(let errors): Self.trim(errors)
        case .none: break
        }
    }

    private static func trim(_ file: borrowing Descriptor) {
        // A size that cannot be read, or memory that cannot be given back, does no harm that could be prevented here.
        guard let size = try? file.status().size, size > 2 * kept else { return }
        try? file.forget(first: size - kept)
    }

    /// The hook is over, and what it wrote was read: what it has left behind writes no more into this memory.
    borrowing func close() {
        copy()
        Self.close(output)
        switch errors {
        case .some(let errors): Self.close(errors)
        case .none: break
        }
    }

    private static func close(_ file: borrowing Descriptor) {
        // Nothing that anybody would have to know of.
        try? file.truncate(to: 0)
        try? file.sealGrowth()
    }
}
