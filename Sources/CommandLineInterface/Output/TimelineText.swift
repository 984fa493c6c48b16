internal import Spelling

/// A timeline as text: for a trace viewer, or for people.
public enum TimelineText {
    /// A part of a command; times are nanoseconds of one clock.
    public struct Span: Equatable, Sendable {
        public var name: String
        public var pid: Int32
        public var start: Int64
        /// Nil for what an error ended.
        public var end: Int64?

        public init(name: String, pid: Int32, start: Int64, end: Int64?) {
            self.name = name
            self.pid = pid
            self.start = start
            self.end = end
        }
    }

    /// A JSON array of complete events, as chrome://tracing and Perfetto open it (Trace Event Format, `ph` "X"): `ts`
    /// and `dur` are microseconds. The container's process is a thread of its own. What an error ended has `failed`
    /// among its `args`.
    /// - Parameters:
    ///   - spans: the parts, in the order in which they began.
    ///   - now: the end of what has none.
    public static func chrome(_ spans: [Span], now: Int64) -> String {
        let own = spans.first?.pid ?? 0
        let events = spans.map { span in
            let end = span.end ?? now
            let arguments = span.end == nil ? ",\"args\":{\"failed\":true}" : ""
            return "{\"name\":\(Quoting.json(span.name)),\"cat\":\"\(programName)\",\"ph\":\"X\","
                + "\"ts\":\(microseconds(span.start)),\"dur\":\(microseconds(end - span.start)),"
                + "\"pid\":\(own),\"tid\":\(span.pid)\(arguments)}"
        }
        return "[\n" + events.joined(separator: ",\n") + "\n]\n"
    }

    /// One line for each part: when it began after the first, how long it took, and whose it was.
    public static func table(_ spans: [Span], now: Int64) -> String {
        let origin = spans.first?.start ?? 0
        let own = spans.first?.pid ?? 0
        var text = "     start ms        ms  part\n"
        for span in spans {
            let remark = (span.pid == own ? "" : " [\(span.pid)]") + (span.end == nil ? " (failed)" : "")
            text +=
                padded(milliseconds(span.start - origin), 13) + padded(milliseconds((span.end ?? now) - span.start), 10)
            text += Quoting.line("  \(span.name)\(remark)")
        }
        return text
    }

    /// A part that has ended, for a log: `parse took 0.371 ms, up to 0.695 ms`.
    /// - Parameters:
    ///   - span: the part.
    ///   - origin: the start of the first part.
    ///   - own: the process that tells.
    public static func line(_ span: Span, since origin: Int64, own: Int32) -> String {
        let process = span.pid == own ? "" : " [\(span.pid)]"
        guard let end = span.end else { return "\(span.name)\(process) did not end" }
        return
            "\(span.name)\(process) took \(milliseconds(end - span.start)) ms, up to \(milliseconds(end - origin)) ms"
    }

    private static func microseconds(_ nanoseconds: Int64) -> String { decimal(nanoseconds, digits: 3) }

    private static func milliseconds(_ nanoseconds: Int64) -> String { decimal(nanoseconds / 1000, digits: 3) }

    /// `number` / 10^digits, exactly.
    private static func decimal(_ number: Int64, digits: Int) -> String {
        let text = String(number.magnitude)
        let filled = String(repeating: "0", count: max(0, digits + 1 - text.utf8.count)) + text
        return (number < 0 ? "-" : "") + "\(filled.dropLast(digits)).\(filled.suffix(digits))"
    }

    private static func padded(_ text: String, _ width: Int) -> String {
        String(repeating: " ", count: max(0, width - text.utf8.count)) + text
    }
}
