internal import Kernel

/// Descriptors for who waits at a Unix socket, such as an engine.
enum Handover {
    /// Connects and sends one borrowed descriptor, with its name as the message (runc's protocol).
    static func send(_ descriptor: Int32, _ name: String, to path: String, _ flag: String) throws(RuntimeError) {
        do {
            let socket = try Descriptor.connected(to: path, .stream)
            try socket.send(Array(name.utf8), descriptors: [descriptor])
        } catch {
            throw .system(error, field: flag)
        }
    }
}
