import Harness
import Testing

/// The same tests on another kind of host.
@Suite(
    .serialized,
    .enabled(if: Guest.program != nil, "APUS_VM does not name a program that runs a command in a virtual machine"))
struct GuestTests {
    @Test func `the commands on control groups hold with cgroup v2 alone`() throws {
        let suites = "Containers/(UpdateTests|PauseTests|KillAllTests|EventTests|EnforcementTests)"
        let outcome = try Guest.runTests("LifecycleTests.\(suites)")
        let said = outcome.output + outcome.errors
        let failures = said.split(separator: "\n").filter { !$0.contains(" passed after ") && !$0.contains(" started") }
        #expect(said.contains("Suite UpdateTests passed"))
        #expect(outcome.succeeded, "\(failures.joined(separator: "\n"))")
    }
}
