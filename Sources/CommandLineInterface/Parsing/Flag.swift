/// One flag of the command line: everything that the parser, the help, the completions and the manual know of it.
public struct Flag: Sendable {
    /// The long name, as an identity: no text of a flag leaves this module.
    public let key: FlagKey
    /// One-letter names. One dash or two work for both kinds of name.
    public let short: [String]
    /// What follows the name.
    public let value: FlagValue
    /// The heading that the flag stands under in a command's help.
    public let group: FlagGroup
    /// One or two sentences, without a full stop at the end.
    public let help: String
    /// What holds when the flag is not given, as text for the help; nil if that is "nothing" or "false".
    public let initial: String?
    /// Whether giving it again adds a value. Otherwise the last one counts.
    public let repeatable: Bool
    public let standing: Standing

    init(
        _ key: FlagKey, _ short: [String] = [], _ value: FlagValue, _ group: FlagGroup, _ help: String,
        initial: String? = nil, repeatable: Bool = false, standing: Standing = .current
    ) {
        self.key = key
        self.short = short
        self.value = value
        self.group = group
        self.help = help
        self.initial = initial
        self.repeatable = repeatable
        self.standing = standing
    }

    /// The long name without dashes.
    public var name: String { key.rawValue }

    /// Whether `name` (without dashes) is one of this flag's names.
    func isCalled(_ name: String) -> Bool { name == self.name || short.contains(name) }
}

/// What a flag takes.
public enum FlagValue: Sendable {
    /// Nothing, or `=true` and `=false` in Go's spellings.
    case none
    /// Any text. The payload here and below is the value's name in the help.
    case text(String)
    /// The path of a file or socket.
    case file(String)
    /// The path of a directory.
    case directory(String)
    /// A whole number from 0 to 2^31 - 1.
    case number(String)
    /// One of a few words.
    case choice([Choice])

    /// The value's name in the help, or the words to choose from; nil for a flag that takes none.
    public var name: String? {
        switch self {
        case .none: nil
        case .text(let name), .file(let name), .directory(let name), .number(let name): name
        case .choice(let choices): choices.map { $0.name }.joined(separator: "|")
        }
    }

    /// The words to choose from; empty for a flag that takes anything else.
    public var choices: [Choice] {
        if case .choice(let choices) = self { choices } else { [] }
    }
}

/// A word that a flag accepts.
public struct Choice: Sendable {
    public let name: String
    /// Other spellings of the same.
    public let aliases: [String]

    init(_ name: String, aliases: [String] = []) {
        self.name = name
        self.aliases = aliases
    }
}

/// How a flag is presented.
public enum Standing: Sendable {
    case current
    /// Accepted because old callers give it; shown as such.
    case obsolete
}

/// The headings of flags in a command's help, in the order in which they are shown.
public enum FlagGroup: Int, CaseIterable, Sendable {
    case bundle, process, console, lifecycle, isolation, selection, memory, cpu, resources, images, criu
    case output, storage, logging, general

    public var title: String {
        switch self {
        case .bundle: "Bundle"
        case .process: "Process"
        case .console: "Console and descriptors"
        case .lifecycle: "Life cycle"
        case .isolation: "Isolation"
        case .selection: "Which containers"
        case .memory: "Memory"
        case .cpu: "CPU"
        case .resources: "Other resources"
        case .images: "Images"
        case .criu: "What CRIU does"
        case .output: "Output"
        case .storage: "State and cgroups"
        case .logging: "Log"
        case .general: "General"
        }
    }
}

/// The long name of every flag of every command.
public enum FlagKey: String, CaseIterable, Sendable {
    case root, log, debug, rootless, help, version, timing, criu, file, rootfs, summary
    case logFormat = "log-format"
    case logLevel = "log-level"
    case systemdCgroup = "systemd-cgroup"
    case cgroupManager = "cgroup-manager"

    case bundle, config, detach, keep, force, regex, all, format, quiet
    case consoleSocket = "console-socket"
    case pidFile = "pid-file"
    case pidfdSocket = "pidfd-socket"
    case preserveFds = "preserve-fds"
    case noPivot = "no-pivot"
    case noNewKeyring = "no-new-keyring"
    case noSubreaper = "no-subreaper"

    case process, tty, cwd, env, user, cap, cgroup, apparmor
    case additionalGids = "additional-gids"
    case processLabel = "process-label"
    case noNewPrivs = "no-new-privs"
    case ignorePaused = "ignore-paused"

    case resources, memory
    case memoryReservation = "memory-reservation"
    case memorySwap = "memory-swap"
    case kernelMemory = "kernel-memory"
    case kernelMemoryTCP = "kernel-memory-tcp"
    case cpuPeriod = "cpu-period"
    case cpuQuota = "cpu-quota"
    case cpuBurst = "cpu-burst"
    case cpuShare = "cpu-share"
    case cpuRealtimePeriod = "cpu-rt-period"
    case cpuRealtimeRuntime = "cpu-rt-runtime"
    case cpuIdle = "cpu-idle"
    case cpusetCpus = "cpuset-cpus"
    case cpusetMems = "cpuset-mems"
    case pidsLimit = "pids-limit"
    case blkioWeight = "blkio-weight"
    case l3CacheSchema = "l3-cache-schema"
    case memBwSchema = "mem-bw-schema"

    case interval, stats, pages
    case noTerminal = "no-terminal"
    case fromImageConfig = "from-image-config"

    case imagePath = "image-path"
    case workPath = "work-path"
    case parentPath = "parent-path"
    case leaveRunning = "leave-running"
    case tcpEstablished = "tcp-established"
    case tcpSkipInFlight = "tcp-skip-in-flight"
    case tcpClose = "tcp-close"
    case extUnixSk = "ext-unix-sk"
    case shellJob = "shell-job"
    case fileLocks = "file-locks"
    case linkRemap = "link-remap"
    case lazyPages = "lazy-pages"
    case pageServer = "page-server"
    case statusFd = "status-fd"
    case preDump = "pre-dump"
    case autoDedup = "auto-dedup"
    case emptyNs = "empty-ns"
    case manageCgroupsMode = "manage-cgroups-mode"
    case networkLock = "network-lock"
    case lsmProfile = "lsm-profile"
    case lsmMountContext = "lsm-mount-context"
}
