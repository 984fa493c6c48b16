public import Kernel
public import OCI

/// A profile that cannot be made into a filter.
public struct SeccompError: Error, Sendable, CustomStringConvertible {
    public enum Cause: Sendable {
        /// The linked libseccomp has no such architecture.
        case unknownArchitecture(SeccompArchitecture)
        /// The architecture has the other byte order: one filter cannot serve both it and the machine.
        case otherByteOrder(SeccompArchitecture)
        /// The linked libseccomp knows no system call of this name.
        case unknownCall(String)
        /// A system call has the arguments 0 to 5.
        case argumentIndex(UInt32)
        /// An earlier rule has the same system call and the same conditions, but another action.
        case contradiction(String)
        /// The kernel takes `SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV` only for a filter with `SCMP_ACT_NOTIFY`.
        case flagWithoutNotify
        /// The filter has more instructions than the kernel takes (`SeccompFilter.mostInstructions`).
        case tooLong(Int)
        /// A call of libseccomp failed.
        case library(StaticString, Errno)
        /// A system call failed.
        case system(SystemError)
    }

    /// The place in `config.json`, such as `linux.seccomp.syscalls[3].args[0].index`.
    public let path: String
    public let cause: Cause

    init(_ path: String, _ cause: Cause) {
        self.path = path
        self.cause = cause
    }

    public var description: String { "\(path): \(cause)" }
}

extension SeccompError.Cause: CustomStringConvertible {
    public var description: String {
        switch self {
        case .unknownArchitecture(let architecture):
            "\(architecture.rawValue) is unknown to libseccomp \(SeccompSupport.libraryVersion)"
        case .otherByteOrder(let architecture):
            "\(architecture.rawValue) has another byte order than this machine"
        case .unknownCall(let name): "no system call is known to libseccomp \(SeccompSupport.libraryVersion) as \(name)"
        case .argumentIndex(let index): "must be 0 to 5: \(index)"
        case .contradiction(let name):
            "an earlier rule has the same conditions for \(name), but another action"
        case .flagWithoutNotify:
            "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV needs a rule with SCMP_ACT_NOTIFY"
        case .tooLong(let count):
            "the filter has \(count) instructions, the kernel takes at most \(SeccompFilter.mostInstructions)"
        case .library(let call, let errno): "\(call): \(errno)"
        case .system(let error): "\(error)"
        }
    }
}
