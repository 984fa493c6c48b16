import Glibc

/// A CRIU that works on this machine.
public enum Criu {
    /// `APUS_CRIU`, else the one in PATH if it says itself that it can work with this kernel.
    public static let program: String? = {
        if let chosen = getenv("APUS_CRIU") { return String(cString: chosen) }
        guard let found = Host.path(of: "criu"), run(found, "check") else { return nil }
        return found
    }()

    public static let absence = "no CRIU that works here: APUS_CRIU names one, APUS_TODAY a root that has one"

    /// Whether the kernel has something that CRIU asks for (criu(8), "check").
    public static func has(_ feature: String) -> Bool {
        program.map { run($0, "check", "--feature", feature) } ?? false
    }

    private static func run(_ arguments: String...) -> Bool {
        let command = Command(
            arguments: arguments, environment: ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"], directory: "/",
            output: "/dev/null", errors: "/dev/null")
        return (try? command.run().succeeded) == true
    }
}

/// A root with newer programs, on this machine's kernel, in which tests of this program run again.
public enum Today {
    /// `APUS_TODAY`: called as `PROGRAM run --share DIRECTORY... --env NAME=VALUE... -- COMMAND...`.
    public static var program: String? {
        getenv("APUS_TODAY").map { String(cString: $0) }.flatMap { $0.isEmpty ? nil : $0 }
    }

    /// Runs the tests that match a filter, with the runtime under test.
    public static func runTests(_ filter: String, limit seconds: Double = 900) throws -> Outcome {
        guard let program, let runtime = Runtime.underTest else { throw HarnessError("no other root, or no runtime") }
        guard let tests = Files.target(ofLink: "/proc/self/exe") else { throw HarnessError.lastCall("/proc/self/exe") }
        let template = try Template.directory.get()
        let binary = try Guest.resolved(runtime.path)
        let directory = "/tmp/apus-today-\(getpid())"
        try Files.makeDirectory(directory)
        defer { Files.removeTree(directory) }
        let shared = Set([Files.parent(of: tests), Files.parent(of: binary), template]).union(
            Guest.libraries(of: tests))
        var arguments = ["/bin/bash", program, "run"]
        for path in shared.sorted() { arguments += ["--share", path] }
        // Links to the programs are made: they have to be on one file system with the bundles.
        arguments += ["--env", "APUS_BINARY=\(binary)", "--env", "APUS_TEMPLATE=/tmp/template"]
        arguments += ["--env", "APUS_CRIU=/usr/sbin/criu", "--share", try copyLibraries(of: tests, to: directory)]
        arguments += ["--env", "LD_LIBRARY_PATH=\(directory)/lib", "--", "sh", "-c"]
        arguments.append(
            "ip link set lo up; cp -r \(template) /tmp/template && exec \(tests) --testing-library swift-testing "
                + "--filter '\(filter)'")
        let home = getenv("HOME").map { ["HOME=\(String(cString: $0))"] } ?? []
        return try Command(
            arguments: arguments, environment: ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"] + home, directory: directory,
            output: "\(directory)/out", errors: "\(directory)/err"
        ).run(limit: seconds)
    }

    /// Libraries of this distribution that the tests are linked with; the C library is the other root's own.
    private static func copyLibraries(of program: String, to directory: String) throws -> String {
        let list = try Command(
            arguments: ["/usr/bin/ldd", program], environment: ["PATH=/usr/bin:/bin"], directory: directory,
            output: "\(directory)/ldd", errors: "\(directory)/ldd"
        ).run().ok().output
        let own = ["libc.", "libm.", "libpthread.", "libdl.", "librt.", "libresolv.", "libutil.", "ld-linux"]
        try Files.makeDirectory("\(directory)/lib")
        for line in list.split(separator: "\n") {
            // "libjson-c.so.5 => /lib/x86_64-linux-gnu/libjson-c.so.5 (0x...)"
            let words = line.split { $0 == " " || $0 == "\t" }.map(String.init)
            guard words.count > 2, words[1] == "=>", words[2].hasPrefix("/lib/") || words[2].hasPrefix("/usr/lib/"),
                !own.contains(where: words[0].hasPrefix)
            else { continue }
            try Files.copy(words[2], to: "\(directory)/lib/\(words[0])", mode: 0o755)
        }
        return "\(directory)/lib"
    }
}
