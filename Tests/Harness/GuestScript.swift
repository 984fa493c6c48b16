import Glibc

extension Guest {
    /// What a script and its arguments print in the virtual machine, which sees the directories that they are in.
    public static func output(ofScript script: String, _ arguments: String..., limit seconds: Int) throws -> String {
        guard let program else { throw HarnessError("no virtual machine") }
        let directory = "/tmp/apus-guest-\(getpid())-script"
        try Files.makeDirectory(directory)
        defer { Files.removeTree(directory) }
        var words = ["/bin/bash", program, "run", "--timeout", "\(seconds)"]
        for path in Set(([script] + arguments).map { Files.parent(of: $0) }).sorted() { words += ["--share", path] }
        words += ["--", "bash", script] + arguments
        let names: [String] = ["PATH", "HOME", "APUS_VM_CACHE"]
        let environment = names.compactMap { (name: String) -> String? in
            getenv(name).map { "\(name)=\(String(cString: $0))" }
        }
        return try Command(
            arguments: words, environment: environment, directory: directory, output: "\(directory)/out",
            errors: "\(directory)/err"
        ).run(limit: Double(seconds) + 60).output
    }
}
