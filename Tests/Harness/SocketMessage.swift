import Glibc

/// A message that came through a socket.
public struct SocketMessage {
    public let bytes: [UInt8]
    /// The descriptor that came along, which the receiver closes; nil if none did.
    public let descriptor: Int32?

    /// Takes the next message, cut after `limit` bytes; nil if there is none to be had.
    public init?(from socket: Int32, limit: Int = 4096, waits: Bool = true) {
        var bytes = [UInt8](repeating: 0, count: limit)
        // A control message: length (8 bytes), level (4), type (4), then the descriptor.
        var control = [UInt8](repeating: 0, count: 64)
        var count = -1
        var controlSize = 0
        bytes.withUnsafeMutableBytes { bytes in
            control.withUnsafeMutableBytes { control in
                var part = iovec(iov_base: bytes.baseAddress, iov_len: bytes.count)
                withUnsafeMutablePointer(to: &part) { part in
                    var message = msghdr()
                    message.msg_iov = part
                    message.msg_iovlen = 1
                    message.msg_control = control.baseAddress
                    message.msg_controllen = control.count
                    let flags = Int32(MSG_CMSG_CLOEXEC) | (waits ? 0 : Int32(MSG_DONTWAIT))
                    count = recvmsg(socket, &message, flags)
                    controlSize = Int(message.msg_controllen)
                }
            }
        }
        guard count >= 0 else { return nil }
        self.bytes = Array(bytes[..<count])
        let (level, kind, number) = control.withUnsafeBytes {
            (
                $0.load(fromByteOffset: 8, as: Int32.self), $0.load(fromByteOffset: 12, as: Int32.self),
                $0.load(fromByteOffset: 16, as: Int32.self)
            )
        }
        let isDescriptor = controlSize >= 20 && level == SOL_SOCKET && kind == Int32(SCM_RIGHTS)
        descriptor = isDescriptor ? number : nil
    }
}
