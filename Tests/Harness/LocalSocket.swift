import Glibc

/// A TCP connection of the test to a port of this machine.
public final class LocalConnection {
    private let number: Int32

    public init(toPort port: UInt16) throws {
        number = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        let result = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(number, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard result == 0 else {
            let error = HarnessError.lastCall("connect to port \(port)")
            close(number)
            throw error
        }
    }

    deinit { close(number) }

    /// Sends a text and waits for as many bytes; what came, or nothing at the end of the connection.
    public func exchange(_ text: String, within seconds: Double = 30) -> String {
        let bytes = Array(text.utf8)
        guard Glibc.send(number, bytes, bytes.count, Int32(MSG_NOSIGNAL)) == bytes.count else { return "" }
        var came: [UInt8] = []
        var request = pollfd(fd: number, events: Int16(POLLIN), revents: 0)
        while came.count < bytes.count, poll(&request, 1, Int32(seconds * 1000)) > 0 {
            var part = [UInt8](repeating: 0, count: bytes.count)
            let count = recv(number, &part, part.count, 0)
            guard count > 0 else { break }
            came += part[..<count]
        }
        return String(decoding: came, as: UTF8.self)
    }
}

/// A socket of datagrams that the test has at a path.
public final class DatagramSocket {
    private let number: Int32

    public init(at path: String) throws {
        number = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let bound = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(number, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        guard bound == 0 else { throw HarnessError.lastCall("bind \(path)") }
    }

    deinit { close(number) }
}
