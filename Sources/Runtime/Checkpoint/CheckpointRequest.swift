/// What `checkpoint` and `restore` are both told: where images are, and what CRIU may do.
public struct CriuSettings: Sendable {
    /// What is done about cgroups (criu(8), "--manage-cgroups").
    public enum CgroupMode: Sendable {
        case ignore, soft, full, strict

        /// Of `criu_cg_mode`.
        var number: Int32 {
            switch self {
            case .ignore: 0
            case .soft: 3
            case .full: 4
            case .strict: 5
            }
        }
    }

    /// How the network is stopped while connections are saved (criu(8), "--network-lock").
    public enum NetworkLock: Sendable {
        case iptables, nftables, skip

        /// Of `criu_network_lock_method`.
        var number: Int32 {
            switch self {
            case .iptables: 1
            case .nftables: 2
            case .skip: 3
            }
        }
    }

    /// CRIU's program; nil: the one in PATH.
    public var program: String?
    /// Directory of the images; nil: `checkpoint` in the working directory.
    public var imagePath: String?
    /// Directory of CRIU's log and work files; nil: that of the images.
    public var workPath: String?
    public var tcpEstablished = false
    public var externalUnixSockets = false
    public var shellJob = false
    public var fileLocks = false
    public var lazyPages = false
    public var autoDedup = false
    /// Whether the network namespace is made, and left empty.
    public var emptyNetwork = false
    public var cgroupMode = CgroupMode.soft
    /// nil: CRIU's own choice.
    public var networkLock: NetworkLock?

    public init() {}
}

/// What the caller of `checkpoint` asks for.
public struct CheckpointRequest: Sendable {
    public var id: String
    public var settings: CriuSettings
    /// Images of an earlier pre-dump, relative to the directory of the images.
    public var parentPath: String?
    public var leavesRunning = false
    /// Only the memory is written, and the container goes on.
    public var isPreDump = false
    /// Where memory pages are sent to, or with lazy pages waited for.
    public var pageServer: (address: String, port: UInt16)?
    /// A descriptor of the caller's that is sent a zero byte when lazy pages can be fetched.
    public var statusDescriptor: Int32?
    public var linkRemap = false
    public var tcpSkipInFlight = false

    public init(id: String, settings: CriuSettings) {
        self.id = id
        self.settings = settings
    }
}

/// What the caller of `restore` asks for.
public struct RestoreRequest: Sendable {
    public var create: CreateRequest
    public var settings: CriuSettings
    public var tcpClose = false
    /// The profile of a security module, as `TYPE:NAME`; nil: the one in the configuration.
    public var lsmProfile: String?
    public var lsmMountContext: String?

    public init(create: CreateRequest, settings: CriuSettings) {
        self.create = create
        self.settings = settings
    }
}
