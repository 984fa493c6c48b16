/// What cgroup v2 counts of CPU time (Documentation/admin-guide/cgroup-v2.rst, "CPU"); without the controller only how
/// much was used.
enum CPUStatisticsV2 {
    static func readUsage(_ files: StatisticsFiles, into cpu: inout Statistics.CPU) {
        let counters = files.counters("cpu.stat")
        cpu.total = counters["usage_usec"] &* 1000
        cpu.user = counters["user_usec"] &* 1000
        cpu.kernel = counters["system_usec"] &* 1000
    }

    static func readThrottling(_ files: StatisticsFiles, into cpu: inout Statistics.CPU) {
        let counters = files.counters("cpu.stat")
        cpu.periods = counters["nr_periods"]
        cpu.throttledPeriods = counters["nr_throttled"]
        cpu.throttledTime = counters["throttled_usec"] &* 1000
    }
}
