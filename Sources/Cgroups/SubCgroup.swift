internal import Kernel
internal import OCI

/// A place below a container's cgroup for one of its processes: `PATH`, or `CONTROLLER,..:PATH` on cgroup v1.
public struct SubCgroup: Sendable, Equatable {
    /// Controllers whose hierarchies are meant; empty: all.
    public let controllers: [String]
    public let path: String

    public init(_ text: String) throws(CgroupError) {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard let path = parts.last, parts.count <= 2 else {
            throw .value(field: "--cgroup", reason: "not [CONTROLLER,..:]PATH: \"\(text)\"")
        }
        self.path = String(path)
        controllers =
            parts.count == 2 ? parts[0].split(separator: ",", omittingEmptySubsequences: false).map(String.init) : []
        if controllers.contains("") {
            throw .value(field: "--cgroup", reason: "the name of a controller is missing: \"\(text)\"")
        }
    }
}

extension Cgroup {
    /// The same cgroup, but in some hierarchies, or in all, one that exists below it.
    ///
    /// Nothing leads out of it: `..` is refused, and cgroupfs has no links.
    public func replacing(_ places: [SubCgroup]) throws(CgroupError) -> Cgroup {
        if places.isEmpty { return self }
        var paths: [String?] = directories.map { _ in nil }
        for place in places {
            if place.controllers.isEmpty {
                guard places.count == 1 else {
                    throw .value(field: "--cgroup", reason: "one of several needs a controller: \"\(place.path)\"")
                }
                for index in directories.indices { paths[index] = place.path }
            }
            for controller in place.controllers { paths[try index(of: controller, in: paths)] = place.path }
        }
        var entered: [CgroupDirectory] = []
        for (directory, path) in zip(directories, paths) {
            entered.append(try directory.below(path, isHybrid: !isUnifiedOnly))
        }
        return Cgroup(entered, made: [], isPermissive: isPermissive)
    }

    private func index(of controller: String, in taken: [String?]) throws(CgroupError) -> Int {
        if isUnifiedOnly {
            throw .value(
                field: "--cgroup", reason: "cgroup v2 has one hierarchy: give a path without \"\(controller)\"")
        }
        guard let index = directories.firstIndex(where: { $0.has(controller) }) else {
            throw .value(field: "--cgroup", reason: "unknown controller \(controller)")
        }
        guard taken[index] == nil else {
            throw .value(field: "--cgroup", reason: "controller \(controller) is given more than once")
        }
        return index
    }

    /// The cgroup2 directory that a process of the container is in now: the container's own, or one below it.
    ///
    /// A container may enable controllers for cgroups that it made itself; then nobody can be in its own cgroup any
    /// more (EBUSY; cgroup-v2.rst, "No Internal Process Constraint").
    public func unified(of pid: Int32) throws(CgroupError) -> Cgroup {
        guard let index = directories.firstIndex(where: { $0.isUnified }) else { return self }
        let text: String
        do { text = try Files.readText("/proc/\(pid)/cgroup") } catch { throw .system(error, field: "", hint: "") }
        let mountPoint: String
        switch try CgroupLayout.gather() {
        case .v2(let hierarchy): mountPoint = hierarchy.mountPoint
        case .v1(_, let unified): mountPoint = unified?.mountPoint ?? ""
        case .none: mountPoint = ""
        }
        let line = text.components(between: "\n").first { $0.begins(with: "0::/") }
        let path = mountPoint + (line.map { String(decoding: $0.utf8.dropFirst(3), as: UTF8.self) } ?? "")
        let own = directories[index]
        guard path == own.path || path.begins(with: own.path + "/") else {
            throw .value(field: "linux.cgroupsPath", reason: "process \(pid) of the container has left it")
        }
        var changed = directories
        changed[index] = CgroupDirectory(label: own.label, path: path, mountPoint: own.mountPoint)
        return Cgroup(changed, made: [], isPermissive: isPermissive)
    }
}

extension CgroupDirectory {
    /// A directory that exists below this one.
    fileprivate func below(_ path: String?, isHybrid: Bool) throws(CgroupError) -> CgroupDirectory {
        guard let path else { return self }
        var text = ""
        for name in path.utf8.split(separator: UInt8(ascii: "/")) where !name.elementsEqual(".".utf8) {
            if name.elementsEqual("..".utf8) || name.contains(0) {
                throw .value(field: "--cgroup", reason: "\(path) is not a sub cgroup path")
            }
            text += "/" + String(decoding: name, as: UTF8.self)
        }
        let place = CgroupDirectory(label: label, path: self.path + text, mountPoint: mountPoint)
        if Files.exists(place.path) { return place }
        // Beside cgroup v1 the cgroup2 hierarchy has no controllers: whoever makes cgroups may well pass it by.
        if isHybrid, isUnified { return self }
        throw .system(SystemError("open", place.path, .noEntry), field: "--cgroup", hint: "")
    }
}
