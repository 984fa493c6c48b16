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
        guard bytes.count < MemoryLayout.size(ofValue: name.sun_path) else { throw HarnessError("too long: \(address)") }
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
        var text = [UInt8](repeating: 0, count: 4096)
        // A control message: length (8 bytes), level (4), type (4), then the descriptor.
        var control = [UInt8](repeating: 0, count: 64)
        var count = -1
        var controlSize = 0
        text.withUnsafeMutableBytes { text in
            control.withUnsafeMutableBytes { control in
                var part = iovec(iov_base: text.baseAddress, iov_len: text.count)
                withUnsafeMutablePointer(to: &part) { part in
                    var message = msghdr()
                    message.msg_iov = part
                    message.msg_iovlen = 1
                    message.msg_control = control.baseAddress
                    message.msg_controllen = control.count
                    count = recvmsg(receiver, &message, Int32(MSG_CMSG_CLOEXEC))
                    controlSize = Int(message.msg_controllen)
                }
            }
        }
        guard count >= 0 else { return nil }
        if controlSize >= 20 { received.append(control.withUnsafeBytes { $0.load(fromByteOffset: 16, as: Int32.self) }) }
        return String(decoding: text[..<count], as: UTF8.self).split(separator: "\n").joined(separator: ",")
    }

    /// How many descriptors came and are still open here.
    public var heldDescriptors: Int { received.count }

    /// Closes them: the answer to a barrier.
    public func release() {
        for descriptor in received { close(descriptor) }
        received = []
    }
}
