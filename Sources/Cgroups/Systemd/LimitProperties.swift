internal import DBus
internal import Kernel
internal import OCI

/// The limits of a container as properties of its unit. systemd sets them again whenever it sees fit, on
/// `systemctl daemon-reload` for one: what it does not know of is lost then. Everything else is in the files alone.
///
/// (systemd.resource-control(5); the names on the bus are those of org.freedesktop.systemd1(5).)
struct LimitProperties {
    /// What properties are made from besides the limits themselves.
    struct Context {
        /// Whether cgroup v2 alone is in charge.
        var isUnified = true
        /// Whether weights of block devices are those of the BFQ scheduler.
        var hasBFQ = false
        /// Whether a user's own systemd is in charge, which has no device rules.
        var isUser = false
        /// The version of systemd.
        var version = 0
        /// A new container; else one that runs, of which only what is given changes.
        var isNew = true
        /// What a running container has: bytes of memory.max (-1: no limit), and microseconds of cpu.max.
        var memoryLimit: Int64?
        var quota: Int64?
        var period: UInt64?
    }

    private let resources: Resources
    private let context: Context
    private var list: [UnitProperty] = []

    static func make(_ resources: Resources, _ context: Context) -> [UnitProperty] {
        var properties = LimitProperties(resources: resources, context: context)
        properties.addMemory()
        properties.addCPU()
        properties.addCpuset()
        if let limit = resources.pids?.limit { properties.list.add("TasksMax", limit: limit < 0 ? -1 : max(limit, 1)) }
        properties.addBlockIO()
        properties.addDevices()
        if context.isUnified { for entry in resources.unified { properties.addUnified(entry) } }
        return properties.list
    }

    private init(resources: Resources, context: Context) {
        self.resources = resources
        self.context = context
    }

    // MARK: Memory, CPU

    private mutating func addMemory() {
        guard let memory = resources.memory?.given else { return }
        guard context.isUnified else {
            if let limit = memory.limit { list.add("MemoryLimit", limit: limit) }
            return
        }
        if let limit = memory.limit { list.add("MemoryMax", limit: limit) }
        if let reservation = memory.reservation { list.add("MemoryLow", limit: reservation) }
        let limit = memory.limit ?? (memory.swap == nil ? nil : context.memoryLimit)
        // What makes no sense has been refused, or will be, by those who write the files.
        if let swap = (try? MemoryV2.swapAlone(both: memory.swap, memory: limit)) ?? nil {
            list.add("MemorySwapMax", limit: swap)
        }
    }

    private mutating func addCPU() {
        guard let cpu = resources.cpu?.given else { return }
        if let shares = cpu.shares {
            if context.isUnified {
                list.add("CPUWeight", CPUV2.weight(ofShares: shares))
            } else {
                list.add("CPUShares", shares)
            }
        }
        if cpu.idle == 1, context.isUnified { addIdle() }
        addBandwidth(quota: cpu.quota, period: cpu.period)
    }

    /// Version 252 has a weight of 0 for it.
    private mutating func addIdle() {
        if context.version >= 252 { list.add("CPUWeight", 0) }
    }

    private mutating func addBandwidth(quota: Int64?, period: UInt64?) {
        if quota == nil, period == nil { return }
        let period = period ?? context.period ?? UnitQuota.usualPeriod
        list.add("CPUQuotaPeriodUSec", period)
        guard let quota = quota ?? context.quota, quota >= 0 else {
            list.add("CPUQuotaPerSecUSec", nil)
            return
        }
        if let perSecond = UnitQuota.perSecond(UInt64(quota), period: period) {
            list.add("CPUQuotaPerSecUSec", perSecond)
        } else {
            list.add("CPUQuotaPerSecUSec", nil)
        }
    }

    private mutating func addCpuset() {
        guard let cpu = resources.cpu?.given else { return }
        addSet("AllowedCPUs", cpu.cpus)
        addSet("AllowedMemoryNodes", cpu.mems)
    }

    private mutating func addSet(_ name: String, _ text: String?) {
        // A list that is none is for the kernel to refuse.
        if let text, let set = NumberSet.bytes(of: text) {
            list.append(UnitProperty(name, .array(of: "y", set.map { .byte($0) })))
        }
    }

    // MARK: Block devices

    private mutating func addBlockIO() {
        guard let blockIO = resources.blockIO?.given else { return }
        guard context.isUnified else {
            if let weight = blockIO.weight { list.add("BlockIOWeight", UInt64(weight)) }
            return
        }
        if let weight = blockIO.weight { list.add("IOWeight", ioWeight(weight)) }
        let weights: [(Resources.WeightDevice, UInt64)] = blockIO.weightDevice.compactMap { device in
            device.weight.flatMap { $0 == 0 ? nil : (device, ioWeight($0)) }
        }
        add("IODeviceWeight", weights.map { ($0.0.major, $0.0.minor, $0.1) })
        add("IOReadBandwidthMax", blockIO.throttleReadBpsDevice)
        add("IOWriteBandwidthMax", blockIO.throttleWriteBpsDevice)
        add("IOReadIOPSMax", blockIO.throttleReadIOPSDevice)
        add("IOWriteIOPSMax", blockIO.throttleWriteIOPSDevice)
    }

    /// systemd's weight, 1 to 10000 with 100 in the middle, from which it computes BFQ's, 1 to 1000 with 100 in the
    /// middle.
    private func ioWeight(_ weight: UInt16) -> UInt64 {
        if !context.hasBFQ { return UInt64(IOV2.ioWeight(ofBlkio: weight)) }
        let weight = UInt64(min(max(weight, 1), 1000))
        return weight <= 100 ? weight : 100 + (weight - 100) * 11
    }

    private mutating func add(_ name: String, _ devices: [Resources.ThrottleDevice]) {
        add(name, devices.map { ($0.major, $0.minor, $0.rate == 0 ? .max : $0.rate) })
    }

    private mutating func add(_ name: String, _ devices: [(major: UInt32, minor: UInt32, amount: UInt64)]) {
        if devices.isEmpty { return }
        let entries = devices.map { device in
            BusValue.structure([.string("/dev/block/\(device.major):\(device.minor)"), .uint64(device.amount)])
        }
        list.append(UnitProperty(name, .array(of: "(st)", entries)))
    }

    // MARK: Devices

    private mutating func addDevices() {
        if context.isUser || (!context.isNew && resources.devices.isEmpty) { return }
        guard let allowed = DeviceProperty.allowed(resources.devices, isExact: context.isUnified) else {
            // Without a list of its own systemd leaves the rules to the container's program.
            if !context.isNew { list += DeviceProperty.none }
            return
        }
        list += DeviceProperty.strict(allowed, isNew: context.isNew)
    }

    // MARK: Files of cgroup v2

    private mutating func addUnified(_ entry: Resources.Unified) {
        let value = entry.value
        switch entry.file {
        case "cpu.weight": if let weight = UInt64(value) { list.add("CPUWeight", weight) }
        case "cpu.idle": if value == "1" { addIdle() }
        case "cpu.max": addMaximum(value)
        case "cpuset.cpus": addSet("AllowedCPUs", value)
        case "cpuset.mems": addSet("AllowedMemoryNodes", value)
        case "io.weight", "io.bfq.weight":
            if let weight = Self.defaultWeight(value) {
                list.add("IOWeight", entry.file == "io.weight" ? UInt64(weight) : ioWeight(weight))
            }
        case "memory.high": add("MemoryHigh", value)
        case "memory.low": add("MemoryLow", value)
        case "memory.min": add("MemoryMin", value)
        case "memory.max": add("MemoryMax", value)
        case "memory.swap.max": add("MemorySwapMax", value)
        case "memory.zswap.max": if context.version >= 253 { add("MemoryZSwapMax", value) }
        case "memory.oom.group":
            if context.version >= 253 { list.add("OOMPolicy", value == "1" ? "kill" : "continue") }
        case "pids.max": add("TasksMax", value)
        default: break
        }
    }

    /// `max` or a number; anything else is for the kernel to refuse or to understand.
    private mutating func add(_ name: String, _ value: String) {
        if value == "max" { list.add(name, nil) } else if let amount = UInt64(value) { list.add(name, amount) }
    }

    /// `QUOTA [PERIOD]`.
    private mutating func addMaximum(_ value: String) {
        let words = value.split(separator: " ")
        guard let first = words.first, words.count <= 2 else { return }
        guard let quota = first == "max" ? -1 : Int64(first) else { return }
        addBandwidth(quota: quota, period: words.count == 2 ? UInt64(words[1]) : nil)
    }

    /// `default N` or `N`.
    private static func defaultWeight(_ value: String) -> UInt16? {
        let words = value.split(separator: " ")
        if words.count == 2, words[0] != "default" { return nil }
        return words.count > 2 ? nil : words.last.flatMap { UInt16($0) }
    }
}

/// Lists of CPUs and memory nodes in the kernel's syntax: `0-3,7`.
enum NumberSet {
    /// The highest number that is believed to be one.
    private static var most: Int { 8191 }

    /// A bit for each number, the lowest first; nil if the text is no such list.
    static func bytes(of text: String) -> [UInt8]? {
        // How many more parts than before a number are there at each one: many long ranges cost no more than one.
        var changes = [Int](repeating: 0, count: most + 2)
        var highest = -1
        for part in text.split(separator: ",", omittingEmptySubsequences: true) {
            let ends = part.split(separator: "-", omittingEmptySubsequences: false).map {
                Int(String(decoding: $0.utf8.filter { $0 != 0x20 && $0 != 0x0A }, as: UTF8.self))
            }
            guard let low = ends.first ?? nil, let high = ends.last ?? nil, ends.count <= 2, low >= 0, low <= high,
                high <= most
            else { return nil }
            changes[low] += 1
            changes[high + 1] -= 1
            highest = max(highest, high)
        }
        guard highest >= 0 else { return nil }
        var bytes = [UInt8](repeating: 0, count: highest / 8 + 1)
        var parts = 0
        for number in 0...highest {
            parts += changes[number]
            if parts > 0 { bytes[number / 8] |= 1 << (number % 8) }
        }
        return bytes
    }
}
