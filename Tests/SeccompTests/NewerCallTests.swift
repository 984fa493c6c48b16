import OCI
import Seccomp
import Testing

private let openat2: UInt32 = 437
private let closeRange: UInt32 = 436
private let faccessat2: UInt32 = 439
private let newer: UInt32 = 440

/// Calls that are newer than the newest one that the profile names.
@Suite(.needsX86_64) struct NewerCallTests {
    @Test(arguments: [
        (SeccompAction.errno, Verdict.errno(1)), (.kill, .killThread), (.killThread, .killThread),
        (.killProcess, .killProcess), (.trap, .trap),
    ])
    func doNotExistIfTheDefaultRefuses(action: SeccompAction, verdict: Verdict) throws {
        let profile = SeccompProfile(defaultAction: action, syscalls: [.allow("faccessat2"), .allow("read")])
        let filter = try SeccompFilter.compile(profile)
        #expect(try filter.answer(faccessat2) == .allow)
        #expect(try filter.answer(openat2) == verdict)
        for number in [newer, 1000, 0x3fff_ffff, 0x8000_0000] {
            #expect(try filter.answer(number) == .errno(38), "\(number)")
        }
    }

    @Test(arguments: [SeccompAction.allow, .log, .trace, .notify])
    func areLeftToADefaultThatDoesNotRefuse(action: SeccompAction) throws {
        let profile = SeccompProfile(defaultAction: action, syscalls: [.errno(2, "faccessat2")])
        let filter = try SeccompFilter.compile(profile)
        #expect(try filter.answer(newer) == filter.answer(openat2))
        #expect(try filter.answer(newer) != .errno(38))
    }

    @Test func defaultErrnoDoesNotMatter() throws {
        let profile = SeccompProfile(defaultAction: .errno, defaultErrnoRet: 13, syscalls: [.allow("openat2")])
        #expect(try SeccompFilter.compile(profile).answer(newer) == .errno(38))
    }

    @Test func anyRuleNamesTheNewest() throws {
        for rule in [
            SeccompRule.allow("faccessat2"), .errno(nil, "faccessat2"), .errno(5, "faccessat2"),
            .allow("faccessat2", .equal(0, 1)),
        ] {
            let filter = try SeccompFilter.compile(.refusing(.allow("read"), rule, .allow("openat2")))
            #expect(try filter.answer(438) == .errno(1))
            #expect(try filter.answer(newer) == .errno(38))
        }
    }

    @Test func unknownNamesDoNotCount() throws {
        let filter = try SeccompFilter.compile(.refusing(.allow("openat2"), .allow("no_such_call")))
        #expect(try filter.answer(438) == .errno(38))
    }

    @Test func newestIsPerArchitecture() throws {
        // getcwd is 79 on x86-64, 183 on x86 and 17 on aarch64.
        let filter = try SeccompFilter.compile(
            .refusing(.allow("getcwd"), architectures: [.x86, .x32, .aarch64]))
        #expect(try filter.answer(79) == .allow)
        #expect(try filter.answer(78) == .errno(1))
        #expect(try filter.answer(80) == .errno(38))
        #expect(try filter.answer(183, on: .x86) == .allow)
        #expect(try filter.answer(80, on: .x86) == .errno(1))
        #expect(try filter.answer(184, on: .x86) == .errno(38))
        #expect(try filter.answer(17, on: .aarch64) == .allow)
        #expect(try filter.answer(18, on: .aarch64) == .errno(38))
        #expect(try filter.answer(1, on: .arm) == .killThread)
    }

    @Test func callsOfX32HaveTheirOwnLimit() throws {
        // ioctl is 16 on x86-64 and 514 on x32, read is 0 on both.
        let profile = SeccompProfile.refusing(.allow("ioctl"), .allow("read"), architectures: [.x32])
        let filter = try SeccompFilter.compile(profile)
        #expect(try filter.answer(16) == .allow)
        #expect(try filter.answer(17) == .errno(38))
        #expect(try filter.answer(514 | .x32Bit) == .allow)
        #expect(try filter.answer(0 | .x32Bit) == .allow)
        #expect(try filter.answer(16 | .x32Bit) == .errno(1))
        #expect(try filter.answer(513 | .x32Bit) == .errno(1))
        #expect(try filter.answer(515 | .x32Bit) == .errno(38))
        #expect(try filter.answer(.max) == .errno(38))
    }

    @Test func callsOfX32AreRefusedWithoutIt() throws {
        let filter = try SeccompFilter.compile(.refusing(.allow("read"), architectures: [.x86]))
        #expect(try filter.answer(0 | .x32Bit) == .killThread)
        #expect(try filter.answer(1000 | .x32Bit) == .killThread)
    }

    @Test func minusOneIsNoCallOfX32() throws {
        // What a tracer sets to have a call skipped: libseccomp gives it the default action.
        #expect(try SeccompFilter.compile(.refusing(.allow("read"))).answer(.max) == .errno(1))
        #expect(try SeccompFilter.compile(.allowing(.errno(1, "read"))).answer(.max) == .allow)
    }

    @Test func profileThatNamesNoCall() throws {
        let filter = try SeccompFilter.compile(.refusing(.allow("no_such_call"), architectures: [.x86]))
        #expect(try filter.answer(0) == .errno(1))
        #expect(try filter.answer(5000, on: .x86) == .errno(1))
    }
}
