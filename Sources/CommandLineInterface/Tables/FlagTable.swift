/// The flags of the commands.
extension Flag {
    /// Given before the command.
    public static let global: [Flag] = [
        Flag(
            .root, [], .directory("DIR"), .storage,
            "Directory that holds the state of the containers; best on a tmpfs", initial: "/run/apus"),
        Flag(
            .systemdCgroup, [], .none, .storage,
            "Let systemd make the cgroups; cgroupsPath is then \"slice:prefix:name\""),
        Flag(
            .cgroupManager, [],
            .choice([Choice("cgroupfs"), Choice("systemd"), Choice("disabled")]), .storage,
            "Who makes the cgroups; disabled leaves containers in the caller's, without limits", initial: "cgroupfs"),
        Flag(
            .rootless, [],
            .choice([
                Choice("auto"), Choice("false", aliases: ["0", "f", "F", "FALSE", "False"]),
                Choice("true", aliases: ["1", "t", "T", "TRUE", "True"]),
            ]), .storage, "Whether missing permissions on cgroups are ignored", initial: "auto"),
        Flag(
            .log, [], .file("FILE"), .logging,
            """
            Append the log to FILE, or send it to journald:NAME or syslog:NAME; the last error goes to standard error \
            as well
            """,
            initial: "standard error"),
        Flag(
            .logFormat, [], .choice([Choice("text"), Choice("json")]), .logging, "How log lines are written",
            initial: "text"),
        Flag(
            .logLevel, [],
            .choice([Choice("error"), Choice("warning", aliases: ["warn"]), Choice("info"), Choice("debug")]),
            .logging, "The least important lines that are written", initial: "info"),
        Flag(.debug, [], .none, .logging, "Follow the command part by part, with times: the same as --log-level=debug"),
        Flag(
            .timing, [], .file("FILE"), .logging,
            "Write when each part of the command began and ended to FILE, for a trace viewer, or as text if it is -"),
        Flag(.criu, [], .file("FILE"), .storage, "CRIU's program, for checkpoint and restore", initial: "criu in PATH"),
        Flag.help,
        Flag(.version, ["v"], .none, .general, "Show the version"),
    ]

    /// Every command has it.
    static let help = Flag(.help, ["h"], .none, .general, "Show this help")

    static let bundle = Flag(
        .bundle, ["b"], .directory("DIR"), .bundle, "The bundle: the directory of config.json", initial: ".")
    static let consoleSocket = Flag(
        .consoleSocket, [], .file("SOCKET"), .console,
        "Unix socket that is sent the master end of the container's terminal")
    static let pidFile = Flag(.pidFile, [], .file("FILE"), .lifecycle, "Write the process id to FILE")
    static let preserveFds = Flag(
        .preserveFds, [], .number("N"), .console,
        "Pass on N more descriptors, after standard input, output, error and those of $LISTEN_FDS", initial: "0")
    static let noPivot = Flag(
        .noPivot, [], .none, .isolation,
        "Do not use pivot_root to enter the root file system, for a rootfs on the initial ramdisk. Less safe")
    static let noSubreaper = Flag(
        .noSubreaper, [], .none, .lifecycle, "Do not become the parent of orphaned descendants")
    static let detach = Flag(.detach, ["d"], .none, .lifecycle, "Return when the container's process runs")
    static let pidfdSocket = Flag(
        .pidfdSocket, [], .file("SOCKET"), .console, "Unix socket that is sent a pidfd of the process")
    static let regex = Flag(
        .regex, ["r"], .none, .selection, "The id is a POSIX extended regular expression: every match is meant")
    static let tableFormat = Flag(
        .format, ["f"], .choice([Choice("table"), Choice("json")]), .output, "How the result is written",
        initial: "table")

    static let config = Flag(
        .config, ["f"], .file("FILE"), .bundle, "The configuration, if not DIR/config.json", initial: "config.json")

    static let create: [Flag] = [
        bundle, config, consoleSocket, preserveFds, pidfdSocket, pidFile, noPivot,
        Flag(
            .noNewKeyring, [], .none, .isolation, "Keep the caller's session keyring instead of making a new one"),
    ]

    /// crun takes it, which creates and runs containers in one way.
    static let createAlone: [Flag] =
        create + [
            Flag(
                .noSubreaper, [], .none, .lifecycle, "What create does anyway: it never is a parent of orphans",
                standing: .obsolete)
        ]

    static let run: [Flag] =
        create + [
            detach,
            Flag(.keep, [], .none, .lifecycle, "Keep the container's state when its process ends"),
            noSubreaper,
        ]

    static let kill: [Flag] = [
        regex,
        Flag(.all, ["a"], .none, .selection, "Signal every process of the container, not only the first"),
    ]

    static let delete: [Flag] = [
        regex,
        Flag(
            .force, ["f"], .none, .lifecycle,
            "Kill the container first if it still runs; an id that does not exist is no error"),
    ]

    static let list: [Flag] = [
        tableFormat, Flag(.quiet, ["q"], .none, .output, "Only the ids, one on a line"),
    ]

    static let spec: [Flag] = [
        Flag(.bundle, ["b"], .directory("DIR"), .bundle, "Where config.json is written", initial: "."),
        Flag(
            .file, ["f"], .file("FILE"), .bundle, "Another name for it, relative to DIR unless absolute",
            initial: "config.json"),
        Flag(.rootless, [], .none, .bundle, "A configuration for a container that an ordinary user runs"),
        Flag(
            .rootfs, [], .directory("ROOTFS"), .bundle,
            "The root file system, relative to the bundle unless absolute; it has to be there", initial: "rootfs"),
        Flag(
            .fromImageConfig, [], .file("IMAGE"), .bundle,
            "Run what the configuration of an OCI image says, or of one in Docker's form; - reads standard input"),
        Flag(.noTerminal, [], .none, .console, "A container without a terminal: its output is the caller's"),
    ]

    static let check: [Flag] = [
        config,
        Flag(
            .format, [], .choice([Choice("text"), Choice("json")]), .output, "How the problems are written",
            initial: "text"),
    ]

    static let plan: [Flag] = [
        config,
        Flag(
            .format, [], .choice([Choice("text"), Choice("json")]), .output, "How the plan is written",
            initial: "text"),
        Flag(
            .summary, [], .none, .output, "What the container gets, on one screen, in place of the steps"),
    ]

    static let man: [Flag] = [Flag(.pages, [], .none, .output, "List the pages, one on a line")]
}
