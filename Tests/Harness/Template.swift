import Glibc

/// The two programs that every rootfs holds, prepared once per test run.
enum Template {
    /// Directory with `assert` and `busybox`, or the reason why there is none.
    static let directory: Result<String, HarnessError> = Result { () throws(HarnessError) in try prepare() }

    /// The applets of busybox that tests call.
    static let applets = [
        "sh", "cat", "ls", "id", "true", "false", "sleep", "echo", "stty", "env", "head", "touch", "tr", "od",
        "sha256sum", "seq", "pidof", "tty",
    ]

    private static var sources: String { Files.parent(of: Files.parent(of: #filePath)) + "/Assert" }

    /// `APUS_TEMPLATE` names a directory that was prepared elsewhere, for a machine without a compiler.
    private static var given: String? {
        getenv("APUS_TEMPLATE").map { String(cString: $0) }.flatMap { $0.isEmpty ? nil : $0 }
    }

    /// A static program of C.
    private static func compile(_ files: [String], to name: String, in directory: String) throws {
        guard let compiler = ["cc", "gcc", "clang"].lazy.compactMap(Host.path(of:)).first
        else { throw HarnessError("no C compiler: install gcc (make deps)") }
        try Command(
            arguments: [compiler, "-std=gnu17", "-static", "-O2", "-Wall", "-Wextra", "-o", "\(directory)/\(name)"]
                + files,
            environment: ["PATH=/usr/bin:/bin"], directory: directory,
            output: "\(directory)/log", errors: "\(directory)/log"
        ).run(limit: 240).ok()
    }

    /// The seccomp agent of Tests/Agent, beside the programs that every rootfs holds.
    static let agent: Result<String, HarnessError> = Result { () throws(HarnessError) in
        let directory = try Self.directory.get()
        let source = Files.parent(of: sources) + "/Agent/agent.c"
        do { try compile([source], to: "agent", in: directory) } catch { throw HarnessError("\(error)") }
        return "\(directory)/agent"
    }

    private static func prepare() throws(HarnessError) -> String {
        if let given { return given }
        let directory = "/tmp/apus-harness-\(getpid())"
        do {
            try Files.makeDirectory(directory)
            let files = Files.list(sources).filter { $0.hasSuffix(".c") }.map { "\(sources)/\($0)" }
            try compile(files, to: "assert", in: directory)
            guard let busybox = Host.path(of: "busybox") else {
                throw HarnessError("no busybox: install busybox-static (make deps)")
            }
            try Files.copy(busybox, to: "\(directory)/busybox", mode: 0o755)
        } catch let error as HarnessError {
            throw error
        } catch {
            throw HarnessError("\(error)")
        }
        atexit { Files.removeTree("/tmp/apus-harness-\(getpid())") }
        return directory
    }
}
