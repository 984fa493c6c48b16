internal import Cgroups
internal import JSON

/// Events as runc writes them, one JSON object on a line: its names, its order, and the numbers that it leaves out when
/// they are 0 (github.com/opencontainers/runc/types).
enum EventDocument {
    static func outOfMemory(_ id: String) -> [UInt8] {
        var writer = JSONWriter(.compact)
        writer.object { writer in
            writer.member("type", "oom")
            writer.member("id", id)
        }
        return writer.bytes + [UInt8(ascii: "\n")]
    }

    static func statistics(_ statistics: Statistics, _ interfaces: [NetworkInterface], of id: String) -> [UInt8] {
        var writer = JSONWriter(.compact)
        writer.object { writer in
            writer.member("type", "stats")
            writer.member("id", id)
            writer.member(
                "data",
                object: { writer in
                    writer.member("cpu", object: { statistics.cpu.encode(to: &$0) })
                    writer.member("cpuset", object: { statistics.cpuset.encode(to: &$0) })
                    writer.member("memory", object: { statistics.memory.encode(to: &$0) })
                    writer.member(
                        "pids",
                        object: { writer in
                            writer.nonZero("current", statistics.pids.current)
                            writer.nonZero("limit", statistics.pids.limit)
                        })
                    writer.member("blkio", object: { statistics.blockIO.encode(to: &$0) })
                    writer.member(
                        "hugetlb",
                        object: { writer in
                            for entry in statistics.hugetlb { entry.encode(to: &writer) }
                        })
                    writer.member("intel_rdt", object: { _ in })
                    encode(interfaces, to: &writer)
                })
        }
        return writer.bytes + [UInt8(ascii: "\n")]
    }

    private static func encode(_ interfaces: [NetworkInterface], to writer: inout JSONWriter) {
        writer.name("network_interfaces")
        if interfaces.isEmpty { return writer.null() }
        writer.array { writer in for interface in interfaces { interface.encode(to: &writer) } }
    }
}

extension Statistics.CPU {
    fileprivate func encode(to writer: inout JSONWriter) {
        writer.member(
            "usage",
            object: { writer in
                writer.nonZero("total", total)
                writer.list("percpu", perCPU)
                writer.list("percpu_kernel", perCPUKernel)
                writer.list("percpu_user", perCPUUser)
                writer.member("kernel", kernel)
                writer.member("user", user)
            })
        writer.member(
            "throttling",
            object: { writer in
                writer.nonZero("periods", periods)
                writer.nonZero("throttledPeriods", throttledPeriods)
                writer.nonZero("throttledTime", throttledTime)
            })
        pressure?.encode(to: &writer)
    }
}

extension Statistics.Cpuset {
    fileprivate func encode(to writer: inout JSONWriter) {
        writer.list("cpus", cpus)
        writer.member("cpu_exclusive", cpuExclusive)
        writer.list("mems", mems)
        writer.member("mem_hardwall", memHardwall)
        writer.member("mem_exclusive", memExclusive)
        writer.member("memory_migrate", memoryMigrate)
        writer.member("memory_spread_page", memorySpreadPage)
        writer.member("memory_spread_slab", memorySpreadSlab)
        writer.member("memory_pressure", memoryPressure)
        writer.member("sched_load_balance", schedLoadBalance)
        writer.member("sched_relax_domain_level", schedRelaxDomainLevel)
    }
}

extension Statistics.Memory {
    fileprivate func encode(to writer: inout JSONWriter) {
        writer.nonZero("cache", cache)
        writer.member("usage", object: { memory.encode(to: &$0) })
        writer.member("swap", object: { both.encode(to: &$0) })
        writer.member("kernel", object: { kernel.encode(to: &$0) })
        writer.member("kernelTCP", object: { kernelTCP.encode(to: &$0) })
        if !raw.isEmpty {
            writer.member(
                "raw",
                object: { writer in
                    for counter in raw { writer.member(counter.name, counter.value) }
                })
        }
        pressure?.encode(to: &writer)
    }
}

extension Statistics.MemoryUsage {
    fileprivate func encode(to writer: inout JSONWriter) {
        writer.member("limit", limit)
        writer.nonZero("usage", usage)
        writer.nonZero("max", peak)
        writer.member("failcnt", failures)
    }
}

extension Statistics.BlockIO {
    fileprivate func encode(to writer: inout JSONWriter) {
        let lists: [(name: String, counters: [Statistics.DeviceCounter])] = [
            ("ioServiceBytesRecursive", serviceBytes), ("ioServicedRecursive", serviced), ("ioQueueRecursive", queued),
            ("ioServiceTimeRecursive", serviceTime), ("ioWaitTimeRecursive", waitTime), ("ioMergedRecursive", merged),
            ("ioTimeRecursive", time), ("sectorsRecursive", sectors),
        ]
        for list in lists where !list.counters.isEmpty {
            writer.member(
                list.name,
                array: { writer in
                    for counter in list.counters {
                        writer.object { writer in
                            writer.nonZero("major", counter.major)
                            writer.nonZero("minor", counter.minor)
                            if !counter.operation.isEmpty { writer.member("op", counter.operation) }
                            writer.nonZero("value", counter.value)
                        }
                    }
                })
        }
        pressure?.encode(to: &writer)
    }
}

extension Statistics.Hugetlb {
    fileprivate func encode(to writer: inout JSONWriter) {
        writer.member(
            pageSize,
            object: { writer in
                writer.nonZero("usage", usage)
                writer.nonZero("max", peak)
                writer.member("failcnt", failures)
            })
    }
}

extension Statistics.Pressure {
    /// The member `psi`.
    fileprivate func encode(to writer: inout JSONWriter) {
        writer.member(
            "psi",
            object: { writer in
                writer.member("some", object: { some.encode(to: &$0) })
                writer.member("full", object: { full.encode(to: &$0) })
            })
    }
}

extension Statistics.Pressure.Share {
    fileprivate func encode(to writer: inout JSONWriter) {
        let averages: [(name: String, value: UInt64)] = [("avg10", last10), ("avg60", last60), ("avg300", last300)]
        for average in averages {
            writer.name(average.name)
            writer.decimal(hundredths: average.value)
        }
        writer.member("total", total)
    }
}

extension NetworkInterface {
    fileprivate func encode(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.member("Name", name)
            writer.member("RxBytes", receivedBytes)
            writer.member("RxPackets", receivedPackets)
            writer.member("RxErrors", receiveErrors)
            writer.member("RxDropped", receiveDrops)
            writer.member("TxBytes", sentBytes)
            writer.member("TxPackets", sentPackets)
            writer.member("TxErrors", sendErrors)
            writer.member("TxDropped", sendDrops)
        }
    }
}

extension JSONWriter {
    /// A member that is left out when it is 0.
    fileprivate mutating func nonZero(_ name: String, _ value: UInt64) {
        if value != 0 { member(name, value) }
    }

    /// An array that is left out when it is empty.
    fileprivate mutating func list(_ name: String, _ values: [some FixedWidthInteger]) {
        if values.isEmpty { return }
        member(name, array: { writer in for value in values { writer.integer(value) } })
    }
}
