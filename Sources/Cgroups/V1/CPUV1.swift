internal import Kernel
internal import OCI

/// The cpu controller of cgroup v1 (Documentation/scheduler/sched-bwc.rst, sched-rt-group.rst). Microseconds.
enum CPUV1 {
    static func set(_ cpu: Resources.CPU, _ files: inout ControlFiles) throws(CgroupError) {
        try setWeight(cpu, files)
        try setBandwidth(cpu, files)
        try setRealTime(cpu, files)
    }

    /// An idle group takes no shares, so it has to stop being idle before, or begin after.
    private static func setWeight(_ cpu: Resources.CPU, _ files: ControlFiles) throws(CgroupError) {
        if cpu.idle == 0, !files.isNew { try files.write("0", to: "cpu.idle", "cpu.idle") }
        if let shares = cpu.shares {
            // The kernel would take the nearest value without a word (sched.h: MIN_SHARES, MAX_SHARES).
            if shares < 2 {
                throw .value(field: files.field("cpu.shares"), reason: "the minimum allowed cpu-shares is 2")
            }
            if shares > 262_144 {
                throw .value(field: files.field("cpu.shares"), reason: "the maximum allowed cpu-shares is 262144")
            }
            try files.write("\(shares)", to: "cpu.shares", "cpu.shares")
        }
        if cpu.idle == 1 { try files.write("1", to: "cpu.idle", "cpu.idle") }
    }

    /// The kernel wants the burst within the quota, and the share of time within that of the groups above and below.
    private static func setBandwidth(_ cpu: Resources.CPU, _ files: ControlFiles) throws(CgroupError) {
        var settings: [ControlFiles.Setting] = []
        if let period = cpu.period {
            settings.append(ControlFiles.Setting("cpu.cfs_period_us", "\(period)", "cpu.period"))
        }
        if let quota = cpu.quota { settings.append(ControlFiles.Setting("cpu.cfs_quota_us", "\(quota)", "cpu.quota")) }
        if let burst = cpu.burst, burst > 0 || !files.isNew {
            settings.append(ControlFiles.Setting("cpu.cfs_burst_us", "\(burst)", "cpu.burst"))
        }
        try files.writeInFittingOrder(settings)
    }

    private static func setRealTime(_ cpu: Resources.CPU, _ files: ControlFiles) throws(CgroupError) {
        var settings: [ControlFiles.Setting] = []
        if let period = cpu.realtimePeriod {
            settings.append(ControlFiles.Setting("cpu.rt_period_us", "\(period)", "cpu.realtimePeriod"))
        }
        if let runtime = cpu.realtimeRuntime {
            settings.append(ControlFiles.Setting("cpu.rt_runtime_us", "\(runtime)", "cpu.realtimeRuntime"))
        }
        try files.writeInFittingOrder(settings) { error in
            error.errno == .invalidArgument ? "the cgroup above must have as much real time to give" : ""
        }
    }
}
