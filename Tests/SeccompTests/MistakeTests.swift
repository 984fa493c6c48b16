import OCI
import Testing

@testable import Seccomp

@Suite(.needsX86_64) struct MistakeTests {
    @Test func architectureThatTheLibraryDoesNotKnow() {
        #expect(
            message(.allowing(architectures: [.x86, .loongarch64]))
                == "linux.seccomp.architectures[1]: SCMP_ARCH_LOONGARCH64 is unknown to libseccomp "
                + SeccompSupport.libraryVersion)
    }

    @Test func architectureOfTheOtherByteOrder() {
        #expect(
            message(.allowing(architectures: [.s390x]))
                == "linux.seccomp.architectures[0]: SCMP_ARCH_S390X has another byte order than this machine")
    }

    @Test func argumentThatNoCallHas() {
        #expect(
            message(.allowing(.errno(nil, "read"), .errno(nil, "kcmp", .equal(0, 1), .equal(6, 1))))
                == "linux.seccomp.syscalls[1].args[1].index: must be 0 to 5: 6")
    }

    @Test func contradictingRules() {
        let rules: [SeccompRule] = [
            .allow("personality", .equal(0, 1)),
            SeccompRule(names: ["kcmp", "personality"], action: .errno, errnoRet: 5, args: [.equal(0, 1)]),
        ]
        #expect(
            message(SeccompProfile(defaultAction: .errno, syscalls: rules))
                == "linux.seccomp.syscalls[1].names[1]: "
                + "an earlier rule has the same conditions for personality, but another action")
    }

    @Test func killableWaitWithoutSupervisor() {
        let profile = SeccompProfile.allowing().with {
            $0.flags = SeccompFlags(rawValue: SeccompFlag.waitKillableRecv.rawValue)
        }
        #expect(
            message(profile)
                == "linux.seccomp.flags: SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV needs a rule with SCMP_ACT_NOTIFY")
    }

    @Test func filterThatTheKernelWouldNotTake() throws {
        let text = message(.crowded(by: 1000))
        #expect(text?.hasPrefix("linux.seccomp: the filter has ") == true)
        #expect(text?.hasSuffix(" instructions, the kernel takes at most 4096") == true)
    }

    @Test func filterThatFitsOnlyAsAList() throws {
        let profile = SeccompProfile.crowded(by: 920)
        let architectures = try Architecture.all(of: profile)
        let tree = try SeccompFilter.assemble(profile, architectures, LibraryRule.all(of: profile), as: .tree)
        try #require(tree.count > SeccompFilter.mostInstructions * 8)
        let filter = try SeccompFilter.compile(profile)
        #expect(filter.instructionCount <= SeccompFilter.mostInstructions)
        #expect(try filter.answer(312, 919 << 32) == .allow)
        #expect(try filter.answer(312, 919) == .errno(1))
        #expect(try filter.answer(0) == .allow)
    }

    private func message(_ profile: SeccompProfile) -> String? {
        do {
            _ = try SeccompFilter.compile(profile)
            return nil
        } catch {
            return "\(error)"
        }
    }
}
