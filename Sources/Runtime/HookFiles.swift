internal import Kernel
internal import OCI

/// What a hook reads and writes: memory files, so that nobody ever waits for who holds the other end. A hook may leave
/// a process behind.
struct HookFiles: ~Copyable {
    let input: Descriptor
    let output: Descriptor

    /// While a hook runs, its output is trimmed so often (milliseconds).
    static let interval: Int32 = 50
    /// What trimming leaves, and how much more has to be there before it is worth a call.
    private static let kept: Int64 = 64 << 10
    /// What is shown of the output, in bytes.
    private static let shown: Int64 = 1024

    init(state: State) throws(SystemError) {
        let input = try Descriptor.memoryFile("state")
        try input.write(state.hookInput())
        try input.seal()
        let reading = try Descriptor.open("/proc/self/fd/\(input.number)", [.readOnly])
        output = try Descriptor.memoryFile("hook-output")
        self.input = reading
    }

    /// The last kilobyte that hooks wrote, on one line.
    borrowing func writtenText() -> String {
        // What cannot be read is not shown: the failure of the hook is the news.
        guard let size = try? output.status().size,
            let bytes = try? output.read(atMost: Int(Self.shown), from: max(0, size - Self.shown))
        else { return "" }
        let text = String(decoding: bytes.drop { $0 == 0 || Self.continues($0) }, as: UTF8.self)
        return text.split(separator: "\n").joined(separator: "; ")
    }

    /// A byte in the middle of a character, where the text was cut.
    private static func continues(_ byte: UInt8) -> Bool { byte & 0xC0 == 0x80 }

    /// Gives back the memory of all but the end of the output: a hook may write without end.
    borrowing func trim() {
        // A size that cannot be read, or memory that cannot be given back, does no harm that could be prevented here.
        guard let size = try? output.status().size, size > 2 * Self.kept else { return }
        try? output.forget(first: size - Self.kept)
    }

    /// The hook is over, and what it wrote was read: what it has left behind writes no more into this memory.
    borrowing func close() {
        // Nothing that anybody would have to know of.
        try? output.truncate(to: 0)
        try? output.sealGrowth()
    }
}
