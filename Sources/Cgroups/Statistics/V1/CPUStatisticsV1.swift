/// What cgroup v1 counts of CPU time (Documentation/admin-guide/cgroup-v1/cpuacct.rst, scheduler/sched-bwc.rst).
enum CPUStatisticsV1 {
    /// A tick of cpuacct.stat in nanoseconds: USER_HZ is 100 on every architecture that apus runs on.
    private static var tick: UInt64 { 10_000_000 }

    static func readUsage(_ files: StatisticsFiles, into cpu: inout Statistics.CPU) {
        cpu.total = files.number("cpuacct.usage")
        let ticks = files.counters("cpuacct.stat")
        cpu.user = ticks["user"] &* tick
        cpu.kernel = ticks["system"] &* tick
        cpu.perCPU = files.lines("cpuacct.usage_percpu").first?.compactMap { UInt64($0) } ?? []
        // `cpu user system`, and a line for each CPU.
        for words in files.lines("cpuacct.usage_all").dropFirst() where words.count == 3 {
            cpu.perCPUUser.append(UInt64(words[1]) ?? 0)
            cpu.perCPUKernel.append(UInt64(words[2]) ?? 0)
        }
    }

    static func readThrottling(_ files: StatisticsFiles, into cpu: inout Statistics.CPU) {
        let counters = files.counters("cpu.stat")
        cpu.periods = counters["nr_periods"]
        cpu.throttledPeriods = counters["nr_throttled"]
        cpu.throttledTime = counters["throttled_time"]
    }
}
