/// Where a container is in its life (runtime.md, "State"; `paused` is runc's addition).
public enum ContainerStatus: String, CaseIterable, Sendable {
    case creating
    case created
    case running
    case paused
    case stopped
}

/// What `state` prints about a container, and what hooks get on their standard input.
public struct State: Sendable, Equatable {
    public var ociVersion: String
    public var id: String
    public var status: ContainerStatus
    /// Process id as the caller sees it; 0 for a stopped container.
    public var pid: Int32
    /// Absolute path of the bundle.
    public var bundle: String
    /// Absolute path of the root file system.
    public var rootfs: String
    /// When the container was created, in nanoseconds since 1970-01-01T00:00:00Z.
    public var created: UInt64
    /// The configuration's annotations, sorted by key.
    public var annotations: [Annotation]
    /// Name of the user who owns the container's state; runc fills it in for `list` and leaves it empty for `state`.
    public var owner: String

    public init(
        ociVersion: String = Spec.currentVersion, id: String, status: ContainerStatus, pid: Int32, bundle: String,
        rootfs: String, created: UInt64, annotations: [Annotation] = [], owner: String
    ) {
        self.ociVersion = ociVersion
        self.id = id
        self.status = status
        self.pid = pid
        self.bundle = bundle
        self.rootfs = rootfs
        self.created = created
        self.annotations = annotations
        self.owner = owner
    }
}
