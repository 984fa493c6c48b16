internal import CKernel

/// eBPF programs that decide about device access in a cgroup2 group (bpf(2), `BPF_PROG_TYPE_CGROUP_DEVICE`).
public enum BPF {
    /// Loads a program, one word for each instruction (`struct bpf_insn`). Its name may have 15 characters.
    /// EINVAL and EACCES: the kernel's verifier refused it; EPERM: the caller may not load programs.
    public static func loadDeviceProgram(_ code: [UInt64], name: String) throws(SystemError) -> Descriptor {
        Descriptor(owning: try check(unsafe ck_bpf_load_device(code, code.count, name), "bpf(BPF_PROG_LOAD)", name))
    }

    /// Attaches a program to a group, beside those that are there (Linux 4.15), or in the place of the borrowed
    /// descriptor `replaced` (Linux 5.6).
    public static func attachDeviceProgram(
        _ program: borrowing Descriptor, to cgroup: borrowing Descriptor, replacing replaced: Int32? = nil
    ) throws(SystemError) {
        _ = try check(ck_bpf_attach_device(cgroup.number, program.number, replaced ?? -1), "bpf(BPF_PROG_ATTACH)")
    }

    /// The ids of the device programs of a group itself, in the order in which they were attached; at most 64, which
    /// is the kernel's limit (`BPF_CGROUP_MAX_PROGS`).
    public static func devicePrograms(of cgroup: borrowing Descriptor) throws(SystemError) -> [UInt32] {
        var ids = [UInt32](repeating: 0, count: 64)
        let count = try check(unsafe ck_bpf_device_programs(cgroup.number, &ids, ids.count), "bpf(BPF_PROG_QUERY)")
        return Array(ids.prefix(Int(count)))
    }

    /// The loaded program that has an id; ENOENT if there is none any more.
    public static func openProgram(id: UInt32) throws(SystemError) -> Descriptor {
        Descriptor(owning: try check(ck_bpf_open(id), "bpf(BPF_PROG_GET_FD_BY_ID)"))
    }

    /// The name that a program was loaded with.
    public static func name(of program: borrowing Descriptor) throws(SystemError) -> String {
        let number = program.number
        return try unsafe Files.string(capacity: Int(CK_BPF_NAME_SIZE), "bpf(BPF_OBJ_GET_INFO_BY_FD)", "") {
            buffer, _ in
            // The buffer has exactly the size that the call fills, with a zero at its end.
            guard let buffer = unsafe buffer else { return 0 }
            let result = unsafe ck_bpf_name(number, buffer)
            return result < 0 ? Int(result) : unsafe String(cString: buffer).utf8.count
        }
    }
}
