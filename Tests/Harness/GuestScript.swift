import Foundation

extension Guest {
    /// What a script and its arguments print in the virtual machine, which sees the directories that they are in.
    public static func output(ofScript script: String, _ arguments: String..., limit seconds: Int) throws -> String {
        guard let program else { throw HarnessError("no virtual machine") }
        // Several suites have a machine at the same time.
        let directory = "/tmp/apus-guest-\(getpid())-script-\(UInt32.random(in: 0...UInt32.max))"
        try Files.makeDirectory(directory)
        defer { Files.removeTree(directory) }
        var words = ["/bin/bash", program, "run", "--timeout", "\(seconds)"]
        // Without links: a directory is shared under one name.
        let script = try resolved(script)
        let arguments = try arguments.map { $0.hasPrefix("/") ? try resolved($0) : $0 }
        let files = ([script] + arguments).filter { $0.hasPrefix("/") }
        for path in Set(files.map { Files.parent(of: $0) }).sorted() { words += ["--share", path] }
        words += ["--", "bash", script] + arguments
        // What the machine's program goes by, such as which system it starts.
        let environment = ProcessInfo.processInfo.environment.filter { entry in
            ["PATH", "HOME"].contains(entry.key) || entry.key.hasPrefix("APUS_VM_")
        }.map { "\($0.key)=\($0.value)" }
        return try Command(
            arguments: words, environment: environment, directory: directory, output: "\(directory)/out",
            errors: "\(directory)/err"
        ).run(limit: Double(seconds) + 60).output
    }
}
