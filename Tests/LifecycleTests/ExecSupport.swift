import Harness
import Testing

extension Bundle {
    /// A created and started container whose process sleeps.
    static func running(on runtime: Runtime? = nil, _ change: (inout Value) throws -> Void = { _ in }) throws -> Bundle
    {
        let bundle = try minimal(on: runtime) {
            $0.run("/assert", "sleep")
            try change(&$0)
        }
        return try bundle.begin()
    }

    /// Creates and starts the container, and waits until it says what it sees.
    @discardableResult
    func begin() throws -> Bundle {
        try create().ok()
        try start().ok()
        _ = try line()
        return self
    }

    /// `exec FLAGS ID COMMAND`.
    @discardableResult
    func exec(_ command: String..., flags: String...) throws -> Outcome { try executing(command, flags).run() }

    /// The same with lists, not started yet. What was prepared comes before it.
    func executing(_ command: [String], _ flags: [String] = []) -> Command {
        var command = self.command(["exec"] + flags + [id] + command)
        command.arguments = wrapper + command.arguments
        return command
    }

    /// What the assert program sees as one more process.
    func seen(_ flags: String..., asking questions: String...) throws -> Value {
        try executing(["/assert", "report"] + questions, flags).run().report
    }

    /// The same with a process of its own: the container's first one with these changes.
    func seen(as change: (inout Value) -> Void, _ flags: String...) throws -> Value {
        var process = config.process
        process.args = ["/assert", "report"]
        change(&process)
        let path = "\(directory)/process.json"
        try Files.write("\(process)", to: path)
        return try executing([], ["--process", path] + flags).run().report
    }
}
