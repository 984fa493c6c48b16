internal import Cgroups
internal import Kernel
internal import Seccomp

extension ErrorDetails {
    /// What a filter that cannot be made tells of itself.
    init(_ error: SeccompError) {
        self.init()
        operation = "compile"
        field = error.path
        switch error.cause {
        case .library(let call, let number):
            operation = "\(call)"
            errno = number.name
        case .system(let error):
            operation = error.operation
            path = error.path.isEmpty ? nil : error.path
            errno = error.errno.name
        case .unknownArchitecture: hint = "leave the architecture out, or build with a newer libseccomp"
        case .otherByteOrder: hint = "leave the architecture out"
        case .contradiction: hint = "leave one of the two rules out"
        case .tooLong: hint = "name fewer calls or architectures"
        case .unknownCall: hint = "leave it out, or the annotation run.oci.seccomp_fail_unknown_syscall"
        case .argumentIndex, .flagWithoutNotify: break
        }
    }

    /// What a cgroup that cannot be had tells of itself.
    init(_ error: CgroupError) {
        self.init()
        field = "linux.cgroupsPath"
        switch error {
        case .path, .noCgroups: break
        case .occupied(let directory, _), .frozen(let directory), .threaded(let directory): path = directory
        case .noController(_, let field, let reason): (self.field, hint) = (field, reason)
        case .noFile(let path, let field): (self.path, self.field) = (path, field)
        case .value(let field, _): self.field = field
        case .system(let error, let field, let hint): fill(error, field, hint)
        case .write(let error, _, let field, let hint): fill(error, field, hint)
        case .inUse(let directory, _):
            (operation, path, errno, field) = ("rmdir", directory, Errno.busy.name, nil)
        case .noBus(_, let address, _): (operation, path) = ("connect", address)
        case .systemd(let call, let unit, _, let hint):
            operation = call
            path = unit.isEmpty ? nil : unit
            self.hint = hint.isEmpty ? nil : hint
        case .freezing(let directory): (operation, path, field) = ("freeze", directory, nil)
        case .notRestored(let error, _): self = ErrorDetails(error)
        }
    }

    private mutating func fill(_ error: SystemError, _ field: String, _ hint: String) {
        operation = error.operation
        path = error.path.isEmpty ? nil : error.path
        errno = error.errno.name
        self.field = field.isEmpty ? nil : field
        self.hint = hint.isEmpty ? nil : hint
    }
}
