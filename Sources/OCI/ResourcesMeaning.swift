extension Resources {
    /// These limits in the sense of the version of the specification that they were written for.
    ///
    /// A limit of 0 tasks is one since 1.3. Before, the specification did not tell it from one that is left out, and
    /// engines wrote it for none (`podman run --pids-limit 0`, and -1).
    ///
    /// - Parameter version: `ociVersion`; one that is no version counts as the newest.
    public func asMeant(in version: String) -> Resources {
        guard pids?.limit == 0, Self.takesZeroForNoLimit(version) else { return self }
        var result = self
        result.pids = Pids(limit: -1)
        return result
    }

    static func takesZeroForNoLimit(_ version: String) -> Bool {
        SemanticVersion(version).map { $0.major == 1 && $0.minor < 3 } ?? false
    }
}
