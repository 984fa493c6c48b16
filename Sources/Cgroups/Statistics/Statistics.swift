internal import Kernel

/// What the kernel has counted for a cgroup. A number that nobody counts is 0.
public struct Statistics: Sendable, Equatable {
    public var cpu = CPU()
    public var cpuset = Cpuset()
    public var memory = Memory()
    public var pids = Pids()
    public var blockIO = BlockIO()
    /// Sorted by the size of the pages as text.
    public var hugetlb: [Hugetlb] = []

    /// Times in nanoseconds.
    public struct CPU: Sendable, Equatable {
        public var total: UInt64 = 0
        public var user: UInt64 = 0
        public var kernel: UInt64 = 0
        /// One for each CPU; empty on cgroup v2, which does not tell.
        public var perCPU: [UInt64] = []
        public var perCPUUser: [UInt64] = []
        public var perCPUKernel: [UInt64] = []
        /// Periods in which the cgroup had something to run.
        public var periods: UInt64 = 0
        public var throttledPeriods: UInt64 = 0
        public var throttledTime: UInt64 = 0
        public var pressure: Pressure?
    }

    /// What cgroup v1 says of a cpuset; nothing on cgroup v2.
    public struct Cpuset: Sendable, Equatable {
        public var cpus: [UInt16] = []
        public var mems: [UInt16] = []
        public var cpuExclusive: UInt64 = 0
        public var memHardwall: UInt64 = 0
        public var memExclusive: UInt64 = 0
        public var memoryMigrate: UInt64 = 0
        public var memorySpreadPage: UInt64 = 0
        public var memorySpreadSlab: UInt64 = 0
        public var memoryPressure: UInt64 = 0
        public var schedLoadBalance: UInt64 = 0
        public var schedRelaxDomainLevel: Int64 = 0
    }

    /// Bytes; `UInt64.max` is no limit on cgroup v2.
    public struct MemoryUsage: Sendable, Equatable {
        public var limit: UInt64 = 0
        public var usage: UInt64 = 0
        /// The most that was used at a time.
        public var peak: UInt64 = 0
        public var failures: UInt64 = 0
    }

    public struct Memory: Sendable, Equatable {
        public var cache: UInt64 = 0
        public var memory = MemoryUsage()
        /// Memory and swap together, on both versions.
        public var both = MemoryUsage()
        public var kernel = MemoryUsage()
        public var kernelTCP = MemoryUsage()
        /// All of memory.stat, sorted by name.
        public var raw: [Counter] = []
        public var pressure: Pressure?
    }

    /// A line of a file of names and numbers.
    public struct Counter: Sendable, Equatable {
        public var name: String
        public var value: UInt64
    }

    /// `limit` is 0 if there is none.
    public struct Pids: Sendable, Equatable {
        public var current: UInt64 = 0
        public var limit: UInt64 = 0
    }

    /// One number of one block device.
    public struct DeviceCounter: Sendable, Equatable {
        public var major: UInt64
        public var minor: UInt64
        /// `Read`, `Write`, `Sync`, `Async`, `Discard`, `Total`; empty where the kernel does not tell them apart.
        public var operation: String
        public var value: UInt64
    }

    /// The lists of cgroup v1's blkio controller, those below the cgroup included. cgroup v2 fills the first two.
    public struct BlockIO: Sendable, Equatable {
        public var serviceBytes: [DeviceCounter] = []
        public var serviced: [DeviceCounter] = []
        public var queued: [DeviceCounter] = []
        public var serviceTime: [DeviceCounter] = []
        public var waitTime: [DeviceCounter] = []
        public var merged: [DeviceCounter] = []
        public var time: [DeviceCounter] = []
        public var sectors: [DeviceCounter] = []
        public var pressure: Pressure?
    }

    /// Bytes of huge pages of one size.
    public struct Hugetlb: Sendable, Equatable {
        /// Such as `2MB`.
        public var pageSize: String
        public var usage: UInt64 = 0
        public var peak: UInt64 = 0
        public var failures: UInt64 = 0
    }

    /// Stalls for want of a resource (Documentation/accounting/psi.rst).
    public struct Pressure: Sendable, Equatable {
        /// Time in which some tasks stood still, and in which all of them did.
        public var some = Share()
        public var full = Share()

        /// Hundredths of a percent of the last 10, 60 and 300 seconds, and microseconds in all.
        public struct Share: Sendable, Equatable {
            public var last10: UInt64 = 0
            public var last60: UInt64 = 0
            public var last300: UInt64 = 0
            public var total: UInt64 = 0
        }
    }
}

extension Cgroup {
    /// What the kernel has counted up to now: from v1 where a v1 hierarchy has the controller, else from cgroup2. What
    /// has no controller, or is gone, is 0.
    public func statistics() -> Statistics {
        var statistics = Statistics()
        if let directory = v1("cpuacct") {
            CPUStatisticsV1.readUsage(StatisticsFiles(directory), into: &statistics.cpu)
        } else if let unified {
            CPUStatisticsV2.readUsage(StatisticsFiles(unified), into: &statistics.cpu)
        }
        if let directory = v1("cpu") {
            CPUStatisticsV1.readThrottling(StatisticsFiles(directory), into: &statistics.cpu)
        } else if let unified {
            CPUStatisticsV2.readThrottling(StatisticsFiles(unified), into: &statistics.cpu)
        }
        if let directory = v1("cpuset") { statistics.cpuset = CpusetStatisticsV1.read(StatisticsFiles(directory)) }
        if let files = files(v1: "memory") {
            statistics.memory = files.isUnified ? MemoryStatisticsV2.read(files) : MemoryStatisticsV1.read(files)
        }
        if let files = files(v1: "pids") { statistics.pids = PidsStatistics.read(files) }
        if let files = files(v1: "blkio") {
            statistics.blockIO = files.isUnified ? IOStatisticsV2.read(files) : BlockIOStatisticsV1.read(files)
        }
        if let files = files(v1: "hugetlb") {
            statistics.hugetlb = files.isUnified ? HugetlbStatisticsV2.read(files) : HugetlbStatisticsV1.read(files)
        }
        if let unified { readPressure(StatisticsFiles(unified), into: &statistics) }
        return statistics
    }

    /// The directory that counts for a controller.
    private func files(v1 controller: String) -> StatisticsFiles? {
        if let directory = v1(controller) { return StatisticsFiles(directory) }
        return unified.map { StatisticsFiles($0, isUnified: true) }
    }

    private func readPressure(_ files: StatisticsFiles, into statistics: inout Statistics) {
        statistics.cpu.pressure = PressureStatistics.read("cpu.pressure", files)
        statistics.memory.pressure = PressureStatistics.read("memory.pressure", files)
        statistics.blockIO.pressure = PressureStatistics.read("io.pressure", files)
    }
}
