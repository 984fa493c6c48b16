internal import Spelling

/// How much a line of the log matters, the most important first.
public enum LogLevel: Int, CaseIterable, Comparable, Sendable {
    case error, warning, info, debug

    /// The level called `name`, as `--log-level` and logrus spell it.
    public init?(named name: String) {
        guard let level = Self.allCases.first(where: { $0.name == name || name == "warn" && $0 == .warning }) else {
            return nil
        }
        self = level
    }

    public var name: String {
        switch self {
        case .error: "error"
        case .warning: "warning"
        case .info: "info"
        case .debug: "debug"
        }
    }

    /// Orders by importance: `error < debug`. A record is written when its level is at most the one that was asked for.
    public static func < (left: LogLevel, right: LogLevel) -> Bool { left.rawValue < right.rawValue }
}

/// What a line of the log says besides its message.
public struct LogField: Equatable, Sendable {
    public enum Key: String, Sendable {
        /// The operation that failed, such as `move_mount`.
        case op
        /// The file that it was about.
        case path
        /// The kernel's answer by name, such as `EPERM`.
        case errno
        /// The place in `config.json`, such as `mounts[3].destination`.
        case field
        /// What may help.
        case hint
    }

    public let key: Key
    public let value: String

    public init(_ key: Key, _ value: String) {
        self.key = key
        self.value = value
    }
}

/// One line of the log.
public struct LogRecord: Equatable, Sendable {
    public var level: LogLevel
    public var message: String
    /// Written after the message, in this order.
    public var fields: [LogField]
    /// Every problem of a configuration that has several; in JSON alone.
    public var problems: [Problem]

    /// A place in `config.json`, and what is wrong there.
    public struct Problem: Equatable, Sendable {
        public let field: String
        public let message: String
    }

    public init(
        _ level: LogLevel, _ message: String, _ fields: [LogField] = [],
        problems: [(field: String, message: String)] = []
    ) {
        self.level = level
        self.message = message
        self.fields = fields
        self.problems = problems.map { Problem(field: $0.field, message: $0.message) }
    }

    /// The line as runc writes it, with its line end, so that it can be written by one call.
    public func line(_ format: LogFormat, at time: Timestamp) -> String {
        switch format {
        case .text: text(at: time)
        case .json: json(at: time)
        }
    }

    /// `time="2026-11-22T04:56:38Z" level=error msg="..." op=mount`: the text format of logrus.
    func text(at time: Timestamp) -> String {
        var line = "time=\"\(time.rfc3339)\" level=\(level.name) msg=\(Quoting.word(message))"
        for field in fields { line += " \(field.key.rawValue)=\(Quoting.word(field.value))" }
        return line + "\n"
    }

    /// An object with `level`, `msg`, `time` and then the fields, and `problems` if a configuration has several.
    /// containerd's shim reads the `msg` of the last line whose `level` is `error`.
    func json(at time: Timestamp) -> String {
        var line = "{\"level\":\"\(level.name)\",\"msg\":\(Quoting.json(message)),\"time\":\"\(time.rfc3339)\""
        for field in fields { line += ",\"\(field.key.rawValue)\":\(Quoting.json(field.value))" }
        if problems.count > 1 { line += ",\"problems\":[\(problems.map(Self.json).joined(separator: ","))]" }
        return line + "}\n"
    }

    private static func json(_ problem: Problem) -> String {
        "{\"field\":\(Quoting.json(problem.field)),\"message\":\(Quoting.json(problem.message))}"
    }

    /// For a person at a terminal: `error: ...`, with a hint on a line of its own. Control characters are escaped.
    public func forTerminal(colour: Bool) -> String {
        let (on, off) = colour ? ("\u{1B}[1;\(colourCode)m", "\u{1B}[0m") : ("", "")
        let hint = fields.first { $0.key == .hint }?.value ?? ""
        // A log line has the hint at its end, in parentheses: here it is not to be read twice.
        let end = " (\(hint))"
        let isInMessage = !hint.isEmpty && message.hasSuffix(end)
        let shown = isInMessage ? String(decoding: message.utf8.dropLast(end.utf8.count), as: UTF8.self) : message
        return "\(on)\(level.name):\(off) " + Quoting.line(shown) + (hint.isEmpty ? "" : Quoting.line("hint: \(hint)"))
    }

    private var colourCode: Int {
        switch level {
        case .error: 31
        case .warning: 33
        case .info: 36
        case .debug: 37
        }
    }
}
