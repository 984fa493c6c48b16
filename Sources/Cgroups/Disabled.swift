public import OCI

extension CgroupLocation {
    /// Refuses limits for a container that has no cgroup of its own, where nothing would keep to them.
    ///
    /// - Returns: what has no effect: rules about devices, which every configuration has.
    public static func refuseLimits(_ resources: Resources?) throws(CgroupError) -> [Problem] {
        guard let resources else { return [] }
        let asked: [(Bool, String)] = [
            (resources.memory?.given?.isLimited == true, "memory"),
            (resources.cpu?.given.map { $0.isTimeLimited || $0.cpus != nil || $0.mems != nil } == true, "cpu"),
            (resources.pids?.isLimited == true, "pids"),
            (resources.blockIO?.given != nil, "blockIO"),
            (!resources.hugepageLimits.isEmpty, "hugepageLimits"),
            (resources.network?.given != nil, "network"),
            (!resources.rdma.isEmpty, "rdma"),
            (!resources.unified.isEmpty, "unified"),
            (!hasUsualRules(resources.devices), "devices"),
        ]
        for (isAsked, name) in asked where isAsked {
            throw .value(
                field: "linux.resources.\(name)",
                reason: "cannot be kept without a cgroup of the container's own (--cgroup-manager=disabled)")
        }
        let denies = resources.devices.contains { !$0.allow }
        if !denies { return [] }
        return [
            Problem(
                path: "linux.resources.devices", message: "not enforced without a cgroup (--cgroup-manager=disabled)")
        ]
    }

    /// Whether the rules are those that stand in any configuration: nothing, or what every container gets.
    private static func hasUsualRules(_ rules: [Resources.DeviceRule]) -> Bool {
        rules.allSatisfy { $0.isTotal || DeviceRules.standard.contains($0) }
    }
}
