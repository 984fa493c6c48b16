import Harness
import Testing

/// The systemd driver, in a virtual machine with systemd, its buses, and cgroup v2 alone: `Tests/Guest/systemd.sh` says
/// what is checked there.
@Suite(
    .serialized, .timeLimit(.minutes(25)),
    .enabled(if: Guest.program != nil, "APUS_VM does not name a program that runs a command in a virtual machine"))
struct SystemdTests {
    @Test(.flag("--systemd-cgroup", "--cgroup-manager"))
    func `the systemd driver keeps its promises on a real systemd`() throws {
        let runtime = try #require(Runtime.underTest)
        let script = "\(Files.parent(of: Files.parent(of: #filePath)))/Guest/systemd.sh"
        let lines = try Guest.output(ofScript: script, runtime.path, limit: 1200).split(separator: "\n")
        for line in lines where line.hasPrefix("FAILED") { Issue.record("\(line)") }
        // A script that stopped early has failed as well.
        #expect(lines.last == "done", "\(lines.suffix(20).joined(separator: "\n"))")
        #expect(lines.count { $0.hasPrefix("ok ") } >= 85)
    }
}
