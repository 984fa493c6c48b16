public import Kernel
public import OCI

extension CgroupLocation {
    /// Makes the container's directories in all hierarchies, parents too, and sets its limits. A failure takes back
    /// what was made: there is nothing left to kill or to remove then.
    ///
    /// An existing cgroup is used if it has neither processes nor is frozen, as runc does; it keeps what the limits do
    /// not mention.
    ///
    /// - Parameters:
    ///   - resources: `linux.resources`; the device rules that every container gets are set without them too.
    ///   - cloneTarget: the cgroup2 directory, where the container's process may be already.
    public func create(
        _ resources: Resources? = nil, after cloneTarget: CloneTarget? = nil
    ) throws(CgroupError) -> Cgroup {
        var maker = CgroupMaker(made: cloneTarget?.made ?? [])
        do {
            for directory in directories where directory.path != cloneTarget?.path { try maker.make(directory) }
            var cgroup = Cgroup(
                directories, made: maker.made, isPermissive: isPermissive, needsDeviceRules: needsDeviceRules)
            cgroup.notes = try cgroup.apply(resources ?? Resources(), .creation)
            return cgroup
        } catch {
            maker.undo()
            throw error
        }
    }

    /// Makes only the directory in cgroup2, for a process to be cloned into while the v1 hierarchies, which it joins later,
    /// are still being made; nil on a host without cgroup2.
    public func makeCloneTarget() throws(CgroupError) -> CloneTarget? {
        guard let unified = directories.last, unified.isUnified else { return nil }
        var maker = CgroupMaker()
        do { try maker.make(unified) } catch {
            maker.undo()
            throw error
        }
        return CloneTarget(path: unified.path, made: maker.made)
    }

    /// Refuses a place that another container, or anybody else, is in; `create` does so too. For who writes the place
    /// down before it is made: what is written down may be killed and removed later.
    public func requireUnused() throws(CgroupError) {
        for directory in directories where Files.exists(directory.path) { try CgroupMaker.requireUnused(directory) }
    }
}

/// The cgroup2 directory of a container whose other directories are still to be made.
public struct CloneTarget: Sendable {
    let path: String
    let made: [String]

    /// The directory, for CLONE_INTO_CGROUP.
    public func open() throws(CgroupError) -> Descriptor {
        do {
            return try Descriptor.open(
                path, [.path, .directory], at: .workingDirectory, resolve: [.noSymbolicLinks, .noMagicLinks])
        } catch {
            throw .system(error, field: "linux.cgroupsPath", hint: "")
        }
    }

    /// Removes what was made, as far as nobody else uses it by now. The container's process may have gone on in a sibling
    /// that nobody knows yet, and that is in there.
    public func discard() {
        let cgroup = Cgroup([CgroupDirectory(label: "", path: path)], made: made, isPermissive: false)
        // Nothing can be done about a failure here.
        if made.contains(path) { try? cgroup.killAll() }
        try? cgroup.discard()
    }

    /// Leaves it to another container that has come to the same place: removes what was made only if it is empty, and kills
    /// nobody.
    public func leave() { CgroupMaker(made: made).undo() }
}

/// Makes directories, and remembers which.
struct CgroupMaker {
    private(set) var made: [String]

    init(made: [String] = []) { self.made = made }

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
