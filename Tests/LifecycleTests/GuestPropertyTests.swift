import Harness
import Testing

/// Properties that take what only the virtual machine has: `Tests/Guest/properties.sh` says what is checked there.
@Suite(
    .serialized, .timeLimit(.minutes(15)),
    .enabled(if: Guest.program != nil, "APUS_VM does not name a program that runs a command in a virtual machine"))
struct GuestPropertyTests {
    private static let lines = Result { () throws -> [Substring] in
        let runtime = try #require(Runtime.underTest)
        let script = "\(Files.parent(of: Files.parent(of: #filePath)))/Guest/properties.sh"
        return try Guest.output(ofScript: script, runtime.path, limit: 600).split(separator: "\n")
    }

    private func expectDone(_ subject: String, atLeast count: Int) throws {
        let lines = try Self.lines.get()
        for line in lines where line.hasPrefix("FAILED \(subject)") { Issue.record("\(line)") }
        // A script that stopped early has failed as well.
        #expect(lines.last == "done", "\(lines.suffix(20).joined(separator: "\n"))")
        #expect(lines.count { $0.hasPrefix("ok \(subject)") } >= count, "\(lines.joined(separator: "\n"))")
    }

    @Test func `a dummy network device is moved with its address`() throws { try expectDone("dummy", atLeast: 7) }

    @Test func `on an older kernel a tmpfs has no ids to map, and that is said`() throws {
        try expectDone("idmap", atLeast: 2)
    }

    @Test func `an AppArmor profile holds for the program and for what joins it`() throws {
        guard try !Self.lines.get().contains(where: { $0.hasPrefix("skipped AppArmor") }) else { return }
        try expectDone("profile", atLeast: 7)
    }
}
