/// A container configuration (`config.json`) as typed values: runtime-spec 1.3.0, Linux.
///
/// Every option text is parsed and every value is in range: what holds a `Spec` needs no further checks of form.
/// A property that the document leaves out is `nil` (or an empty array); where the spec gives an empty text no
/// meaning of its own, it counts as left out.
public struct Spec: Sendable, Equatable {
    /// The version of the runtime-spec that the document was written for, such as `1.3.0`.
    public var ociVersion: String
    /// The root file system.
    public var root: Root
    /// The container's process; `nil` allows `create` but not `start`.
    public var process: Process?
    /// Host name to set in the container's UTS namespace.
    public var hostname: String?
    /// NIS domain name to set in the container's UTS namespace.
    public var domainname: String?
    /// Mounts, in the order in which they are to be made.
    public var mounts: [Mount]
    /// Programs to run at the six points of the life cycle.
    public var hooks: Hooks
    /// Free-form metadata, sorted by key.
    public var annotations: [Annotation]
    /// Everything that is particular to Linux.
    public var linux: Linux
    /// What the document asks for and cannot have, where the spec wants a warning instead of an error.
    public var warnings: [Problem]

    public init(
        ociVersion: String = Spec.currentVersion, root: Root = Root(path: "rootfs"), process: Process? = nil,
        hostname: String? = nil, domainname: String? = nil, mounts: [Mount] = [], hooks: Hooks = Hooks(),
        annotations: [Annotation] = [], linux: Linux = Linux(), warnings: [Problem] = []
    ) {
        self.ociVersion = ociVersion
        self.root = root
        self.process = process
        self.hostname = hostname
        self.domainname = domainname
        self.mounts = mounts
        self.hooks = hooks
        self.annotations = annotations
        self.linux = linux
        self.warnings = warnings
    }

    /// The version of the runtime-spec that this module implements.
    public static var currentVersion: String { "1.3.0" }

    /// The value of an annotation, or `nil`.
    public func annotation(_ key: String) -> String? {
        annotations.first { $0.key == key }?.value
    }
}

/// The container's root file system (config.md, "Root").
public struct Root: Sendable, Equatable {
    /// Absolute, or relative to the bundle; as given.
    public var path: String
    /// Whether the container sees its root read-only.
    public var readonly: Bool

    public init(path: String, readonly: Bool = false) {
        self.path = path
        self.readonly = readonly
    }
}

/// One entry of `annotations`.
public struct Annotation: Sendable, Equatable {
    public var key: String
    public var value: String

    public init(key: String, value: String) {
        self.key = key
        self.value = value
    }
}
