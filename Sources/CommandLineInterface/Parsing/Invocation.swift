/// One command line, understood: no text of a flag is left in it.
public struct Invocation: Equatable, Sendable {
    public var options: GlobalOptions
    public var action: Action

    public init(options: GlobalOptions, action: Action) {
        self.options = options
        self.action = action
    }
}

/// What is to be done.
public enum Action: Equatable, Sendable {
    case run(RunOptions)
    case create(CreateOptions)
    case start(StartOptions)
    case kill(KillOptions)
    case delete(DeleteOptions)
    case exec(ExecOptions)
    case list(ListOptions)
    case state(StateOptions)
    /// The container's id, for both.
    case pause(String)
    case resume(String)
    case update(UpdateOptions)
    case mounts(MountsOptions)
    case ps(PsOptions)
    case events(EventsOptions)
    case checkpoint(CheckpointOptions)
    case restore(RestoreOptions)
    case wait(WaitOptions)
    case check(CheckOptions)
    case spec(SpecOptions)
    case plan(PlanOptions)
    case features
    /// Help on a command, or on the program when nil.
    case help(Command?)
    case version
    case completion(Shell)
    /// A manual page in roff.
    case manual(ManualPage)
    /// The names of the manual pages.
    case manualPages
}

extension Invocation {
    /// Understands a command line.
    /// - Parameter arguments: the arguments without the program's name.
    /// - Throws: ``UsageError``, which also says where it is to be logged.
    public init(parsing arguments: [String]) throws(UsageError) {
        let scan = Grammar(
            flags: Flag.global, flagsEndAfter: Positionals.beforeCommand.flagsEndAfter, command: nil
        ).scan(arguments[...])
        let log = LogOptions(reading: scan.matches)
        do {
            self = Invocation(
                options: GlobalOptions(
                    root: scan.matches.text(.root), log: log, cgroupManager: try CgroupManagerChoice(scan.matches),
                    rootless: scan.matches.choice(.rootless).flatMap { RootlessOption(rawValue: $0) } ?? .auto,
                    timing: scan.matches.text(.timing),
                    criu: scan.matches.text(.criu)),
                action: try Action(global: scan))
        } catch {
            var logged = error
            logged.log = log
            throw logged
        }
    }
}

extension Action {
    /// Help and version come before everything else, as in runc, so that they work beside flags that are refused.
    fileprivate init(global scan: Scan) throws(UsageError) {
        if let problem = scan.problem { throw problem }
        if scan.matches.isOn(.help) {
            self = .help(nil)
        } else if scan.matches.isOn(.version) {
            self = .version
        } else {
            try scan.matches.check(in: nil)
            try scan.matches.checkGlobalPaths()
            guard let name = scan.positionals.first else {
                self = .help(nil)
                return
            }
            guard let command = Command(named: name) else { throw UsageError.unknownCommand(name) }
            self = try Action(command, scan.positionals.dropFirst())
        }
    }

    fileprivate init(_ command: Command, _ arguments: ArraySlice<String>) throws(UsageError) {
        let entry = command.entry
        let scan = Grammar(
            flags: entry.flags, flagsEndAfter: entry.positionals.flagsEndAfter, command: command
        ).scan(arguments)
        if let problem = scan.problem { throw problem }
        if scan.matches.isOn(.help) {
            self = .help(command)
            return
        }
        try scan.matches.check(in: command)
        if let complaint = entry.positionals.complaint(about: scan.positionals.count, for: command) {
            throw UsageError(.grammar, complaint, in: command)
        }
        self = try Action(command, scan)
    }

    /// `scan` holds what the table allows: the right number of arguments, and values among the choices.
    private init(_ command: Command, _ scan: Scan) throws(UsageError) {
        let matches = scan.matches
        let first = scan.positionals.first ?? ""
        switch command {
        case .run: self = .run(RunOptions(id: first, matches))
        case .create: self = .create(CreateOptions(id: first, matches))
        case .start: self = .start(StartOptions(id: first))
        case .kill: self = .kill(try KillOptions(scan))
        case .delete: self = .delete(DeleteOptions(scan))
        case .exec: self = .exec(ExecOptions(scan))
        case .list: self = .list(ListOptions(matches))
        case .state: self = .state(StateOptions(id: first, matches))
        case .pause: self = .pause(first)
        case .resume: self = .resume(first)
        case .update: self = .update(try UpdateOptions(id: first, matches))
        case .mounts: self = .mounts(try MountsOptions(scan))
        case .ps: self = .ps(PsOptions(scan))
        case .events: self = .events(try EventsOptions(id: first, matches))
        case .wait: self = .wait(WaitOptions(id: first))
        case .check: self = .check(CheckOptions(bundle: first, matches))
        case .spec: self = .spec(try SpecOptions(scan))
        case .plan: self = .plan(try PlanOptions(bundle: first, matches))
        case .features: self = .features
        case .help: self = .help(try Command(topic: scan.positionals.first))
        case .version: self = .version
        case .completion: self = .completion(try Shell(argument: first))
        case .man: self = matches.isOn(.pages) ? .manualPages : .manual(try ManualPage(topic: scan.positionals.first))
        case .checkpoint: self = .checkpoint(try CheckpointOptions(id: first, matches))
        case .restore: self = .restore(RestoreOptions(id: first, matches))
        }
    }
}

extension Command {
    fileprivate init?(topic name: String?) throws(UsageError) {
        guard let name else { return nil }
        guard let command = Command(named: name) else { throw UsageError.unknownCommand(name) }
        self = command
    }
}

extension Shell {
    fileprivate init(argument: String) throws(UsageError) {
        guard let shell = Shell(rawValue: argument) else {
            let names = Shell.allCases.map { $0.rawValue }.joined(separator: ", ")
            throw UsageError(.grammar, "unknown shell \"\(argument)\" (one of \(names))", in: .completion)
        }
        self = shell
    }
}
