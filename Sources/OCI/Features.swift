/// What the runtime can do, as `features` prints it (features.md, features-linux.md).
///
/// The names come from the tables of this module; the caller says only what its build supports.
public struct Features: Sendable, Equatable {
    /// Support for cgroup v1, v2, the systemd drivers and the rdma controller.
    public var cgroup: CgroupSupport
    /// Whether system call filters work, and which flags of seccomp(2) do here.
    public var seccomp: SeccompSupport
    public var apparmor: Bool
    public var selinux: Bool
    public var intelRdt: IntelRdtSupport
    /// Whether `linux.memoryPolicy` is applied.
    public var memoryPolicy: Bool
    /// Whether id-mapped mounts are.
    public var idmap: Bool
    /// Whether `linux.netDevices` is.
    public var netDevices: Bool
    /// Facts about this build, sorted by key when printed.
    public var annotations: [Annotation]
    /// Annotations of a configuration that change what the runtime does; one that ends with `.` is a prefix.
    public var potentiallyUnsafeConfigAnnotations: [String]

    /// Every annotation that apus obeys.
    public static var obeyedAnnotations: [String] {
        ["org.systemd.property.", "org.criu.config"] + CrunAnnotations.names
    }

    public init(
        cgroup: CgroupSupport, seccomp: SeccompSupport, apparmor: Bool, selinux: Bool, intelRdt: IntelRdtSupport,
        memoryPolicy: Bool, idmap: Bool, netDevices: Bool, annotations: [Annotation] = [],
        potentiallyUnsafeConfigAnnotations: [String] = []
    ) {
        self.cgroup = cgroup
        self.seccomp = seccomp
        self.apparmor = apparmor
        self.selinux = selinux
        self.intelRdt = intelRdt
        self.memoryPolicy = memoryPolicy
        self.idmap = idmap
        self.netDevices = netDevices
        self.annotations = annotations
        self.potentiallyUnsafeConfigAnnotations = potentiallyUnsafeConfigAnnotations
    }

    public struct CgroupSupport: Sendable, Equatable {
        public var v1: Bool
        public var v2: Bool
        public var systemd: Bool
        public var systemdUser: Bool
        public var rdma: Bool

        public init(v1: Bool, v2: Bool, systemd: Bool, systemdUser: Bool, rdma: Bool) {
            self.v1 = v1
            self.v2 = v2
            self.systemd = systemd
            self.systemdUser = systemdUser
            self.rdma = rdma
        }
    }

    public struct SeccompSupport: Sendable, Equatable {
        public var enabled: Bool
        /// Those that a profile may name: a filter serves only what the linked libseccomp knows.
        public var architectures: [SeccompArchitecture]
        /// Those of the known flags that the linked libseccomp and this kernel support.
        public var supportedFlags: [SeccompFlag]

        public init(enabled: Bool, architectures: [SeccompArchitecture], supportedFlags: [SeccompFlag]) {
            self.enabled = enabled
            self.architectures = architectures
            self.supportedFlags = supportedFlags
        }
    }

    public struct IntelRdtSupport: Sendable, Equatable {
        public var enabled: Bool
        public var schemata: Bool
        public var monitoring: Bool

        public init(enabled: Bool, schemata: Bool, monitoring: Bool) {
            self.enabled = enabled
            self.schemata = schemata
            self.monitoring = monitoring
        }
    }
}
