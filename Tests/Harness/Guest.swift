import Glibc

/// Another kind of host: a virtual machine with cgroup v2 alone and systemd, in which tests of this program run again.
public enum Guest {
    /// `APUS_VM`: called as `PROGRAM run --share DIRECTORY... -- COMMAND...`.
    public static var program: String? { variable("APUS_VM") }

    /// What the program is told about its guest besides (`APUS_VM_SUITE`, `APUS_VM_PACKAGES`, ...).
    public static var settings: [String] {
        (Files.read("/proc/self/environ") ?? "").split(separator: "\0").filter { $0.hasPrefix("APUS_VM_") }.map(
            String.init)
    }

    private static func variable(_ name: String) -> String? {
        getenv(name).map { String(cString: $0) }.flatMap { $0.isEmpty ? nil : $0 }
    }

    /// Runs the tests that match a filter, with the runtime under test, after a shell script.
    public static func runTests(
        _ filter: String, after preparation: String = "true", limit seconds: Int = 900
    ) throws
        -> Outcome
    {
        guard let program, let runtime = Runtime.underTest else {
            throw HarnessError("no virtual machine, or no runtime")
        }
        guard let tests = Files.target(ofLink: "/proc/self/exe") else { throw HarnessError.lastCall("/proc/self/exe") }
        let template = try Template.directory.get()
        let binary = try resolved(runtime.path)
        let directory = "/tmp/apus-guest-\(getpid())"
        try Files.makeDirectory(directory)
        defer { Files.removeTree(directory) }
        // One directory at most of each kind: that is as many as a guest can share.
        let shared = Set([Files.parent(of: tests), Files.parent(of: binary), template]).union(libraries(of: tests))
        var arguments = ["/bin/bash", program, "run", "--timeout", "\(seconds)"]
        for path in shared.sorted() { arguments += ["--share", path] }
        arguments += ["--env", "APUS_BINARY=\(binary)", "--env", "APUS_TEMPLATE=/tmp/template", "--"]
        // Tests make links to the programs: they have to be on the guest's own file system.
        let command = "\(tests) --testing-library swift-testing --filter '\(filter)'"
        arguments += ["sh", "-c", "\(preparation) && cp -r \(template) /tmp/template && exec \(command)"]
        let environment = ["PATH", "HOME"].compactMap { name in variable(name).map { "\(name)=\($0)" } } + settings
        return try Command(
            arguments: arguments, environment: environment, directory: directory, output: "\(directory)/out",
            errors: "\(directory)/err"
        ).run(limit: Double(seconds) + 60)
    }

    /// A path without links: a directory is shared under one name.
    static func resolved(_ path: String) throws -> String {
        guard let real = realpath(path, nil) else { throw HarnessError.lastCall("realpath \(path)") }
        defer { free(real) }
        return String(cString: real)
    }

    /// Where the libraries of Swift are that this program uses.
    static func libraries(of tests: String) -> Set<String> {
        var found: Set<String> = []
        for line in (Files.read("/proc/self/maps") ?? "").split(separator: "\n") {
            guard let slash = line.firstIndex(of: "/"), line.contains("/libswift") else { continue }
            found.insert(Files.parent(of: String(line[slash...])))
        }
        return found
    }
}
