internal import CommandLineInterface
internal import Kernel

/// The sockets of the logs of the system.
enum SystemLogs {
    static let journal = "/run/systemd/journal/socket"
    static let systemLog = "/dev/log"

    /// Sends one datagram. A message that is too long for one goes to the journal as a sealed memory file, which it
    /// takes in place of a datagram, and to the system log without its end.
    static func send(_ datagram: [UInt8], to path: String) throws(SystemError) {
        let socket = try Descriptor.connected(to: path, .datagrams, patience: Descriptor.patience)
        do { try socket.send(datagram) } catch {
            guard error.errno == .messageTooLong || error.errno == .noBuffers else {
                throw SystemError(error.operation, path, error.errno)
            }
            if path == journal {
                let file = try Descriptor.memoryFile("journal-entry")
                try file.write(datagram)
                try file.seal()
                try socket.send([], descriptors: [file.number])
            } else {
                try socket.send(Array(datagram.prefix(1024)))  // RFC 3164, 4.1
            }
        }
    }
}
