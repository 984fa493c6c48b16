internal import Kernel
internal import OCI

/// The socket at which a container says that it is ready, for a service manager (sd_notify(3)) that waits for it at
/// `$NOTIFY_SOCKET`.
///
/// The container never reaches the manager's own socket: it could claim any process as the main one, or have
/// descriptors stored. Of all that it says only `READY=1` is passed on, once.
final class NotifySocket {
    private let socket: Descriptor
    private let manager: String
    private let warn: (String) -> Void
    private var isReady = false

    static let directoryName = "notify"
    private static let name = "notify.sock"

    /// The manager's address; nil if there is none.
    static func manager() throws(RuntimeError) -> String? {
        guard let address = ThisProcess.environment("NOTIFY_SOCKET"), !address.isEmpty else { return nil }
        guard address.isAbsolute || address.hasPrefix("@") else {
            throw .usage("NOTIFY_SOCKET: neither an absolute path nor an abstract address: \"\(address)\"")
        }
        return address
    }

    /// Makes the directory that the container gets.
    static func makeDirectory(in entry: borrowing Entry) throws(RuntimeError) {
        do { try Files.makeDirectory(directoryName, mode: 0o755, at: .directory(entry.directory.number)) } catch {
            throw .system(error, field: "NOTIFY_SOCKET")
        }
    }

    /// Listens at a socket that the container has in a file system of its own; or else, for an ordinary user's container,
    /// in the directory that it shares with the container's state.
    convenience init(
        _ socket: consuming Descriptor?, in entry: borrowing Entry, for manager: String,
        warn: @escaping (String) -> Void
    ) throws(RuntimeError) {
        switch consume socket {
        case .some(let socket): self.init(socket, for: manager, warn: warn)
        case .none: self.init(try Self.made(in: entry), for: manager, warn: warn)
        }
    }

    private init(_ socket: consuming Descriptor, for manager: String, warn: @escaping (String) -> Void) {
        self.socket = socket
        self.manager = manager
        self.warn = warn
    }

    /// Makes the socket in the container's directory.
    private static func made(in entry: borrowing Entry) throws(RuntimeError) -> Descriptor {
        let base = Base.directory(entry.directory.number)
        let directory: Descriptor
        do { directory = try Descriptor.open(directoryName, [.readOnly, .directory, .noFollow], at: base) } catch {
            if error.errno == .noEntry {
                throw .usage("NOTIFY_SOCKET: the container was created without it, and so has no socket to be ready at")
            }
            throw .system(error, field: "NOTIFY_SOCKET")
        }
        // Of a start that failed; there may be none.
        try? Files.remove(name, at: .directory(directory.number))
        do { return try bound(in: directory.number) } catch { throw .system(error, field: "NOTIFY_SOCKET") }
    }

    /// A new socket in a borrowed directory, at which every user of the container may say that it is ready.
    static func bound(in directory: Int32) throws(SystemError) -> Descriptor {
        let mask = ThisProcess.setFileModeMask(0)
        defer { ThisProcess.setFileModeMask(mask) }
        return try Descriptor.receiving(at: "/proc/self/fd/\(directory)/\(name)")
    }

    /// To be waited at for something to read.
    var number: Int32 { socket.number }

    /// Reads what the container says; true once it is ready. Descriptors that come along are closed at once, which is
    /// the answer that a barrier waits for.
    private func isReadyNow() -> Bool {
        // A container that never stops talking gets its turn again. An error here is one of its making at most.
        for _ in 0..<64 {
            guard let message = try? socket.nextDatagram(atMost: 8192) else { break }
            if message.split(separator: UInt8(ascii: "\n")).contains(where: { $0.elementsEqual("READY=1".utf8) }) {
                isReady = true
            }
        }
        return isReady
    }

    // MARK: In the foreground

    /// Passes on that the container is ready; this process stays the main one.
    func passOn() {
        if isReady {
            _ = isReadyNow()  // Nothing more is passed on, but whoever says it does not wait.
        } else if isReadyNow() {
            tell("READY=1")
        }
    }

    // MARK: Detached

    /// Waits until the container is ready and the manager knows it, and knows which process is the main one from now
    /// on; or until the process has ended.
    func awaitReadiness(of process: borrowing Kernel.Process) throws(RuntimeError) {
        do {
            while !isReadyNow() {
                let occurred = try Wait.readable([number, process.descriptor.number], milliseconds: -1)
                if occurred.contains(process.descriptor.number), !isReadyNow() { return }
            }
        } catch {
            throw .system(error, field: "NOTIFY_SOCKET")
        }
        // In one message: the manager never sees one without the other.
        if tell("MAINPID=\(process.pid)\nREADY=1") { awaitManager() }
    }

    /// Until the manager has read what was sent it can be lost: the manager asks who the sender is, and that must not
    /// be gone (sd_notify_barrier(3)).
    private func awaitManager() {
        do {
            let pipe = try Descriptor.pipe()
            let end = pipe.first
            let sent = pipe.second
            let connection = try Descriptor.connected(to: manager, .datagrams, patience: Descriptor.patience)
            try connection.send(Array("BARRIER=1".utf8), descriptors: [sent.number])
            _ = consume sent
            if try Wait.readable([end.number], milliseconds: 30_000).isEmpty {
                warn("NOTIFY_SOCKET: \(manager): did not confirm within 30 s that it has read the messages")
            }
        } catch {
            warn("NOTIFY_SOCKET: \(error)")
        }
    }

    @discardableResult
    private func tell(_ message: String) -> Bool {
        do {
            try Descriptor.connected(to: manager, .datagrams, patience: Descriptor.patience).send(Array(message.utf8))
            return true
        } catch {
            warn("NOTIFY_SOCKET: \(error)")
            return false
        }
    }
}
