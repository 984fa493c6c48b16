internal import CommandLineInterface
internal import Kernel
internal import OCI
internal import Runtime
internal import Spelling

/// Where messages go: to what `--log` names, and to standard error.
struct Log: Sendable {
    private let options: LogOptions

    init(_ options: LogOptions) { self.options = options }

    /// What of a command line may be logged: what follows exec may hold what nobody else is to read.
    ///
    /// Not in main.swift: a closure there belongs to the main actor, and with that check come the libraries of
    /// concurrency and dispatch, which a start of every command pays for.
    static func words(_ arguments: [String]) -> String {
        arguments.dropFirst().prefix { $0 != "exec" }.joined(separator: " ")
    }

    /// Fails where there is no log as `--log` asks for, before anything is done that it should tell of.
    func check() throws(RuntimeError) {
        let path: String
        switch options.destination {
        case .standardError: return
        case .file(let path):
            do { _ = try Self.open(path) } catch {
                let hint =
                    error.errno == .noEntry ? "the directory is not there; make it, or give --log another file" : ""
                throw .system(error, field: "--log", hint: hint)
            }
            return
        case .journal: path = SystemLogs.journal
        case .systemLog: path = SystemLogs.systemLog
        }
        do { _ = try Descriptor.connected(to: path, .datagrams) } catch {
            throw .system(error, field: "--log", hint: "nobody listens there; give --log a file")
        }
    }

    /// Follows the command, if that is asked for: says on what it runs, and of each part when it has ended.
    ///
    /// Not in main.swift, for the same reason.
    func follow(_ options: GlobalOptions) {
        guard isOn(.debug) else { return }
        let commit = Version.commit.map { " (\($0))" } ?? ""
        write(.debug, "\(programName) \(Version.number)\(commit): \(Self.words(Output.commandLine()))")
        let root = options.root.map { ", --root \($0)" } ?? ""
        write(.debug, "\(HostFeatures.summary), cgroups by \(options.cgroupManager.rawValue)\(root)")
        Timeline.follow { span in write(.debug, Self.text(of: span)) }
    }

    /// Tells of the parts that an error ended, the outermost left out.
    func tellUnfinished() {
        guard isOn(.debug) else { return }
        for span in Timeline.spans.dropFirst() where span.end == nil { write(.debug, Self.text(of: span)) }
    }

    private static func text(of span: Timeline.Span) -> String {
        let text = TimelineText.Span(name: span.name, pid: span.pid, start: span.start, end: span.end)
        return TimelineText.line(text, since: Timeline.spans.first?.start ?? span.start, own: ThisProcess.pid)
    }

    /// Whether messages of a level are written at all.
    func isOn(_ level: LogLevel) -> Bool { level <= options.level }

    /// Writes one message. Engines take the last one at level error as the reason of a failure.
    func write(_ level: LogLevel, _ message: String, _ details: ErrorDetails = ErrorDetails()) {
        guard isOn(level) else { return }
        let message = Self.excerpt(message)
        let record = LogRecord(
            level, message, Self.fields(details),
            problems: details.problems.prefix(Self.mostProblems).map { (Excerpt.of($0.path), Excerpt.of($0.message)) })
        let now = Clock.now / 1_000_000_000
        do {
            switch options.destination {
            case .standardError:
                let isForPeople = options.format == .text && Terminal.isTerminal(2)
                Output.standardError(
                    isForPeople ? Self.textForPeople(record) : record.line(options.format, at: Timestamp(seconds: now)))
                return
            case .file(let path): try append(record.line(options.format, at: Timestamp(seconds: now)), to: path)
            case .journal(let identifier):
                try SystemLogs.send(record.journalDatagram(identifier: identifier), to: SystemLogs.journal)
            case .systemLog(let identifier):
                let datagram = record.systemLogDatagram(identifier: identifier, pid: ThisProcess.pid)
                try SystemLogs.send(datagram, to: SystemLogs.systemLog)
            }
        } catch {
            Output.standardError(Quoting.line("--log: \(error)"))
        }
        // It may quote what a container has said.
        if level == .error { Output.standardError(Quoting.lines(message)) }
    }

    /// So many problems of one configuration are told.
    private static var mostProblems: Int { 100 }

    /// Each line is no longer than one can read, and there are no more of them than that.
    private static func excerpt(_ message: String) -> String {
        let lines = message.split(separator: "\n", maxSplits: mostProblems + 1, omittingEmptySubsequences: false)
        let told = lines.prefix(mostProblems + 1).map { Excerpt.of(String($0)) }.joined(separator: "\n")
        return Excerpt.of(told) + (lines.count > mostProblems + 1 ? "\n  and more" : "")
    }

    /// A message of several lines keeps them.
    private static func textForPeople(_ record: LogRecord) -> String {
        let lines = record.message.split(separator: "\n")
        let first = LogRecord(record.level, lines.first.map(String.init) ?? "", record.fields)
        return first.forTerminal(colour: Output.hasColour(2))
            + lines.dropFirst().map { "  " + Quoting.line(String($0)) }.joined()
    }

    private func append(_ line: String, to path: String) throws(SystemError) {
        try Self.open(path).write(Array(line.utf8))
    }

    private static func open(_ path: String) throws(SystemError) -> Descriptor {
        try Descriptor.open(path, [.writeOnly, .create, .append, .noControllingTerminal], mode: 0o644)
    }

    private static func fields(_ details: ErrorDetails) -> [LogField] {
        let fields: [(LogField.Key, String?)] = [
            (.op, details.operation), (.path, details.path), (.errno, details.errno), (.field, details.field),
            (.hint, details.hint),
        ]
        return fields.compactMap { key, value in
            guard let value, !value.isEmpty else { return nil }
            return LogField(key, Excerpt.of(value))
        }
    }
}
