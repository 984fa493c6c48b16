/// A system call that failed: what was tried, on what, and the kernel's answer.
public struct SystemError: Error, Sendable, CustomStringConvertible {
    /// The call, such as `open` or `write`.
    public let operation: String
    /// The path or object it was for; empty if there is none.
    public let path: String
    public let errno: Errno

    public init(_ operation: String, _ path: String = "", _ errno: Errno) {
        self.operation = operation
        self.path = path
        self.errno = errno
    }

    /// Whether there is no such process, or its files in procfs are gone: it has ended.
    public var isEndOfProcess: Bool { errno == .noProcess || errno == .noEntry }

    /// Whether the other end of a socket is gone.
    public var isEndOfPeer: Bool { errno == .brokenPipe || errno == .connectionReset }

    public var description: String {
        path.isEmpty ? "\(operation): \(errno)" : "\(operation) \(path): \(errno)"
    }
}

/// The one funnel from a negative result to an error.
@inline(__always)
func check<Result: SignedInteger>(
    _ result: Result, _ operation: @autoclosure () -> String, _ path: @autoclosure () -> String = ""
) throws(SystemError) -> Result {
    guard result < 0 else { return result }
    throw SystemError(operation(), path(), Errno(rawValue: Int32(-result)))
}
