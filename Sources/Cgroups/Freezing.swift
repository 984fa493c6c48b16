internal import Kernel

extension Cgroup {
    /// Stops every process of the cgroup, and waits until all stand still. In vain: thaws them again.
    ///
    /// - Parameter milliseconds: how long to wait; a task in an uninterruptible sleep may take its time.
    public func freeze(within milliseconds: Int = 2000) throws(CgroupError) {
        guard let freezer else {
            throw .noController("freezer", field: "linux.cgroupsPath", reason: "it is not mounted")
        }
        try Freezer.set(frozen: true, freezer)
        let deadline = Clock.monotonic + Int64(milliseconds) * 1_000_000
        do throws(CgroupError) {
            if try Freezer.wait(forFrozen: freezer, until: deadline) { return }
        } catch {
            try? Freezer.thaw(freezer)  // The first error is the one to tell.
            throw error
        }
        try Freezer.thaw(freezer)
        throw .freezing(directory: freezer.path)
    }

    /// Lets every process of the cgroup go on.
    public func thaw() throws(CgroupError) {
        guard let freezer else {
            throw .noController("freezer", field: "linux.cgroupsPath", reason: "it is not mounted")
        }
        try Freezer.thaw(freezer)
    }

    /// Whether the cgroup is frozen; false also if it is not there.
    public func isFrozen() throws(CgroupError) -> Bool {
        guard let freezer else { return false }
        return try Freezer.isFrozen(freezer)
    }

    /// The path of the directory that freezes; nil: there is none.
    public var freezerPath: String? { freezer?.path }

    /// Whether it is the freezer of cgroup v1, which keeps its tasks from everything, ptrace(2) included
    /// (freezer-subsystem.rst); that of cgroup v2 does not.
    public var hasDeepFreezer: Bool { freezer.map { !$0.isUnified } ?? false }

    /// The directory that freezes: v1's on a hybrid host, as in runc.
    var freezer: CgroupDirectory? { directories.first { $0.has("freezer") } ?? directories.first { $0.isUnified } }
}

/// The freezer of both versions: `freezer.state` (freezer-subsystem.rst) and `cgroup.freeze` (cgroup-v2.rst).
enum Freezer {
    /// Whether a directory is frozen, by itself or (v1) from above; a directory without a freezer is not.
    static func isFrozen(_ directory: CgroupDirectory) throws(CgroupError) -> Bool {
        let file: String
        let frozen: StaticString
        if directory.isUnified {
            file = "\(directory.path)/cgroup.freeze"
            frozen = "1"
        } else if directory.has("freezer") {
            file = "\(directory.path)/freezer.state"
            frozen = "FROZEN"
        } else {
            return false
        }
        do { return try Files.readOnce(file).starts(with: frozen.description.utf8) } catch {
            // ENOENT: the directory is gone; ENODEV: it goes at this very moment.
            if error.errno == .noEntry || error.errno == .noDevice { return false }
            throw .system(error, field: "", hint: "")
        }
    }

    static func set(frozen: Bool, _ directory: CgroupDirectory) throws(CgroupError) {
        let file = directory.isUnified ? "cgroup.freeze" : "freezer.state"
        let value = directory.isUnified ? (frozen ? "1" : "0") : (frozen ? "FROZEN" : "THAWED")
        do { try Files.writeExisting("\(directory.path)/\(file)", value) } catch {
            throw .write(error, value: value, field: "", hint: "")
        }
    }

    /// Lets everything go on; a directory that is gone, or goes, holds nobody.
    static func thaw(_ directory: CgroupDirectory) throws(CgroupError) {
        do { try set(frozen: false, directory) } catch {
            if case .write(let error, _, _, _) = error, error.errno == .noEntry || error.errno == .noDevice { return }
            throw error
        }
    }

    /// Waits until everything stands still; false when the time is over.
    static func wait(forFrozen directory: CgroupDirectory, until deadline: Int64) throws(CgroupError) -> Bool {
        do {
            if directory.isUnified {
                let events = try CgroupEvents(of: directory.path)
                return try events.wait(for: "frozen 1", until: deadline)
            }
            return try waitV1("\(directory.path)/freezer.state", until: deadline)
        } catch {
            throw .system(error, field: "", hint: "")
        }
    }

    /// v1 tells nobody when it is done, and a task that comes in while it freezes may stay awake: it is told again.
    private static func waitV1(_ file: String, until deadline: Int64) throws(SystemError) -> Bool {
        var pause = Pause()
        while true {
            if try Files.readOnce(file).starts(with: "FROZEN".utf8) { return true }
            if Clock.monotonic >= deadline { return false }
            pause.sleep()
            try Files.writeExisting(file, "FROZEN")
        }
    }
}
