import Glibc

/// What a test could leave behind on the host, at one moment. Processes, cgroups and descriptors count when they
/// carry the test's unique word; the mount table is compared as a whole, apart from other users of /tmp.
public struct HostSnapshot: Sendable {
    let tag: String
    /// Living processes that have to do with the test, with the reason why we think so.
    let processes: [pid_t: String]
    let mounts: [String]
    let cgroups: Set<String>
    let descriptors: Set<String>
    /// The content of the runtime's `--root`.
    let state: Set<String>

    public init(tag: String, root: String, ignoring ignored: Set<pid_t> = []) {
        self.tag = tag
        var found: [pid_t: String] = [:]
        for pid in HostSnapshot.allProcesses() where !ignored.contains(pid) && pid != getpid() && !isZombie(pid) {
            if let reason = HostSnapshot.evidence(pid, tag) { found[pid] = reason }
        }
        processes = found
        mounts = (Files.read("/proc/self/mountinfo") ?? "").split(separator: "\n").map(String.init)
            .filter { HostSnapshot.mayBeOurs($0, tag) }
        cgroups = HostSnapshot.cgroups(tag: tag)
        descriptors = Set(
            Files.list("/proc/self/fd").compactMap { Files.target(ofLink: "/proc/self/fd/\($0)") }
                .filter { $0.contains(tag) })
        // Compiled filters are kept for the next container; their directory can be no container's.
        state = Set(Files.list(root)).subtracting(["@seccomp"])
    }

    /// Everything that is here now and was not before, and mounts that are gone; one line each.
    public func changes(since earlier: HostSnapshot) -> [String] {
        var lines: [String] = []
        for (pid, reason) in processes where earlier.processes[pid] == nil {
            let name = Files.line("/proc/\(pid)/comm") ?? "?"
            lines.append("process \(pid) (\(name)): \(reason)")
        }
        lines += Set(mounts).subtracting(earlier.mounts).map { "new mount: \($0)" }
        lines += Set(earlier.mounts).subtracting(mounts).map { "lost mount: \($0)" }
        lines += cgroups.subtracting(earlier.cgroups).map { "cgroup \($0)" }
        lines += descriptors.subtracting(earlier.descriptors).map { "descriptor of the test process: \($0)" }
        lines += state.subtracting(earlier.state).map { "state: \($0)" }
        return lines.sorted()
    }

    func mountsChanged(below directory: String) -> Bool {
        (Files.read("/proc/self/mountinfo") ?? "").contains(directory)
    }

    static func allProcesses() -> [pid_t] { Files.list("/proc").compactMap { pid_t($0) } }

    /// Why a process belongs to the test, or nil.
    private static func evidence(_ pid: pid_t, _ tag: String) -> String? {
        for file in ["cmdline", "environ", "cgroup"] where Files.read("/proc/\(pid)/\(file)")?.contains(tag) == true {
            return file
        }
        for link in ["cwd", "root", "exe"] where Files.target(ofLink: "/proc/\(pid)/\(link)")?.contains(tag) == true {
            return link
        }
        for number in Files.list("/proc/\(pid)/fd")
        where Files.target(ofLink: "/proc/\(pid)/fd/\(number)")?.contains(tag) == true {
            return "descriptor \(number)"
        }
        return Files.read("/proc/\(pid)/mountinfo")?.contains(tag) == true ? "mountinfo" : nil
    }

    /// Other people's temporary mounts are not our business; every other change of the table is.
    private static func mayBeOurs(_ line: String, _ tag: String) -> Bool {
        let words = line.split(separator: " ", maxSplits: 5)
        return words.count > 4 && (!words[4].hasPrefix("/tmp/") || line.contains(tag))
    }

    /// Directories of any hierarchy that carry the word. A directory that is named by the word alone is the parent
    /// that the test's configurations name, not a container's.
    private static func cgroups(tag: String, withParents: Bool = false) -> Set<String> {
        var found: Set<String> = []
        for root in Host.cgroupRoots { collect(below: root, tag, withParents, into: &found) }
        // Beside the hierarchies, where a path that was put together wrongly would lead.
        for name in Files.list("/sys/fs/cgroup") where name.contains(tag) && (name != tag || withParents) {
            found.insert("/sys/fs/cgroup/\(name)")
            found.formUnion(Files.tree("/sys/fs/cgroup/\(name)").filter(Files.isDirectory))
        }
        return found
    }

    private static func collect(
        below directory: String, _ tag: String, _ withParents: Bool, into found: inout Set<String>
    ) {
        for name in Files.list(directory) where Files.isDirectory("\(directory)/\(name)") {
            let child = "\(directory)/\(name)"
            if child.contains(tag) && (name != tag || withParents) { found.insert(child) }
            collect(below: child, tag, withParents, into: &found)
        }
    }

    func killProcesses() {
        for path in cgroups where Files.exists("\(path)/freezer.state") {
            try? Files.write("THAWED", to: "\(path)/freezer.state")
        }
        for pid in processes.keys { kill(pid, SIGKILL) }
        _ = eventually {
            for pid in processes.keys { waitpid(pid, nil, WNOHANG) }
            return processes.keys.allSatisfy { kill($0, 0) != 0 || isZombie($0) }
        }
    }

    /// Removes the test's cgroups, deepest first.
    static func removeCgroups(tag: String) {
        for path in cgroups(tag: tag, withParents: true).sorted().reversed() { rmdir(path) }
    }
}
