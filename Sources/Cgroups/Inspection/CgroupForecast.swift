public import OCI

/// What the host does about a cgroup that is still to be made.
public struct CgroupForecast: Sendable, Equatable {
    /// The container's directory in each hierarchy; none: it stays where its creator is.
    public let directories: [String]
    /// The unit of systemd that makes the cgroup, such as `apus-web.scope`; nil: it is made as directories.
    public let unit: String?
    /// The limits, and the files that they are written to.
    public let settings: [CgroupInspection.Setting]
    /// The rules for devices, those of every container behind the configuration's, and what enforces them.
    public let deviceRules: [String]
    public let deviceEnforcement: String
}

extension CgroupLocation {
    /// What limits become in the container's cgroup. Nothing is made, nothing is written, and every file of a controller is
    /// taken to be there. What is already at that place is read: a remark says where it is not what would be set.
    public func forecast(_ resources: Resources) -> CgroupForecast {
        let list = SettingList()
        let cgroup = Cgroup(directories, made: directories.map { $0.path }, isPermissive: isPermissive)
        var limits = Limits(cgroup, resources, .creation, "", .forecast(list))
        limits.listEverything()
        let enforcement =
            if let directory = cgroup.v1("devices") {
                "\(directory)/devices.deny and devices.allow"
            } else if let unified = cgroup.unified {
                "a BPF program of \(unified)"
            } else {
                ""
            }
        return CgroupForecast(
            directories: directories.map { $0.path }, unit: place?.unit.name,
            settings: Cgroup.settings(resources, list, limits.notes),
            deviceRules: enforcement.isEmpty ? [] : DeviceRules.complete(resources.devices).map { $0.text },
            deviceEnforcement: enforcement)
    }
}
