public import Kernel
public import OCI

/// The cgroup of a container: its directories in all hierarchies of the host. A value that can be rebuilt from the
/// container's state.
public struct Cgroup: Sendable, Equatable {
    /// v1 hierarchies in the order of /proc/self/cgroup, then cgroup2.
    public let directories: [CgroupDirectory]
    /// What of the asked-for limits has no effect on this host, and why: for the log. Nothing for a restored cgroup.
    public internal(set) var notes: [Problem] = []
    /// What `create` made, in the order in which it was made: parents, and the cgroup's own directories.
    let made: [String]
    /// Whether what this user may not do is left undone (rootless).
    let isPermissive: Bool
    /// Whether device rules that cannot be set are an error also then.
    let needsDeviceRules: Bool
    /// The unit of systemd that the cgroup belongs to: its properties change with the limits, and it ends before the
    /// cgroup is removed.
    public let unit: SystemdUnit?

    init(
        _ directories: [CgroupDirectory], made: [String], isPermissive: Bool, needsDeviceRules: Bool = true,
        unit: SystemdUnit? = nil
    ) {
        self.directories = directories
        self.made = made
        self.isPermissive = isPermissive
        self.needsDeviceRules = needsDeviceRules
        self.unit = unit
    }

    /// The cgroup that a container's state describes. A text that is no description of a directory is skipped.
    public init(restoring stateText: [String]) {
        directories = stateText.compactMap { text in
            guard let colon = text.utf8.firstIndex(of: UInt8(ascii: ":")) else { return nil }
            let path = String(text[text.utf8.index(after: colon)...])
            return path.utf8.first == UInt8(ascii: "/")
                ? CgroupDirectory(label: String(text[..<colon]), path: path) : nil
        }
        made = []
        isPermissive = false
        unit = stateText.lazy.compactMap { SystemdUnit(restoring: $0) }.first
        needsDeviceRules = true
    }

    /// The directories as the container's state keeps them: `label:path` each, and the unit.
    public var stateText: [String] {
        directories.map { "\($0.label):\($0.path)" } + (unit.map { [$0.stateText] } ?? [])
    }

    /// Whether there is none: the container is in the cgroup of who created it.
    public var isAbsent: Bool { directories.isEmpty }

    /// The cgroup2 directory, if the container has one.
    public var unified: String? { directories.last.flatMap { $0.isUnified ? $0.path : nil } }

    /// Whether cgroup v2 alone is in charge.
    var isUnifiedOnly: Bool { directories.allSatisfy { $0.isUnified } }

    /// The directory of a v1 controller.
    func v1(_ controller: String) -> String? { directories.first { $0.has(controller) }?.path }

    /// The v1 directories that say who is in the cgroup, the best source first: the freezer's, since processes are
    /// stopped there before they are counted or killed.
    var processList: String? {
        v1("freezer") ?? v1("devices") ?? v1("pids") ?? directories.first { !$0.isUnified }?.path
    }

    // MARK: Entering

    /// The `tasks` file of the nth v1 hierarchy: a thread that writes `0` to it moves itself into the cgroup, without
    /// the lock that a write to `cgroup.procs` waits for.
    public func openTasks(_ index: Int) throws(CgroupError) -> Descriptor {
        guard directories.indices.contains(index), !directories[index].isUnified else {
            throw .value(field: "linux.cgroupsPath", reason: "there is no cgroup hierarchy \(index)")
        }
        return try open("\(directories[index].path)/tasks", [.writeOnly])
    }

    /// The cgroup2 directory for CLONE_INTO_CGROUP (clone3(2), Linux 5.7); nil on a host without cgroup2.
    public func openUnified() throws(CgroupError) -> Descriptor? {
        guard let unified else { return nil }
        return try open(unified, [.path, .directory])
    }

    /// cgroupfs has no links, and none above it is followed: what is opened is what the path says.
    private func open(_ path: String, _ flags: OpenFlags) throws(CgroupError) -> Descriptor {
        do {
            return try Descriptor.open(path, flags, at: .workingDirectory, resolve: [.noSymbolicLinks, .noMagicLinks])
        } catch {
            throw .system(error, field: "linux.cgroupsPath", hint: "")
        }
    }

    /// Moves a process, with all its threads, into the cgroup (`cgroup.procs`). Slow where nobody was moved for a
    /// while; for processes that cannot go in by themselves.
    public func add(_ pid: Int32) throws(CgroupError) {
        for directory in directories {
            do { try Files.writeExisting("\(directory.path)/cgroup.procs", "\(pid)") } catch {
                throw .write(error, value: "\(pid)", field: "", hint: "")
            }
        }
    }

    /// Moves a process out of the cgroup, to the caller's own in each of the hierarchies.
    public func release(_ pid: Int32) throws(CgroupError) {
        let hierarchies: [Hierarchy]
        switch try CgroupLayout.gather() {
        case .v2(let hierarchy): hierarchies = [hierarchy]
        case .v1(let all, let unified): hierarchies = all + (unified.map { [$0] } ?? [])
        case .none: return
        }
        for hierarchy in hierarchies where directories.contains(where: { $0.label == hierarchy.label }) {
            let file = "\(hierarchy.mountPoint)\(hierarchy.ownPath)/cgroup.procs"
            do { try Files.writeExisting(file, "\(pid)") } catch {
                throw .write(error, value: "\(pid)", field: "", hint: "")
            }
        }
    }

    /// A cgroup that exists below this one, in all its hierarchies.
    ///
    /// - Parameter path: names with slashes between them; whatever leads out is refused.
    public func child(_ path: String) throws(CgroupError) -> Cgroup {
        let place = try CgroupPath(path, id: "")
        let children = directories.map { CgroupDirectory(label: $0.label, path: "\($0.path)/\(place.text)") }
        for child in children where !Files.exists(child.path) {
            throw .system(SystemError("open", child.path, .noEntry), field: "", hint: "")
        }
        return Cgroup(children, made: [], isPermissive: isPermissive)
    }
}
