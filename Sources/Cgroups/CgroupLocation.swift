/// A container's directory in one hierarchy.
public struct CgroupDirectory: Sendable, Equatable {
    /// The hierarchy as /proc/PID/cgroup has it: `memory`, `cpu,cpuacct`, `name=systemd`; empty for cgroup2.
    public let label: String
    /// Absolute path.
    public let path: String
    /// Where the hierarchy is mounted; empty for a directory that was read from a container's state.
    let mountPoint: String

    init(label: String, path: String, mountPoint: String = "") {
        self.label = label
        self.path = path
        self.mountPoint = mountPoint
    }

    /// Whether this is cgroup v2.
    public var isUnified: Bool { label.isEmpty }

    /// Whether a v1 controller is in this hierarchy.
    func has(_ controller: String) -> Bool {
        label.utf8.split(separator: UInt8(ascii: ",")).contains { $0.elementsEqual(controller.utf8) }
    }
}

/// Where the cgroup of a container is to be: decided, and nothing made yet.
public struct CgroupLocation: Sendable, Equatable {
    /// v1 hierarchies in the order of /proc/self/cgroup, then cgroup2.
    public let directories: [CgroupDirectory]
    /// What a container sees of its cgroup.
    public let view: CgroupView

    /// The place that `linux.cgroupsPath` names on this host.
    public init(cgroupsPath: String?, id: String) throws(CgroupError) {
        try self.init(CgroupPath(cgroupsPath, id: id), in: .gather())
    }

    /// The place of a path in a layout; a host without cgroups is an error.
    public init(_ path: CgroupPath, in layout: CgroupLayout) throws(CgroupError) {
        switch layout {
        case .none: throw .noCgroups
        case .v2(let unified):
            let directory = path.directory(inUnified: unified)
            directories = [CgroupDirectory(label: "", path: directory, mountPoint: unified.mountPoint)]
            view = CgroupView(unified: directories[0].path)
        case .v1(let hierarchies, let unified):
            directories = (hierarchies + (unified.map { [$0] } ?? [])).map {
                CgroupDirectory(label: $0.label, path: path.directory(in: $0), mountPoint: $0.mountPoint)
            }
            view = CgroupView(hierarchies, directories)
        }
    }

    /// The directories as the container's state keeps them: `label:path` each.
    public var stateText: [String] { directories.map { "\($0.label):\($0.path)" } }
}
