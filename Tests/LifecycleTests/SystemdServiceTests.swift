import Glibc
import Harness
import Testing

extension Containers {
    /// `Tests/Services/systemd.sh` in a virtual machine whose process 1 is systemd.
    @Suite(
        .enabled(if: Guest.program != nil, "APUS_VM does not name a program that runs a command in a virtual machine"))
    struct SystemdServiceTests {
        @Test(.timeLimit(.minutes(5))) func `containers are services of systemd`() throws {
            guard let runtime = Runtime.underTest, let workspace = Workspace.current else {
                throw HarnessError("no runtime")
            }
            let shared = try workspace.makeDirectory("shared")
            try Files.copy(runtime.path, to: "\(shared)/apus", mode: 0o755)
            try Files.copy("\(try Bundle.minimal().rootfs)/assert", to: "\(shared)/assert", mode: 0o755)
            try Files.copy(Guest.script, to: "\(shared)/systemd.sh", mode: 0o755)
            var command = workspace.command(
                [
                    "/bin/bash", Guest.program ?? "", "run", "--timeout", "280", "--share", shared, "--",
                    "\(shared)/systemd.sh", "\(shared)/apus", "\(shared)/assert",
                ])
            command.environment += ["HOME=/root"] + Harness.Guest.settings
            let outcome = try command.run(limit: 290)
            let lines = outcome.output.split(separator: "\n")
            #expect(!lines.contains { $0.hasPrefix("not ok") }, "\(outcome.output)")
            #expect(lines.count { $0.hasPrefix("ok ") } == 7, "\(outcome)\n\(outcome.output)")
        }
    }
}

private enum Guest {
    /// `APUS_VM`: called as `PROGRAM run --share DIRECTORY... -- COMMAND...`.
    static var program: String? { getenv("APUS_VM").map { String(cString: $0) }.flatMap { $0.isEmpty ? nil : $0 } }
    static let script = Files.parent(of: Files.parent(of: #filePath)) + "/Services/systemd.sh"
}
