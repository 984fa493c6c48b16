/// A capability, with its kernel number (capabilities(7), `linux/capability.h`).
public enum Capability: UInt8, CaseIterable, Sendable {
    case chown = 0
    case dacOverride = 1
    case dacReadSearch = 2
    case fowner = 3
    case fsetid = 4
    case kill = 5
    case setgid = 6
    case setuid = 7
    case setpcap = 8
    case linuxImmutable = 9
    case netBindService = 10
    case netBroadcast = 11
    case netAdmin = 12
    case netRaw = 13
    case ipcLock = 14
    case ipcOwner = 15
    case sysModule = 16
    case sysRawio = 17
    case sysChroot = 18
    case sysPtrace = 19
    case sysPacct = 20
    case sysAdmin = 21
    case sysBoot = 22
    case sysNice = 23
    case sysResource = 24
    case sysTime = 25
    case sysTtyConfig = 26
    case mknod = 27
    case lease = 28
    case auditWrite = 29
    case auditControl = 30
    case setfcap = 31
    case macOverride = 32
    case macAdmin = 33
    case syslog = 34
    case wakeAlarm = 35
    case blockSuspend = 36
    case auditRead = 37
    case perfmon = 38
    case bpf = 39
    case checkpointRestore = 40

    /// The capability of a name as `config.json` writes it; nil for an unknown one.
    public init?(name: String) { self.init(named: name) }

    /// The name in `config.json`, such as `CAP_SYS_ADMIN`.
    public var name: String {
        switch self {
        case .chown: "CAP_CHOWN"
        case .dacOverride: "CAP_DAC_OVERRIDE"
        case .dacReadSearch: "CAP_DAC_READ_SEARCH"
        case .fowner: "CAP_FOWNER"
        case .fsetid: "CAP_FSETID"
        case .kill: "CAP_KILL"
        case .setgid: "CAP_SETGID"
        case .setuid: "CAP_SETUID"
        case .setpcap: "CAP_SETPCAP"
        case .linuxImmutable: "CAP_LINUX_IMMUTABLE"
        case .netBindService: "CAP_NET_BIND_SERVICE"
        case .netBroadcast: "CAP_NET_BROADCAST"
        case .netAdmin: "CAP_NET_ADMIN"
        case .netRaw: "CAP_NET_RAW"
        case .ipcLock: "CAP_IPC_LOCK"
        case .ipcOwner: "CAP_IPC_OWNER"
        case .sysModule: "CAP_SYS_MODULE"
        case .sysRawio: "CAP_SYS_RAWIO"
        case .sysChroot: "CAP_SYS_CHROOT"
        case .sysPtrace: "CAP_SYS_PTRACE"
        case .sysPacct: "CAP_SYS_PACCT"
        case .sysAdmin: "CAP_SYS_ADMIN"
        case .sysBoot: "CAP_SYS_BOOT"
        case .sysNice: "CAP_SYS_NICE"
        case .sysResource: "CAP_SYS_RESOURCE"
        case .sysTime: "CAP_SYS_TIME"
        case .sysTtyConfig: "CAP_SYS_TTY_CONFIG"
        case .mknod: "CAP_MKNOD"
        case .lease: "CAP_LEASE"
        case .auditWrite: "CAP_AUDIT_WRITE"
        case .auditControl: "CAP_AUDIT_CONTROL"
        case .setfcap: "CAP_SETFCAP"
        case .macOverride: "CAP_MAC_OVERRIDE"
        case .macAdmin: "CAP_MAC_ADMIN"
        case .syslog: "CAP_SYSLOG"
        case .wakeAlarm: "CAP_WAKE_ALARM"
        case .blockSuspend: "CAP_BLOCK_SUSPEND"
        case .auditRead: "CAP_AUDIT_READ"
        case .perfmon: "CAP_PERFMON"
        case .bpf: "CAP_BPF"
        case .checkpointRestore: "CAP_CHECKPOINT_RESTORE"
        }
    }
}

/// A set of capabilities: bit n stands for the capability with the kernel number n.
public struct CapabilitySet: OptionSet, Sendable {
    public let rawValue: UInt64

    public init(rawValue: UInt64) {
        self.rawValue = rawValue
    }

    public init(_ capabilities: [Capability]) {
        var bits: UInt64 = 0
        for capability in capabilities { bits |= 1 << UInt64(capability.rawValue) }
        rawValue = bits
    }

    /// Every capability that this module knows.
    public static var all: CapabilitySet {
        CapabilitySet(rawValue: (1 << UInt64(Capability.allCases.count)) - 1)
    }

    public func contains(_ capability: Capability) -> Bool {
        rawValue & (1 << UInt64(capability.rawValue)) != 0
    }

    public mutating func insert(_ capability: Capability) {
        self = CapabilitySet(rawValue: rawValue | (1 << UInt64(capability.rawValue)))
    }

    /// The members in the order of their kernel numbers.
    public var members: [Capability] {
        Capability.allCases.filter { contains($0) }
    }
}

/// The five capability sets of a process (capabilities(7), "Thread capability sets").
public struct Capabilities: Sendable, Equatable {
    public var bounding: CapabilitySet
    public var effective: CapabilitySet
    public var inheritable: CapabilitySet
    public var permitted: CapabilitySet
    /// A subset of both permitted and inheritable: what the document has beyond that cannot be raised.
    public var ambient: CapabilitySet

    public init(
        bounding: CapabilitySet = [], effective: CapabilitySet = [], inheritable: CapabilitySet = [],
        permitted: CapabilitySet = [], ambient: CapabilitySet = []
    ) {
        self.bounding = bounding
        self.effective = effective
        self.inheritable = inheritable
        self.permitted = permitted
        self.ambient = ambient
    }
}
