internal import CKernel

/// A message of a local socket.
public struct Message: Sendable {
    /// Empty at the end of the stream.
    public let bytes: [UInt8]
    /// Descriptors that came along: the receiver owns them.
    public let descriptors: [Int32]
}

extension Descriptor {
    public enum SocketKind: Sendable {
        case stream, sequencedPackets

        /// SOCK_STREAM, SOCK_SEQPACKET.
        var number: Int32 { self == .stream ? 1 : 5 }
    }

    /// A socket that listens at `path`. Paths longer than an address (108 bytes) work too.
    public static func listening(
        at path: String, _ kind: SocketKind, backlog: Int32 = 1
    ) throws(SystemError) -> Descriptor {
        Descriptor(owning: try check(unsafe ck_listen(path, kind.number, backlog), "bind", path))
    }

    /// A socket connected to the one that listens at `path`.
    public static func connected(to path: String, _ kind: SocketKind) throws(SystemError) -> Descriptor {
        Descriptor(owning: try check(unsafe ck_connect(path, kind.number), "connect", path))
    }

    /// Sends one message, with borrowed descriptors; never raises SIGPIPE.
    public borrowing func send(_ bytes: [UInt8], descriptors: [Int32] = []) throws(SystemError) {
        let sent = unsafe ck_send(number, bytes, bytes.count, descriptors, descriptors.count)
        _ = try check(sent, "sendmsg")
    }

    /// Receives one message of at most `capacity` bytes.
    public borrowing func receive(atMost capacity: Int = 64) throws(SystemError) -> Message {
        var bytes = [UInt8](repeating: 0, count: capacity)
        var numbers = [Int32](repeating: -1, count: Int(CK_MESSAGE_DESCRIPTORS))
        var count = numbers.count
        let size = try check(unsafe ck_receive(number, &bytes, capacity, &numbers, &count, 0), "recvmsg")
        return Message(bytes: Array(bytes.prefix(size)), descriptors: Array(numbers.prefix(count)))
    }
}

/// Size of a terminal, in characters.
public struct WindowSize: Sendable, Equatable {
    public var rows: UInt16
    public var columns: UInt16

    public init(rows: UInt16, columns: UInt16) {
        self.rows = rows
        self.columns = columns
    }
}

/// Calls on terminals; the descriptors are borrowed.
public enum Terminal {
    public static func isTerminal(_ descriptor: Int32) -> Bool { ck_isatty(descriptor) == 1 }

    public static func windowSize(of descriptor: Int32) throws(SystemError) -> WindowSize {
        var window = ck_window()
        _ = try check(unsafe ck_window_get(descriptor, &window), "ioctl(TIOCGWINSZ)")
        return WindowSize(rows: window.rows, columns: window.columns)
    }

    public static func setWindowSize(_ size: WindowSize, of descriptor: Int32) throws(SystemError) {
        let window = ck_window(rows: size.rows, columns: size.columns)
        _ = try check(ck_window_set(descriptor, window), "ioctl(TIOCSWINSZ)")
    }

    /// Raw mode: every key goes through as it is. What the terminal was is kept for `restore`.
    public static func makeRaw(_ descriptor: Int32) throws(SystemError) {
        _ = try check(ck_terminal_raw(descriptor), "tcsetattr")
    }

    /// Back to what the terminal was before `makeRaw`; nothing if it was never called.
    public static func restore(_ descriptor: Int32) throws(SystemError) {
        _ = try check(ck_terminal_restore(descriptor), "tcsetattr")
    }
}

/// POSIX extended regular expressions (regex(7)).
public enum Pattern {
    /// Whether `pattern` occurs in `text`; nil if it is no pattern.
    public static func matches(_ pattern: String, in text: String) -> Bool? {
        let result = unsafe ck_matches(pattern, text)
        return result < 0 ? nil : result == 1
    }
}

/// The system log (syslog(3)).
public enum SystemLog {
    /// Appends a line; priority 3 is error, 4 warning, 6 information, 7 debugging.
    public static func write(_ text: String, priority: Int32, identifier: String) {
        _ = unsafe ck_syslog(identifier, priority, text)
    }
}
