/// The name under which the program presents itself, whatever file it was started from.
public let programName = "apus"

/// Every command, in the order in which the help lists them.
public enum Command: String, CaseIterable, Sendable {
    case run, create, start, kill, delete
    case exec, pause, resume, update, mounts
    case list, state, wait, ps, events
    case spec, check, plan, features
    case checkpoint, restore
    case help, version, completion, man

    /// The command called `name`; `h` is short for help, as in runc.
    public init?(named name: String) {
        guard let command = Command(rawValue: name == "h" ? "help" : name) else { return nil }
        self = command
    }
}

/// A row of the command table.
public struct CommandEntry: Sendable {
    public let group: CommandGroup
    /// One line that completes "apus x: ...".
    public let summary: String
    /// Paragraphs of the help. Lines are not broken yet.
    public let details: [String]
    public let examples: [Example]
    public let positionals: Positionals
    /// Without --help, which every command has.
    public let ownFlags: [Flag]

    init(
        _ group: CommandGroup, _ summary: String, _ positionals: Positionals,
        flags: [Flag] = [], details: [String] = [], examples: [Example] = []
    ) {
        self.group = group
        self.summary = summary
        self.details = details
        self.examples = examples
        self.positionals = positionals
        self.ownFlags = flags
    }

    /// Everything that the command accepts.
    public var flags: [Flag] { ownFlags + [Flag.help] }
}

/// The headings of the command list.
public enum CommandGroup: Int, CaseIterable, Sendable {
    case lifecycle, running, watching, preparing, freezing, program

    public var title: String {
        switch self {
        case .lifecycle: "Run a container"
        case .running: "Work in a running container"
        case .watching: "Look at containers"
        case .preparing: "Prepare a bundle"
        case .freezing: "Checkpoints"
        case .program: "About apus"
        }
    }
}

/// A command line with a word on what it does.
public struct Example: Sendable {
    public let line: String
    public let meaning: String

    init(_ line: String, _ meaning: String) {
        self.line = line
        self.meaning = meaning
    }
}

/// What a positional argument is, for completion.
public enum ArgumentKind: Sendable {
    case newContainer, container, signal, bundle, command, shell, mountsAction, file, page, other
}

/// The positional arguments of a command, and where its flags end.
public struct Positionals: Sendable {
    /// As the usage line shows them.
    public let usage: String
    public let minimum: Int
    /// Nil for any number.
    public let maximum: Int?
    /// What they are, one by one; the last stands for all that follow.
    public let kinds: [ArgumentKind]
    /// After this many positional arguments the rest is passed on as it is, flags and `--` included;
    /// nil where flags may stand anywhere.
    public let flagsEndAfter: Int?

    private init(
        _ usage: String, _ minimum: Int, _ maximum: Int?, _ kinds: [ArgumentKind], flagsEndAfter: Int? = nil
    ) {
        self.usage = usage
        self.minimum = minimum
        self.maximum = maximum
        self.kinds = kinds
        self.flagsEndAfter = flagsEndAfter
    }

    static let none = Positionals("", 0, 0, [])
    /// Only behind `--`: a word in front of it is something else, such as the name of a directory.
    static let commandBehindDashes = Positionals("[-- COMMAND [ARGUMENT...]]", 0, nil, [.other])
    static let page = Positionals("[PAGE]", 0, 1, [.page])
    static let newContainer = Positionals("ID", 1, 1, [.newContainer])
    static let container = Positionals("ID", 1, 1, [.container])
    static let containerAndSignal = Positionals("ID [SIGNAL]", 1, 2, [.container, .signal])
    static let containerAndCommand = Positionals(
        "ID COMMAND [ARGUMENT...]", 1, nil, [.container, .other], flagsEndAfter: 2)
    static let containerAndOptions = Positionals("ID [PS-OPTION...]", 1, nil, [.container, .other], flagsEndAfter: 1)
    static let mounts = Positionals("add|remove ID FILE", 3, 3, [.mountsAction, .container, .file])
    static let bundle = Positionals("[BUNDLE]", 0, 1, [.bundle])
    static let command = Positionals("[COMMAND]", 0, 1, [.command])
    static let shell = Positionals("bash|zsh|fish", 1, 1, [.shell])
    /// What comes before a command: everything from the first positional argument on belongs to the command.
    static let beforeCommand = Positionals("", 0, nil, [.command], flagsEndAfter: 1)

    /// What is wrong with `count` arguments, in runc's words; nil if nothing is.
    func complaint(about count: Int, for command: Command) -> String? {
        let requirement: String
        if let maximum, minimum == maximum {
            if count == minimum { return nil }
            requirement = "exactly \(minimum)"
        } else if count < minimum {
            requirement = "a minimum of \(minimum)"
        } else if let maximum, count > maximum {
            requirement = "a maximum of \(maximum)"
        } else {
            return nil
        }
        let hint = Habit.hint(arguments: count, of: command).map { "; \($0)" } ?? ""
        return "\(programName): \"\(command.rawValue)\" requires \(requirement) argument(s)\(hint)"
    }
}
