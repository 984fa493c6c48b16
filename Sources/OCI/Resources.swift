/// Limits of a container's cgroup (config-linux.md, "Control groups"). Each `nil` leaves the kernel's value.
public struct Resources: Sendable, Equatable {
    /// Device access rules, applied in order.
    public var devices: [DeviceRule]
    public var memory: Memory?
    public var cpu: CPU?
    public var pids: Pids?
    public var blockIO: BlockIO?
    public var hugepageLimits: [HugepageLimit]
    public var network: Network?
    /// RDMA limits, sorted by device.
    public var rdma: [RDMA]
    /// Files of the cgroup v2 directory and what to write to them, sorted by name.
    public var unified: [Unified]

    public init(
        devices: [DeviceRule] = [], memory: Memory? = nil, cpu: CPU? = nil, pids: Pids? = nil,
        blockIO: BlockIO? = nil, hugepageLimits: [HugepageLimit] = [], network: Network? = nil, rdma: [RDMA] = [],
        unified: [Unified] = []
    ) {
        self.devices = devices
        self.memory = memory
        self.cpu = cpu
        self.pids = pids
        self.blockIO = blockIO
        self.hugepageLimits = hugepageLimits
        self.network = network
        self.rdma = rdma
        self.unified = unified
    }
}

extension Resources {
    /// One rule of the device list (cgroup v1 `devices`, cgroup v2 eBPF).
    public struct DeviceRule: Sendable, Equatable {
        public var allow: Bool
        public var kind: DeviceRuleKind
        /// `nil` stands for every number.
        public var major: UInt32?
        public var minor: UInt32?
        /// What the rule concerns; all three when the document leaves it out.
        public var access: DeviceAccess

        public init(
            allow: Bool, kind: DeviceRuleKind = .all, major: UInt32? = nil, minor: UInt32? = nil,
            access: DeviceAccess = .all
        ) {
            self.allow = allow
            self.kind = kind
            self.major = major
            self.minor = minor
            self.access = access
        }
    }

    /// Which devices a rule concerns; the raw value is the letter in `config.json`.
    public enum DeviceRuleKind: String, CaseIterable, Sendable {
        case all = "a"
        case block = "b"
        case character = "c"
    }

    /// Ways of access, with the bits of the kernel's eBPF interface (`BPF_DEVCG_ACC_*`, `linux/bpf.h`).
    public struct DeviceAccess: OptionSet, Sendable {
        public let rawValue: UInt32
        public init(rawValue: UInt32) { self.rawValue = rawValue }

        public static var mknod: DeviceAccess { DeviceAccess(rawValue: 1) }
        public static var read: DeviceAccess { DeviceAccess(rawValue: 2) }
        public static var write: DeviceAccess { DeviceAccess(rawValue: 4) }
        public static var all: DeviceAccess { [.mknod, .read, .write] }

        /// The letters of cgroup v1, in its order: `rwm`.
        public var letters: String {
            (contains(.read) ? "r" : "") + (contains(.write) ? "w" : "") + (contains(.mknod) ? "m" : "")
        }
    }

    /// Memory in bytes; -1 is unlimited.
    public struct Memory: Sendable, Equatable {
        public var limit: Int64?
        public var reservation: Int64?
        /// Memory plus swap.
        public var swap: Int64?
        /// Not recommended by the spec, without effect on current kernels.
        public var kernel: Int64?
        /// Not recommended by the spec.
        public var kernelTCP: Int64?
        /// 0...100.
        public var swappiness: UInt64?
        public var disableOOMKiller: Bool?
        public var useHierarchy: Bool?
        public var checkBeforeUpdate: Bool?

        public init(
            limit: Int64? = nil, reservation: Int64? = nil, swap: Int64? = nil, kernel: Int64? = nil,
            kernelTCP: Int64? = nil, swappiness: UInt64? = nil, disableOOMKiller: Bool? = nil,
            useHierarchy: Bool? = nil, checkBeforeUpdate: Bool? = nil
        ) {
            self.limit = limit
            self.reservation = reservation
            self.swap = swap
            self.kernel = kernel
            self.kernelTCP = kernelTCP
            self.swappiness = swappiness
            self.disableOOMKiller = disableOOMKiller
            self.useHierarchy = useHierarchy
            self.checkBeforeUpdate = checkBeforeUpdate
        }
    }

    /// CPU time (times in microseconds) and placement.
    public struct CPU: Sendable, Equatable {
        public var shares: UInt64?
        /// -1 is unlimited.
        public var quota: Int64?
        public var burst: UInt64?
        public var period: UInt64?
        public var realtimeRuntime: Int64?
        public var realtimePeriod: UInt64?
        /// CPUs, such as `0-3,7`: a list in the kernel's own syntax.
        public var cpus: String?
        /// Memory nodes, in the same syntax.
        public var mems: String?
        /// 1 gives the lowest weight (`SCHED_IDLE`), 0 the ordinary behaviour.
        public var idle: Int64?

        public init(
            shares: UInt64? = nil, quota: Int64? = nil, burst: UInt64? = nil, period: UInt64? = nil,
            realtimeRuntime: Int64? = nil, realtimePeriod: UInt64? = nil, cpus: String? = nil, mems: String? = nil,
            idle: Int64? = nil
        ) {
            self.shares = shares
            self.quota = quota
            self.burst = burst
            self.period = period
            self.realtimeRuntime = realtimeRuntime
            self.realtimePeriod = realtimePeriod
            self.cpus = cpus
            self.mems = mems
            self.idle = idle
        }
    }

    /// Number of tasks.
    public struct Pids: Sendable, Equatable {
        /// -1 is unlimited; 0 is a limit of its own, but see ``Resources/asMeant(in:)``. `nil` leaves what the kernel has.
        public var limit: Int64?

        public init(limit: Int64? = nil) {
            self.limit = limit
        }
    }

    /// Block devices.
    public struct BlockIO: Sendable, Equatable {
        public var weight: UInt16?
        public var leafWeight: UInt16?
        public var weightDevice: [WeightDevice]
        /// Bytes per second.
        public var throttleReadBpsDevice: [ThrottleDevice]
        public var throttleWriteBpsDevice: [ThrottleDevice]
        /// Operations per second.
        public var throttleReadIOPSDevice: [ThrottleDevice]
        public var throttleWriteIOPSDevice: [ThrottleDevice]

        public init(
            weight: UInt16? = nil, leafWeight: UInt16? = nil, weightDevice: [WeightDevice] = [],
            throttleReadBpsDevice: [ThrottleDevice] = [], throttleWriteBpsDevice: [ThrottleDevice] = [],
            throttleReadIOPSDevice: [ThrottleDevice] = [], throttleWriteIOPSDevice: [ThrottleDevice] = []
        ) {
            self.weight = weight
            self.leafWeight = leafWeight
            self.weightDevice = weightDevice
            self.throttleReadBpsDevice = throttleReadBpsDevice
            self.throttleWriteBpsDevice = throttleWriteBpsDevice
            self.throttleReadIOPSDevice = throttleReadIOPSDevice
            self.throttleWriteIOPSDevice = throttleWriteIOPSDevice
        }
    }

    /// Weight of one block device; at least one of the two weights is set.
    public struct WeightDevice: Sendable, Equatable {
        public var major: UInt32
        public var minor: UInt32
        public var weight: UInt16?
        public var leafWeight: UInt16?

        public init(major: UInt32, minor: UInt32, weight: UInt16? = nil, leafWeight: UInt16? = nil) {
            self.major = major
            self.minor = minor
            self.weight = weight
            self.leafWeight = leafWeight
        }
    }

    /// Rate of one block device.
    public struct ThrottleDevice: Sendable, Equatable {
        public var major: UInt32
        public var minor: UInt32
        /// Per second; 0 lifts the limit (cgroup v1).
        public var rate: UInt64

        public init(major: UInt32, minor: UInt32, rate: UInt64) {
            self.major = major
            self.minor = minor
            self.rate = rate
        }
    }

    /// Limit of one size of huge pages.
    public struct HugepageLimit: Sendable, Equatable {
        /// As the kernel writes it in file names: `64KB`, `2MB`, `1GB`.
        public var pageSize: String
        /// Bytes.
        public var limit: UInt64

        public init(pageSize: String, limit: UInt64) {
            self.pageSize = pageSize
            self.limit = limit
        }
    }

    /// Network classes and priorities (cgroup v1 `net_cls`, `net_prio`).
    public struct Network: Sendable, Equatable {
        public var classID: UInt32?
        public var priorities: [InterfacePriority]

        public init(classID: UInt32? = nil, priorities: [InterfacePriority] = []) {
            self.classID = classID
            self.priorities = priorities
        }
    }

    /// Priority of one network interface of the host.
    public struct InterfacePriority: Sendable, Equatable {
        public var name: String
        public var priority: UInt32

        public init(name: String, priority: UInt32) {
            self.name = name
            self.priority = priority
        }
    }

    /// Limits of one RDMA device; at least one of the two is set.
    public struct RDMA: Sendable, Equatable {
        public var device: String
        public var hcaHandles: UInt32?
        public var hcaObjects: UInt32?

        public init(device: String, hcaHandles: UInt32? = nil, hcaObjects: UInt32? = nil) {
            self.device = device
            self.hcaHandles = hcaHandles
            self.hcaObjects = hcaObjects
        }
    }

    /// A cgroup v2 file, a plain name without a directory, and its new content.
    public struct Unified: Sendable, Equatable {
        public var file: String
        public var value: String

        public init(file: String, value: String) {
            self.file = file
            self.value = value
        }
    }
}
