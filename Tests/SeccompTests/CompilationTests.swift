import OCI
import Seccomp
import Testing

// Numbers of x86-64.
private let read: UInt32 = 0
private let getpid: UInt32 = 39
private let socketCall: UInt32 = 41
private let getcwd: UInt32 = 79
private let personality: UInt32 = 135
private let kcmp: UInt32 = 312

@Suite(.needsX86_64) struct CompilationTests {
    @Test func defaultActionHoldsForWhatNoRuleNames() throws {
        let filter = try SeccompFilter.compile(.allowing(.errno(nil, "getcwd")))
        #expect(try filter.answer(getcwd) == .errno(1))
        #expect(try filter.answer(read) == .allow)
        #expect(try filter.answer(5000) == .allow)
    }

    @Test(arguments: [
        (SeccompAction.allow, Verdict.allow), (.errno, .errno(1)), (.kill, .killThread), (.killThread, .killThread),
        (.killProcess, .killProcess), (.log, .log), (.trace, .trace(1)), (.trap, .trap), (.notify, .notify),
    ])
    func everyActionAsRuleAndAsDefault(action: SeccompAction, verdict: Verdict) throws {
        let other: SeccompAction = action == .allow ? .log : .allow
        let otherVerdict: Verdict = action == .allow ? .log : .allow
        let rule = SeccompProfile(defaultAction: other, syscalls: [.action(action, "getcwd")])
        #expect(try SeccompFilter.compile(rule).answer(getcwd) == verdict)
        let byDefault = SeccompProfile(defaultAction: action, syscalls: [.action(other, "getcwd")])
        #expect(try SeccompFilter.compile(byDefault).answer(read) == verdict)
        #expect(try SeccompFilter.compile(byDefault).answer(getcwd) == otherVerdict)
    }

    @Test func errnoOfTheProfile() throws {
        let profile = SeccompProfile(
            defaultAction: .errno, defaultErrnoRet: 13,
            syscalls: [
                .errno(5, "getcwd"), .errno(0, "getpid"), .allow("cachestat"),
                SeccompRule(names: ["kcmp"], action: .trace, errnoRet: 65535),
            ])
        let filter = try SeccompFilter.compile(profile)
        #expect(try filter.answer(getcwd) == .errno(5))
        #expect(try filter.answer(getpid) == .errno(0))
        #expect(try filter.answer(kcmp) == .trace(65535))
        #expect(try filter.answer(read) == .errno(13))
    }

    @Test func otherArchitecturesKillTheThread() throws {
        let filter = try SeccompFilter.compile(.allowing(.errno(nil, "getcwd")))
        #expect(try filter.answer(11, on: .x86) == .killThread)
        #expect(try filter.answer(read | .x32Bit) == .killThread)
        #expect(try filter.answer(1, on: .arm) == .killThread)
    }

    @Test func ownArchitectureIsAlwaysThere() throws {
        let filter = try SeccompFilter.compile(.allowing(.errno(nil, "getcwd"), architectures: [.x86]))
        #expect(try filter.answer(getcwd) == .errno(1))
        #expect(try filter.answer(183, on: .x86) == .errno(1))
        #expect(try filter.answer(getcwd, on: .x86) == .allow)
    }

    @Test func eachArchitectureHasItsNumbers() throws {
        let architectures: [SeccompArchitecture] = [.aarch64, .arm, .x86_64, .x32, .x86, .riscv64, .x86]
        let filter = try SeccompFilter.compile(.allowing(.errno(nil, "getcwd"), architectures: architectures))
        #expect(try filter.answer(getcwd) == .errno(1))
        #expect(try filter.answer(getcwd | .x32Bit) == .errno(1))
        #expect(try filter.answer(183, on: .x86) == .errno(1))
        #expect(try filter.answer(17, on: .aarch64) == .errno(1))
        #expect(try filter.answer(183, on: .arm) == .errno(1))
        #expect(try filter.answer(17, on: .riscv64) == .errno(1))
        #expect(try filter.answer(17, on: .arm) == .allow)
        #expect(try filter.answer(read | .x32Bit) == .allow)
    }

    @Test func unknownNamesAreLeftOut() throws {
        let rule = SeccompRule(names: ["no_such_call", "getcwd", "", "futex_waitv_2"], action: .errno)
        #expect(try SeccompFilter.compile(.allowing(rule)).answer(getcwd) == .errno(1))
    }

    @Test func nameOfAnotherArchitectureHoldsThere() throws {
        let filter = try SeccompFilter.compile(.allowing(.errno(7, "waitpid"), architectures: [.x86]))
        #expect(try filter.answer(7, on: .x86) == .errno(7))
        #expect(try filter.answer(7) == .allow)
    }

    @Test func ruleWithTheDefaultActionChangesNothing() throws {
        let filter = try SeccompFilter.compile(
            .refusing(.errno(1, "getcwd"), .errno(nil, "getpid"), .errno(2, "read"), .allow("cachestat")))
        #expect(try filter.answer(getcwd) == .errno(1))
        #expect(try filter.answer(getpid) == .errno(1))
        #expect(try filter.answer(read) == .errno(2))
    }

    @Test func firstUnconditionalRuleHolds() throws {
        let filter = try SeccompFilter.compile(
            .refusing(
                .allow("getcwd"), .errno(5, "getcwd"), .errno(5, "getpid"), .allow("getpid"), .allow("cachestat")))
        #expect(try filter.answer(getcwd) == .allow)
        #expect(try filter.answer(getpid) == .errno(5))
    }

    @Test(arguments: [
        (SeccompOperator.equal, "5"), (.notEqual, "0 4 6 high low"), (.less, "0 4"), (.lessEqual, "0 4 5"),
        (.greater, "6 high low"), (.greaterEqual, "5 6 high low"),
    ])
    func comparisons(op: SeccompOperator, holdsFor: String) throws {
        let filter = try SeccompFilter.compile(
            .allowing(.errno(nil, "kcmp", SeccompArgument(index: 3, value: 5, op: op))))
        // The last one differs from 5 in its upper half only.
        let values: KeyValuePairs<String, UInt64> = [
            "0": 0, "4": 4, "5": 5, "6": 6, "high": .max, "low": 0x1_0000_0005,
        ]
        for (name, value) in values {
            let verdict: Verdict = holdsFor.split(separator: " ").contains { $0 == name } ? .errno(1) : .allow
            #expect(try filter.answer(kcmp, 9, 9, 9, value) == verdict, "\(name)")
        }
    }

    @Test func maskedComparison() throws {
        let condition = SeccompArgument(index: 5, value: 0xff00_0000_ff00, valueTwo: 0x1200_0000_3400, op: .maskedEqual)
        let filter = try SeccompFilter.compile(.allowing(.errno(nil, "kcmp", condition)))
        #expect(try filter.answer(kcmp, 0, 0, 0, 0, 0, 0x1200_0000_3400) == .errno(1))
        #expect(try filter.answer(kcmp, 0, 0, 0, 0, 0, 0xffff_12ff_00ff_34ff) == .errno(1))
        #expect(try filter.answer(kcmp, 0, 0, 0, 0, 0, 0x3400) == .allow)
        #expect(try filter.answer(kcmp, 0, 0, 0, 0, 0, 0x1300_0000_3400) == .allow)
    }

    @Test func conditionsOnSeveralArgumentsHaveToHoldTogether() throws {
        let filter = try SeccompFilter.compile(.refusing(.allow("kcmp", .equal(0, 1), .equal(1, 7)), .allow("kcmp")))
        #expect(try filter.answer(kcmp, 1, 7) == .allow)
        let strict = try SeccompFilter.compile(
            .refusing(.allow("kcmp", .equal(0, 1), .equal(1, 7)), .allow("cachestat")))
        #expect(try strict.answer(kcmp, 1, 7) == .allow)
        #expect(try strict.answer(kcmp, 1, 8) == .errno(1))
        #expect(try strict.answer(kcmp, 2, 7) == .errno(1))
    }

    @Test func conditionsOnOneArgumentAreAlternativesAndSoAreTheOthersOfTheRule() throws {
        let rule = SeccompRule.allow("kcmp", .equal(0, 1), .equal(0, 2), .equal(1, 7))
        let filter = try SeccompFilter.compile(.refusing(rule, .allow("cachestat")))
        for (first, second, verdict): (UInt64, UInt64, Verdict) in [
            (0, 0, .errno(1)), (1, 0, .allow), (2, 0, .allow), (9, 7, .allow), (1, 7, .allow), (3, 8, .errno(1)),
        ] {
            #expect(try filter.answer(kcmp, first, second) == verdict, "\(first) \(second)")
        }
    }

    @Test func sixConditionsAndMore() throws {
        let six = SeccompRule(names: ["kcmp"], action: .allow, args: (0..<6).map { .equal($0, 1) })
        let filter = try SeccompFilter.compile(.refusing(six, .allow("cachestat")))
        #expect(try filter.answer(kcmp, 1, 1, 1, 1, 1, 1) == .allow)
        #expect(try filter.answer(kcmp, 1, 1, 1, 1, 1, 0) == .errno(1))
        let seven = SeccompRule(names: ["kcmp"], action: .allow, args: (0..<7).map { .equal($0 % 6, UInt64($0)) })
        #expect(try SeccompFilter.compile(.refusing(seven)).answer(kcmp, 9, 1, 9, 9, 9, 9) == .allow)
    }

    @Test func bundledCallsOfX86() throws {
        // There socket is call 359, and also subcall 1 of socketcall (102).
        let filter = try SeccompFilter.compile(.allowing(.errno(97, "socket"), architectures: [.x86]))
        #expect(try filter.answer(359, on: .x86) == .errno(97))
        #expect(try filter.answer(102, 1, on: .x86) == .errno(97))
        #expect(try filter.answer(102, 2, on: .x86) == .allow)
        #expect(try filter.answer(socketCall) == .errno(97))
    }

    @Test func profileWithoutRules() throws {
        #expect(try SeccompFilter.compile(.allowing()).answer(read) == .allow)
        #expect(try SeccompFilter.compile(.refusing()).answer(read) == .errno(1))
        #expect(try SeccompFilter.compile(.refusing()).answer(5000) == .errno(1))
    }
}
