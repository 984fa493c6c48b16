internal import Kernel

/// What this host offers, as far as `spec` and `features` ask.
public enum HostFeatures {
    /// Whether cgroup v2 alone is mounted at /sys/fs/cgroup.
    public static var isPureCgroup2: Bool {
        (try? Files.fileSystemType("/sys/fs/cgroup")) == 0x6367_7270  // No cgroups at all: not v2.
    }
}
