/// The command table. Flags are in `FlagTable.swift`.
extension Command {
    /// This command's row.
    public var entry: CommandEntry {
        switch self {
        case .run: .run
        case .create: .create
        case .start: .start
        case .kill: .kill
        case .delete: .delete
        case .exec: .exec
        case .pause: .pause
        case .resume: .resume
        case .update: .update
        case .list: .list
        case .state: .state
        case .wait: .wait
        case .ps: .ps
        case .events: .events
        case .spec: .spec
        case .check: .check
        case .plan: .plan
        case .features: .features
        case .checkpoint: .checkpoint
        case .restore: .restore
        case .help: .help
        case .version: .version
        case .completion: .completion
        case .man: .man
        }
    }
}

extension CommandEntry {
    static let run = CommandEntry(
        .lifecycle, "create and start a container, and wait for it", .newContainer, flags: Flag.run,
        details: [
            """
            Does what create and start do, one after the other, then waits until the container's process ends, \
            deletes the container and ends with the process's exit code (128 + n if signal n killed it).
            """,
            """
            ID names the container: letters, digits and _ + - . (not . or .. alone), unique under --root. \
            With --detach it returns as soon as the process runs; the container then stays until it is deleted.
            """,
        ],
        examples: [
            Example("apus run web", "run the bundle in the current directory as \"web\""),
            Example("apus run --bundle /srv/web --detach --pid-file /run/web.pid web", "run it in the background"),
        ])

    static let create = CommandEntry(
        .lifecycle, "create a container that waits for start", .newContainer, flags: Flag.createAlone,
        details: [
            """
            Sets up everything that the bundle's config.json asks for and stops right before the container's \
            program is executed. \"apus start ID\" lets it go.
            """,
            "ID names the container: letters, digits and _ + - . (not . or .. alone), unique under --root.",
        ],
        examples: [
            Example("apus create --bundle /srv/web --pid-file /run/web.pid web", "create \"web\" from a bundle")
        ])

    static let start = CommandEntry(
        .lifecycle, "start the program of a created container", .container,
        details: ["Returns when the program was executed, or with the reason why it could not be."],
        examples: [Example("apus start web", "let the created container \"web\" run")])

    static let kill = CommandEntry(
        .lifecycle, "send a signal to a container", .containerAndSignal, flags: Flag.kill,
        details: [
            """
            SIGNAL is a number or a name, in capitals or not, with SIG in front or not, such as 9, KILL, sigkill or \
            RTMIN+3. Without it the container's first process is sent TERM.
            """
        ],
        examples: [
            Example("apus kill web", "ask the process of \"web\" to end"),
            Example("apus kill web HUP", "send it SIGHUP"),
            Example("apus kill --regex '^test-' KILL", "kill every container whose id starts with \"test-\""),
        ])

    static let delete = CommandEntry(
        .lifecycle, "delete a container and what it holds", .container, flags: Flag.delete,
        details: ["Removes the cgroup, the state and, with --force, the processes. The bundle is left alone."],
        examples: [
            Example("apus delete web", "delete a stopped container"),
            Example("apus delete --force web", "delete it in whatever state it is"),
        ])

    static let list = CommandEntry(
        .watching, "list the containers under --root", .none, flags: Flag.list,
        examples: [
            Example("apus list", "a table"),
            Example("apus --root /run/other list --format json", "as JSON, of another root"),
        ])

    static let state = CommandEntry(
        .watching, "show the state of a container as JSON", .container, flags: Flag.state,
        examples: [
            Example("apus state web", "whether \"web\" is created, running, paused or stopped, and its pid"),
            Example("apus state --cgroup web", "also its limits: what was asked for, and what the kernel has"),
        ])

    static let spec = CommandEntry(
        .preparing, "write a config.json to start from", .none, flags: Flag.spec,
        details: ["The container runs sh from the directory rootfs beside it. A config.json is never overwritten."],
        examples: [
            Example("apus spec", "write config.json to the current directory"),
            Example("apus spec --bundle /srv/web --rootless", "one that an ordinary user can run"),
        ])

    static let plan = CommandEntry(
        .preparing, "show what create would do, without doing it", .bundle,
        flags: Flag.plan,
        details: [
            """
            Prints every step of the container's first process and every meeting with the host, each with the place \
            in config.json that it comes from. Needs no privileges and touches nothing. BUNDLE is a directory, with a \
            root file system in it or without, or a configuration in one; it defaults to the current directory.
            """
        ],
        examples: [
            Example("apus plan /srv/web", "the plan of a bundle"),
            Example("apus plan --format json | jq .", "the same for a program to read"),
        ])

    static let features = CommandEntry(
        .preparing, "show what this build supports, as JSON", .none,
        details: ["The format is that of the runtime specification's features document."])

    static let help = CommandEntry(
        .program, "show help on apus or on one command", .command,
        examples: [Example("apus help run", "all about run")])

    static let version = CommandEntry(.program, "show the version", .none)

    static let completion = CommandEntry(
        .program, "write the completions for a shell", .shell,
        examples: [
            Example("source <(apus completion bash)", "for the current bash"),
            Example("apus completion fish > ~/.config/fish/completions/apus.fish", "for every fish from now on"),
        ])

    static let man = CommandEntry(.program, "write the manual page", .none, standing: .hidden)
}
