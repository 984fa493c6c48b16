internal import Kernel
public import OCI

extension CgroupLocation {
    /// What of `linux.resources` this host's cgroups cannot do, found without making anything.
    public func problems(with resources: Resources) -> [Problem] {
        let cgroup = Cgroup(directories, made: [], isPermissive: isPermissive)
        let limits = Limits(cgroup, resources, .creation, "linux.resources")
        var problems: [Problem] = []
        for name in limits.neededControllers() {
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
        problems += foreignProblems(resources, cgroup)
        let places = Set(problems.map { $0.path })
        return problems + valueProblems(with: resources).filter { !places.contains($0.path) }
    }

    /// What of `linux.resources` has no effect here, and why, in the words of ``create(_:after:)``.
    public func notes(on resources: Resources) -> [Problem] {
        let list = SettingList()
        var limits = trial(of: resources, isUnifiedHost ? .forecast(list) : .list(list))
        _ = limits.tryEverything()
        return limits.notes
    }

    /// Files of cgroup2 whose controller belongs to a v1 hierarchy.
    private func foreignProblems(_ resources: Resources, _ cgroup: Cgroup) -> [Problem] {
        resources.unified.compactMap { entry in
            let controller = String(decoding: entry.file.utf8.prefix { $0 != UInt8(ascii: ".") }, as: UTF8.self)
            guard cgroup.v1(controller == "io" ? "blkio" : controller) != nil else { return nil }
            return Problem(
                path: "linux.resources.unified[\"\(entry.file)\"]",
                message: "the \(controller) controller is not available: it belongs to a v1 hierarchy on this host")
        }
    }

    /// Whether the kernel gives groups of v1 real time only where they are promised some (sched-rt-group.rst): without it
    /// none of their processes gets a real-time policy.
    public var rationsRealTime: Bool {
        guard let place = directories.first(where: { !$0.isUnified && $0.has("cpu") }) else { return false }
        return Files.exists("\(place.mountPoint)/cpu.rt_runtime_us")
    }

    // MARK: Values

    /// The values that the kernel would refuse, found by who reads its rules: nothing is written.
    private func valueProblems(with resources: Resources) -> [Problem] {
        var problems: [Problem] = []
        for assumes in [false, true] {
            // On cgroup v1 the files of any cgroup tell what there is; on v2 they depend on what is enabled above.
            let list = SettingList()
            var limits = trial(of: resources, assumes ? .forecast(list) : .list(list))
            for error in limits.tryEverything() {
                if let problem = Self.problem(error, isAssumed: assumes, isUnified: isUnifiedHost) {
                    problems.append(problem)
                }
            }
            if !assumes { continue }
            var files = UnifiedFiles(of: directories)
            for entry in list.entries {
                let field = "linux.resources.\(entry.setting.name)"
                guard let directory = directories.first(where: { $0.path == entry.directory }) else { continue }
                if let message = ControlValue(directory: directory).problem(with: entry.setting) {
                    problems.append(Problem(path: field, message: message))
                } else if entry.setting.name.begins(with: "unified"),
                    let message = files.absence(of: entry.setting.file)
                {
                    problems.append(Problem(path: field, message: message))
                }
            }
            problems += combinedProblems(with: resources)
        }
        var seen: Set<String> = []
        return problems.filter { seen.insert($0.path).inserted }
    }

    /// Limits as they would be set in new directories.
    private func trial(of resources: Resources, _ destination: ControlFiles.Destination) -> Limits {
        let places = if case .forecast = destination { directories } else { directories.map { sample(of: $0) } }
        let cgroup = Cgroup(places, made: places.map { $0.path }, isPermissive: isPermissive)
        return Limits(cgroup, resources, .creation, "linux.resources", destination)
    }

    /// A cgroup of the same hierarchy that is there and not its root, which lacks some files.
    private func sample(of directory: CgroupDirectory) -> CgroupDirectory {
        var path = directory.path
        while !Files.exists(path), path.utf8.count > directory.mountPoint.utf8.count { path = parent(of: path) }
        if path.utf8.count <= directory.mountPoint.utf8.count, let child = try? Files.listDirectories(path).first {
            path = "\(directory.mountPoint)/\(child)"
        }
        return CgroupDirectory(label: directory.label, path: path, mountPoint: directory.mountPoint)
    }

    private static func problem(_ error: CgroupError, isAssumed: Bool, isUnified: Bool) -> Problem? {
        switch error {
        case .value(let field, let reason): return Problem(path: field, message: reason)
        // In cgroup v2 a directory has the files of the controllers that are enabled above.
        case .noFile(let path, let field) where !isAssumed && !isUnified && !field.holds(".unified["):
            let name = path.utf8.split(separator: UInt8(ascii: "/")).last.map { String(Substring($0)) } ?? path
            return Problem(path: field, message: "there is no file \(name) on this kernel")
        default: return nil
        }
    }

    /// Values that are right by themselves and wrong together, or with what the cgroups above have.
    private func combinedProblems(with resources: Resources) -> [Problem] {
        var problems: [Problem] = []
        func add(_ name: String, _ message: String?) {
            if let message { problems.append(Problem(path: "linux.resources.\(name)", message: message)) }
        }
        if let memory = resources.memory?.given, v1Place(of: "memory") != nil, let swap = memory.swap, swap >= 0,
            memory.limit == nil || memory.limit == -1
        {
            add("memory.swap", "memory with swap cannot be limited without a limit on memory")
        }
        if let cpu = resources.cpu?.given, let place = v1Place(of: "cpu") {
            let value = ControlValue(directory: place)
            let period = cpu.period.flatMap { Int64(exactly: $0) } ?? 100_000
            if let quota = cpu.quota { add("cpu.quota", value.bandwidthProblem(quota: quota, period: period)) }
            if let runtime = cpu.realtimeRuntime {
                let period = cpu.realtimePeriod.flatMap { Int64(exactly: $0) } ?? 1_000_000
                add("cpu.realtimeRuntime", value.realTimeProblem(runtime: runtime, period: period))
            }
        }
        return problems
    }

    private func v1Place(of controller: String) -> CgroupDirectory? {
        directories.first { !$0.isUnified && $0.has(controller) }
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
        if let entry = resources.unified.first(where: { $0.file.begins(with: "\(controller).") }) {
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

/// The files that cgroups of the cgroup2 hierarchy have, which are looked up once and only if somebody asks.
private struct UnifiedFiles {
    private let mountPoint: String?
    private var names: Set<String>?

    init(of directories: [CgroupDirectory]) { mountPoint = directories.last { $0.isUnified }?.mountPoint }

    /// What is to be said of a file that is neither known nor in any cgroup that could have it; nil of others.
    mutating func absence(of name: String) -> String? {
        if ControlValue.knownFiles.contains(name) || name.begins(with: "hugetlb.") { return nil }
        guard let mountPoint else { return nil }
        let names = self.names ?? Self.names(below: mountPoint)
        self.names = names
        return names.contains(name) ? nil : "cgroup2 has no file \(name)"
    }

    private static func names(below mountPoint: String) -> Set<String> {
        var names: Set<String> = []
        // A cgroup that is gone by now, or that may not be read, has none.
        for child in (try? Files.listDirectories(mountPoint)) ?? [] {
            names.formUnion((try? Files.list("\(mountPoint)/\(child)")) ?? [])
        }
        return names
    }
}
