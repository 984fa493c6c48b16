internal import CommandLineInterface
internal import Kernel
internal import Runtime

/// Where messages go: to the file of `--log`, and to standard error.
struct Log: Sendable {
    private let options: LogOptions

    init(_ options: LogOptions) { self.options = options }

    /// Writes one message. Engines take the last one at level error as the reason of a failure.
    func write(_ level: LogLevel, _ message: String, _ details: ErrorDetails = ErrorDetails()) {
        guard level <= options.level else { return }
        let record = LogRecord(level, message, Self.fields(details))
        let now = Timestamp(seconds: Clock.now / 1_000_000_000)
        switch options.destination {
        case .standardError:
            let isForPeople = options.format == .text && Terminal.isTerminal(2)
            Output.standardError(isForPeople ? Self.textForPeople(record) : record.line(options.format, at: now))
        case .file(let path):
            append(record.line(options.format, at: now), to: path)
            if level == .error { Output.standardError(message + "\n") }
        }
    }

    /// A message of several lines keeps them.
    private static func textForPeople(_ record: LogRecord) -> String {
        let lines = record.message.split(separator: "\n")
        let first = LogRecord(record.level, lines.first.map(String.init) ?? "", record.fields)
        return first.forTerminal(colour: Output.hasColour(2))
            + lines.dropFirst().map { "  \(Quoting.plain(String($0)))\n" }.joined()
    }

    private func append(_ line: String, to path: String) {
        do {
            let file = try Descriptor.open(path, [.writeOnly, .create, .append, .noControllingTerminal], mode: 0o644)
            try file.write(Array(line.utf8))
        } catch {
            Output.standardError("--log: \(error)\n")
        }
    }

    private static func fields(_ details: ErrorDetails) -> [LogField] {
        let fields: [(LogField.Key, String?)] = [
            (.op, details.operation), (.path, details.path), (.errno, details.errno), (.field, details.field),
            (.hint, details.hint),
        ]
        return fields.compactMap { key, value in value.map { LogField(key, $0) } }
    }
}
