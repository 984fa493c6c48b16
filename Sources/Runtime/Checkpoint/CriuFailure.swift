internal import Checkpoint
internal import Kernel

/// Why a checkpoint or a restore came to nothing.
public struct CriuFailure: Error, Sendable {
    /// What CRIU was to do.
    public enum Operation: String, Sendable {
        case checkpoint, restore
    }

    public let operation: Operation
    /// What is in the way, in one line.
    public let cause: String
    public let hint: String
    /// CRIU's whole log; nil: there is none.
    public let log: String?
}

extension CriuFailure: CustomStringConvertible {
    public var description: String {
        "\(operation.rawValue): \(cause)" + (log.map { ": CRIU's log is \($0)" } ?? "")
    }
}

extension CriuFailure {
    /// What became of a CRIU that has failed, from its answer, its log and what it wrote to its standard streams.
    ///
    /// - Parameters:
    ///   - said: what CRIU wrote elsewhere than to its log.
    ///   - message: of CRIU's answer.
    init(_ operation: Operation, _ directories: borrowing ImageDirectories, said: [UInt8], message: String) {
        self.operation = operation
        let log = directories.log()
        let found =
            LogCause.find(in: log, message: message) ?? LogCause.find(in: said)
            ?? Self.lastLine(of: said).map { LogCause.known(in: [$0]) ?? LogCause("CRIU says: \($0)") }
            ?? directories.obstacle().map { LogCause($0.description) }
            ?? LogCause(
                "CRIU failed without a word", hint: "does a configuration file of CRIU's send its log elsewhere?")
        cause = found.sentence
        hint = found.hint
        self.log = log.isEmpty ? nil : directories.logPath
    }

    private static func lastLine(of bytes: [UInt8]) -> String? {
        bytes.split(separator: 10).last.map { String(decoding: $0.prefix(300), as: UTF8.self) }
    }

    /// Without CRIU there is no log.
    static func unusable(_ operation: Operation, _ cause: String, hint: String) -> RuntimeError {
        .criu(CriuFailure(operation: operation, cause: cause, hint: hint, log: nil))
    }
}
