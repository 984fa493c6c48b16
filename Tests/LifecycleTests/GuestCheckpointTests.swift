import Harness
import Testing

/// Checkpoints where there is systemd, and cgroup v2 alone, and a kernel that tracks which memory is written to: in a
/// virtual machine. `Tests/Guest/checkpoints.sh` says what is checked there.
@Suite(
    .serialized, .needsRoot, .leavesNothing, .timeLimit(.minutes(30)),
    .enabled(if: Guest.program != nil, "APUS_VM does not name a program that runs a command in a virtual machine"))
struct GuestCheckpointTests {
    @Test(.flag("restore --lsm-profile"))
    func `both drivers save containers and bring them back with all that they had`() throws {
        try expectDone("life", checks: 65)
    }

    @Test(.flag("checkpoint --pre-dump", "checkpoint --lazy-pages"))
    func `containers move between two hosts, with memory in advance and memory that follows`() throws {
        try expectDone("migration", checks: 80)
    }

    @Test func `Podman's commands have the same outcome as with runc`() throws {
        try expectDone("podman", checks: 6)
    }

    @Test func `a container comes back after the host has started anew`() throws {
        let disk = try workspace().makeDirectory("disk")
        try expectDone("save", checks: 4, "--share-rw", disk, disk: disk)
        try expectDone("restore", checks: 15, "--cold", "--share-rw", disk, disk: disk)
    }

    private func workspace() throws -> Workspace {
        guard let workspace = Workspace.current else { throw HarnessError("no workspace") }
        return workspace
    }

    /// Runs a part of the script in a machine of its own.
    ///
    /// - Parameters:
    ///   - part: which one.
    ///   - count: how many checks there are at least.
    ///   - flags: how the machine is started, besides.
    ///   - disk: the directory with the disk that outlives the machine.
    private func expectDone(_ part: String, checks count: Int, _ flags: String..., disk: String? = nil) throws {
        let workspace = try workspace()
        guard let program = Guest.program, let runtime = Runtime.underTest else { throw HarnessError("no runtime") }
        let shared = try workspace.makeDirectory("shared-\(part)")
        let script = Files.parent(of: Files.parent(of: #filePath)) + "/Guest/checkpoints.sh"
        for (path, name) in [
            (runtime.path, "apus"), ("\(try Bundle.minimal().rootfs)/assert", "assert"), (script, "checkpoints.sh"),
        ] {
            try Files.copy(path, to: "\(shared)/\(name)", mode: 0o755)
        }
        var command = workspace.command(
            ["/bin/bash", program, "run", "--timeout", "1200", "--share", shared] + flags + [
                "--", "bash", "\(shared)/checkpoints.sh", "\(shared)/apus", "\(shared)/assert", part,
            ] + (disk.map { [$0] } ?? []))
        command.environment += ["HOME=/root"] + Guest.settings
        let outcome = try command.run(limit: 1300)
        let lines = outcome.output.split(separator: "\n")
        if let line = lines.first(where: { $0.hasPrefix("skipped: ") }) { try Test.cancel("\(line)") }
        for line in lines where line.hasPrefix("FAILED") { Issue.record("\(line)") }
        // A script that stopped early has failed as well.
        #expect(lines.last == "done", "\(outcome)\n\(lines.suffix(20).joined(separator: "\n"))")
        #expect(lines.count { $0.hasPrefix("ok ") } >= count, "\(outcome.output)")
    }
}
