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
        var text = ""
        write { text += $0 }
        return text
    }

    /// The same text, part by part: this is how it is written in the least time.
    public func write<Failure>(_ put: (String) throws(Failure) -> Void) throws(Failure) {
        try put(programName)
        try line(" version ", version, put)
        if let commit { try line("commit: ", commit, put) }
        try line("spec: ", specification, put)
        if let libseccomp { try line("libseccomp: ", libseccomp, put) }
    }

    private func line<Failure>(
        _ name: String, _ value: String, _ put: (String) throws(Failure) -> Void
    ) throws(Failure) {
        try put(name)
        try put(value)
        try put("\n")
    }
}
