/// `exec`: its row in the command table, its flags, and what they mean.
extension CommandEntry {
    static let exec = CommandEntry(
        .running, "run one more process in a container", .containerAndCommand,
        flags: Flag.exec,
        details: [
            """
            The process gets the container's namespaces, cgroup, user, environment, capabilities and system call \
            filter, as its config.json has them for the first process; flags change or add to that. apus exec ends \
            with the exit code of the process (128 + n if signal n killed it), and with 255 if it could not run it.
            """,
            """
            Flags may stand before or after ID. COMMAND and everything after it belong to the process. With \
            --process there is no COMMAND.
            """,
        ],
        examples: [
            Example("apus exec -t web sh", "a shell in the container \"web\""),
            Example("apus exec --user 1000 --cwd /srv web ls", "as another user, in another directory"),
        ])
}

extension Flag {
    static let exec: [Flag] = [
        Flag(.process, ["p"], .file("FILE"), .process, "The process as JSON, in place of a command and flags"),
        Flag(.cwd, [], .directory("DIR"), .process, "Working directory in the container"),
        Flag(.env, ["e"], .text("NAME=VALUE"), .process, "Add a variable to the environment", repeatable: true),
        Flag(.user, ["u"], .text("UID[:GID]"), .process, "Run as this user and group, by number"),
        Flag(.additionalGids, ["g"], .number("GID"), .process, "Add a supplementary group", repeatable: true),
        Flag(.cap, ["c"], .text("CAP"), .process, "Add a capability; never to the inheritable set", repeatable: true),
        Flag(.noNewPrivs, [], .none, .process, "Set no_new_privs"),
        Flag(.apparmor, [], .text("PROFILE"), .process, "AppArmor profile of the process"),
        Flag(.processLabel, [], .text("LABEL"), .process, "SELinux label of the process"),
        Flag(
            .cgroup, [], .text("[CONTROLLER,..:]PATH"), .process,
            "Run in this existing cgroup below the container's", repeatable: true),
        Flag(.tty, ["t"], .none, .console, "Give the process a terminal"),
        consoleSocket, preserveFds, pidfdSocket, detach, pidFile,
        Flag(.ignorePaused, [], .none, .lifecycle, "Allow it in a paused container"),
    ]
}

/// What `exec` was asked for.
public struct ExecOptions: Equatable, Sendable {
    public var id: String
    /// The program and its arguments; empty with `process`.
    public var command: [String]
    /// The path of a process in JSON.
    public var process: String?
    public var terminal = false
    public var cwd: String?
    public var environment: [String] = []
    public var user: String?
    public var additionalGroups: [Int32] = []
    public var capabilities: [String] = []
    public var processLabel: String?
    public var apparmor: String?
    /// nil: as the container has it.
    public var noNewPrivileges: Bool?
    public var cgroups: [String] = []
    public var ignorePaused = false
    public var detach = false
    public var consoleSocket: String?
    public var pidFile: String?
    public var pidfdSocket: String?
    public var preserveFds: Int32 = 0

    public init(id: String, command: [String] = []) {
        self.id = id
        self.command = command
    }
}

extension ExecOptions {
    init(_ scan: Scan) {
        let matches = scan.matches
        self.init(id: scan.positionals.first ?? "", command: Array(scan.positionals.dropFirst()))
        process = matches.text(.process)
        terminal = matches.isOn(.tty)
        cwd = matches.text(.cwd)
        environment = matches.texts(.env)
        user = matches.text(.user)
        additionalGroups = matches.numbers(.additionalGids)
        capabilities = matches.texts(.cap)
        processLabel = matches.text(.processLabel)
        apparmor = matches.text(.apparmor)
        noNewPrivileges = matches.switched(.noNewPrivs)
        cgroups = matches.texts(.cgroup)
        ignorePaused = matches.isOn(.ignorePaused)
        detach = matches.isOn(.detach)
        consoleSocket = matches.text(.consoleSocket)
        pidFile = matches.text(.pidFile)
        pidfdSocket = matches.text(.pidfdSocket)
        preserveFds = matches.number(.preserveFds) ?? preserveFds
    }
}
