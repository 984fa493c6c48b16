internal import Kernel
internal import OCI

/// The cpuset controller of cgroup v2. An empty file means that of the cgroup above: there is nothing to inherit.
enum CpusetV2 {
    static func set(_ cpu: Resources.CPU, _ files: inout ControlFiles) throws(CgroupError) {
        if let cpus = cpu.cpus {
            try files.write(ControlFiles.Setting("cpuset.cpus", cpus, "cpu.cpus")) { error in
                error.errno == .busy ? "a process with SCHED_DEADLINE uses what would be taken away" : ""
            }
        }
        if let mems = cpu.mems { try files.write(mems, to: "cpuset.mems", "cpu.mems") }
    }
}
