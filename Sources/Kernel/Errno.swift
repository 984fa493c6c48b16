/// An error number of the kernel (errno(3)).
public struct Errno: Error, RawRepresentable, Hashable, Sendable {
    public let rawValue: Int32

    public init(rawValue: Int32) { self.rawValue = rawValue }

    public static let notPermitted = Errno(rawValue: 1)
    public static let noEntry = Errno(rawValue: 2)
    public static let noProcess = Errno(rawValue: 3)
    public static let interrupted = Errno(rawValue: 4)
    public static let inputOutput = Errno(rawValue: 5)
    public static let argumentListTooLong = Errno(rawValue: 7)
    public static let notExecutable = Errno(rawValue: 8)
    public static let badDescriptor = Errno(rawValue: 9)
    public static let noChild = Errno(rawValue: 10)
    public static let tryAgain = Errno(rawValue: 11)
    public static let noMemory = Errno(rawValue: 12)
    public static let accessDenied = Errno(rawValue: 13)
    public static let busy = Errno(rawValue: 16)
    public static let exists = Errno(rawValue: 17)
    public static let noDevice = Errno(rawValue: 19)
    public static let notDirectory = Errno(rawValue: 20)
    public static let isDirectory = Errno(rawValue: 21)
    public static let invalidArgument = Errno(rawValue: 22)
    public static let fileTooLarge = Errno(rawValue: 27)
    public static let noSpace = Errno(rawValue: 28)
    public static let readOnlyFileSystem = Errno(rawValue: 30)
    public static let brokenPipe = Errno(rawValue: 32)
    public static let outOfRange = Errno(rawValue: 34)
    public static let nameTooLong = Errno(rawValue: 36)
    public static let noSystemCall = Errno(rawValue: 38)
    public static let directoryNotEmpty = Errno(rawValue: 39)
    public static let tooManyLinks = Errno(rawValue: 40)
    public static let badMessage = Errno(rawValue: 74)
    public static let notSocket = Errno(rawValue: 88)
    public static let overflow = Errno(rawValue: 75)
    public static let messageTooLong = Errno(rawValue: 90)
    public static let notSupported = Errno(rawValue: 95)
    public static let connectionReset = Errno(rawValue: 104)
    public static let noBuffers = Errno(rawValue: 105)
    public static let timedOut = Errno(rawValue: 110)
    public static let connectionRefused = Errno(rawValue: 111)

    /// The symbolic name, such as `ENOENT`; `errno 200` for a number that has none.
    public var name: String { Self.names(of: rawValue).map { "\($0.name)" } ?? "errno \(rawValue)" }

    /// What strerror(3) says in the C locale, begun in lower case as the field's tools print it.
    public var message: String { Self.names(of: rawValue).map { "\($0.message)" } ?? "unknown error \(rawValue)" }
}

extension Errno: CustomStringConvertible {
    public var description: String { message }
}

extension Errno {
    /// Name and text of an error number: errno-base.h and errno.h of the kernel (generic architectures).
    static func names(of number: Int32) -> (name: StaticString, message: StaticString)? {
        guard number > 0, Int(number) <= table.count else { return nil }
        let entry = table[Int(number) - 1]
        return entry.message.utf8CodeUnitCount == 0 ? nil : entry
    }

    private static var table: [(name: StaticString, message: StaticString)] {
        [
            ("EPERM", "operation not permitted"),
            ("ENOENT", "no such file or directory"),
            ("ESRCH", "no such process"),
            ("EINTR", "interrupted system call"),
            ("EIO", "input/output error"),
            ("ENXIO", "no such device or address"),
            ("E2BIG", "argument list too long"),
            ("ENOEXEC", "exec format error"),
            ("EBADF", "bad file descriptor"),
            ("ECHILD", "no child processes"),
            ("EAGAIN", "resource temporarily unavailable"),
            ("ENOMEM", "cannot allocate memory"),
            ("EACCES", "permission denied"),
            ("EFAULT", "bad address"),
            ("ENOTBLK", "block device required"),
            ("EBUSY", "device or resource busy"),
            ("EEXIST", "file exists"),
            ("EXDEV", "invalid cross-device link"),
            ("ENODEV", "no such device"),
            ("ENOTDIR", "not a directory"),
            ("EISDIR", "is a directory"),
            ("EINVAL", "invalid argument"),
            ("ENFILE", "too many open files in system"),
            ("EMFILE", "too many open files"),
            ("ENOTTY", "inappropriate ioctl for device"),
            ("ETXTBSY", "text file busy"),
            ("EFBIG", "file too large"),
            ("ENOSPC", "no space left on device"),
            ("ESPIPE", "illegal seek"),
            ("EROFS", "read-only file system"),
            ("EMLINK", "too many links"),
            ("EPIPE", "broken pipe"),
            ("EDOM", "numerical argument out of domain"),
            ("ERANGE", "numerical result out of range"),
            ("EDEADLK", "resource deadlock avoided"),
            ("ENAMETOOLONG", "file name too long"),
            ("ENOLCK", "no locks available"),
            ("ENOSYS", "function not implemented"),
            ("ENOTEMPTY", "directory not empty"),
            ("ELOOP", "too many levels of symbolic links"),
            ("", ""),
            ("ENOMSG", "no message of desired type"),
            ("EIDRM", "identifier removed"),
            ("ECHRNG", "channel number out of range"),
            ("EL2NSYNC", "level 2 not synchronized"),
            ("EL3HLT", "level 3 halted"),
            ("EL3RST", "level 3 reset"),
            ("ELNRNG", "link number out of range"),
            ("EUNATCH", "protocol driver not attached"),
            ("ENOCSI", "no CSI structure available"),
            ("EL2HLT", "level 2 halted"),
            ("EBADE", "invalid exchange"),
            ("EBADR", "invalid request descriptor"),
            ("EXFULL", "exchange full"),
            ("ENOANO", "no anode"),
            ("EBADRQC", "invalid request code"),
            ("EBADSLT", "invalid slot"),
            ("", ""),
            ("EBFONT", "bad font file format"),
            ("ENOSTR", "device not a stream"),
            ("ENODATA", "no data available"),
            ("ETIME", "timer expired"),
            ("ENOSR", "out of streams resources"),
            ("ENONET", "machine is not on the network"),
            ("ENOPKG", "package not installed"),
            ("EREMOTE", "object is remote"),
            ("ENOLINK", "link has been severed"),
            ("EADV", "advertise error"),
            ("ESRMNT", "srmount error"),
            ("ECOMM", "communication error on send"),
            ("EPROTO", "protocol error"),
            ("EMULTIHOP", "multihop attempted"),
            ("EDOTDOT", "RFS specific error"),
            ("EBADMSG", "bad message"),
            ("EOVERFLOW", "value too large for defined data type"),
            ("ENOTUNIQ", "name not unique on network"),
            ("EBADFD", "file descriptor in bad state"),
            ("EREMCHG", "remote address changed"),
            ("ELIBACC", "can not access a needed shared library"),
            ("ELIBBAD", "accessing a corrupted shared library"),
            ("ELIBSCN", ".lib section in a.out corrupted"),
            ("ELIBMAX", "attempting to link in too many shared libraries"),
            ("ELIBEXEC", "cannot exec a shared library directly"),
            ("EILSEQ", "invalid or incomplete multibyte or wide character"),
            ("ERESTART", "interrupted system call should be restarted"),
            ("ESTRPIPE", "streams pipe error"),
            ("EUSERS", "too many users"),
            ("ENOTSOCK", "socket operation on non-socket"),
            ("EDESTADDRREQ", "destination address required"),
            ("EMSGSIZE", "message too long"),
            ("EPROTOTYPE", "protocol wrong type for socket"),
            ("ENOPROTOOPT", "protocol not available"),
            ("EPROTONOSUPPORT", "protocol not supported"),
            ("ESOCKTNOSUPPORT", "socket type not supported"),
            ("EOPNOTSUPP", "operation not supported"),
            ("EPFNOSUPPORT", "protocol family not supported"),
            ("EAFNOSUPPORT", "address family not supported by protocol"),
            ("EADDRINUSE", "address already in use"),
            ("EADDRNOTAVAIL", "cannot assign requested address"),
            ("ENETDOWN", "network is down"),
            ("ENETUNREACH", "network is unreachable"),
            ("ENETRESET", "network dropped connection on reset"),
            ("ECONNABORTED", "software caused connection abort"),
            ("ECONNRESET", "connection reset by peer"),
            ("ENOBUFS", "no buffer space available"),
            ("EISCONN", "transport endpoint is already connected"),
            ("ENOTCONN", "transport endpoint is not connected"),
            ("ESHUTDOWN", "cannot send after transport endpoint shutdown"),
            ("ETOOMANYREFS", "too many references: cannot splice"),
            ("ETIMEDOUT", "connection timed out"),
            ("ECONNREFUSED", "connection refused"),
            ("EHOSTDOWN", "host is down"),
            ("EHOSTUNREACH", "no route to host"),
            ("EALREADY", "operation already in progress"),
            ("EINPROGRESS", "operation now in progress"),
            ("ESTALE", "stale file handle"),
            ("EUCLEAN", "structure needs cleaning"),
            ("ENOTNAM", "not a XENIX named type file"),
            ("ENAVAIL", "no XENIX semaphores available"),
            ("EISNAM", "is a named type file"),
            ("EREMOTEIO", "remote I/O error"),
            ("EDQUOT", "disk quota exceeded"),
            ("ENOMEDIUM", "no medium found"),
            ("EMEDIUMTYPE", "wrong medium type"),
            ("ECANCELED", "operation canceled"),
            ("ENOKEY", "required key not available"),
            ("EKEYEXPIRED", "key has expired"),
            ("EKEYREVOKED", "key has been revoked"),
            ("EKEYREJECTED", "key was rejected by service"),
            ("EOWNERDEAD", "owner died"),
            ("ENOTRECOVERABLE", "state not recoverable"),
            ("ERFKILL", "operation not possible due to RF-kill"),
            ("", ""),
        ]
    }
}
