/// The container's process, or one added by `exec` (config.md, "Process").
public struct Process: Sendable, Equatable {
    /// Whether the process gets a pseudoterminal of its own.
    public var terminal: Bool
    /// Size of that terminal; `nil` leaves the kernel's default. Without a terminal always `nil`.
    public var consoleSize: ConsoleSize?
    /// Identity, in the container's user namespace.
    public var user: User
    /// Arguments, the program first. Never empty.
    public var args: [String]
    /// Environment, each `NAME=value`, in the order given.
    public var env: [String]
    /// Working directory, absolute inside the container.
    public var cwd: String
    /// Capability sets; `nil` means that all are empty, as in runc.
    public var capabilities: Capabilities?
    /// Resource limits; each kind at most once.
    public var rlimits: [Rlimit]
    /// Whether `no_new_privs` is set (prctl(2), `PR_SET_NO_NEW_PRIVS`).
    public var noNewPrivileges: Bool
    /// AppArmor profile to enter at exec.
    public var apparmorProfile: String?
    /// Value for `/proc/self/oom_score_adj`, -1000...1000; `nil` must not touch it.
    public var oomScoreAdj: Int32?
    /// Scheduling policy and its parameters.
    public var scheduler: Scheduler?
    /// SELinux label to enter at exec.
    public var selinuxLabel: String?
    /// I/O scheduling class and level.
    public var ioPriority: IOPriority?
    /// CPUs to run `exec` on. Has no effect on the container's first process.
    public var execCPUAffinity: ExecCPUAffinity?

    public init(
        terminal: Bool = false, consoleSize: ConsoleSize? = nil, user: User = User(), args: [String],
        env: [String] = [], cwd: String = "/", capabilities: Capabilities? = nil, rlimits: [Rlimit] = [],
        noNewPrivileges: Bool = false, apparmorProfile: String? = nil, oomScoreAdj: Int32? = nil,
        scheduler: Scheduler? = nil, selinuxLabel: String? = nil, ioPriority: IOPriority? = nil,
        execCPUAffinity: ExecCPUAffinity? = nil
    ) {
        self.terminal = terminal
        self.consoleSize = consoleSize
        self.user = user
        self.args = args
        self.env = env
        self.cwd = cwd
        self.capabilities = capabilities
        self.rlimits = rlimits
        self.noNewPrivileges = noNewPrivileges
        self.apparmorProfile = apparmorProfile
        self.oomScoreAdj = oomScoreAdj
        self.scheduler = scheduler
        self.selinuxLabel = selinuxLabel
        self.ioPriority = ioPriority
        self.execCPUAffinity = execCPUAffinity
    }
}

/// Size of a terminal in characters (`struct winsize`, so 16 bits each).
public struct ConsoleSize: Sendable, Equatable {
    public var height: UInt16
    public var width: UInt16

    public init(height: UInt16, width: UInt16) {
        self.height = height
        self.width = width
    }
}

/// Who the process is, in numbers of the container's user namespace (config.md, "User").
///
/// No id is ever 4294967295: the kernel reads that as "unchanged" (setresuid(2)).
public struct User: Sendable, Equatable {
    public var uid: UInt32
    public var gid: UInt32
    /// File mode creation mask, 0...0o777; `nil` means 0o022, as in runc.
    public var umask: UInt32?
    /// Supplementary groups: exactly these, also when empty.
    public var additionalGids: [UInt32]

    public init(uid: UInt32 = 0, gid: UInt32 = 0, umask: UInt32? = nil, additionalGids: [UInt32] = []) {
        self.uid = uid
        self.gid = gid
        self.umask = umask
        self.additionalGids = additionalGids
    }
}

/// CPUs that an `exec` runs on before and after it enters the container's cgroup.
public struct ExecCPUAffinity: Sendable, Equatable {
    /// CPUs before the cgroup is entered; `nil` leaves them.
    public var initial: IndexRanges?
    /// CPUs after it; `nil` leaves them to the kernel.
    public var final: IndexRanges?

    public init(initial: IndexRanges? = nil, final: IndexRanges? = nil) {
        self.initial = initial
        self.final = final
    }
}

/// A list of CPUs or memory nodes, such as `0-3,7`, parsed.
public struct IndexRanges: Sendable, Equatable {
    /// In the order given; may overlap.
    public var ranges: [ClosedRange<UInt32>]

    public init(_ ranges: [ClosedRange<UInt32>]) {
        self.ranges = ranges
    }
}
