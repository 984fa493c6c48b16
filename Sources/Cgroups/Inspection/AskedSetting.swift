public import OCI

/// One limit that was asked for.
public struct AskedSetting: Sendable, Equatable {
    /// Below `linux.resources`, such as `cpu.shares` or `hugepageLimits[0]`.
    public let field: String
    public let value: Value

    public enum Value: Sendable, Equatable {
        case integer(Int64)
        case unsigned(UInt64)
        case flag(Bool)
        case text(String)
    }
}

extension AskedSetting {
    /// Everything that is asked for, but device rules, in the order of the specification. Zeros that stand for "not
    /// given" are left out.
    public static func all(of resources: Resources) -> [AskedSetting] {
        var settings = SettingCollector()
        if let memory = resources.memory?.given { settings.add(memory) }
        if let cpu = resources.cpu?.given { settings.add(cpu) }
        settings.add("pids.limit", resources.pids?.limit)
        if let blockIO = resources.blockIO?.given { settings.add(blockIO) }
        for (index, limit) in resources.hugepageLimits.enumerated() {
            settings.add("hugepageLimits[\(index)]", limit.limit)
        }
        if let network = resources.network?.given {
            settings.add("network.classID", network.classID.map { UInt64($0) })
            for (index, entry) in network.priorities.enumerated() {
                settings.add("network.priorities[\(index)]", "\(entry.name) \(entry.priority)")
            }
        }
        for device in resources.rdma { settings.add("rdma[\"\(device.device)\"]", RDMA.line(device)) }
        for entry in resources.unified { settings.add("unified[\"\(entry.file)\"]", entry.value) }
        return settings.found
    }
}

/// Gathers what is given.
private struct SettingCollector {
    private(set) var found: [AskedSetting] = []

    mutating func add(_ field: String, _ value: Int64?) { append(field, value.map { .integer($0) }) }
    mutating func add(_ field: String, _ value: UInt64?) { append(field, value.map { .unsigned($0) }) }
    mutating func add(_ field: String, _ value: Bool?) { append(field, value.map { .flag($0) }) }
    mutating func add(_ field: String, _ value: String?) { append(field, value.map { .text($0) }) }

    private mutating func append(_ field: String, _ value: AskedSetting.Value?) {
        if let value { found.append(AskedSetting(field: field, value: value)) }
    }

    mutating func add(_ memory: Resources.Memory) {
        add("memory.limit", memory.limit)
        add("memory.reservation", memory.reservation)
        add("memory.swap", memory.swap)
        add("memory.kernel", memory.kernel)
        add("memory.kernelTCP", memory.kernelTCP)
        add("memory.swappiness", memory.swappiness)
        add("memory.disableOOMKiller", memory.disableOOMKiller)
        add("memory.useHierarchy", memory.useHierarchy)
        add("memory.checkBeforeUpdate", memory.checkBeforeUpdate)
    }

    mutating func add(_ cpu: Resources.CPU) {
        add("cpu.shares", cpu.shares)
        add("cpu.quota", cpu.quota)
        add("cpu.burst", cpu.burst)
        add("cpu.period", cpu.period)
        add("cpu.realtimeRuntime", cpu.realtimeRuntime)
        add("cpu.realtimePeriod", cpu.realtimePeriod)
        add("cpu.cpus", cpu.cpus)
        add("cpu.mems", cpu.mems)
        add("cpu.idle", cpu.idle)
    }

    mutating func add(_ blockIO: Resources.BlockIO) {
        add("blockIO.weight", blockIO.weight.map { UInt64($0) })
        add("blockIO.leafWeight", blockIO.leafWeight.map { UInt64($0) })
        for (index, device) in blockIO.weightDevice.enumerated() {
            let number = "\(device.major):\(device.minor)"
            add("blockIO.weightDevice[\(index)].weight", device.weight.map { "\(number) \($0)" })
            add("blockIO.weightDevice[\(index)].leafWeight", device.leafWeight.map { "\(number) \($0)" })
        }
        add("throttleReadBpsDevice", blockIO.throttleReadBpsDevice)
        add("throttleWriteBpsDevice", blockIO.throttleWriteBpsDevice)
        add("throttleReadIOPSDevice", blockIO.throttleReadIOPSDevice)
        add("throttleWriteIOPSDevice", blockIO.throttleWriteIOPSDevice)
    }

    private mutating func add(_ name: String, _ devices: [Resources.ThrottleDevice]) {
        for (index, device) in devices.enumerated() {
            add("blockIO.\(name)[\(index)]", "\(device.major):\(device.minor) \(device.rate)")
        }
    }
}
