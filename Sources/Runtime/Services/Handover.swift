internal import Kernel

/// Descriptors for who waits at a Unix socket, such as an engine.
enum Handover {
    /// Connects and sends one borrowed descriptor, with its name as the message (runc's protocol).
    static func send(_ descriptor: Int32, _ name: String, to path: String, _ flag: String) throws(RuntimeError) {
        do {
            let socket = try Descriptor.connected(to: path, .stream, patience: Descriptor.patience)
            try socket.send(Array(name.utf8), descriptors: [descriptor])
        } catch {
            let hint =
                error.errno == .timedOut ? "whoever listens there has not answered for \(Descriptor.patience) s" : ""
            throw .system(error, field: flag, hint: hint)
        }
    }
}
