internal import OCI

/// The hugetlb controller of cgroup v2.
enum HugetlbV2 {
    static func set(_ limits: [Resources.HugepageLimit], _ files: inout ControlFiles) throws(CgroupError) {
        for (index, limit) in limits.enumerated() {
            let name = "hugepageLimits[\(index)]"
            try files.write("\(limit.limit)", to: "hugetlb.\(limit.pageSize).max", name)
            // Reserved pages are limited since Linux 5.7; without that file the first one is all there is.
            _ = try files.writeIfPresent("\(limit.limit)", to: "hugetlb.\(limit.pageSize).rsvd.max", name)
        }
    }
}
