/// What cgroup v2 counts of huge pages (Documentation/admin-guide/cgroup-v2.rst, "HugeTLB").
enum HugetlbStatisticsV2 {
    static func read(_ files: StatisticsFiles) -> [Statistics.Hugetlb] {
        HugePageSizes.list(files, ending: ".current").map { size in
            Statistics.Hugetlb(
                pageSize: size, usage: files.number("hugetlb.\(size).current"),
                failures: files.counters("hugetlb.\(size).events")["max"])
        }
    }
}
