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
        memory.kernelTCP = nonZero(kernelTCP)
        return memory == Resources.Memory() ? nil : memory
    }

    /// Whether something is limited, and not only said to be without a limit (-1).
    var isLimited: Bool {
        [limit, reservation, swap].contains { ($0 ?? -1) >= 0 } || swappiness != nil || disableOOMKiller == true
    }

    /// Whether there is something to write. An OOM killer that is not disabled is what the kernel begins with.
    var hasLimits: Bool {
        limit != nil || reservation != nil || swap != nil || kernelTCP != nil || swappiness != nil
            || disableOOMKiller == true
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

    /// Whether the cpu controller has something to limit: more than a quota that is none (-1).
    var isTimeLimited: Bool {
        var limits = self
        if (quota ?? -1) < 0 { (limits.quota, limits.period) = (nil, nil) }
        return limits.hasTime
    }

    /// Whether there is something for the cpu controller; the rest is for cpuset.
    var hasTime: Bool {
        shares != nil || quota != nil || period != nil || burst != nil || idle != nil || realtimeRuntime != nil
            || realtimePeriod != nil
    }
}

extension Resources.Pids {
    /// Whether tasks are limited, and not only said to be without a limit (-1).
    var isLimited: Bool { (limit ?? -1) >= 0 }
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
