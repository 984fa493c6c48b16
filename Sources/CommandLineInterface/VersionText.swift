/// What `--version` shows.
public struct VersionText: Equatable, Sendable {
    /// The version of apus.
    public var version: String
    /// The commit that it was built from, if the build knows.
    public var commit: String?
    /// The newest version of the runtime specification that is supported.
    public var specification: String
    /// The version of the libseccomp that is linked in; nil if there is none.
    public var libseccomp: String?

    public init(version: String, commit: String? = nil, specification: String, libseccomp: String?) {
        self.version = version
        self.commit = commit
        self.specification = specification
        self.libseccomp = libseccomp
    }

    /// In runc's shape, every line ended: managers show the first line and look for `commit:` and `spec:`.
    public var text: String {
        var text = "\(programName) version \(version)\n"
        if let commit { text += "commit: \(commit)\n" }
        text += "spec: \(specification)\n"
        if let libseccomp { text += "libseccomp: \(libseccomp)\n" }
        return text
    }
}
