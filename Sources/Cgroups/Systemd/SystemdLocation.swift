internal import Kernel
internal import OCI

extension CgroupLocation {
    /// The place of a container under systemd.
    ///
    /// - Parameter subgroup: a cgroup below the scope; a slice has its processes in it anyway.
    init(
        unit cgroupsPath: String?, id: String, subgroup: String? = nil, in layout: CgroupLayout
    ) throws(CgroupError) {
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
        var below = ""
        if let subgroup, !subgroup.isEmpty, !place.unit.isSlice {
            guard case .v2 = layout else {
                throw .value(
                    field: CrunAnnotations.subgroupField,
                    reason: "a cgroup below the scope is made only where cgroup v2 is alone in charge")
            }
            below = try CgroupPath(subgroup, id: "").text
        }
        try self.init(
            CgroupPath(below.isEmpty ? root + place.path : "\(root)\(place.path)/\(below)", id: id), in: layout,
            permissive: instance == .user, isWanted: true, needsDeviceRules: false, place: place, subgroup: below)
    }

    /// The directory that systemd makes: the container's own, or the one above it.
    private func unitPath(_ directory: CgroupDirectory) -> String {
        if subgroup.isEmpty { return directory.path }
        return String(decoding: directory.path.utf8.dropLast(subgroup.utf8.count + 1), as: UTF8.self)
    }

    /// Moves the process from the scope into the cgroup below it: nobody may be in the scope when controllers are
    /// enabled for what is below (cgroups(7), "no internal processes").
    func enterSubgroup(_ pid: Int32) throws(CgroupError) {
        if subgroup.isEmpty { return }
        for directory in directories {
            do { try Files.writeExisting("\(directory.path)/cgroup.procs", "\(pid)") } catch {
                throw .write(error, value: "\(pid)", field: CrunAnnotations.subgroupField, hint: "")
            }
        }
    }

    /// Whether the pure cgroup v2 path of a process is that of the container's cgroup.
    func holds(_ pid: Int32) throws(CgroupError) -> Bool {
        guard let directory = directories.last, directories.count == 1, directory.isUnified else { return true }
        let text: String
        do { text = try Files.readText("/proc/\(pid)/cgroup") } catch { throw .system(error, field: "", hint: "") }
        return text.components(between: "\n").contains { line in
            line.begins(with: "0::")
                && directory.mountPoint + String(decoding: line.utf8.dropFirst(3), as: UTF8.self) == unitPath(directory)
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
