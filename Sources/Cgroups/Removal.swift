internal import Kernel

extension Cgroup {
    /// Removes the container's directories, and those that were made below them. Kills nothing: waits for those who
    /// were killed, by `cgroup.events` where there is cgroup2. What is gone already is gone; directories above stay. A
    /// unit of systemd is stopped first.
    ///
    /// - Parameter milliseconds: how long to wait for processes to end.
    public func remove(within milliseconds: Int = 2000) throws(CgroupError) {
        if let unit { try unit.stop() }
        try removeDirectories(within: milliseconds)
    }

    func removeDirectories(within milliseconds: Int) throws(CgroupError) {
        let deadline = Clock.monotonic + Int64(milliseconds) * 1_000_000
        var rest: [CgroupDirectory] = []
        for directory in directories where try !Removal.remove(directory.path) { rest.append(directory) }
        var pause = Pause()
        while let busy = rest.first {
            if Clock.monotonic >= deadline {
                throw .inUse(directory: busy.path, processes: try ProcessList.processes(in: busy.path, recursive: true))
            }
            if !Removal.waitForEnd(in: rest, until: deadline) { pause.sleep() }
            var left: [CgroupDirectory] = []
            for directory in rest where try !Removal.removeTree(directory.path) { left.append(directory) }
            rest = left
        }
    }

    /// Takes back a creation: removes what `create` made, the directories above included, as far as nobody else uses
    /// them, and nothing that was there before.
    public func discard(within milliseconds: Int = 2000) throws(CgroupError) {
        let own = directories.filter { made.contains($0.path) }
        try Cgroup(own, made: [], isPermissive: isPermissive).remove(within: milliseconds)
        // A directory that somebody else needs by now is not removed.
        for path in made.reversed() where !own.contains(where: { $0.path == path }) { try? Files.removeDirectory(path) }
    }
}

/// Removing directories of cgroupfs.
enum Removal {
    /// Removes one directory; false if there are processes or directories in it.
    static func remove(_ path: String) throws(CgroupError) -> Bool {
        do { try Files.removeDirectory(path) } catch {
            switch error.errno {
            case .noEntry: return true
            case .busy, .directoryNotEmpty: return false
            default: throw .system(error, field: "", hint: "")
            }
        }
        return true
    }

    /// Removes a directory with those in it, the deepest first; false if there are processes in one of them.
    ///
    /// What has no cgroup above it is the root of a hierarchy, where all the cgroups of the host are: it is refused.
    static func removeTree(_ path: String) throws(CgroupError) -> Bool {
        if try remove(path) { return true }
        guard Files.exists("\(parent(of: path))/cgroup.procs") else {
            throw .system(SystemError("rmdir", path, .busy), field: "", hint: "this is the root of the hierarchy")
        }
        guard try removeChildren(path) else { return false }
        return try remove(path)
    }

    private static func removeChildren(_ path: String) throws(CgroupError) -> Bool {
        do {
            guard try ProcessList.hasChildren(path) else { return true }
            return try Descriptor.open(path, [.readOnly, .directory, .noFollow]).removeContent(.directories)
        } catch {
            if error.errno == .noEntry { return true }
            throw .system(error, field: "", hint: "")
        }
    }

    /// Waits for the last process to end where the kernel tells it; false if it does not, or if that is not it.
    static func waitForEnd(in directories: [CgroupDirectory], until deadline: Int64) -> Bool {
        guard let unified = directories.last, unified.isUnified else { return false }
        // Without the file there is nothing to wait for.
        guard let events = try? CgroupEvents(of: unified.path) else { return false }
        guard (try? events.wait(for: "populated 1", until: 0)) == true else { return false }
        return (try? events.wait(for: "populated 0", until: deadline)) == true
    }
}
