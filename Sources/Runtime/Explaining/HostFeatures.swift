internal import Kernel
internal import Planner

/// What this host offers, as far as `spec`, `features` and a report of a problem ask.
public enum HostFeatures {
    /// Whether cgroup v2 alone is mounted at /sys/fs/cgroup.
    public static var isPureCgroup2: Bool {
        (try? Files.fileSystemType("/sys/fs/cgroup")) == 0x6367_7270  // No cgroups at all: not v2.
    }

    /// Kernel, cgroups and caller, in one line.
    public static var summary: String {
        let release = (try? ThisProcess.kernelRelease()) ?? "of an unknown release"  // A report is no reason to fail.
        let cgroups = isPureCgroup2 ? "cgroup v2" : "cgroup v1 or both versions"
        let caller =
            switch Rights.caller() {
            case .root: "root"
            case .rootOfUserNamespace: "root of a user namespace"
            case .ordinaryUser: "user \(ThisProcess.effectiveUser)"
            }
        return "Linux \(release), \(cgroups), called by \(caller)"
    }
}
