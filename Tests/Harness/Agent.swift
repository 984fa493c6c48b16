import Glibc

/// A seccomp agent (Tests/Agent), which decides about the calls that filters leave open.
public final class Agent {
    /// The socket at which it listens.
    public let path: String
    private let running: RunningCommand

    public enum Mode: String, Sendable {
        case answer, ignore, leave, close
    }

    /// Its program, for a container that is to have it too (`agent threads`).
    public static func program() throws -> String { try Template.agent.get() }

    public init(in workspace: Workspace, _ mode: Mode = .answer) throws {
        // Short: the name of a socket has 108 bytes.
        path = "\(workspace.directory)/agent"
        running = try workspace.start(workspace.command([try Self.program(), path, mode.rawValue]))
        guard eventually({ Files.exists(path) }) else {
            throw HarnessError("the agent does not listen: \(running.wait(limit: 0))")
        }
    }

    deinit { stop() }

    public func stop() {
        running.kill()
        running.wait()
    }

    /// What it has printed so far.
    public var lines: [String] {
        (Files.read(running.command.output) ?? "").split(separator: "\n").dropFirst().map(String.init)
    }

    /// The container process states that it was given.
    public func states() throws -> [Value] {
        try lines.filter { $0.hasPrefix("{") }.map { try Value(parsing: $0) }
    }

    /// The calls that it was asked about.
    public var calls: [String] { lines.filter { !$0.hasPrefix("{") } }
}
