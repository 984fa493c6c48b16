/// What cgroup v2 counts of memory (Documentation/admin-guide/cgroup-v2.rst, "Memory").
enum MemoryStatisticsV2 {
    static func read(_ files: StatisticsFiles) -> Statistics.Memory {
        let raw = files.counters("memory.stat").sorted { $0.name < $1.name }
        // memory.peak: Linux 5.19.
        let memory = Statistics.MemoryUsage(
            limit: files.number("memory.max"), usage: files.number("memory.current"), peak: files.number("memory.peak"))
        return Statistics.Memory(cache: raw["file"], memory: memory, both: both(memory, files), raw: raw)
    }

    /// cgroup v2 counts swap by itself; who reads this expects it together with memory, as cgroup v1 counts it.
    private static func both(_ memory: Statistics.MemoryUsage, _ files: StatisticsFiles) -> Statistics.MemoryUsage {
        Statistics.MemoryUsage(
            limit: sum(memory.limit, files.number("memory.swap.max")),
            usage: sum(memory.usage, files.number("memory.swap.current")))
    }

    /// No limit and something is no limit.
    private static func sum(_ one: UInt64, _ other: UInt64) -> UInt64 {
        let (sum, overflows) = one.addingReportingOverflow(other)
        return overflows ? .max : sum
    }
}
