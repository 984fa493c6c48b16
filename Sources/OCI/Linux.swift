/// Everything of a configuration that is particular to Linux (config-linux.md).
public struct Linux: Sendable, Equatable {
    /// Namespaces to make or to join; each kind at most once. A kind that is missing is inherited.
    public var namespaces: [Namespace]
    /// Mappings of a new user namespace.
    public var uidMappings: [IDMapping]
    public var gidMappings: [IDMapping]
    /// Clock offsets of a new time namespace.
    public var timeOffsets: TimeOffsets?
    /// Device nodes to make, besides the default ones.
    public var devices: [Device]
    /// Network devices of the host to move into the container's network namespace, sorted by name.
    public var netDevices: [NetDevice]
    /// Path of the cgroup as given: absolute, relative, or `slice:prefix:name` for the systemd driver.
    public var cgroupsPath: String?
    /// Limits to set on the cgroup.
    public var resources: Resources?
    /// Cache and memory bandwidth allocation (resctrl).
    public var intelRdt: IntelRdt?
    /// NUMA memory policy of the process.
    public var memoryPolicy: MemoryPolicy?
    /// Kernel parameters, sorted by key.
    public var sysctl: [Sysctl]
    /// System call filter.
    public var seccomp: SeccompProfile?
    /// Propagation of the container's root mount.
    public var rootfsPropagation: MountPropagation?
    /// Absolute paths to hide.
    public var maskedPaths: [String]
    /// Absolute paths to make read-only.
    public var readonlyPaths: [String]
    /// SELinux context of the mounts.
    public var mountLabel: String?
    /// Execution domain of the process.
    public var personality: Personality?

    public init(
        namespaces: [Namespace] = [], uidMappings: [IDMapping] = [], gidMappings: [IDMapping] = [],
        timeOffsets: TimeOffsets? = nil, devices: [Device] = [], netDevices: [NetDevice] = [],
        cgroupsPath: String? = nil, resources: Resources? = nil, intelRdt: IntelRdt? = nil,
        memoryPolicy: MemoryPolicy? = nil, sysctl: [Sysctl] = [], seccomp: SeccompProfile? = nil,
        rootfsPropagation: MountPropagation? = nil, maskedPaths: [String] = [], readonlyPaths: [String] = [],
        mountLabel: String? = nil, personality: Personality? = nil
    ) {
        self.namespaces = namespaces
        self.uidMappings = uidMappings
        self.gidMappings = gidMappings
        self.timeOffsets = timeOffsets
        self.devices = devices
        self.netDevices = netDevices
        self.cgroupsPath = cgroupsPath
        self.resources = resources
        self.intelRdt = intelRdt
        self.memoryPolicy = memoryPolicy
        self.sysctl = sysctl
        self.seccomp = seccomp
        self.rootfsPropagation = rootfsPropagation
        self.maskedPaths = maskedPaths
        self.readonlyPaths = readonlyPaths
        self.mountLabel = mountLabel
        self.personality = personality
    }

    /// The entry of a kind, or `nil` where the container inherits the runtime's namespace.
    public func namespace(_ kind: NamespaceKind) -> Namespace? {
        namespaces.first { $0.kind == kind }
    }

    /// Whether the container gets a new namespace of a kind.
    public func creates(_ kind: NamespaceKind) -> Bool {
        namespaces.contains { $0.kind == kind && $0.path == nil }
    }

    /// Whether the container has a namespace of a kind that it does not inherit, new or joined.
    public func separates(_ kind: NamespaceKind) -> Bool {
        namespaces.contains { $0.kind == kind }
    }
}

/// One kernel parameter to set, with the key's dots or slashes as given: `net.ipv4.ip_forward`.
public struct Sysctl: Sendable, Equatable {
    public var key: String
    public var value: String

    public init(key: String, value: String) {
        self.key = key
        self.value = value
    }
}

/// A device node (config-linux.md, "Devices").
public struct Device: Sendable, Equatable {
    public var kind: DeviceKind
    /// Absolute path inside the container.
    public var path: String
    /// Device numbers; 0 for a FIFO.
    public var major: UInt32
    public var minor: UInt32
    /// Permission bits, 0...0o7777; `nil` when the document leaves them out.
    public var fileMode: UInt32?
    /// Owner in the container's user namespace; `nil` when the document leaves it out.
    public var uid: UInt32?
    public var gid: UInt32?

    public init(
        _ kind: DeviceKind, path: String, major: UInt32 = 0, minor: UInt32 = 0, fileMode: UInt32? = nil,
        uid: UInt32? = nil, gid: UInt32? = nil
    ) {
        self.kind = kind
        self.path = path
        self.major = major
        self.minor = minor
        self.fileMode = fileMode
        self.uid = uid
        self.gid = gid
    }
}

/// Kinds of device nodes; the raw value is the letter in `config.json` (mknod(1)).
public enum DeviceKind: String, CaseIterable, Sendable {
    /// A character device.
    case character = "c"
    /// A character device too (mknod(1): "unbuffered").
    case unbuffered = "u"
    case block = "b"
    case fifo = "p"
}

/// A network device of the host that moves into the container (config-linux.md, "Network Devices").
public struct NetDevice: Sendable, Equatable {
    /// Its name on the host.
    public var hostName: String
    /// Its name in the container, may hold one `%d`; `nil` keeps the host's.
    public var name: String?

    public init(hostName: String, name: String? = nil) {
        self.hostName = hostName
        self.name = name
    }
}

/// Intel Resource Director Technology (config-linux.md, "IntelRdt").
public struct IntelRdt: Sendable, Equatable {
    /// Class of service: a directory name below resctrl, or `/` for its root; `nil` means the container's id.
    public var closID: String?
    /// Lines for the `schemata` file.
    public var schemata: [String]
    public var l3CacheSchema: String?
    public var memBwSchema: String?
    public var enableMonitoring: Bool

    public init(
        closID: String? = nil, schemata: [String] = [], l3CacheSchema: String? = nil, memBwSchema: String? = nil,
        enableMonitoring: Bool = false
    ) {
        self.closID = closID
        self.schemata = schemata
        self.l3CacheSchema = l3CacheSchema
        self.memBwSchema = memBwSchema
        self.enableMonitoring = enableMonitoring
    }
}

/// NUMA memory policy (set_mempolicy(2)).
public struct MemoryPolicy: Sendable, Equatable {
    public var mode: MemoryPolicyMode
    /// Memory nodes; `nil` for the modes that take none.
    public var nodes: IndexRanges?
    /// Flags to be or-ed into the mode.
    public var flags: MemoryPolicyFlags

    public init(_ mode: MemoryPolicyMode, nodes: IndexRanges? = nil, flags: MemoryPolicyFlags = []) {
        self.mode = mode
        self.nodes = nodes
        self.flags = flags
    }
}

/// Memory policies, with their kernel numbers (`linux/mempolicy.h`); in the order of the spec.
public enum MemoryPolicyMode: UInt32, CaseIterable, Sendable {
    case `default` = 0
    case bind = 2
    case interleave = 3
    case weightedInterleave = 6
    case preferred = 1
    case preferredMany = 5
    case local = 4

    /// The name in `config.json`, such as `MPOL_BIND`.
    public var name: String {
        switch self {
        case .default: "MPOL_DEFAULT"
        case .bind: "MPOL_BIND"
        case .interleave: "MPOL_INTERLEAVE"
        case .weightedInterleave: "MPOL_WEIGHTED_INTERLEAVE"
        case .preferred: "MPOL_PREFERRED"
        case .preferredMany: "MPOL_PREFERRED_MANY"
        case .local: "MPOL_LOCAL"
        }
    }
}

/// One flag of a memory policy, with its kernel bit (`linux/mempolicy.h`).
public enum MemoryPolicyFlag: UInt32, CaseIterable, Sendable {
    case numaBalancing = 0x2000
    case relativeNodes = 0x4000
    case staticNodes = 0x8000

    /// The name in `config.json`, such as `MPOL_F_STATIC_NODES`.
    public var name: String {
        switch self {
        case .numaBalancing: "MPOL_F_NUMA_BALANCING"
        case .relativeNodes: "MPOL_F_RELATIVE_NODES"
        case .staticNodes: "MPOL_F_STATIC_NODES"
        }
    }
}

/// Flags of a memory policy, as kernel bits.
public struct MemoryPolicyFlags: OptionSet, Sendable {
    public let rawValue: UInt32
    public init(rawValue: UInt32) { self.rawValue = rawValue }
}

/// Execution domains, with their kernel numbers (personality(2)).
public enum Personality: UInt64, CaseIterable, Sendable {
    case linux = 0x0000
    case linux32 = 0x0008

    /// The name in `config.json`: `LINUX` or `LINUX32`.
    public var name: String {
        switch self {
        case .linux: "LINUX"
        case .linux32: "LINUX32"
        }
    }
}
