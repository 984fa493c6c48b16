/// A resource limit of a process (getrlimit(2)).
public struct Rlimit: Sendable, Equatable {
    public var kind: RlimitKind
    /// The limit that is enforced; `UInt64.max` is `RLIM_INFINITY`. Never above `hard`.
    public var soft: UInt64
    /// The ceiling of `soft` for an unprivileged process; `UInt64.max` is `RLIM_INFINITY`.
    public var hard: UInt64

    public init(_ kind: RlimitKind, soft: UInt64, hard: UInt64) {
        self.kind = kind
        self.soft = soft
        self.hard = hard
    }
}

/// The resources that can be limited, with their kernel numbers (`asm-generic/resource.h`; x86-64 and aarch64).
public enum RlimitKind: UInt32, CaseIterable, Sendable {
    case cpu = 0
    case fsize = 1
    case data = 2
    case stack = 3
    case core = 4
    case rss = 5
    case nproc = 6
    case nofile = 7
    case memlock = 8
    case addressSpace = 9
    case locks = 10
    case sigpending = 11
    case msgqueue = 12
    case nice = 13
    case rtprio = 14
    case rttime = 15

    /// The name in `config.json`, such as `RLIMIT_NOFILE`.
    public var name: String {
        switch self {
        case .cpu: "RLIMIT_CPU"
        case .fsize: "RLIMIT_FSIZE"
        case .data: "RLIMIT_DATA"
        case .stack: "RLIMIT_STACK"
        case .core: "RLIMIT_CORE"
        case .rss: "RLIMIT_RSS"
        case .nproc: "RLIMIT_NPROC"
        case .nofile: "RLIMIT_NOFILE"
        case .memlock: "RLIMIT_MEMLOCK"
        case .addressSpace: "RLIMIT_AS"
        case .locks: "RLIMIT_LOCKS"
        case .sigpending: "RLIMIT_SIGPENDING"
        case .msgqueue: "RLIMIT_MSGQUEUE"
        case .nice: "RLIMIT_NICE"
        case .rtprio: "RLIMIT_RTPRIO"
        case .rttime: "RLIMIT_RTTIME"
        }
    }
}
