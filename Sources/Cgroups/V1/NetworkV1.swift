internal import OCI

/// The net_cls and net_prio controllers, which only cgroup v1 has (Documentation/admin-guide/cgroup-v1).
enum NetworkV1 {
    static func setClass(_ id: UInt32, _ files: ControlFiles) throws(CgroupError) {
        try files.write("\(id)", to: "net_cls.classid", "network.classID")
    }

    static func setPriorities(_ priorities: [Resources.InterfacePriority], _ files: ControlFiles) throws(CgroupError) {
        for (index, entry) in priorities.enumerated() {
            try files.write(
                "\(entry.name) \(entry.priority)", to: "net_prio.ifpriomap", "network.priorities[\(index)]")
        }
    }
}
