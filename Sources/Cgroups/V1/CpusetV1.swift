internal import Kernel
internal import OCI

/// The cpuset controller of cgroup v1 (Documentation/admin-guide/cgroup-v1/cpusets.rst).
enum CpusetV1 {
    static func set(_ cpu: Resources.CPU, _ files: inout ControlFiles) throws(CgroupError) {
        if let cpus = cpu.cpus { try write(cpus, to: "cpuset.cpus", "cpu.cpus", files) }
        if let mems = cpu.mems { try write(mems, to: "cpuset.mems", "cpu.mems", files) }
    }

    private static func write(
        _ list: String, to file: String, _ name: String, _ files: ControlFiles
    ) throws(CgroupError) {
        try files.write(ControlFiles.Setting(file, list, name)) { error in
            // EACCES: not all of it is there above; EBUSY: a group below, or a process with a deadline, needs more.
            switch error.errno {
            case .accessDenied, .invalidArgument:
                // Without the file it is the root, which has everything.
                guard let above = try? Files.readText("\(parent(of: files.directory))/\(file)") else { return "" }
                return "the cgroup above has \(above.isEmpty ? "none" : above)"
            case .busy: return "a cgroup below it, or a process with SCHED_DEADLINE, uses what would be taken away"
            default: return ""
            }
        }
    }

    /// A new v1 cpuset is empty and takes no process before it has cpus and memory nodes: it gets those of the cgroup
    /// above, which may be as empty.
    static func inherit(_ directory: String, isNew: Bool) throws(CgroupError) {
        for file in ["cpuset.cpus", "cpuset.mems"] {
            do {
                let own = "\(directory)/\(file)"
                if !isNew, isGiven(try Files.readOnce(own)) { continue }
                guard let value = try inherited(file, parent(of: directory)) else { continue }
                try Files.writeExisting(own, value)
            } catch {
                throw .system(error, field: "linux.cgroupsPath", hint: "")
            }
        }
    }

    /// What a directory has, or takes over from above; nil above the hierarchy.
    private static func inherited(_ file: String, _ directory: String) throws(SystemError) -> String? {
        let own = "\(directory)/\(file)"
        let bytes: [UInt8]
        do { bytes = try Files.readOnce(own) } catch {
            if error.errno == .noEntry { return nil }
            throw error
        }
        if isGiven(bytes) { return String(decoding: bytes, as: UTF8.self) }
        guard let value = try inherited(file, parent(of: directory)) else { return nil }
        try Files.writeExisting(own, value)
        return value
    }

    private static func isGiven(_ bytes: [UInt8]) -> Bool { bytes.contains { $0 != UInt8(ascii: "\n") } }
}
