internal import Kernel
internal import OCI

extension CgroupLocation {
    /// The place of a container under systemd.
    init(unit cgroupsPath: String?, id: String, in layout: CgroupLayout) throws(CgroupError) {
        let instance = SystemdBus.instance()
        let place = try SystemdPlace(cgroupsPath, id: id, instance)
        let root: String
        switch layout {
        case .none: throw .noCgroups
        case .v2(let unified): root = try SystemdBus.root(of: instance, in: unified)
        case .v1:
            if instance == .user {
                throw .value(
                    field: "--cgroup-manager",
                    reason: "a user's own systemd makes cgroups only where cgroup v2 is alone in charge")
            }
            root = ""
        }
        try self.init(
            CgroupPath(root + place.path, id: id), in: layout, permissive: instance == .user, isWanted: true,
            needsDeviceRules: false, place: place)
    }

    /// Whether the pure cgroup v2 path of a process is that of the container's cgroup.
    func holds(_ pid: Int32) throws(CgroupError) -> Bool {
        guard let directory = directories.last, directories.count == 1, directory.isUnified else { return true }
        let text: String
        do { text = try Files.readText("/proc/\(pid)/cgroup") } catch { throw .system(error, field: "", hint: "") }
        return text.components(between: "\n").contains { line in
            line.begins(with: "0::")
                && directory.mountPoint + String(decoding: line.utf8.dropFirst(3), as: UTF8.self) == directory.path
        }
    }
}

extension SystemdUnit {
    /// Stops the unit and waits until it is gone. Its processes have been killed before: a scope that is empty goes by
    /// itself, so that a bus that is gone as well is no obstacle. A slice stays until it is stopped.
    func stop() throws(CgroupError) {
        let manager: SystemdManager
        do { manager = try SystemdManager(instance) } catch {
            if case .noBus = error, !isSlice { return }
            throw error
        }
        try manager.stop(self)
    }
}
