/// An image's configuration (image-spec, config.md), as far as a container's configuration is made of it
/// (image-spec, conversion.md).
public struct ImageConfig: Sendable, Equatable {
    /// The program and its first arguments; empty: the image names none.
    public var entrypoint: [String]
    /// The arguments that follow, or the program where there is no entrypoint.
    public var command: [String]
    /// Each `NAME=value`.
    public var environment: [String]
    /// Absolute; `/` if the image names none.
    public var workingDirectory: String
    /// `nil`: the image names nobody.
    public var user: User?
    /// Absolute paths whose content is not to be written to the root file system: without `..`, none twice, none of a place
    /// that is the kernel's in every container.
    public var volumes: [String]
    /// The labels, and what conversion.md makes an annotation of; sorted by key.
    public var annotations: [Annotation]
    /// Keys of labels that mean something to the runtime, and so are not taken from an image.
    public var refusedLabels: [String]

    /// `User` of the image: numbers, or names that only the image's own files can tell.
    public struct User: Sendable, Equatable {
        public var user: String
        /// `nil`: the one that the user has.
        public var group: String?

        public init(user: String, group: String? = nil) {
            self.user = user
            self.group = group
        }
    }

    public init(
        entrypoint: [String] = [], command: [String] = [], environment: [String] = [], workingDirectory: String = "/",
        user: User? = nil, volumes: [String] = [], annotations: [Annotation] = [], refusedLabels: [String] = []
    ) {
        self.entrypoint = entrypoint
        self.command = command
        self.environment = environment
        self.workingDirectory = workingDirectory
        self.user = user
        self.volumes = volumes
        self.annotations = annotations
        self.refusedLabels = refusedLabels
    }

    /// Whether an annotation has an effect on a runtime: on files of the host, on systemd, on CRIU. An image does not decide
    /// about that.
    static func hasEffect(_ key: String) -> Bool {
        ["run.oci.", "org.systemd.property.", "org.criu."].contains { key.begins(with: $0) }
    }
}
