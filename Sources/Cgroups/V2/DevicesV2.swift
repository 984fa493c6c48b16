internal import Kernel
internal import OCI

/// Device access in cgroup v2: an eBPF program, attached to the container's directory (cgroup-v2.rst, "Device
/// controller").
enum DevicesV2 {
    /// What our programs are called, so that those of others (systemd's) are told apart.
    private static var programName: String { "apus_devices" }

    /// - Parameter isPermissive: a caller who may not load programs goes without: he cannot make device nodes either,
    ///   nor let anybody open those that he may not open himself.
    static func set(
        _ rules: [Resources.DeviceRule], _ files: ControlFiles, isPermissive: Bool
    ) throws(CgroupError) {
        let code = DeviceProgram.compile(DeviceRules.complete(rules))
        if files.isNew, DeviceProgram.allowsEverything(code) { return }
        // 16 bits hold the distance of a jump, and no container needs as many rules.
        if code.count > 0x7FFF { throw .value(field: files.field("devices"), reason: "too many rules: \(rules.count)") }
        do { try attach(code, to: files.directory, isNew: files.isNew) } catch {
            if isPermissive, error.errno == .notPermitted { return }
            throw .system(error, field: files.field("devices"), hint: files.directory)
        }
    }

    /// Attaches a program in the place of the one that we attached before: there is no moment without one.
    private static func attach(_ code: [UInt64], to path: String, isNew: Bool) throws(SystemError) {
        let directory = try Descriptor.open(path, [.readOnly, .directory])
        let program = try BPF.loadDeviceProgram(code, name: programName)
        if isNew {
            try BPF.attachDeviceProgram(program, to: directory)
            return
        }
        for id in try BPF.devicePrograms(of: directory) {
            let former = try BPF.openProgram(id: id)
            if try BPF.name(of: former) == programName {
                try BPF.attachDeviceProgram(program, to: directory, replacing: former.number)
                return
            }
        }
        try BPF.attachDeviceProgram(program, to: directory)
    }
}

extension DevicesV2 {
    /// The names and ids of the programs that decide in a directory, such as `apus_devices (id 37)`.
    static func programs(of path: String) -> [String] {
        // A directory that is gone, or a caller who may not ask: nothing can be said.
        guard let directory = try? Descriptor.open(path, [.readOnly, .directory]),
            let ids = try? BPF.devicePrograms(of: directory)
        else { return [] }
        return ids.map { "\(name(of: $0)) (id \($0))" }
    }

    private static func name(of id: UInt32) -> String {
        guard let program = try? BPF.openProgram(id: id) else { return "" }  // Replaced meanwhile.
        return (try? BPF.name(of: program)) ?? ""
    }
}
