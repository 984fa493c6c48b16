import Glibc
import Harness
import Testing

extension Containers {
    /// The logs of the system are played by a socket of the test, in a mount namespace of its own.
    @Suite(.beyondRunc("logs to files alone")) struct SystemLogTests {
        @Test(.flag("--log")) func `journald gets fields`() throws {
            let listener = try Listener()
            let outcome = try listener.apus("/run", "/run/systemd/journal/socket", ["--log", "journald:web"])
            #expect(outcome.status == 1)
            // What goes to a log is said to the caller too.
            #expect(outcome.errors.hasPrefix("container does not exist: \""))
            let datagram = try #require(listener.datagram)
            #expect(datagram.hasPrefix("MESSAGE=container does not exist: \""))
            #expect(datagram.contains("\nPRIORITY=3\nSYSLOG_IDENTIFIER=web\n"))
        }

        @Test(.flag("--log")) func `syslog gets a line`() throws {
            let listener = try Listener()
            _ = try listener.apus("/dev", "/dev/log", ["--log", "syslog:web"])
            let text = listener.datagram ?? ""
            #expect(text.hasPrefix("<27>"))
            let pattern = try Regex(
                #"^<27>web\[[0-9]+\]: container does not exist: ".*$"#)
            #expect(text.wholeMatch(of: pattern) != nil, "\(text)")
        }

        @Test(.flag("--log", "--log-level")) func `what is less important than asked for is not sent`() throws {
            let listener = try Listener()
            _ = try listener.apus(
                "/run", "/run/systemd/journal/socket", ["--log", "journald:", "--log-level", "error"])
            #expect(listener.datagram?.contains("SYSLOG_IDENTIFIER=apus\n") == true)
            #expect(listener.datagram == nil)
        }

        @Test(
            .flag("--log"),
            arguments: [("journald:x", "/run/systemd/journal/socket", "/run"), ("syslog:x", "/dev/log", "/dev")])
        func `without its socket the command is refused`(log: String, path: String, place: String) throws {
            let outcome = try Listener().apus(place, nil, ["--log", log])
            #expect(outcome.status == 1)
            #expect(outcome.errors.contains("--log: connect \(path): no such file or directory"), "\(outcome)")
        }

        /// A path of 130 KB is not for people: of what a message quotes its beginning and its end are told.
        @Test(.flag("--log")) func `a long message goes to journald as an excerpt`() throws {
            let listener = try Listener()
            let long = "/" + String(repeating: "x", count: 130_000)
            _ = try listener.apus(
                "/run", "/run/systemd/journal/socket", ["--log", "journald:x", "--root", long])
            let text = listener.datagram ?? ""
            #expect(text.hasPrefix("MESSAGE=--root: open /xxx"))
            #expect(text.contains("bytes left out"))
            #expect(text.contains("xxx/nobody/state.json: file name too long\n"))
            #expect(text.contains("xxx/nobody/state.json\nAPUS_ERRNO=ENAMETOOLONG\n"))
            #expect(text.utf8.count < 10_000)
        }
    }
}

/// A datagram socket in the workspace of the running test.
private final class Listener {
    private let descriptor: Int32
    private let path: String
    private let workspace: Workspace
    private let runtime: Runtime

    init() throws {
        guard let workspace = Workspace.current, let runtime = Runtime.underTest else {
            throw HarnessError("no workspace")
        }
        self.workspace = workspace
        self.runtime = runtime
        path = "\(workspace.directory)/log-socket"
        descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let result = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        guard result == 0 else { throw HarnessError("bind: \(errno)") }
    }

    deinit { close(descriptor) }

    /// Runs apus with this socket at `target`, on an empty file system at `place`; without a target it is not there.
    func apus(
        _ place: String, _ target: String?, _ flags: [String], command: [String] = ["state", "nobody"]
    ) throws -> Outcome {
        var script = "mount -t tmpfs none \(place)"
        if let target { script += "; mkdir -p $(dirname \(target)); : > \(target); mount --bind \(path) \(target)" }
        let words =
            [
                "/usr/bin/unshare", "--mount", "--propagation", "private", "/bin/sh", "-ec", "\(script); exec \"$@\"",
                "sh",
            ]
            + [runtime.path, "--root", workspace.root] + flags + command
        return try workspace.command(words).run()
    }

    /// The next datagram that has come, or the memory file that came in its place; nil if there is none.
    var datagram: String? {
        guard let message = SocketMessage(from: descriptor, limit: 1 << 20, waits: false) else { return nil }
        guard let file = message.descriptor else { return String(decoding: message.bytes, as: UTF8.self) }
        defer { close(file) }
        return Files.read("/proc/self/fd/\(file)")
    }
}
