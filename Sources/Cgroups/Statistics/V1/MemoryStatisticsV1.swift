/// What cgroup v1 counts of memory (Documentation/admin-guide/cgroup-v1/memory.rst).
enum MemoryStatisticsV1 {
    static func read(_ files: StatisticsFiles) -> Statistics.Memory {
        let raw = files.counters("memory.stat").sorted { $0.name < $1.name }
        return Statistics.Memory(
            cache: raw["cache"], memory: usage("memory", files), both: usage("memory.memsw", files),
            kernel: usage("memory.kmem", files), kernelTCP: usage("memory.kmem.tcp", files), raw: raw)
    }

    private static func usage(_ name: String, _ files: StatisticsFiles) -> Statistics.MemoryUsage {
        Statistics.MemoryUsage(
            limit: files.number("\(name).limit_in_bytes"), usage: files.number("\(name).usage_in_bytes"),
            peak: files.number("\(name).max_usage_in_bytes"), failures: files.number("\(name).failcnt"))
    }
}
