extension Resources {
    /// These limits after an update: what the update does not give stays.
    ///
    /// Entries of a list that have a name of their own (a page size, a device, an interface, a file) take the place of
    /// those with the same name. Device rules have none, and their order counts: they are replaced as a whole.
    ///
    /// A limit of memory above the former limit of memory and swap makes that one void, as in runc, which never keeps
    /// the latter when only the former is given.
    public func updated(with change: Resources) -> Resources {
        var result = self
        if !change.devices.isEmpty { result.devices = change.devices }
        if let memory = change.memory { result.memory = (self.memory ?? Memory()).updated(with: memory) }
        if let cpu = change.cpu { result.cpu = (self.cpu ?? CPU()).updated(with: cpu) }
        if let limit = change.pids?.limit { result.pids = Pids(limit: limit) }
        if let blockIO = change.blockIO { result.blockIO = (self.blockIO ?? BlockIO()).updated(with: blockIO) }
        result.hugepageLimits.replace(change.hugepageLimits) { $0.pageSize }
        if let network = change.network { result.network = (self.network ?? Network()).updated(with: network) }
        result.rdma.replace(change.rdma, by: { $0.device }) { former, device in
            RDMA(
                device: device.device, hcaHandles: device.hcaHandles ?? former.hcaHandles,
                hcaObjects: device.hcaObjects ?? former.hcaObjects)
        }
        result.unified.replace(change.unified) { $0.file }
        return result
    }

    /// What contradicts itself once old and new limits are taken together; empty if nothing does.
    public func contradictions() -> [Problem] {
        var problems: [Problem] = []
        if let limit = memory?.limit, let swap = memory?.swap, swap > 0, limit > swap {
            problems.append(Problem(path: "memory.swap", message: "below limit, which it includes: \(swap) < \(limit)"))
        }
        if let burst = cpu?.burst, let quota = cpu?.quota, quota > 0, burst > UInt64(quota) {
            problems.append(Problem(path: "cpu.burst", message: "above quota: \(burst) > \(quota)"))
        }
        return problems
    }
}

extension Resources.Memory {
    fileprivate func updated(with change: Self) -> Self {
        var result = self
        result.limit = change.limit.given ?? limit
        result.reservation = change.reservation.given ?? reservation
        result.swap = change.swap.given ?? swap
        result.kernel = change.kernel.given ?? kernel
        result.kernelTCP = change.kernelTCP.given ?? kernelTCP
        result.swappiness = change.swappiness ?? swappiness
        result.disableOOMKiller = change.disableOOMKiller ?? disableOOMKiller
        result.useHierarchy = change.useHierarchy ?? useHierarchy
        result.checkBeforeUpdate = change.checkBeforeUpdate ?? checkBeforeUpdate
        if let limit = change.limit.given, change.swap.given == nil, let both = swap, both > 0 {
            if limit > both { result.swap = nil }
            if limit == -1 { result.swap = -1 }
        }
        return result
    }
}

extension Resources.CPU {
    fileprivate func updated(with change: Self) -> Self {
        var result = self
        result.shares = change.shares.given ?? shares
        result.quota = change.quota.given ?? quota
        result.burst = change.burst ?? burst
        result.period = change.period.given ?? period
        result.realtimeRuntime = change.realtimeRuntime.given ?? realtimeRuntime
        result.realtimePeriod = change.realtimePeriod.given ?? realtimePeriod
        result.cpus = change.cpus ?? cpus
        result.mems = change.mems ?? mems
        result.idle = change.idle ?? idle
        return result
    }
}

extension Resources.BlockIO {
    fileprivate func updated(with change: Self) -> Self {
        var result = self
        result.weight = change.weight.given ?? weight
        result.leafWeight = change.leafWeight.given ?? leafWeight
        let weights = change.weightDevice.map { device in
            Resources.WeightDevice(
                major: device.major, minor: device.minor, weight: device.weight.given,
                leafWeight: device.leafWeight.given)
        }
        result.weightDevice.replace(weights, by: { Self.number($0.major, $0.minor) }) { former, device in
            Resources.WeightDevice(
                major: device.major, minor: device.minor, weight: device.weight ?? former.weight,
                leafWeight: device.leafWeight ?? former.leafWeight)
        }
        // Zeros alone give nothing, and an entry that says nothing could not be read again.
        result.weightDevice.removeAll { $0.weight == nil && $0.leafWeight == nil }
        result.throttleReadBpsDevice.replace(change.throttleReadBpsDevice) { Self.number($0.major, $0.minor) }
        result.throttleWriteBpsDevice.replace(change.throttleWriteBpsDevice) { Self.number($0.major, $0.minor) }
        result.throttleReadIOPSDevice.replace(change.throttleReadIOPSDevice) { Self.number($0.major, $0.minor) }
        result.throttleWriteIOPSDevice.replace(change.throttleWriteIOPSDevice) { Self.number($0.major, $0.minor) }
        return result
    }

    private static func number(_ major: UInt32, _ minor: UInt32) -> UInt64 { UInt64(major) << 32 | UInt64(minor) }
}

extension Resources.Network {
    fileprivate func updated(with change: Self) -> Self {
        var result = self
        result.classID = change.classID ?? classID
        result.priorities.replace(change.priorities) { $0.name }
        return result
    }
}

extension Array {
    /// Puts each of the new elements into the place of the one with its key, or at the end; `merged` makes one element
    /// of the former and the new one.
    fileprivate mutating func replace<Key: Hashable>(
        _ elements: [Element], by key: (Element) -> Key, merged: (Element, Element) -> Element = { $1 }
    ) {
        if elements.isEmpty { return }
        var places: [Key: Int] = [:]
        for (index, element) in enumerated().reversed() { places[key(element)] = index }
        for element in elements {
            if let index = places[key(element)] {
                self[index] = merged(self[index], element)
            } else {
                places[key(element)] = count
                append(element)
            }
        }
    }
}

extension Optional where Wrapped: FixedWidthInteger {
    /// The number, unless it is a zero, which stands for "not given" where a zero makes no sense.
    fileprivate var given: Wrapped? { self == 0 ? nil : self }
}
