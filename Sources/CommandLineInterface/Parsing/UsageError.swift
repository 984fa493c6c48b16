internal import Spelling

/// A command line that cannot be obeyed.
public struct UsageError: Error, Equatable, Sendable {
    /// What kind of mistake it is; decides the exit code.
    public enum Kind: Sendable {
        /// Flags or arguments are wrong.
        case grammar
        /// There is no such command.
        case unknownCommand
    }

    public let kind: Kind
    /// One self-sufficient line, in runc's words where runc has some, without a line end.
    public let message: String
    /// The command that the mistake is in; nil when it stands before the command.
    public internal(set) var command: Command?
    /// Where the error is to be logged, as far as the global flags could be read.
    public internal(set) var log = LogOptions()

    init(_ kind: Kind, _ message: String, in command: Command? = nil) {
        self.kind = kind
        self.message = message
        self.command = command
    }

    /// runc's codes: 3 for an unknown command, else 1.
    public var exitCode: Int32 {
        switch kind {
        case .grammar: 1
        case .unknownCommand: 3
        }
    }

    /// What a person at a terminal may do next, with line ends; nil if there is nothing to add.
    public var guidance: String? {
        switch kind {
        case .unknownCommand: "Try '\(programName) help'.\n"
        case .grammar:
            if let command {
                "\(Help.usageLine(command))\nTry '\(programName) help \(command.rawValue)'.\n"
            } else {
                "\(Help.usageLine)\nTry '\(programName) help'.\n"
            }
        }
    }

    static func unknownCommand(_ name: String) -> UsageError {
        if let hint = Habit.hint(command: name) {
            return UsageError(.unknownCommand, "No help topic for '\(name)'; \(hint)")
        }
        let known = Command.allCases.map { $0.rawValue }
        return UsageError(.unknownCommand, "No help topic for '\(name)'" + Suggestion.phrase(for: name, among: known))
    }
}
