public import JSON

/// Something that `check` found.
public struct Finding: Sendable, Equatable {
    public enum Severity: String, Sendable {
        /// The container cannot be made, or not started.
        case error
        /// It can, but something that was asked for has no effect, or could not be looked at.
        case warning
    }

    /// The place in `config.json`; `host` where it is not in there.
    public let field: String
    public let severity: Severity
    public let message: String
    /// What to do about it; empty if that is in the message.
    public let hint: String
    /// Where in the text of the configuration that is, if it is a matter of the text.
    public let place: TextPlace?
    /// The line with a mark at the place, where that helps.
    public let excerpt: String

    init(
        _ severity: Severity, _ field: String, _ message: String, hint: String = "", place: TextPlace? = nil,
        excerpt: String = ""
    ) {
        self.field = field
        self.severity = severity
        self.message = message
        self.hint = hint
        self.place = place
        self.excerpt = excerpt
    }
}

extension Finding: CustomStringConvertible {
    /// `mounts[3].source: there is no /data (make it, or correct the path)`; a warning says that it is one.
    public var description: String {
        let place = field.isEmpty ? "" : "\(field): "
        let kind = severity == .warning ? "warning: " : ""
        let notes = [self.place.map { "\($0)" } ?? "", hint].filter { !$0.isEmpty }
        return place + kind + message + (notes.isEmpty ? "" : " (\(notes.joined(separator: "; ")))")
    }
}

/// What `check` found, for programs.
public enum CheckDocument {
    /// An array of objects with `field`, `severity`, `message` and `hint`, and where known `line` and `column`.
    public static func json(of findings: [Finding]) -> [UInt8] {
        var writer = JSONWriter(.spaces(2))
        writer.array { writer in
            for finding in findings {
                writer.object { writer in
                    writer.member("field", finding.field)
                    writer.member("severity", finding.severity.rawValue)
                    writer.member("message", finding.message)
                    writer.member("hint", finding.hint)
                    if let place = finding.place {
                        writer.member("line", place.line)
                        writer.member("column", place.column)
                    }
                }
            }
        }
        return writer.bytes + [UInt8(ascii: "\n")]
    }
}
