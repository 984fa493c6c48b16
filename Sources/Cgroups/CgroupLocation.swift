internal import Kernel

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

    /// Whether the caller may make the directory, or use it as it is.
    var canBeMade: Bool {
        var path = path
        while !Files.exists(path), path.utf8.count > mountPoint.utf8.count { path = parent(of: path) }
        return Files.isWritable(path)
    }

    /// Whether this is cgroup v2.
    public var isUnified: Bool { label.isEmpty }

    /// Whether a v1 controller is in this hierarchy.
    func has(_ controller: String) -> Bool {
        var rest = label.utf8[...]
        while !rest.isEmpty {
            let name = rest.prefix { $0 != UInt8(ascii: ",") }
            if name.elementsEqual(controller.utf8) { return true }
            rest = rest.dropFirst(name.count + 1)
        }
        return false
    }
}

/// Where the cgroup of a container is to be: decided, and nothing made yet.
public struct CgroupLocation: Sendable, Equatable {
    /// v1 hierarchies in the order of /proc/self/cgroup, then cgroup2.
    public let directories: [CgroupDirectory]
    /// What a container sees of its cgroup.
    public let view: CgroupView
    /// Whether the container goes without what the caller may not do.
    let isPermissive: Bool

    /// The place that `linux.cgroupsPath` names on this host.
    ///
    /// - Parameter permissive: for a caller without privileges: hierarchies in which it may not make the container's
    ///   directory are left out, all of them if need be. A limit that needs one of those is an error later.
    public init(cgroupsPath: String?, id: String, permissive: Bool = false) throws(CgroupError) {
        try self.init(CgroupPath(cgroupsPath, id: id), in: .gather(), permissive: permissive)
    }

    /// The place of a path in a layout; a host without cgroups is an error unless `permissive`.
    public init(_ path: CgroupPath, in layout: CgroupLayout, permissive: Bool = false) throws(CgroupError) {
        isPermissive = permissive
        switch layout {
        case .none:
            if !permissive { throw .noCgroups }
            directories = []
            view = CgroupView()
        case .v2(let unified):
            let place = CgroupDirectory(
                label: "", path: path.directory(inUnified: unified), mountPoint: unified.mountPoint)
            directories = !permissive || place.canBeMade ? [place] : []
            view = CgroupView(unified: directories.first?.path)
        case .v1(let hierarchies, let unified):
            let places = (hierarchies + (unified.map { [$0] } ?? [])).map {
                CgroupDirectory(label: $0.label, path: path.directory(in: $0), mountPoint: $0.mountPoint)
            }
            directories = permissive ? places.filter { $0.canBeMade } : places
            view = CgroupView(directories)
        }
    }

    /// The directories as the container's state keeps them: `label:path` each.
    public var stateText: [String] { directories.map { "\($0.label):\($0.path)" } }
}
