internal import Spelling

/// Messages as the logs of the system take them.
extension LogRecord {
    /// The priority of syslog(3): 3 error, 4 warning, 6 information, 7 debugging.
    public var priority: Int {
        switch level {
        case .error: 3
        case .warning: 4
        case .info: 6
        case .debug: 7
        }
    }

    /// A datagram of the BSD syslog protocol: `<27>apus[26705]: message`, of the facility "system daemons" (3), on one
    /// line. Who receives it on this machine puts the time to it (RFC 3164, 4.3.2), and does so with every message.
    public func systemLogDatagram(identifier: String, pid: Int32) -> [UInt8] {
        var text = "<\(3 << 3 | priority)>\(identifier)[\(pid)]: \(Quoting.plain(message))"
        for field in fields { text += " \(field.key.rawValue)=\(Quoting.word(field.value))" }
        return Array(text.utf8)
    }

    /// A datagram of the journal's native protocol: a field on a line, a value of several lines behind its length
    /// (systemd, "Native Journal Protocol"). What the log's JSON calls `op` is `APUS_OP`.
    public func journalDatagram(identifier: String) -> [UInt8] {
        var bytes: [UInt8] = []
        Self.append("MESSAGE", message, to: &bytes)
        Self.append("PRIORITY", "\(priority)", to: &bytes)
        Self.append("SYSLOG_IDENTIFIER", identifier, to: &bytes)
        for field in fields {
            Self.append("\(programName.asciiUppercased)_\(field.key.rawValue.asciiUppercased)", field.value, to: &bytes)
        }
        return bytes
    }

    private static func append(_ name: String, _ value: String, to bytes: inout [UInt8]) {
        bytes += name.utf8
        if value.utf8.contains(UInt8(ascii: "\n")) {
            bytes.append(UInt8(ascii: "\n"))
            for shift in stride(from: 0, to: 64, by: 8) {
                bytes.append(UInt8(truncatingIfNeeded: value.utf8.count >> shift))
            }
        } else {
            bytes.append(UInt8(ascii: "="))
        }
        bytes += value.utf8
        bytes.append(UInt8(ascii: "\n"))
    }
}
