internal import Kernel

/// Makes controllers available in a cgroup2 directory: each has to be enabled in `cgroup.subtree_control` of every
/// directory above (cgroups(7)). No process is moved for it.
struct ControllerEnabling {
    private var obstacles: [(controller: String, reason: String)] = []
    private var hasEnabled = false

    /// Why a controller that was wanted is not there; empty if it is, or was not wanted.
    func obstacle(to controller: String) -> String { obstacles.first { $0.controller == controller }?.reason ?? "" }

    /// Notes why a controller cannot be there.
    mutating func note(_ controller: String, _ reason: String) { obstacles.append((controller, reason)) }

    /// Enables what is missing. Whether that is a failure, only the limits know that need it.
    ///
    /// - Returns: whether everything is there.
    mutating func enable(_ controllers: [String], for directory: String) -> Bool {
        if controllers.isEmpty { return true }
        let found = available(controllers, in: directory)
        if !hasEnabled { Self.awaitOthers(directory) }
        for name in controllers where !found.contains(name) && obstacle(to: name).isEmpty {
            obstacles.append((name, "the cgroup2 hierarchy does not offer it"))
        }
        return found.count == controllers.count
    }

    /// Waits until the controllers that a directory has have their files. `cgroup.controllers` names them before: while
    /// another command is still enabling them for the container beside this one. To write nothing changes nothing, but
    /// the kernel takes one such write after the other.
    private static func awaitOthers(_ directory: String) {
        // Who may not write there finds out with the first limit.
        try? Files.writeExisting("\(directory)/cgroup.subtree_control", "\n")
    }

    /// Which of the controllers a directory has in the end.
    private mutating func available(_ wanted: [String], in directory: String) -> [String] {
        // What is no cgroup directory is above the root, which has what the kernel has.
        guard let bytes = try? Files.readOnce("\(directory)/cgroup.controllers") else { return [] }
        let names = bytes.split(whereSeparator: { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\n") })
        let missing = wanted.filter { name in !names.contains { $0.elementsEqual(name.utf8) } }
        if missing.isEmpty { return wanted }
        let parent = Cgroups.parent(of: directory)
        let offered = available(missing, in: parent)
        let enabled = enable(offered, in: parent)
        return wanted.filter { !missing.contains($0) || enabled.contains($0) }
    }

    /// Enables controllers for the children of a directory; returns those for which it worked.
    private mutating func enable(_ controllers: [String], in directory: String) -> [String] {
        if controllers.isEmpty { return [] }
        let file = "\(directory)/cgroup.subtree_control"
        if Self.hasOwnProcesses(directory) {
            for name in controllers {
                note(name, "cannot be enabled in \(file): processes are in that cgroup itself")
            }
            return []
        }
        do {
            try Files.writeExisting(file, controllers.map { "+\($0)" }.joined(separator: " "))
            hasEnabled = true
            return controllers
        } catch {
            // The kernel takes all or none.
            if controllers.count > 1 { return controllers.flatMap { enable([$0], in: directory) } }
            note(controllers[0], "cannot be enabled in \(file): \(error.errno)\(Self.hint(error.errno))")
            return []
        }
    }

    /// Whether processes are in a directory other than the root. The kernel would refuse most controllers there, but
    /// with the others alone the directory became a threaded one, and those in it useless for containers.
    private static func hasOwnProcesses(_ directory: String) -> Bool {
        // The root has no type; what cannot be read will not be written either.
        guard Files.exists("\(directory)/cgroup.type") else { return false }
        return (try? Files.readOnce("\(directory)/cgroup.procs"))?.isEmpty == false
    }

    /// Whether a process can be in a directory: nothing below a threaded cgroup takes one from outside.
    static func isThreaded(_ directory: String) -> Bool {
        // Without the file it is the root.
        guard let type = try? Files.readOnce("\(directory)/cgroup.type") else { return false }
        return type.starts(with: "threaded".utf8) || type.starts(with: "domain invalid".utf8)
    }

    private static func hint(_ errno: Errno) -> String {
        switch errno {
        case .notSupported: " (threaded cgroups take only controllers of threads)"
        case .accessDenied, .notPermitted: " (not delegated to the caller)"
        default: ""
        }
    }
}
