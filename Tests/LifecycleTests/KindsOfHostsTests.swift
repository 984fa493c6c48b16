import Glibc
import Harness
import Testing

extension Containers {
    /// `Tests/Hosts` on this host. `APUS_SLOW` makes it 200 rounds.
    @Suite(.enabled(if: Host.python != nil, "needs Python: apt-get install python3")) struct KindsOfHostsTests {
        @Test func `many containers at a time come and go, also when commands are killed, and nothing stays`() throws {
            let output = try HostScript.output("stress.py", "--rounds", "\(HostScript.rounds)")
            HostScript.expectSuccess(output, checks: 5, runs: 1)
        }

        @Test(.enabled(if: Runtime.peer != nil, "needs runc to compare with: apt-get install runc"))
        func `the same resources give the same cgroup under apus and runc`() throws {
            HostScript.expectSuccess(try HostScript.output("parity.py"), checks: 60, runs: 1)
        }
    }
}

extension Containers {
    /// `Tests/Check` on this host: what apus says before and after something goes wrong. `APUS_SLOW` makes it thousands of
    /// configurations.
    @Suite(
        .enabled(if: Host.python != nil, "needs Python: apt-get install python3"),
        .beyondRunc("has neither the command nor the words"))
    struct VerdictTests {
        @Test(.timeLimit(.minutes(15)))
        func `what check says of fixtures and of generated configurations is what create does`() throws {
            let count = getenv("APUS_SLOW") == nil ? "200" : "4000"
            let output = try HostScript.output("verdicts.py", in: "Check", "--count", count, limit: 800)
            #expect(output.contains(" 0 verdicts are wrong"), "\(output.suffix(4000))")
        }

        @Test func `of each usual mistake just the words are said that help`() throws {
            let output = try HostScript.output("mistakes.py", in: "Check", limit: 200)
            #expect(output.contains(" 0 messages are wrong"), "\(output.suffix(4000))")
        }
    }
}

extension Containers {
    /// `Tests/Engines` on this host.
    @Suite(.enabled(if: getenv("APUS_SLOW") != nil, "slow: set APUS_SLOW")) struct EngineTests {
        @Test(
            .enabled(
                if: Host.has("dockerd") && Runtime.peer != nil, "needs Docker and runc: apt-get install docker.io"),
            .enabled(if: Host.python != nil, "needs Python: apt-get install python3"))
        func `Docker does the same with apus as with runc`() throws {
            let output = try HostScript.output("docker.py", in: "Engines", limit: 280)
            HostScript.expectSuccess(output, checks: 50, runs: 1)
        }
    }
}

/// `Tests/Hosts` in a virtual machine with cgroup v2 alone, with both drivers; crun is there to compare with as well.
@Suite(
    .serialized, .timeLimit(.minutes(25)),
    .enabled(if: Guest.program != nil, "APUS_VM does not name a program that runs a command in a virtual machine"))
struct KindsOfHostsGuestTests {
    @Test func `many containers at a time come and go, also when commands are killed, and nothing stays`() throws {
        let runtime = try #require(Runtime.underTest)
        let output = try Guest.output(
            ofScript: HostScript.path("guest.sh"), runtime.path, "stress", "\(HostScript.rounds)", limit: 1200)
        HostScript.expectSuccess(output, checks: 10, runs: 2)
    }

    @Test func `the same resources give the same cgroup under apus, runc and crun`() throws {
        let runtime = try #require(Runtime.underTest)
        let output = try Guest.output(ofScript: HostScript.path("guest.sh"), runtime.path, "parity", limit: 1200)
        HostScript.expectSuccess(output, checks: 240, runs: 1)
    }
}

/// The scripts in `Tests/Hosts` and `Tests/Engines`, which say "ok NAME" or "FAILED NAME: what was seen" for each
/// check, and "done".
private enum HostScript {
    static func path(_ name: String, in folder: String = "Hosts") -> String {
        "\(Files.parent(of: Files.parent(of: #filePath)))/\(folder)/\(name)"
    }

    /// How many rounds a stress test makes.
    static var rounds: Int { getenv("APUS_SLOW") == nil ? 48 : 200 }

    /// What a script prints on this host.
    static func output(
        _ name: String, in folder: String = "Hosts", _ flags: String..., limit: Double = 240
    ) throws -> String {
        let workspace = try #require(Workspace.current)
        let runtime = try #require(Runtime.underTest)
        let python = try #require(Host.python)
        return try workspace.command([python, path(name, in: folder), runtime.path] + flags).run(limit: limit).output
    }

    /// - Parameter runs: how often a script has to have come to its end.
    static func expectSuccess(
        _ output: String, checks: Int, runs: Int, sourceLocation: SourceLocation = #_sourceLocation
    ) {
        let lines = output.split(separator: "\n")
        // Seeds come first: a failure can be repeated with `stress.py --seed`.
        let seeds = lines.filter { $0.hasPrefix("seed ") }.joined(separator: "; ")
        for line in lines where line.hasPrefix("FAILED") {
            Issue.record("\(line) \(seeds)", sourceLocation: sourceLocation)
        }
        let last = lines.suffix(20).joined(separator: "\n")
        #expect(lines.count { $0 == "done" } == runs, "\(last)", sourceLocation: sourceLocation)
        #expect(lines.count { $0.hasPrefix("ok ") } >= checks, "\(last)", sourceLocation: sourceLocation)
    }
}
