import CSeccomp
public import OCI

extension SeccompFilter {
    /// Everything that keeps a profile from being made into a filter: all architectures are looked at, and then the
    /// rules, of which the first that is wrong is told.
    public static func errors(in profile: SeccompProfile) -> [SeccompError] {
        var errors: [SeccompError] = []
        var good = profile
        good.architectures = []
        for (index, architecture) in profile.architectures.enumerated() {
            var one = profile
            one.architectures = [architecture]
            do throws(SeccompError) {
                _ = try Architecture.all(of: one)
                good.architectures.append(architecture)
            } catch {
                errors.append(SeccompError("linux.seccomp.architectures[\(index)]", error.cause))
            }
        }
        do throws(SeccompError) { _ = try compile(good) } catch { errors.append(error) }
        return errors
    }

    /// The names of system calls that libseccomp does not know, and their places. They have no effect.
    public static func unknownCalls(in profile: SeccompProfile) -> [(field: String, name: String)] {
        var unknown: [(field: String, name: String)] = []
        for (index, rule) in profile.syscalls.enumerated() {
            for (nameIndex, name) in rule.names.enumerated()
            where unsafe seccomp_syscall_resolve_name(name) == __NR_SCMP_ERROR {
                unknown.append(("linux.seccomp.syscalls[\(index)].names[\(nameIndex)]", name))
            }
        }
        return unknown
    }

    /// Refuses a profile that names a system call which libseccomp does not know.
    public static func requireKnownCalls(in profile: SeccompProfile) throws(SeccompError) {
        guard let unknown = unknownCalls(in: profile).first else { return }
        throw SeccompError(unknown.field, .unknownCall(unknown.name))
    }
}
