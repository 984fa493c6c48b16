import InitProtocol
import Planner
import Testing

/// How apus-init looks for the program, run for real: every program here ends with a status of its own.
@Suite struct FindExecutableTests {
    private static let noEntry: Int32 = 2
    private static let accessDenied: Int32 = 13
    private static let nameTooLong: Int32 = 36

    private let scratch: Scratch

    /// `tool` is a program here (10), in `a` (11) and in `b` (12), a directory in `directory`, and a text in `text`.
    init() throws {
        scratch = try Scratch()
        try scratch.makeProgram("tool", ending: 10)
        for (name, status) in [("a", 11), ("b", 12)] {
            try scratch.makeDirectory(name)
            try scratch.makeProgram("\(name)/tool", ending: status)
        }
        try scratch.makeDirectory("directory/tool")
        try scratch.makeDirectory("text")
        try scratch.makeProgram("text/tool", ending: 13, mode: 0o644)
    }

    /// `@` in a path is the directory that the program starts in.
    private func run(_ name: String, _ path: String) throws -> Outcome {
        let place = scratch.path
        return try InitProgram(answers: 0).run(
            Blob([
                Step(.changeDirectory(place), .field("process.cwd")),
                Step(
                    .findExecutable(
                        name: name.replacing("@", with: place), path: path.replacing("@", with: place)),
                    .element("process.args", 0)),
                Step(.execute(arguments: ["tool"], environment: ["PATH=/usr/bin:/bin"]), .field("process.args")),
            ]))
    }

    @Test(arguments: [
        ("@/a:@/b", 11), ("@/b:@/a", 12), ("@/none:@/b", 12), ("@/directory:@/b", 12), ("@/text:@/b", 12),
        ("@/a/tool:@/b", 12),
        // An empty entry is the working directory, wherever it is, and relative ones begin there (execvp(3)).
        ("", 10), (":@/b", 10), ("@/none:", 10), ("@/none::@/b", 10), ("@/b:", 12), ("b", 12), ("./a/:b", 11),
        ("::", 10),
    ])
    func firstDirectoryWithAProgramOfThatNameCounts(path: String, status: Int32) throws {
        let outcome = try run("tool", path)
        #expect(outcome.executed(status), "\(outcome)")
    }

    @Test(arguments: [("@/none", noEntry), ("@/directory", accessDenied), ("@/text", accessDenied), ("/dev/null", 20)])
    func whatIsNoProgramIsAnError(path: String, errno: Int32) throws {
        let outcome = try run("tool", path)
        #expect(outcome.failed(at: 1, errno), "\(outcome)")
    }

    @Test(arguments: [("./tool", 10), ("b/tool", 12), ("@/a/tool", 11), ("a/../b/./tool", 12)])
    func nameWithASlashIsTheProgramAsItIs(name: String, status: Int32) throws {
        let outcome = try run(name, "@/a")
        #expect(outcome.executed(status), "\(outcome)")
    }

    @Test(arguments: [
        ("./none", noEntry), ("directory/tool", accessDenied), ("text/tool", accessDenied), ("/", accessDenied),
    ])
    func namedFileThatIsNoProgramIsAnError(name: String, errno: Int32) throws {
        let outcome = try run(name, "@/a")
        #expect(outcome.failed(at: 1, errno), "\(outcome)")
    }

    // MARK: Lengths

    /// The kernel takes a path of 4095 bytes (PATH_MAX).
    @Test(arguments: [(4095, true), (4096, false), (10_000, false)])
    func nameWithASlashIsNoLongerThanAPath(length: Int, works: Bool) throws {
        let outcome = try run(padded("./", to: length - 4) + "tool", "@/a")
        #expect(works ? outcome.executed(10) : outcome.failed(at: 1, Self.nameTooLong), "\(outcome)")
    }

    @Test(arguments: [(4095, true), (4096, false), (10_000, false)])
    func candidateThatIsTooLongIsNone(length: Int, works: Bool) throws {
        let directory = padded(scratch["b"] + "/", to: length - 5)
        let outcome = try run("tool", directory)
        #expect(works ? outcome.executed(12) : outcome.failed(at: 1, Self.noEntry), "\(outcome)")
        let behind = try run("tool", "\(directory):@/a")
        #expect(behind.executed(works ? 12 : 11), "\(behind)")
    }

    /// No product of the two: neither memory nor time.
    @Test(.timeLimit(.minutes(1))) func manyDirectoriesTimesALongNameAreNothing() throws {
        let outcome = try run(String(repeating: "n", count: 60_000), String(repeating: ":", count: 30_000))
        #expect(outcome.failed(at: 1, Self.noEntry), "\(outcome)")
        let short = try run("none", String(repeating: ":", count: 30_000))
        #expect(short.failed(at: 1, Self.noEntry), "\(short)")
    }

    /// Slashes more than one mean no more than one.
    private func padded(_ text: String, to length: Int) -> String {
        text + String(repeating: "/", count: length - text.utf8.count)
    }
}
