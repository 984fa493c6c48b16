import Glibc

/// A `--console-socket`: where a runtime sends the master side of a detached container's terminal.
public final class ConsoleSocket {
    public let path: String
    private let listener: Int32

    /// - Parameter directory: where the socket is made. Longer paths than the 107 bytes that fit into an address are
    ///   fine here: the socket is bound through a descriptor of its directory.
    public init(in directory: String, named name: String = "console.sock") throws {
        try Files.makeDirectory(directory)
        path = "\(directory)/\(name)"
        let holder = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard holder >= 0 else { throw HarnessError.lastCall("open \(directory)") }
        defer { close(holder) }
        listener = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let bytes = Array("/proc/self/fd/\(holder)/\(name)".utf8)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
        let bound = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(listener, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        guard bound == 0, listen(listener, 4) == 0 else { throw HarnessError.lastCall("bind \(path)") }
    }

    deinit { close(listener) }

    /// The terminal that a runtime sends, waiting for it.
    public func receive() throws -> Terminal {
        let (master, name) = try receiveDescriptor()
        return Terminal(master: master, name: name)
    }

    /// Any descriptor that is sent, waiting for it, which the caller closes, and the message that it came with.
    public func receiveDescriptor() throws -> (number: Int32, name: String) {
        guard isReadable(listener, within: 30) else { throw HarnessError("nobody connected to the console socket") }
        let connection = accept(listener, nil, nil)
        defer { close(connection) }
        guard connection >= 0, isReadable(connection, within: 30) else {
            throw HarnessError("no message on the console socket")
        }
        guard let message = SocketMessage(from: connection), let number = message.descriptor else {
            throw HarnessError("no descriptor came with the console message")
        }
        return (number, String(decoding: message.bytes, as: UTF8.self))
    }
}

private func isReadable(_ descriptor: Int32, within seconds: Double) -> Bool {
    var request = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
    return poll(&request, 1, Int32(seconds * 1000)) > 0
}

/// The master side of a pseudoterminal.
public final class Terminal {
    private let master: Int32
    /// The slave's path, or what a runtime sent as the name with the descriptor.
    public let name: String
    /// Everything that was read so far.
    public private(set) var output = ""

    init(master: Int32, name: String) {
        self.master = master
        self.name = name
    }

    /// A new pair, for a program that is to run on a terminal.
    public convenience init(rows: Int = 24, columns: Int = 80) throws {
        let master = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC)
        var unlocked: Int32 = 0
        var number: UInt32 = 0
        guard master >= 0,
            ioctl(master, 0x4004_5431 /* TIOCSPTLCK */, &unlocked) == 0,
            ioctl(master, 0x8004_5430 /* TIOCGPTN */, &number) == 0
        else { throw HarnessError.lastCall("new pseudoterminal") }
        self.init(master: master, name: "/dev/pts/\(number)")
        resize(rows: rows, columns: columns)
    }

    deinit { close(master) }

    public func write(_ text: String) {
        let bytes = Array(text.utf8)
        _ = Glibc.write(master, bytes, bytes.count)
    }

    /// Reads until the text has come. False when it does not come within the time, or at the end of the terminal.
    @discardableResult
    public func read(until text: String, within seconds: Double = 30) -> Bool {
        // Bytes, because "\r\n" is one character.
        readOn(within: seconds) { Array(output.utf8).contains(Array(text.utf8)) }
    }

    /// Reads until nobody has the other side open any more.
    @discardableResult
    public func readToEnd(within seconds: Double = 30) -> String {
        _ = readOn(within: seconds) { false }
        return output
    }

    private func readOn(within seconds: Double, until isEnough: () -> Bool) -> Bool {
        let end = Clock.now + seconds
        var chunk = [UInt8](repeating: 0, count: 65536)
        while !isEnough() {
            guard Clock.now < end, isReadable(master, within: max(0, end - Clock.now)) else { return isEnough() }
            let count = Glibc.read(master, &chunk, chunk.count)
            guard count > 0 else { return isEnough() }
            output += String(decoding: chunk[..<count], as: UTF8.self)
        }
        return true
    }

    public func resize(rows: Int, columns: Int) {
        var size = winsize(ws_row: UInt16(rows), ws_col: UInt16(columns), ws_xpixel: 0, ws_ypixel: 0)
        _ = ioctl(master, UInt(TIOCSWINSZ), &size)
    }

    public var size: (rows: Int, columns: Int) {
        var size = winsize()
        _ = ioctl(master, UInt(TIOCGWINSZ), &size)
        return (Int(size.ws_row), Int(size.ws_col))
    }

    /// Whether the line discipline echoes and edits lines; false in raw mode.
    public var isCooked: Bool {
        var settings = termios()
        return tcgetattr(master, &settings) == 0 && settings.c_lflag & tcflag_t(ICANON | ECHO) != 0
    }

    /// The reports of an assert program among everything that came, terminal line ends removed.
    public var reports: [Value] {
        output.split(whereSeparator: \.isNewline).filter { $0.hasPrefix("{") }.compactMap { try? Value(parsing: $0) }
    }
}

extension Bundle {
    /// `run` in the foreground of a terminal of its own.
    public func runOnTerminal(_ terminal: Terminal) throws -> RunningCommand {
        var command = try creating(["run"])
        command.terminal = terminal.name
        return try workspace.start(command)
    }
}
