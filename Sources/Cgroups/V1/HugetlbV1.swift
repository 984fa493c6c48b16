internal import OCI

/// The hugetlb controller of cgroup v1 (Documentation/admin-guide/cgroup-v1/hugetlb.rst).
enum HugetlbV1 {
    static func set(_ limits: [Resources.HugepageLimit], _ files: inout ControlFiles) throws(CgroupError) {
        for (index, limit) in limits.enumerated() {
            let name = "hugepageLimits[\(index)]"
            try files.write("\(limit.limit)", to: "hugetlb.\(limit.pageSize).limit_in_bytes", name)
            // Reserved pages are limited since Linux 5.7; without that file the first one is all there is.
            _ = try files.writeIfPresent("\(limit.limit)", to: "hugetlb.\(limit.pageSize).rsvd.limit_in_bytes", name)
        }
    }
}
