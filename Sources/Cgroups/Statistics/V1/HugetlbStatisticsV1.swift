/// What cgroup v1 counts of huge pages (Documentation/admin-guide/cgroup-v1/hugetlb.rst).
enum HugetlbStatisticsV1 {
    static func read(_ files: StatisticsFiles) -> [Statistics.Hugetlb] {
        HugePageSizes.list(files, ending: ".usage_in_bytes").map { size in
            Statistics.Hugetlb(
                pageSize: size, usage: files.number("hugetlb.\(size).usage_in_bytes"),
                peak: files.number("hugetlb.\(size).max_usage_in_bytes"),
                failures: files.number("hugetlb.\(size).failcnt"))
        }
    }
}

/// The sizes of huge pages that a directory has files for.
enum HugePageSizes {
    /// From the names of the files `hugetlb.SIZE` + `ending`, sorted.
    static func list(_ files: StatisticsFiles, ending: String) -> [String] {
        files.names.compactMap { name in
            guard name.hasPrefix("hugetlb."), name.hasSuffix(ending) else { return nil }
            let size = name.dropFirst(8).dropLast(ending.count)
            return size.contains(".") ? nil : String(size)
        }.sorted()
    }
}
