internal import OCI

// What of a section is given. Engines write a zero for "not set" where a zero limit makes no sense, and runc reads it
// so; where zero has a meaning of its own it stays.

extension Resources.Memory {
    /// The section without its zeros; nil if nothing is left.
    var given: Resources.Memory? {
        var memory = self
        memory.limit = nonZero(limit)
        memory.reservation = nonZero(reservation)
        memory.swap = nonZero(swap)
        return memory == Resources.Memory() ? nil : memory
    }

    /// Whether there is something to write. An OOM killer that is not disabled is what the kernel begins with.
    var hasLimits: Bool {
        limit != nil || reservation != nil || swap != nil || swappiness != nil || disableOOMKiller == true
    }
}

extension Resources.CPU {
    /// The section without its zeros; nil if nothing is left.
    var given: Resources.CPU? {
        var cpu = self
        cpu.shares = nonZero(shares)
        cpu.quota = nonZero(quota)
        cpu.period = nonZero(period)
        cpu.realtimeRuntime = nonZero(realtimeRuntime)
        cpu.realtimePeriod = nonZero(realtimePeriod)
        if cpus?.isEmpty == true { cpu.cpus = nil }
        if mems?.isEmpty == true { cpu.mems = nil }
        return cpu == Resources.CPU() ? nil : cpu
    }

    /// Whether there is something for the cpu controller; the rest is for cpuset.
    var hasTime: Bool {
        shares != nil || quota != nil || period != nil || burst != nil || idle != nil || realtimeRuntime != nil
            || realtimePeriod != nil
    }
}

extension Resources.BlockIO {
    /// The section without weights of zero; nil if nothing is left.
    var given: Resources.BlockIO? {
        var blockIO = self
        blockIO.weight = nonZero(weight)
        blockIO.leafWeight = nonZero(leafWeight)
        return blockIO == Resources.BlockIO() ? nil : blockIO
    }
}

extension Resources.Network {
    /// The section; nil if there is nothing in it. Class 0 is what the kernel begins with.
    var given: Resources.Network? { nonZero(classID) == nil && priorities.isEmpty ? nil : self }
}

private func nonZero<Number: FixedWidthInteger>(_ number: Number?) -> Number? { number == 0 ? nil : number }
