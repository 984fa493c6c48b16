internal import Kernel
public import OCI

extension CgroupLocation {
    /// Makes the container's directories in all hierarchies, parents too, and sets its limits. A failure takes back
    /// what was made: there is nothing left to kill or to remove then.
    ///
    /// An existing cgroup is used if it has neither processes nor is frozen, as runc does; it keeps what the limits do
    /// not mention.
    ///
    /// - Parameter resources: `linux.resources`; the device rules that every container gets are set without them too.
    public func create(_ resources: Resources? = nil) throws(CgroupError) -> Cgroup {
        var maker = CgroupMaker()
        do {
            for directory in directories { try maker.make(directory) }
            var cgroup = Cgroup(directories, made: maker.made, isPermissive: isPermissive)
            cgroup.notes = try cgroup.apply(resources ?? Resources(), .creation)
            return cgroup
        } catch {
            maker.undo()
            throw error
        }
    }

    /// Refuses a place that another container, or anybody else, is in; `create` does so too. For who writes the place
    /// down before it is made: what is written down may be killed and removed later.
    public func requireUnused() throws(CgroupError) {
        for directory in directories where Files.exists(directory.path) { try CgroupMaker.requireUnused(directory) }
    }
}

/// Makes directories, and remembers which.
struct CgroupMaker {
    private(set) var made: [String] = []

    /// Makes a directory of the cgroup, or accepts it as it is.
    mutating func make(_ directory: CgroupDirectory) throws(CgroupError) {
        let isNew: Bool
        do { isNew = try makeWithParents(directory.path, below: directory.mountPoint, attempts: 8) } catch {
            throw .system(error, field: "linux.cgroupsPath", hint: hint(for: error.errno))
        }
        if !isNew { try Self.requireUnused(directory) }
        if directory.has("cpuset") { try CpusetV1.inherit(directory.path, isNew: isNew) }
    }

    /// Removes what was made, as far as it is not used by others by now.
    func undo() {
        // A directory that somebody else needs is not removed, and what is gone is gone.
        for path in made.reversed() { try? Files.removeDirectory(path) }
    }

    /// mkdir -p; false if the directory was there. Another command may remove an empty parent at any moment: then it
    /// is made again.
    private mutating func makeWithParents(
        _ path: String, below mountPoint: String, attempts: Int
    ) throws(SystemError) -> Bool {
        do { try Files.makeDirectory(path, mode: 0o755) } catch {
            if error.errno == .exists { return false }
            let parent = Cgroups.parent(of: path)
            guard error.errno == .noEntry, attempts > 0, parent.utf8.count > mountPoint.utf8.count else { throw error }
            _ = try makeWithParents(parent, below: mountPoint, attempts: attempts)
            return try makeWithParents(path, below: mountPoint, attempts: attempts - 1)
        }
        made.append(path)
        return true
    }

    private func hint(for errno: Errno) -> String {
        switch errno {
        case .readOnlyFileSystem: "the cgroup file system is mounted read-only"
        case .accessDenied, .notPermitted: "this part of the hierarchy is not delegated to the caller"
        case .tryAgain: "the limit of cgroups above is reached: cgroup.max.depth or cgroup.max.descendants"
        default: ""
        }
    }

    // MARK: Existing directories

    static func requireUnused(_ directory: CgroupDirectory) throws(CgroupError) {
        let count = try ProcessList.processes(in: directory.path, recursive: true).count
        if count > 0 { throw .occupied(directory: directory.path, processes: count) }
        if try Freezer.isFrozen(directory) { throw .frozen(directory: directory.path) }
    }
}
