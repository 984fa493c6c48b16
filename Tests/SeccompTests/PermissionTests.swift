import OCI
import Seccomp
import Testing

/// Whether a filter lets a call of this machine through, asked by name.
@Suite struct PermissionTests {
    private func machine(_ profile: SeccompProfile) throws -> FilterMachine {
        FilterMachine(try SeccompFilter.compile(profile).program)
    }

    @Test func callsThatAreAllowedOrLoggedPass() throws {
        let machine = try machine(.refusing(.allow("getcwd"), .action(.log, "getpid")))
        #expect(machine.permits("getcwd", []))
        #expect(machine.permits("getpid", []))
        #expect(!machine.permits("read", []))
        #expect(try self.machine(SeccompProfile(defaultAction: .log)).permits("read", []))
    }

    @Test(arguments: [
        SeccompAction.errno, .kill, .killThread, .killProcess, .trace, .trap, .notify,
    ])
    func otherAnswersAreRefusals(action: SeccompAction) throws {
        let machine = try machine(.allowing(.action(action, "getcwd")))
        #expect(!machine.permits("getcwd", []))
        #expect(machine.permits("getpid", []))
    }

    /// An errno of 0 is no success: the call is not made.
    @Test func errnoOfNothingIsARefusalToo() throws {
        #expect(try !machine(.allowing(.errno(0, "getcwd"))).permits("getcwd", []))
    }

    /// As engines do it: clone without any flag of a new namespace, and no clone3.
    @Test func cloneIsDecidedByItsFlags() throws {
        for profile in [
            SeccompProfile.container,
            .refusing(.allow("clone", SeccompArgument(index: 0, value: 0x7e02_0000, op: .maskedEqual))),
        ] {
            let machine = try machine(profile)
            #expect(machine.permits("clone", [0x9000]))  // CLONE_PARENT | CLONE_PIDFD
            #expect(machine.permits("clone", []))
            #expect(!machine.permits("clone", [0x9000 | 0x1000_0000]))  // CLONE_NEWUSER
            #expect(!machine.permits("clone", [0x2_0000]))  // CLONE_NEWNS
            #expect(!machine.permits("clone3", [0x9000]))
        }
    }

    @Test func everyArgumentIsInItsPlaceAndWhole() throws {
        let machine = try machine(
            .refusing(
                .allow("prctl", .equal(0, 1), .equal(1, 9)), .allow("ioctl", .equal(1, 0x540e)),
                .allow("kcmp", .equal(5, 0x1_0000_0002))))
        #expect(machine.permits("prctl", [1, 9]))
        #expect(!machine.permits("prctl", [9, 1]))
        #expect(!machine.permits("prctl", [1]))
        #expect(machine.permits("ioctl", [0, 0x540e]))
        #expect(!machine.permits("ioctl", [0x540e]))
        #expect(machine.permits("kcmp", [0, 0, 0, 0, 0, 0x1_0000_0002]))
        #expect(!machine.permits("kcmp", [0, 0, 0, 0, 0, 2]))
    }

    @Test func callThatThisMachineDoesNotHaveIsNotPermitted() throws {
        let machine = try machine(.allowing())
        #expect(!machine.permits("no_such_call", []))
        #expect(!machine.permits("socketcall", []))
        #expect(machine.permits("getcwd", []))
    }

    /// A program that leads out of itself, or that nobody has made, permits nothing.
    @Test(
        arguments: [
            [], [0x20, 0, 0, 0, 0, 0, 0, 0], [0x05, 0, 0, 0, 9, 0, 0, 0], [0xff, 0, 0, 0, 0, 0, 0, 0],
            [0x20, 0, 0, 0, 64, 0, 0, 0, 0x06, 0, 0, 0, 0, 0, 0xff, 0x7f],
        ] as [[UInt8]])
    func brokenProgramPermitsNothing(program: [UInt8]) {
        #expect(!FilterMachine(program).permits("getcwd", []))
    }

    /// The architecture is the machine's own, whatever others the filter has.
    @Test func ownArchitectureIsAsked() throws {
        let profile = SeccompProfile.refusing(.allow("getcwd"), architectures: [.x86_64, .x86, .aarch64, .arm])
        #expect(try machine(profile).permits("getcwd", []))
        #expect(try !machine(profile).permits("getpid", []))
    }
}
