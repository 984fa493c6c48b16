internal import Kernel
public import OCI

extension CgroupLocation {
    /// What of `linux.resources` this host's cgroups cannot do, found without making anything.
    public func problems(with resources: Resources) -> [Problem] {
        let cgroup = Cgroup(directories, made: [], isPermissive: isPermissive)
        let limits = Limits(cgroup, resources, .creation, "linux.resources")
        var seen: [String] = []
        var problems: [Problem] = []
        for name in limits.neededControllers() where !seen.contains(name) {
            seen.append(name)
            if cgroup.v1(name == "io" ? "blkio" : name) != nil { continue }
            if let reason = obstacle(to: name) {
                problems.append(
                    Problem(
                        path: Self.field(of: name, in: resources),
                        message: "the \(name) controller is not available: \(reason)"))
            }
        }
        problems += networkProblems(resources, cgroup)
        if !resources.unified.isEmpty, cgroup.unified == nil {
            problems.append(Problem(path: "linux.resources.unified", message: "this host has no cgroup2 hierarchy"))
        }
        return problems
    }

    /// The directories in which the caller may not make the container's cgroup.
    public var forbidden: [String] { directories.filter { !$0.canBeMade }.map { $0.path } }

    private func networkProblems(_ resources: Resources, _ cgroup: Cgroup) -> [Problem] {
        guard let network = resources.network?.given, !cgroup.isUnifiedOnly else { return [] }
        var problems: [Problem] = []
        if network.classID != nil, cgroup.v1("net_cls") == nil {
            problems.append(
                Problem(path: "linux.resources.network.classID", message: "the net_cls controller is not mounted"))
        }
        if !network.priorities.isEmpty, cgroup.v1("net_prio") == nil {
            problems.append(
                Problem(path: "linux.resources.network.priorities", message: "the net_prio controller is not mounted"))
        }
        return problems
    }

    /// Why cgroup2 cannot have a controller at the container's place; nil if it can.
    private func obstacle(to controller: String) -> String? {
        guard let place = directories.last, place.isUnified else {
            return "it is not mounted, or not delegated to the caller"
        }
        var path = place.path
        while !Files.exists(path), path.utf8.count > place.mountPoint.utf8.count { path = parent(of: path) }
        // A directory that cannot be read offers nothing.
        let offered = (try? Files.readOnce("\(path)/cgroup.controllers")) ?? []
        let names = offered.split { $0 == 32 || $0 == 10 }
        if names.contains(where: { $0.elementsEqual(controller.utf8) }) { return nil }
        let whole = (try? Files.readOnce("\(place.mountPoint)/cgroup.controllers")) ?? []
        let exists = whole.split(whereSeparator: { $0 == 32 || $0 == 10 }).contains {
            $0.elementsEqual(controller.utf8)
        }
        // The directories in between can be told to pass it on, by who may write to them.
        if exists {
            return Files.isWritable("\(path)/cgroup.procs") ? nil : "\(path) does not have it, and is not delegated"
        }
        return "the cgroup2 hierarchy does not offer it"
    }

    private static func field(of controller: String, in resources: Resources) -> String {
        if let entry = resources.unified.first(where: { $0.file.hasPrefix("\(controller).") }) {
            return "linux.resources.unified[\"\(entry.file)\"]"
        }
        return switch controller {
        case "cpuset": "linux.resources.cpu"
        case "io": "linux.resources.blockIO"
        case "hugetlb": "linux.resources.hugepageLimits"
        default: "linux.resources.\(controller)"
        }
    }
}
