internal import CommandLineInterface
internal import OCI
internal import Runtime

extension Command {
    /// `update`: new limits, from flags or from a document.
    static func update(_ options: UpdateOptions, _ lifecycle: Lifecycle, _ log: Log) throws(RuntimeError) {
        for name in options.ignored { log.write(.warning, "--\(name): ignored beside --resources") }
        let change: Resources
        switch options.source {
        case .flags(let limits): change = Resources(limits)
        case .file(let path): change = try ResourcesDocument.read(path) { log.write(.warning, $0) }
        case .standardInput: change = try ResourcesDocument.read(nil) { log.write(.warning, $0) }
        }
        try lifecycle.update(
            options.id, with: change, l3Cache: options.l3CacheSchema, memoryBandwidth: options.memBwSchema)
    }
}

extension Resources {
    fileprivate init(_ limits: LimitFlags) {
        self.init()
        let memory = Memory(
            limit: limits.memory, reservation: limits.memoryReservation, swap: limits.memorySwap,
            kernel: limits.kernelMemory, kernelTCP: limits.kernelMemoryTCP)
        let cpu = CPU(
            shares: limits.cpuShares, quota: limits.cpuQuota, burst: limits.cpuBurst, period: limits.cpuPeriod,
            realtimeRuntime: limits.cpuRealtimeRuntime, realtimePeriod: limits.cpuRealtimePeriod, cpus: limits.cpus,
            mems: limits.mems, idle: limits.cpuIdle)
        if memory != Memory() { self.memory = memory }
        if cpu != CPU() { self.cpu = cpu }
        if let pids = limits.pids { self.pids = Pids(limit: pids) }
        if let weight = limits.blockIOWeight { blockIO = BlockIO(weight: weight) }
    }
}
