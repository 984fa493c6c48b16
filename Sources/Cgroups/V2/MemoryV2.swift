internal import OCI

/// The memory controller of cgroup v2 (Documentation/admin-guide/cgroup-v2.rst).
enum MemoryV2 {
    static func set(_ memory: Resources.Memory, _ files: inout ControlFiles) throws(CgroupError) {
        // Swap first: what a lower memory limit pushes out has to find room there.
        try setSwap(memory, files)
        if let limit = memory.limit {
            if memory.checkBeforeUpdate == true, !files.isNew { try requireRoom(limit, files) }
            try files.write(value(limit), to: "memory.max", "memory.limit")
        }
        if let reservation = memory.reservation {
            try files.write(value(reservation), to: "memory.low", "memory.reservation")
        }
        if memory.kernelTCP != nil { files.note("memory.kernelTCP", "cgroup v2 counts TCP buffers as memory") }
        if memory.swappiness != nil { files.note("memory.swappiness", "cgroup v2 has no swappiness of its own") }
        if memory.disableOOMKiller == true {
            files.note("memory.disableOOMKiller", "cgroup v2 cannot disable the OOM killer")
        }
    }

    /// Bytes as cgroup v2 writes them: -1 is `max`.
    static func value(_ bytes: Int64) -> String { bytes < 0 ? "max" : "\(bytes)" }

    private static func setSwap(_ memory: Resources.Memory, _ files: ControlFiles) throws(CgroupError) {
        let limit = memory.limit ?? (memory.swap == nil || files.isNew ? nil : files.number("memory.max"))
        let swap: Int64?
        do { swap = try swapAlone(both: memory.swap, memory: limit) } catch {
            throw .value(field: files.field("memory.swap"), reason: error.reason)
        }
        guard let swap, swap >= 0 || !files.isNew else { return }
        let isThere = try files.writeIfPresent(value(swap), to: "memory.swap.max", "memory.swap")
        // A kernel that does not account for swap gives the container none, or all: both can be what was asked for.
        if isThere || swap <= 0 { return }
        // Without the controller nothing is known of the kernel.
        guard files.exists("memory.max") else { throw files.missing("memory.swap.max", "memory.swap") }
        throw .noController(
            "memory", field: files.field("memory.swap"), reason: "the kernel does not account for swap")
    }

    /// Why memory and swap together do not give a limit for swap.
    struct SwapProblem: Error, Equatable {
        let reason: String
    }

    /// cgroup v2 limits swap by itself, the configuration memory and swap together, as cgroup v1 does. Where memory is
    /// unlimited there is nothing to take off: the limit is that of swap (runc 1.3, crun 1.28).
    ///
    /// - Parameters:
    ///   - both: the limit of both; -1 is unlimited, nil not given.
    ///   - memory: the limit of memory; -1 is unlimited, nil not given.
    /// - Returns: the limit of swap; -1 is unlimited, nil none to set.
    static func swapAlone(both: Int64?, memory: Int64?) throws(SwapProblem) -> Int64? {
        guard let both else { return memory == -1 ? -1 : nil }
        if both < 0 { return -1 }
        guard let memory else { throw SwapProblem(reason: "unable to set swap limit without memory limit") }
        if memory < 0 { return both }
        if both < memory {
            throw SwapProblem(reason: "memory+swap limit should be >= memory limit: \(both) < \(memory)")
        }
        return both - memory
    }

    /// The kernel takes a limit below what is used, and then kills (spec: `checkBeforeUpdate`).
    private static func requireRoom(_ limit: Int64, _ files: ControlFiles) throws(CgroupError) {
        if case .list = files.destination { return }
        guard limit >= 0, let usage = files.number("memory.current"), usage > limit else { return }
        throw .value(field: files.field("memory.limit"), reason: "\(limit) is below what is used now: \(usage)")
    }
}
