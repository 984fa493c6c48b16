internal import CStartup
internal import Kernel
internal import Runtime

/// Standard output and standard error.
enum Output {
    /// The command line, with the program's name first.
    static func commandLine() -> [String] {
        (0..<startup_argument_count()).map { index in unsafe String(cString: startup_argument(index)) }
    }

    /// Writes all of `text`; a reader that has gone away ends the program as it ends any other.
    static func standard(_ text: String) throws(RuntimeError) { try standard(Array(text.utf8)) }

    static func standard(_ bytes: [UInt8]) throws(RuntimeError) {
        do { try Streams.writeAll(bytes, to: 1) } catch { throw .system(error, field: "") }
    }

    static func standardError(_ text: String) {
        try? Streams.writeAll(Array(text.utf8), to: 2)  // There is nowhere left to complain.
    }

    /// Ends the program at once; there is nothing to be flushed.
    static func exit(_ status: Int32) -> Never { startup_exit(status) }

    /// Whether text for people may have colours: on a terminal, unless NO_COLOR is set to anything.
    static func hasColour(_ descriptor: Int32) -> Bool {
        guard Terminal.isTerminal(descriptor) else { return false }
        return (ThisProcess.environment("NO_COLOR") ?? "").isEmpty
    }
}
