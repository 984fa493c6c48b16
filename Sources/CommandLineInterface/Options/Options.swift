/// What the flags before the command say.
public struct GlobalOptions: Equatable, Sendable {
    /// The state directory; nil for the default, which depends on who calls and on `$XDG_RUNTIME_DIR`.
    public var root: String?
    public var log: LogOptions
    public var cgroupManager: CgroupManagerChoice
    public var rootless: RootlessOption
    /// Where the timeline of the command is written: a file, or `-` for standard error; nil: nowhere.
    public var timing: String?
    /// CRIU's program; nil: the one in PATH.
    public var criu: String?

    public init(
        root: String? = nil, log: LogOptions = LogOptions(), cgroupManager: CgroupManagerChoice = .cgroupfs,
        rootless: RootlessOption = .auto, timing: String? = nil, criu: String? = nil
    ) {
        self.root = root
        self.log = log
        self.cgroupManager = cgroupManager
        self.rootless = rootless
        self.timing = timing
        self.criu = criu
    }
}

/// Who makes the cgroups of containers.
public enum CgroupManagerChoice: String, Equatable, Sendable {
    case cgroupfs, systemd, disabled
}

/// Whether a container goes without a cgroup where the caller may not make one.
public enum RootlessOption: String, Equatable, Sendable {
    /// If the caller is not root of the host.
    case auto
    case yes = "true"
    case no = "false"
}

/// Where and how to log.
public struct LogOptions: Equatable, Sendable {
    public var destination = LogDestination.standardError
    public var format = LogFormat.text
    /// The least important level that is written.
    public var level = LogLevel.info

    public init() {}
}

public enum LogDestination: Equatable, Sendable {
    case standardError
    /// The path of a file that lines are appended to.
    case file(String)
    /// systemd's journal, with this SYSLOG_IDENTIFIER.
    case journal(identifier: String)
    /// The system log (`/dev/log`), with this tag.
    case systemLog(identifier: String)
}

public enum LogFormat: Equatable, Sendable {
    case text, json
}

/// What `create` was asked for.
public struct CreateOptions: Equatable, Sendable {
    public var id: String
    /// The bundle's directory.
    public var bundle = "."
    /// The path of the configuration, relative to the bundle unless absolute.
    public var config = "config.json"
    public var consoleSocket: String?
    public var pidFile: String?
    public var pidfdSocket: String?
    /// How many descriptors to pass on, besides the first three and those of `$LISTEN_FDS`.
    public var preserveFds: Int32 = 0
    public var noPivot = false
    public var noNewKeyring = false
    /// Whether orphans of the container go to whoever they would go to without apus: of `create` they always do.
    public var noSubreaper = false

    public init(id: String) { self.id = id }
}

/// What `run` was asked for: all that `create` takes, and what happens afterwards.
public struct RunOptions: Equatable, Sendable {
    public var create: CreateOptions
    public var detach = false
    /// Whether the container is kept when its process has ended.
    public var keep = false

    public init(create: CreateOptions) { self.create = create }
}

public struct StartOptions: Equatable, Sendable {
    public var id: String

    public init(id: String) { self.id = id }
}

public struct StateOptions: Equatable, Sendable {
    public var id: String
    /// Whether the limits are shown, as they were asked for and as the kernel has them.
    public var cgroup = false

    public init(id: String) { self.id = id }
}

public struct WaitOptions: Equatable, Sendable {
    public var id: String

    public init(id: String) { self.id = id }
}

public struct CheckOptions: Equatable, Sendable {
    public enum Format: Equatable, Sendable {
        case text, json
    }

    /// A directory, or a configuration in it.
    public var bundle = "."
    /// The configuration, relative to the bundle unless absolute; nil: the file that `bundle` names, or `config.json`.
    public var config: String?
    public var format = Format.text

    public init() {}
}

/// Which containers a command is about.
public enum Target: Equatable, Sendable {
    case id(String)
    /// Every container whose id matches this POSIX extended regular expression (regcomp(3)), which is not checked yet.
    case pattern(String)
}

public struct KillOptions: Equatable, Sendable {
    public var target: Target
    /// A signal number from 0 to 64, where 0 sends nothing; SIGTERM if none was given.
    public var signal: Int32 = SignalTable.terminate
    /// Whether every process of the container is meant, and not only its first.
    public var all = false

    public init(target: Target) { self.target = target }
}

public struct DeleteOptions: Equatable, Sendable {
    public var target: Target
    public var force = false

    public init(target: Target) { self.target = target }
}

public struct ListOptions: Equatable, Sendable {
    public enum Format: Equatable, Sendable {
        case table, json
    }

    public var format = Format.table
    /// Whether only the ids are wanted; goes before the format.
    public var quiet = false

    public init() {}
}

public struct SpecOptions: Equatable, Sendable {
    /// Where `config.json` is written.
    public var bundle = "."
    /// What it is called, relative to the bundle unless absolute.
    public var file = "config.json"
    public var rootless = false
    public var hasTerminal = true
    /// The directory of the root file system, relative to the bundle unless absolute; nil: `rootfs`.
    public var rootfs: String?
    /// An image's configuration, from which the container's is made; `-` is standard input.
    public var imageConfig: String?
    /// The program and its arguments; empty: the shell, or what the image says.
    public var command: [String] = []

    public init() {}
}

public struct PlanOptions: Equatable, Sendable {
    public enum Format: Equatable, Sendable {
        case text, json
    }

    /// A directory, or a configuration in it.
    public var bundle = "."
    /// The configuration, relative to the bundle unless absolute; nil: the file that `bundle` names, or `config.json`.
    public var config: String?
    public var format = Format.text
    /// Whether one screen is to say what the container gets, in place of the steps.
    public var summary = false

    public init() {}
}

/// The shells that completions are written for.
public enum Shell: String, CaseIterable, Sendable {
    case bash, zsh, fish
}
