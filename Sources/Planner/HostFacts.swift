/// What a plan has to know of the host. Plain data: gathered by the runtime, or read from a file by tests.
public struct HostFacts: Sendable {
    /// Absolute path of the bundle.
    public var bundle: String
    /// Absolute path of the root file system, links resolved.
    public var rootfs: String
    public var cgroups: CgroupFacts
    /// Number of the last capability that the kernel knows.
    public var lastCapability: UInt8
    public var hasAppArmor: Bool
    public var hasSELinux: Bool
    /// Whether there is a /proc/kcore for `/dev/core` to point to.
    public var hasCore: Bool
    /// Who runs apus.
    public var caller: Caller
    /// Standard streams of the caller that are the host's null device, which everybody on the host shares: a process that
    /// got hold of it could change its mode.
    public var nullStreams = NullStreams()
    /// Whether the caller may make device nodes (CAP_MKNOD).
    public var makesNodes = true
    /// Where the host has devices of `linux.devices` that are bound and not made, by index; those that are not here it has
    /// where the container is to have them, or nowhere.
    public var devicePaths: [Int: String] = [:]

    /// What whoever runs apus may do.
    public enum Caller: Sendable {
        /// Root of the host.
        case root
        /// Root of a user namespace that is not the host's: all-powerful in there.
        case rootOfUserNamespace
        /// Somebody else, who has power only over user namespaces that he makes.
        case ordinaryUser
    }

    public init(
        bundle: String, rootfs: String, cgroups: CgroupFacts = CgroupFacts(), lastCapability: UInt8 = 40,
        hasAppArmor: Bool = false, hasSELinux: Bool = false, hasCore: Bool = true, caller: Caller = .root
    ) {
        self.bundle = bundle
        self.rootfs = rootfs
        self.cgroups = cgroups
        self.lastCapability = lastCapability
        self.hasAppArmor = hasAppArmor
        self.hasSELinux = hasSELinux
        self.hasCore = hasCore
        self.caller = caller
    }
}

/// Which of the standard streams are a null device, and how each is open.
public struct NullStreams: Sendable, Equatable {
    public static let numbers: ClosedRange<Int32> = 0...2
    /// By number; -1: it is something else. Empty: no stream is a null device.
    private var accessModes: [Int32] = []

    public init() {}

    public var isEmpty: Bool { accessModes.isEmpty }

    /// How the stream of a number is open (O_RDONLY, O_WRONLY or O_RDWR); nil: it is no null device.
    public subscript(number: Int32) -> Int32? {
        accessModes.isEmpty || accessModes[Int(number)] < 0 ? nil : accessModes[Int(number)]
    }

    public mutating func add(_ number: Int32, accessMode: Int32) {
        if accessModes.isEmpty { accessModes = [-1, -1, -1] }
        accessModes[Int(number)] = accessMode
    }
}

/// The container's cgroups as its first process meets them.
public struct CgroupFacts: Sendable {
    /// One mounted cgroup v1 hierarchy, as a container sees it below `/sys/fs/cgroup`.
    public struct Hierarchy: Sendable {
        /// Name of its directory, such as `cpu,cpuacct`.
        public var name: String
        /// Options that mount it: `cpu`, `cpuacct`; `none`, `name=systemd`.
        public var options: [String]
        /// The container's own directory in it, on the host.
        public var directory: String

        public init(name: String, options: [String], directory: String) {
            self.name = name
            self.options = options
            self.directory = directory
        }
    }

    /// cgroup v1 hierarchies; the container's process joins each by its `tasks` file. Empty on a v2 host.
    public var hierarchies: [Hierarchy]
    /// Links such as `cpu` to `cpu,cpuacct`.
    public var aliases: [(name: String, target: String)]
    /// The container's directory in the cgroup2 hierarchy of the host; nil if it has none.
    public var unified: String?
    /// Whether the host has cgroup v2 alone, which is there also for a container without a cgroup of its own.
    public var isUnifiedHost: Bool
    public var joining: Joining

    /// How the first process comes to be in its cgroups.
    public enum Joining: Sendable {
        /// It is cloned into the cgroup2 one (CLONE_INTO_CGROUP), and moves itself in v1 hierarchies.
        case byItself
        /// The host has it moved while it works; it waits for that where it matters. It still joins v1 hierarchies.
        case isMoved
        /// It stays where its maker is.
        case stays
    }

    public init(
        hierarchies: [Hierarchy] = [], aliases: [(name: String, target: String)] = [], unified: String? = nil,
        isUnifiedHost: Bool = false, joining: Joining = .byItself
    ) {
        self.hierarchies = hierarchies
        self.aliases = aliases
        self.unified = unified
        self.joining = joining
        self.isUnifiedHost = isUnifiedHost
    }

    /// Whether the container has no cgroup at all.
    public var isEmpty: Bool { hierarchies.isEmpty && unified == nil }

    /// Whether cgroup v2 alone is in charge.
    public var isV2: Bool { hierarchies.isEmpty }
}

/// What the caller of `create` or `run` wants, beside the configuration.
public struct PlanOptions: Sendable {
    /// The container's id.
    public var id: String
    /// Wait behind a gate for `start`; without it the process goes on when the host says so (`run`).
    public var hasGate: Bool
    /// The standard streams are the container's own from now on, and are given to its user; in the foreground they stay
    /// the caller's.
    public var givesStreams: Bool
    /// `--no-pivot`: move the root instead of pivoting to it.
    public var noPivot: Bool
    /// `--no-new-keyring`: stay in the caller's session keyring.
    public var noNewKeyring: Bool
    /// Descriptors from 3 on that the process keeps: those of `LISTEN_FDS`, then those of `--preserve-fds`.
    public var listenDescriptors: Int32
    public var preservedDescriptors: Int32
    /// The names that `LISTEN_FDNAMES` gives to the first ones; nil: none.
    public var listenNames: String?
    /// Directory of the host with the socket at which the container says that it is ready (`NOTIFY_SOCKET`); nil:
    /// nobody wants to know.
    public var notifyDirectory: String?
    /// The compiled `linux.seccomp`.
    public var filter: FilterProgram?

    public init(
        id: String, hasGate: Bool = true, givesStreams: Bool = true, noPivot: Bool = false, noNewKeyring: Bool = false,
        listenDescriptors: Int32 = 0, preservedDescriptors: Int32 = 0, listenNames: String? = nil,
        notifyDirectory: String? = nil,
        filter: FilterProgram? = nil
    ) {
        self.id = id
        self.hasGate = hasGate
        self.givesStreams = givesStreams
        self.noPivot = noPivot
        self.noNewKeyring = noNewKeyring
        self.listenDescriptors = listenDescriptors
        self.preservedDescriptors = preservedDescriptors
        self.listenNames = listenNames
        self.notifyDirectory = notifyDirectory
        self.filter = filter
    }
}

/// A configuration that cannot be planned on this host.
public struct PlanError: Error, Sendable, CustomStringConvertible {
    /// The place in `config.json`.
    public let field: String
    public let message: String

    public init(field: String, message: String) {
        self.field = field
        self.message = message
    }

    public var description: String { "\(field): \(message)" }
}
