import Glibc

/// A service manager that waits at a socket for its service to be ready (sd_notify(3)).
public final class Manager {
    /// What goes into `NOTIFY_SOCKET`.
    public let address: String
    private let receiver: Int32
    /// Descriptors that came with messages, open until `release`.
    private var received: [Int32] = []

    /// - Parameter address: a path, or `@` and an abstract name.
    public init(at address: String) throws {
        self.address = address
        receiver = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        var name = sockaddr_un()
        name.sun_family = sa_family_t(AF_UNIX)
        let bytes = [UInt8](address.utf8)
        guard bytes.count < MemoryLayout.size(ofValue: name.sun_path) else {
            throw HarnessError("too long: \(address)")
        }
        withUnsafeMutableBytes(of: &name.sun_path) { $0.copyBytes(from: bytes) }
        var size = socklen_t(MemoryLayout<sockaddr_un>.size)
        if address.hasPrefix("@") {
            withUnsafeMutableBytes(of: &name.sun_path) { $0[0] = 0 }
            size = socklen_t(MemoryLayout<sa_family_t>.size + bytes.count)
        }
        let bound = withUnsafePointer(to: &name) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(receiver, $0, size) }
        }
        guard bound == 0 else { throw HarnessError.lastCall("bind \(address)") }
    }

    deinit {
        release()
        close(receiver)
    }

    /// The next message, with its line ends as commas; nil when none comes.
    public func message(within seconds: Double = 30) -> String? {
        var request = pollfd(fd: receiver, events: Int16(POLLIN), revents: 0)
        guard poll(&request, 1, Int32(seconds * 1000)) > 0 else { return nil }
        guard let message = SocketMessage(from: receiver) else { return nil }
        if let descriptor = message.descriptor { received.append(descriptor) }
        return String(decoding: message.bytes, as: UTF8.self).split(separator: "\n").joined(separator: ",")
    }

    /// How many descriptors came and are still open here.
    public var heldDescriptors: Int { received.count }

    /// Closes them: the answer to a barrier.
    public func release() {
        for descriptor in received { close(descriptor) }
        received = []
    }
}
