internal import Kernel
public import OCI

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

    /// Whether the caller may move a process from one directory of cgroup2 into this one: that takes the right to write
    /// to `cgroup.procs` of the nearest directory above both (cgroups(7), "Cgroup delegation containment").
    func canBeEntered(from own: String) -> Bool {
        var common = path
        while common != own, !own.begins(with: common + "/"), common.utf8.count > mountPoint.utf8.count {
            common = parent(of: common)
        }
        return common == path || Files.isWritable("\(common)/cgroup.procs")
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
    /// Whether the host has cgroup v2 alone.
    public let isUnifiedHost: Bool
    /// Whether the container goes without what the caller may not do.
    let isPermissive: Bool
    /// Whether device rules are enforced, or the container does not start. They need not be for who can make no device
    /// nodes.
    let needsDeviceRules: Bool
    /// The unit that the cgroup is to belong to, if systemd makes it.
    let place: SystemdPlace?
    /// Names of the cgroup below systemd's scope that is the container's; empty: the scope itself is.
    let subgroup: String
    /// How the container's process comes to be in the cgroup.
    public let joining: CgroupJoining
    /// Hierarchies in which the container stays in its creator's cgroup, since the caller may not make one there, and
    /// it has one elsewhere: the labels of /proc/PID/cgroup.
    let leftOut: [String]

    /// What has no effect because the caller may not do it everywhere.
    public var notes: [Problem] {
        if leftOut.isEmpty { return [] }
        let names = leftOut.map { $0.isEmpty ? "cgroup2" : $0 }.joined(separator: ", ")
        return [
            Problem(
                path: "linux.cgroupsPath",
                message: "not made in \(names), not delegated to the caller: the container stays in the caller's there")
        ]
    }

    /// The place that `linux.cgroupsPath` names on this host, for the manager that is to make it.
    ///
    /// - Parameters:
    ///   - cgroupsPath: the property, if it is given.
    ///   - id: the container's; names the cgroup where the property does not.
    ///   - manager: who is to make it.
    ///   - permissive: for the manager `cgroupfs` and a caller without privileges: hierarchies in which it may not make
    ///     the container's directory are left out, all of them if need be. A limit that needs one of those is an error
    ///     later. Where the configuration names a place, there has to be one hierarchy at least that has it.
    ///   - needsDeviceRules: whether device rules that cannot be set are an error also for a permissive caller.
    ///   - subgroup: for the manager `systemd`: a cgroup below the scope that is to be the container's.
    public init(
        cgroupsPath: String?, id: String, manager: CgroupManager = .cgroupfs, permissive: Bool = false,
        needsDeviceRules: Bool = false, subgroup: String? = nil
    ) throws(CgroupError) {
        switch manager {
        case .cgroupfs:
            try self.init(
                CgroupPath(cgroupsPath, id: id), in: .gather(), permissive: permissive,
                isWanted: cgroupsPath.map { !$0.isEmpty } ?? false, needsDeviceRules: needsDeviceRules)
        case .systemd: try self.init(unit: cgroupsPath, id: id, subgroup: subgroup, in: .gather())
        case .disabled: self.init(stayingIn: try .gather())
        }
    }

    /// The place of a path in a layout; a host without cgroups is an error unless `permissive`.
    ///
    /// - Parameters:
    ///   - path: the place, the same in each hierarchy.
    ///   - layout: the host's hierarchies.
    ///   - permissive: whether hierarchies are left out in which the caller may not make it.
    ///   - isWanted: the path is what the configuration asks for: not everything is left out.
    ///   - needsDeviceRules: whether device rules that cannot be set are an error also for a permissive caller.
    public init(
        _ path: CgroupPath, in layout: CgroupLayout, permissive: Bool = false, isWanted: Bool = false,
        needsDeviceRules: Bool = false
    ) throws(CgroupError) {
        try self.init(
            path, in: layout, permissive: permissive, isWanted: isWanted, needsDeviceRules: needsDeviceRules,
            place: nil)
    }

    init(
        _ path: CgroupPath, in layout: CgroupLayout, permissive: Bool, isWanted: Bool, needsDeviceRules: Bool,
        place: SystemdPlace?, subgroup: String = ""
    ) throws(CgroupError) {
        self.subgroup = subgroup
        isPermissive = permissive
        self.needsDeviceRules = needsDeviceRules || !permissive
        self.place = place
        joining = place.map { !$0.unit.isSlice } == true ? .isMoved : .byItself
        // What systemd makes, it may make where the caller may not.
        let mayLeaveOut = permissive && !isWanted && place == nil
        switch layout {
        case .none:
            if !mayLeaveOut { throw .noCgroups }
            directories = []
            leftOut = []
            view = CgroupView()
            isUnifiedHost = false
        case .v2(let unified):
            let place = CgroupDirectory(
                label: "", path: path.directory(inUnified: unified), mountPoint: unified.mountPoint)
            let isUsable =
                !mayLeaveOut
                || (place.canBeMade && place.canBeEntered(from: unified.mountPoint + unified.ownPath))
            directories = isUsable ? [place] : []
            leftOut = []
            view = CgroupView(unified: directories.first?.path)
            isUnifiedHost = true
        case .v1(let hierarchies, let unified):
            let places = (hierarchies + (unified.map { [$0] } ?? [])).map {
                CgroupDirectory(label: $0.label, path: path.directory(in: $0), mountPoint: $0.mountPoint)
            }
            let own = unified.map { $0.mountPoint + $0.ownPath } ?? ""
            if permissive, place == nil {
                let usable = places.filter { $0.canBeMade && (!$0.isUnified || $0.canBeEntered(from: own)) }
                directories = usable.isEmpty && !mayLeaveOut ? places : usable
                leftOut = usable.isEmpty ? [] : places.filter { !usable.contains($0) }.map { $0.label }
            } else {
                directories = places
                leftOut = []
            }
            view = CgroupView(directories)
            isUnifiedHost = false
        }
    }

    /// The caller's own cgroup, in which the container stays (the manager `disabled`): nothing is made.
    init(stayingIn layout: CgroupLayout) {
        directories = []
        isPermissive = true
        needsDeviceRules = false
        place = nil
        subgroup = ""
        leftOut = []
        joining = .stays
        isUnifiedHost = if case .v2 = layout { true } else { false }
        switch layout {
        case .none: view = CgroupView()
        case .v2(let unified): view = CgroupView(unified: unified.mountPoint + unified.ownPath)
        case .v1(let hierarchies, let unified):
            view = CgroupView(
                (hierarchies + (unified.map { [$0] } ?? [])).map {
                    CgroupDirectory(label: $0.label, path: $0.mountPoint + $0.ownPath, mountPoint: $0.mountPoint)
                })
        }
    }

    /// The directories as the container's state keeps them: `label:path` each, and the unit.
    public var stateText: [String] {
        directories.map { "\($0.label):\($0.path)" } + (place.map { [$0.unit.stateText] } ?? [])
    }
}

/// Who makes the cgroups of containers.
public enum CgroupManager: Sendable, Equatable {
    /// The runtime itself, by the files of the cgroup file systems.
    case cgroupfs
    /// systemd, as a transient unit for each container.
    case systemd
    /// Nobody: containers stay in the cgroup of who creates them, without limits.
    case disabled
}

/// How a container's first process comes to be in its cgroup.
public enum CgroupJoining: Sendable, Equatable {
    /// It is cloned into it on cgroup v2 (CLONE_INTO_CGROUP), and moves itself in v1 hierarchies.
    case byItself
    /// systemd moves it while it works already.
    case isMoved
    /// It stays where it is.
    case stays
}
