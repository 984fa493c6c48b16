internal import Checkpoint
internal import Kernel
internal import OCI

/// Where CRIU is, and whether it can do what it is to be asked for.
enum CriuProgram {
    /// Its absolute path.
    ///
    /// - Parameter given: by the caller (`--criu`): a path, or a name to be looked for.
    static func find(_ given: String?, for operation: CriuFailure.Operation) throws(RuntimeError) -> String {
        let name = given ?? "criu"
        if name.hasSlash {
            let path = try attempt("--criu") { () throws(SystemError) in try Files.realPath(name) }
            if Files.isExecutable(path) { return path }
            throw .system(SystemError("execve", path, .accessDenied), field: "--criu")
        }
        let path = ThisProcess.environment("PATH") ?? "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        for directory in path.components(between: ":") where directory.isAbsolute {
            let candidate = "\(directory)/\(name)"
            if Files.isExecutable(candidate) { return candidate }
        }
        throw CriuFailure.unusable(
            operation, "\(name) is not installed: it is in no directory of PATH",
            hint: "the package is called criu; --criu FILE names another program")
    }

    /// 3.17 is the first that puts mounts together one by one (its "mounts-v2"), as it has to for a root file system
    /// that is no mount and for bind mounts that get what is mounted on the host.
    private static let oldest = CriuVersion(3, 17)

    static func require(_ version: CriuVersion, for operation: CriuFailure.Operation) throws(RuntimeError) {
        guard version < oldest else { return }
        throw CriuFailure.unusable(
            operation, "CRIU \(version.text) is too old", hint: "CRIU \(oldest.text) or newer is needed")
    }

    /// The configuration file with options of CRIU's own that go before all others: the annotation `org.criu.config`
    /// names one, or with an empty text none. Otherwise it is the first of ours and runc's that is there.
    static func configuration(_ annotation: String?) -> String? {
        if let annotation { return annotation.isEmpty ? nil : annotation }
        return ["/etc/criu/apus.conf", "/etc/criu/runc.conf"].first { Files.exists($0) }
    }

    static let configurationAnnotation = "org.criu.config"
}
