import Foundation
import OCI
import Seccomp
import SeccompLoader
import Testing

// Numbers of x86-64.
private let getpid = 39
private let getcwd = 79
private let kcmp = 312

private let systemCallKilled: Int32 = 31  // SIGSYS
private let notPermitted = -1
private let noSystemCall = -38

/// Filters in the kernel: a child loads them and tries calls.
@Suite(.needsX86_64) struct LoadingTests {
    @Test func refusedCallsFail() throws {
        let filter = try SeccompFilter.compile(.allowing(.errno(nil, "getcwd"), .errno(95, "getpid")))
        let outcome = try load(filter, [Attempt(getcwd), Attempt(getpid), Attempt(102)])
        #expect(outcome.results == [notPermitted, -95, Int(getuid())])
        #expect(outcome.status == 0)
    }

    @Test func containerProfile() throws {
        let outcome = try load(
            SeccompFilter.compile(.container),
            [
                Attempt(getpid), Attempt(155), Attempt(435), Attempt(41, 40, 0, 0), Attempt(135, 0xffff_ffff),
                Attempt(135, 5), Attempt(460), Attempt(999),
            ])
        #expect(outcome.results[0] > 0)
        // pivot_root, clone3, socket(AF_VSOCK), personality, calls newer than the profile
        #expect(Array(outcome.results[1...3]) == [notPermitted, noSystemCall, notPermitted])
        #expect(outcome.results[4] >= 0)
        #expect(Array(outcome.results[5...]) == [notPermitted, noSystemCall, noSystemCall])
    }

    @Test func conditions() throws {
        let filter = try SeccompFilter.compile(
            .allowing(.errno(77, "kcmp", .equal(0, 1), .equal(4, 0x1_0000_0002))))
        let outcome = try load(
            filter, [Attempt(kcmp, 1, 0, 0, 0, 0x1_0000_0002), Attempt(kcmp, 1, 0, 0, 0, 2), Attempt(kcmp, 2)])
        #expect(outcome.results[0] == -77)
        #expect(outcome.results[1] != -77)
        #expect(outcome.results[2] != -77)
    }

    @Test(arguments: [SeccompAction.kill, .killThread, .killProcess, .trap])
    func deadlyActions(action: SeccompAction) throws {
        let filter = try SeccompFilter.compile(.allowing(.action(action, "getcwd")))
        let outcome = try load(filter, [Attempt(getpid), Attempt(getcwd), Attempt(getpid)])
        #expect(outcome.status & 0x7f == systemCallKilled)
        #expect(outcome.results[0] > 0)
        #expect(outcome.results[2] == 0)
    }

    @Test func logAllows() throws {
        let filter = try SeccompFilter.compile(
            SeccompProfile.allowing(.action(.log, "getpid")).with { $0.flags = SeccompFlags(rawValue: 2) })
        #expect(try load(filter, [Attempt(getpid)]).results[0] > 0)
    }

    @Test func traceWithoutTracerIsAnUnknownCall() throws {
        let filter = try SeccompFilter.compile(.allowing(.action(.trace, "getpid")))
        #expect(try load(filter, [Attempt(getpid)]).results == [noSystemCall])
    }

    @Test func callsOfX32() throws {
        let x32 = 0x4000_0000
        let without = try SeccompFilter.compile(.allowing(.errno(5, "getpid")))
        #expect(try load(without, [Attempt(getpid + x32)]).status & 0x7f == systemCallKilled)
        let with = try SeccompFilter.compile(.allowing(.errno(5, "getpid"), architectures: [.x32]))
        #expect(try load(with, [Attempt(getpid + x32)]).results == [-5])
    }

    @Test func callsOfX86() throws {
        let allowed = SeccompRule(names: ["getpid", "exit_group"], action: .allow)
        let refused = SeccompRule.errno(5, "getcwd")
        let with = try SeccompFilter.compile(.refusing(allowed, refused, architectures: [.x86]))
        // Call 20 is getpid there, and writev on x86-64.
        let calls = [20, 183, 400].map { Attempt($0, in32Bits: true) } + [Attempt(20)]
        let outcome = try load(with, calls)
        let missing = try load(SeccompFilter.compile(.allowing(architectures: [.x86])), [Attempt(20, in32Bits: true)])
        guard missing.status == 0 else { return }  // The kernel has no 32-bit calls.
        #expect(outcome.results[0] > 0)
        #expect(Array(outcome.results[1...]) == [-5, noSystemCall, notPermitted])
        let without = try SeccompFilter.compile(.refusing(allowed))
        #expect(try load(without, [Attempt(20, in32Bits: true)]).status & 0x7f == systemCallKilled)
    }

    @Test(arguments: SeccompSupport.flags)
    func everyFlag(flag: SeccompFlag) throws {
        let needsNotify = flag == .waitKillableRecv
        let profile = SeccompProfile.allowing(.action(needsNotify ? .notify : .trap, "getcwd")).with {
            $0.flags = SeccompFlags(rawValue: flag.rawValue)
        }
        #expect(try load(SeccompFilter.compile(profile), [Attempt(getpid)]).results[0] > 0)
    }

    @Test func longestProgram() throws {
        let filter = try SeccompFilter.compile(.crowded(by: 920))
        try #require(filter.instructionCount > 4000)
        let outcome = try load(filter, [Attempt(kcmp, 919), Attempt(kcmp, 919 << 32), Attempt(getpid)])
        #expect(outcome.results[0] == notPermitted)
        #expect(outcome.results[1] != notPermitted)
        #expect(outcome.results[2] > 0)
    }

    private struct Attempt {
        var number: Int
        var arguments: [Int]
        var in32Bits: Bool

        init(_ number: Int, _ arguments: Int..., in32Bits: Bool = false) {
            self.number = number
            self.arguments = arguments
            self.in32Bits = in32Bits
        }
    }

    private func load(_ filter: SeccompFilter, _ calls: [Attempt]) throws -> (status: Int32, results: [Int]) {
        var attempts = calls.map { call in
            var attempt = attempt()
            attempt.number = call.number
            attempt.thirty_two_bit = call.in32Bits ? 1 : 0
            withUnsafeMutableBytes(of: &attempt.arguments) { buffer in
                for (index, argument) in call.arguments.enumerated() {
                    buffer.storeBytes(of: argument, toByteOffset: 8 * index, as: Int.self)
                }
            }
            return attempt
        }
        var nanoseconds: Int64 = 0
        let status = try_under_filter(
            filter.program, filter.program.count, filter.flags, &attempts, attempts.count, &nanoseconds)
        try #require(status >= 0, "errno \(-status)")
        return (status, attempts.map(\.result))
    }
}
