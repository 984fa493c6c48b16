internal import CKernel

/// A message of a local socket.
public struct Message: Sendable {
    /// Empty at the end of the stream.
    public let bytes: [UInt8]
    /// Descriptors that came along: the receiver owns them.
    public let descriptors: [Int32]

    public init(bytes: [UInt8], descriptors: [Int32]) {
        self.bytes = bytes
        self.descriptors = descriptors
    }
}

extension Descriptor {
    public enum SocketKind: Sendable {
        case stream, sequencedPackets, datagrams

        /// SOCK_STREAM, SOCK_SEQPACKET, SOCK_DGRAM.
        var number: Int32 {
            switch self {
            case .stream: 1
            case .sequencedPackets: 5
            case .datagrams: 2
            }
        }
    }

    /// A socket that listens at `path`. Paths longer than an address (108 bytes) work too.
    public static func listening(
        at path: String, _ kind: SocketKind, backlog: Int32 = 1
    ) throws(SystemError) -> Descriptor {
        Descriptor(owning: try check(unsafe ck_listen(path, kind.number, backlog), "bind", path))
    }

    /// A socket that receives datagrams at `path`.
    public static func receiving(at path: String) throws(SystemError) -> Descriptor {
        Descriptor(owning: try check(unsafe ck_bind(path, SocketKind.datagrams.number), "bind", path))
    }

    /// A socket connected to the one that listens at `path`; `@` begins an abstract address (unix(7)).
    ///
    /// `patience`: seconds that connecting, and each sending later on, may take; nil: as long as it takes. Whoever
    ///   listens may never accept, or never read.
    /// - Throws: ETIMEDOUT.
    public static func connected(
        to path: String, _ kind: SocketKind, patience: Int32? = nil
    ) throws(SystemError) -> Descriptor {
        let number = unsafe ck_connect(path, kind.number, patience ?? 0)
        let isLate = number == -Errno.tryAgain.rawValue && patience != nil
        return Descriptor(owning: try check(isLate ? -Errno.timedOut.rawValue : number, "connect", path))
    }

    /// A TCP connection.
    ///
    /// - Parameters:
    ///   - address: in figures, of IPv4 or IPv6.
    ///   - port: of the listener.
    ///   - interruption: a borrowed descriptor that is readable when somebody wants this to end.
    /// - Throws: EINVAL if the address is a name or nothing at all; EINTR at an interruption.
    public static func connected(
        to address: String, port: UInt16, unless interruption: Int32
    ) throws(SystemError) -> Descriptor {
        let place = "\(address):\(port)"
        let socket = Descriptor(owning: try check(unsafe ck_connect_internet(address, port), "connect", place))
        let interests = [(socket.number, Events.writable), (interruption, Events.readable)]
        let occurred = try Wait.occurred(interests, milliseconds: -1)
        if !occurred.contains(where: { $0.0 == socket.number }) { throw SystemError("connect", place, .interrupted) }
        _ = try check(ck_finish_connecting(socket.number), "connect", place)
        return socket
    }

    /// Ends a connection, whoever else has its descriptor (shutdown(2)).
    public static func shutDown(_ number: Int32) throws(SystemError) { _ = try check(ck_shutdown(number), "shutdown") }

    /// The seconds that are given to the listener of somebody else, who may be busy, or never accept.
    public static let patience: Int32 = 10

    /// Sends one message, with borrowed descriptors; never raises SIGPIPE.
    ///
    /// - Throws: ETIMEDOUT where the socket was connected with patience.
    public borrowing func send(_ bytes: [UInt8], descriptors: [Int32] = []) throws(SystemError) {
        var sent = unsafe ck_send(number, bytes, bytes.count, descriptors, descriptors.count)
        sent = try Self.checkSent(sent)
        // A stream takes less when a signal comes.
        while sent < bytes.count {
            let rest = Array(bytes[sent...])
            sent += try Self.checkSent(unsafe ck_send(number, rest, rest.count, nil, 0))
        }
    }

    /// A socket that blocks says EAGAIN only when its time is over (socket(7), SO_SNDTIMEO).
    private static func checkSent(_ sent: Int) throws(SystemError) -> Int {
        try check(sent == -Int(Errno.tryAgain.rawValue) ? -Int(Errno.timedOut.rawValue) : sent, "sendmsg")
    }

    /// Receives one message of at most `capacity` bytes.
    public borrowing func receive(atMost capacity: Int = 64) throws(SystemError) -> Message {
        var bytes = [UInt8](repeating: 0, count: capacity)
        var numbers = [Int32](repeating: -1, count: Int(CK_MESSAGE_DESCRIPTORS))
        var count = numbers.count
        let size = try check(unsafe ck_receive(number, &bytes, capacity, &numbers, &count, 0), "recvmsg")
        return Message(bytes: Array(bytes.prefix(size)), descriptors: Array(numbers.prefix(count)))
    }

    /// The next datagram that is there, without the descriptors that came along, which are closed; nil: none is.
    public borrowing func nextDatagram(atMost capacity: Int) throws(SystemError) -> [UInt8]? {
        var bytes = [UInt8](repeating: 0, count: capacity)
        var count = 0
        let size = unsafe ck_receive(number, &bytes, capacity, nil, &count, 0x40)  // MSG_DONTWAIT
        if size == -Int(Errno.tryAgain.rawValue) { return nil }
        return Array(bytes.prefix(try check(size, "recvmsg")))
    }
}
