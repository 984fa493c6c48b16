/// What cgroup v1 says of a cpuset (Documentation/admin-guide/cgroup-v1/cpusets.rst).
enum CpusetStatisticsV1 {
    static func read(_ files: StatisticsFiles) -> Statistics.Cpuset {
        Statistics.Cpuset(
            cpus: NumberList.numbers(files.text("cpuset.cpus") ?? ""),
            mems: NumberList.numbers(files.text("cpuset.mems") ?? ""),
            cpuExclusive: files.number("cpuset.cpu_exclusive"), memHardwall: files.number("cpuset.mem_hardwall"),
            memExclusive: files.number("cpuset.mem_exclusive"), memoryMigrate: files.number("cpuset.memory_migrate"),
            memorySpreadPage: files.number("cpuset.memory_spread_page"),
            memorySpreadSlab: files.number("cpuset.memory_spread_slab"),
            memoryPressure: files.number("cpuset.memory_pressure"),
            schedLoadBalance: files.number("cpuset.sched_load_balance"),
            schedRelaxDomainLevel: files.lines("cpuset.sched_relax_domain_level").first?.first.flatMap { Int64($0) }
                ?? 0)
    }
}
