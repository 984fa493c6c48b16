/// The pids controller, the same in both versions (Documentation/admin-guide/cgroup-v1/pids.rst).
enum Pids {
    /// - Parameter limit: tasks; -1 is unlimited. 0 stands for no task beside the first one, which is in the cgroup
    ///   already: the kernel would not let it in with a maximum of 0.
    static func set(_ limit: Int64, _ files: inout ControlFiles) throws(CgroupError) {
        try files.write(value(limit), to: "pids.max", "pids.limit")
    }

    static func value(_ limit: Int64) -> String { limit < 0 ? "max" : "\(max(limit, 1))" }
}
