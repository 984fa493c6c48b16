import Glibc

/// A program to start, with nothing inherited but what is written here.
public struct Command {
    public var arguments: [String]
    public var environment: [String]
    /// The working directory of the program.
    public var directory: String
    public var input = "/dev/null"
    /// Files that receive standard output and standard error. Files, not pipes: a container that keeps them open
    /// must not keep the test waiting.
    public var output: String
    public var errors: String
    /// Open descriptors of the test that the program gets as 3, 4, ...
    public var descriptors: [Int32] = []
    /// The slave of a terminal pair: the program leads a new session on it and has it as 0, 1 and 2.
    public var terminal: String?

    public init(arguments: [String], environment: [String], directory: String, output: String, errors: String) {
        self.arguments = arguments
        self.environment = environment
        self.directory = directory
        self.output = output
        self.errors = errors
    }

    public func start() throws -> RunningCommand {
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var none = sigset_t()
        var all = sigset_t()
        sigemptyset(&none)
        // sigfillset leaves glibc's two internal signals out, and posix_spawn would start the program ignoring them.
        _ = withUnsafeMutableBytes(of: &all) { $0.initializeMemory(as: UInt8.self, repeating: 0xff) }
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setsigdefault(&attributes, &all)
        let group = terminal == nil ? Int32(POSIX_SPAWN_SETPGROUP) : HiddenGlibc.spawnInNewSession
        posix_spawnattr_setflags(&attributes, Int16(Int32(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF) | group))

        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        try HiddenGlibc.addWorkingDirectory(&actions, directory)
        let appending = O_WRONLY | O_CREAT | O_APPEND
        posix_spawn_file_actions_addopen(&actions, 0, terminal ?? input, terminal == nil ? O_RDONLY : O_RDWR, 0)
        posix_spawn_file_actions_addopen(&actions, 1, terminal ?? output, terminal == nil ? appending : O_RDWR, 0o600)
        posix_spawn_file_actions_addopen(&actions, 2, terminal ?? errors, terminal == nil ? appending : O_RDWR, 0o600)

        // Far away first, so that no source is overwritten before its turn.
        let sources = descriptors.map { fcntl($0, F_DUPFD_CLOEXEC, 512) }
        defer { for source in sources { close(source) } }
        for (index, source) in sources.enumerated() {
            posix_spawn_file_actions_adddup2(&actions, source, Int32(3 + index))
        }
        try HiddenGlibc.addCloseFrom(&actions, Int32(3 + sources.count))

        var pid: pid_t = 0
        let error = withTexts(arguments) { argv in
            withTexts(environment) { environ in posix_spawn(&pid, arguments[0], &actions, &attributes, argv, environ) }
        }
        guard error == 0 else { throw HarnessError("\(arguments[0]): \(String(cString: strerror(error)))") }
        return RunningCommand(command: self, pid: pid)
    }

    /// Starts the program and waits for its end.
    public func run(limit seconds: Double = 60) throws -> Outcome { try start().wait(limit: seconds) }
}

/// Calls with a null-terminated array of C strings.
private func withTexts(_ texts: [String], _ body: ([UnsafeMutablePointer<CChar>?]) -> Int32) -> Int32 {
    let pointers = texts.map { strdup($0) }
    defer { for pointer in pointers { free(pointer) } }
    return body(pointers + [nil])
}

/// A started program.
public final class RunningCommand {
    public let command: Command
    public let pid: pid_t
    private var outcome: Outcome?

    init(command: Command, pid: pid_t) {
        self.command = command
        self.pid = pid
    }

    public var isRunning: Bool { outcome == nil && Glibc.kill(pid, 0) == 0 && !isZombie(pid) }

    public func kill(_ signal: Int32 = SIGKILL) { Glibc.kill(pid, signal) }

    /// Waits for the end. When the time is over first, the program and its process group are killed and the
    /// outcome says so.
    @discardableResult
    public func wait(limit seconds: Double = 60) -> Outcome {
        if let outcome { return outcome }
        var status: Int32 = 0
        var isLate = false
        var pause: UInt32 = 50
        let end = Clock.now + seconds
        while waitpid(pid, &status, WNOHANG) == 0 {
            if Clock.now > end {
                isLate = true
                Glibc.kill(-pid, SIGKILL)
                Glibc.kill(pid, SIGKILL)
                waitpid(pid, &status, 0)
                break
            }
            usleep(pause)
            pause = min(pause * 2, 1000)
        }
        let result = Outcome(
            arguments: command.arguments, status: exitStatus(of: status), isLate: isLate,
            output: Files.read(command.output) ?? "", errors: Files.read(command.errors) ?? "")
        outcome = result
        return result
    }
}

/// A shell's view of a wait status: the exit code, or 128 and the signal's number.
func exitStatus(of status: Int32) -> Int32 {
    let signal = status & 0x7f
    return signal == 0 ? (status >> 8) & 0xff : 128 + signal
}

func isZombie(_ pid: pid_t) -> Bool {
    guard let text = Files.read("/proc/\(pid)/stat"), let end = text.lastIndex(of: ")") else { return false }
    return text[end...].dropFirst(2).first == "Z"
}

/// How a command ended.
public struct Outcome: Sendable, CustomStringConvertible {
    public let arguments: [String]
    /// The exit code, or 128 and the number of the signal that killed the command itself.
    public let status: Int32
    /// The command was killed because its time was over.
    public let isLate: Bool
    public let output: String
    public let errors: String

    public var succeeded: Bool { status == 0 && !isLate }

    public var description: String {
        let end = isLate ? "killed after its time" : "status \(status)"
        let shown = arguments.dropFirst(arguments.firstIndex { $0.hasSuffix("/root") }.map { $0 + 1 } ?? 0)
        return "\(shown.joined(separator: " ")): \(end); output: \(output.prefix(300)); errors: \(errors.prefix(1500))"
    }

    /// Throws when the command failed, with everything that it said.
    @discardableResult
    public func ok() throws -> Outcome {
        guard succeeded else { throw HarnessError(description) }
        return self
    }

    /// The first line of the output as JSON.
    public var report: Value {
        get throws {
            try ok()
            return try Value(parsing: output.split(separator: "\n").first ?? "")
        }
    }
}
