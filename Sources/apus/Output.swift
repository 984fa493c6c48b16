internal import Glibc
internal import Kernel

/// Standard output and standard error.
enum Output {
    /// Writes all of `text`; a reader that has gone away ends the program as it ends any other.
    static func standard(_ text: String) throws(SystemError) { try standard(Array(text.utf8)) }

    static func standard(_ bytes: [UInt8]) throws(SystemError) { try Streams.writeAll(bytes, to: 1) }

    static func standardError(_ text: String) {
        try? Streams.writeAll(Array(text.utf8), to: 2)  // There is nowhere left to complain.
    }

    static func exit(_ status: Int32) -> Never { _exit(status) }

    /// Whether text for people may have colours: on a terminal, unless NO_COLOR is set to anything.
    static func hasColour(_ descriptor: Int32) -> Bool {
        guard Terminal.isTerminal(descriptor) else { return false }
        return (ThisProcess.environment("NO_COLOR") ?? "").isEmpty
    }
}
