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
        case .mounts: .mounts
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
        .preparing, "write a config.json to start from", .commandBehindDashes, flags: Flag.spec,
        details: [
            """
            The container runs COMMAND, or sh, from the directory rootfs beside config.json, which is never overwritten.
            """,
            """
            With --from-image-config it runs what the image says: Entrypoint, Cmd (which COMMAND replaces), Env, \
            WorkingDir and User; Volumes become file systems in memory (one of /, or in /dev, /proc or /sys, is \
            refused, but for /dev/shm and /dev/mqueue, which are in memory already), and Labels, StopSignal and ExposedPorts \
            annotations (image-spec, conversion.md). The root file system can be written to then. Names of users and \
            groups are looked up in ROOTFS, and refused without --rootfs. Labels that would mean something to the \
            runtime are left out, and a warning names them. Capabilities and namespaces are those of every spec. With \
            --rootless, a user that is not root leaves the mapping of ids to the runtime, which takes what \
            /etc/subuid and /etc/subgid grant.
            """,
        ],
        examples: [
            Example("apus spec", "write config.json to the current directory"),
            Example("apus spec --no-terminal -- sh -c date", "a container that says what time it is"),
            Example("apus spec --bundle /srv/web --rootless", "one that an ordinary user can run"),
            Example("apus spec --rootfs /srv/web --from-image-config config.json", "one that runs an unpacked image"),
        ])

    static let plan = CommandEntry(
        .preparing, "show what create would do, without doing it", .bundle,
        flags: Flag.plan,
        details: [
            """
            Prints every step of the container's first process and every meeting with the host, each with the place \
            in config.json that it comes from; then what the host does: the files of the cgroup and what is \
            written to them, the rules for devices, the hooks; and a legend. Needs no privileges and touches nothing. \
            BUNDLE is a directory, with a root file system in it or without, or a configuration in one; it defaults to \
            the current directory.
            """
        ],
        examples: [
            Example("apus plan /srv/web", "the plan of a bundle"),
            Example("apus plan --summary /srv/web", "what the container gets, on one screen"),
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

    static let man = CommandEntry(
        .program, "write a manual page", .page, flags: Flag.man,
        details: [
            "PAGE is a command, or one of the pages that --pages lists, such as apus-check.7; without it the page is apus(8)."
        ],
        examples: [
            Example("apus man run | man -l -", "read all about run"),
            Example("apus man --pages", "which pages there are"),
        ])
}
