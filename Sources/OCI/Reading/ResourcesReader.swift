import JSON

extension Reader {
    /// `linux.resources`, or a document of its own.
    mutating func resources(_ node: JSONNode) -> Resources {
        Resources(
            devices: deviceRules(node),
            memory: object(node, "memory").map { memory($0) },
            cpu: object(node, "cpu").map { cpu($0) },
            pids: object(node, "pids").map { Resources.Pids(limit: integer($0, "limit", in: -1...Int64.max)) },
            blockIO: object(node, "blockIO").map { blockIO($0) },
            hugepageLimits: hugepageLimits(node),
            network: object(node, "network").map { network($0) },
            rdma: map(node, "rdma") { reader, device, entry in reader.rdma(device, entry) },
            unified: map(node, "unified") { reader, file, entry in reader.unified(file, entry) })
    }

    /// The rules become a program whose jumps have 15 bits, of at most five instructions for each, and a list of which
    /// each entry is compared with each.
    private mutating func deviceRules(_ node: JSONNode) -> [Resources.DeviceRule] {
        let most = 4096
        if let rules = node["devices"], rules.count > most {
            report(rules, "more than \(most) entries: \(rules.count)")
            return []
        }
        return objects(node, "devices") { reader, rule in reader.deviceRule(rule) }
    }

    private mutating func deviceRule(_ node: JSONNode) -> Resources.DeviceRule? {
        let allow = required(node, "allow") == nil ? nil : boolean(node, "allow")
        var kind = Resources.DeviceRuleKind.all
        if text(node, "type") != nil, let kindNode = node["type"] { kind = named(kindNode, "device type") ?? .all }
        let major = deviceNumber(node, "major")
        let minor = deviceNumber(node, "minor")
        let access = deviceAccess(node)
        return allow.map { Resources.DeviceRule(allow: $0, kind: kind, major: major, minor: minor, access: access) }
    }

    /// A device number; -1 stands for every one, as in runc.
    private mutating func deviceNumber(_ node: JSONNode, _ name: StaticString) -> UInt32? {
        let number: Int64? = integer(node, name, in: -1...Int64(UInt32.max))
        return number.flatMap { UInt32(exactly: $0) }
    }

    private mutating func deviceAccess(_ node: JSONNode) -> Resources.DeviceAccess {
        guard let accessNode = node["access"], let letters = text(node, "access") else { return .all }
        var access: Resources.DeviceAccess = []
        for letter in letters.utf8 {
            switch letter {
            case UInt8(ascii: "r"): access.insert(.read)
            case UInt8(ascii: "w"): access.insert(.write)
            case UInt8(ascii: "m"): access.insert(.mknod)
            default:
                report(accessNode, "not composed of r, w and m: \(JSONWriter.excerpt(letters))")
                return .all
            }
        }
        return access
    }

    // MARK: Memory and CPU

    private mutating func memory(_ node: JSONNode) -> Resources.Memory {
        let bytes: ClosedRange<Int64> = -1...Int64.max
        let memory = Resources.Memory(
            limit: integer(node, "limit", in: bytes), reservation: integer(node, "reservation", in: bytes),
            swap: integer(node, "swap", in: bytes), kernel: integer(node, "kernel", in: bytes),
            kernelTCP: integer(node, "kernelTCP", in: bytes), swappiness: swappiness(node),
            disableOOMKiller: boolean(node, "disableOOMKiller"), useHierarchy: boolean(node, "useHierarchy"),
            checkBeforeUpdate: boolean(node, "checkBeforeUpdate"))
        if let limit = memory.limit, let swap = memory.swap, swap > 0, limit > swap {
            report(node, "swap", "below limit, which it includes: \(swap) < \(limit)")
        }
        return memory
    }

    /// A percentage. The kernel's -1 in 64 bits, as engines write it, is none.
    private mutating func swappiness(_ node: JSONNode) -> UInt64? {
        if let value = node["swappiness"], let number: UInt64 = try? value.integer(), number == .max { return nil }
        return integer(node, "swappiness", in: 0...100)
    }

    private mutating func cpu(_ node: JSONNode) -> Resources.CPU {
        let cpu = Resources.CPU(
            shares: integer(node, "shares"), quota: integer(node, "quota", in: -1...Int64.max),
            burst: integer(node, "burst"), period: integer(node, "period"),
            realtimeRuntime: integer(node, "realtimeRuntime", in: -1...Int64.max),
            realtimePeriod: integer(node, "realtimePeriod"), cpus: cpuList(node, "cpus"),
            mems: cpuList(node, "mems"), idle: integer(node, "idle", in: 0...1))
        if let burst = cpu.burst, let quota = cpu.quota, quota > 0, burst > UInt64(quota) {
            report(node, "burst", "above quota: \(burst) > \(quota)")
        }
        return cpu
    }

    /// A list in the syntax of the kernel's bitmaps, which is richer than the spec's: `0-7:2/4` is one.
    private mutating func cpuList(_ node: JSONNode, _ name: StaticString) -> String? {
        guard let listNode = node[name], let list = text(node, name) else { return nil }
        let isList = list.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: ","), UInt8(ascii: "-"), UInt8(ascii: ":"), UInt8(ascii: "/"), UInt8(ascii: " "): true
            default: isDigit(byte)
            }
        }
        // One without a number names none, and whoever joins the cgroup is refused.
        let namesAny = list.isEmpty || list.utf8.contains(where: isDigit)
        if !isList || !namesAny { report(listNode, "not a list such as 0-3,7: \(JSONWriter.excerpt(list))") }
        return list
    }

    // MARK: Block devices

    private mutating func blockIO(_ node: JSONNode) -> Resources.BlockIO {
        Resources.BlockIO(
            weight: weight(node, "weight"), leafWeight: weight(node, "leafWeight"),
            weightDevice: objects(node, "weightDevice") { reader, entry in reader.weightDevice(entry) },
            throttleReadBpsDevice: throttles(node, "throttleReadBpsDevice"),
            throttleWriteBpsDevice: throttles(node, "throttleWriteBpsDevice"),
            throttleReadIOPSDevice: throttles(node, "throttleReadIOPSDevice"),
            throttleWriteIOPSDevice: throttles(node, "throttleWriteIOPSDevice"))
    }

    /// 10...1000 (cgroup v1 `blkio.weight`); engines write 0 for "not set", which stays 0.
    private mutating func weight(_ node: JSONNode, _ name: StaticString) -> UInt16? {
        guard let weightNode = node[name], let weight: UInt16 = integer(weightNode, in: 0...1000) else { return nil }
        if (1..<10).contains(weight) { report(weightNode, "out of range 10...1000: \(weight)") }
        return weight
    }

    private mutating func blockDevice(_ node: JSONNode) -> (major: UInt32, minor: UInt32)? {
        let major: UInt32? = requiredInteger(node, "major", in: 0...0xFFF)
        let minor: UInt32? = requiredInteger(node, "minor", in: 0...0xF_FFFF)
        guard let major, let minor else { return nil }
        return (major: major, minor: minor)
    }

    private mutating func weightDevice(_ node: JSONNode) -> Resources.WeightDevice? {
        let device = blockDevice(node)
        let weight = weight(node, "weight")
        let leafWeight = self.weight(node, "leafWeight")
        if node["weight"] == nil, node["leafWeight"] == nil { report(node, "neither weight nor leafWeight") }
        return device.map {
            Resources.WeightDevice(major: $0.major, minor: $0.minor, weight: weight, leafWeight: leafWeight)
        }
    }

    private mutating func throttles(_ node: JSONNode, _ name: StaticString) -> [Resources.ThrottleDevice] {
        objects(node, name) { reader, entry in
            let device = reader.blockDevice(entry)
            let rate: UInt64? = reader.requiredInteger(entry, "rate")
            guard let device, let rate else { return nil }
            return Resources.ThrottleDevice(major: device.major, minor: device.minor, rate: rate)
        }
    }

    // MARK: Huge pages, network, RDMA, files

    private mutating func hugepageLimits(_ node: JSONNode) -> [Resources.HugepageLimit] {
        var seen: Set<String> = []
        return objects(node, "hugepageLimits") { reader, entry in
            let pageSize = reader.requiredText(entry, "pageSize")
            let limit: UInt64? = reader.requiredInteger(entry, "limit")
            guard let pageSize, let sizeNode = entry["pageSize"] else { return nil }
            if !isPageSize(pageSize) {
                reader.report(sizeNode, "not a size such as 64KB, 2MB or 1GB: \(JSONWriter.excerpt(pageSize))")
            } else if !seen.insert(pageSize).inserted {
                reader.report(sizeNode, "given twice: \(JSONWriter.quoted(pageSize))")
            }
            return limit.map { Resources.HugepageLimit(pageSize: pageSize, limit: $0) }
        }
    }

    private mutating func network(_ node: JSONNode) -> Resources.Network {
        Resources.Network(
            classID: integer(node, "classID"),
            priorities: objects(node, "priorities") { reader, entry in
                let name = reader.requiredText(entry, "name")
                let priority: UInt32? = reader.requiredInteger(entry, "priority")
                guard let name, let nameNode = entry["name"] else { return nil }
                if !isInterfaceName(name) {
                    reader.report(nameNode, "not the name of a network device: \(JSONWriter.excerpt(name))")
                }
                return priority.map { Resources.InterfacePriority(name: name, priority: $0) }
            })
    }

    private mutating func rdma(_ device: String, _ node: JSONNode) -> Resources.RDMA? {
        guard isObject(node) else { return nil }
        if node["hcaHandles"] == nil, node["hcaObjects"] == nil { report(node, "neither hcaHandles nor hcaObjects") }
        return Resources.RDMA(
            device: device, hcaHandles: integer(node, "hcaHandles"), hcaObjects: integer(node, "hcaObjects"))
    }

    /// A file of the container's own cgroup, and none with which a process or the tree is managed (a way to another
    /// cgroup, GHSA-5g49-rx9x-qfc6).
    private mutating func unified(_ file: String, _ node: JSONNode) -> Resources.Unified? {
        guard let value = string(node) else { return nil }
        guard isFileName(file), !file.holds("..") else {
            report(node, "not the name of a file in the cgroup's directory")
            return nil
        }
        switch file {
        case "cgroup.freeze", "cgroup.kill", "cgroup.procs", "cgroup.subtree_control", "cgroup.threads", "cgroup.type":
            report(node, "not a limit, not allowed here")
            return nil
        default: break
        }
        guard file.utf8.dropFirst().dropLast().contains(UInt8(ascii: ".")) else {
            report(node, "not of the form CONTROLLER.PARAMETER, such as memory.high")
            return nil
        }
        return Resources.Unified(file: file, value: value)
    }
}

/// Whether a text is a size as hugetlb's files write it: `^[1-9][0-9]*[KMG]B$`.
private func isPageSize(_ text: String) -> Bool {
    let bytes = Array(text.utf8)
    guard bytes.count >= 3, bytes[bytes.count - 1] == UInt8(ascii: "B"), bytes[0] != UInt8(ascii: "0") else {
        return false
    }
    let unit = bytes[bytes.count - 2]
    guard unit == UInt8(ascii: "K") || unit == UInt8(ascii: "M") || unit == UInt8(ascii: "G") else { return false }
    return bytes.dropLast(2).allSatisfy { isDigit($0) }
}
