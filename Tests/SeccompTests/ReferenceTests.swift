import CSeccomp
import Kernel
import OCI
import Testing

@testable import Seccomp

/// libseccomp's own filter for all architectures at once, its rules in the order of the profile, without a tree: what
/// `SeccompFilter` gets to faster has to mean the same.
@Suite(.needsX86_64) struct ReferenceTests {
    @Test func containerProfile() throws { try compare(.container) }

    @Test(arguments: 0..<60)
    func profileByChance(seed: UInt64) throws { try compare(randomProfile(Random(seed))) }

    private func compare(_ profile: SeccompProfile) throws {
        guard let reference = try reference(profile) else {
            #expect(throws: SeccompError.self) { try SeccompFilter.compile(profile) }
            return
        }
        let expected = FilterMachine(reference)
        let filter = FilterMachine(try SeccompFilter.compile(profile))
        let limits = try profile.defaultAction.refuses ? limits(of: profile) : [:]
        for call in calls(for: profile) {
            let verdict = isTooNew(call, limits) ? .errno(38) : try expected.answer(call)
            let answer = try filter.answer(call)
            guard answer != verdict else { continue }
            Issue.record("\(call): \(answer) instead of \(verdict)")
            return
        }
    }

    /// nil: libseccomp refuses a rule.
    private func reference(_ profile: SeccompProfile) throws -> [UInt8]? {
        FilterContext.trustKernel
        let context = try #require(seccomp_init(profile.defaultLibraryAction))
        defer { seccomp_release(context) }
        for architecture in try Architecture.all(of: profile).dropFirst() {
            try #require(seccomp_arch_add(context, architecture.token) == 0)
        }
        for rule in try LibraryRule.all(of: profile) {
            let count = UInt32(rule.conditions.count)
            guard seccomp_rule_add_array(context, rule.action, rule.number, count, rule.conditions) == 0 else {
                return nil
            }
        }
        let file = try Descriptor.memoryFile("reference")
        try #require(seccomp_export_bpf(context, file.number) == 0)
        let size = Int(try file.status().size)
        return try MappedFile(file, size: size).bytes(at: 0, count: size)
    }

    /// The newest call of each architecture, by its number in `Call`; x32 by `x32Bit`.
    private func limits(of profile: SeccompProfile) throws -> [UInt32: UInt32] {
        var limits: [UInt32: UInt32] = [:]
        for architecture in try Architecture.all(of: profile) {
            let numbers = profile.syscalls.flatMap(\.names).map(architecture.number(of:))
            guard let newest = numbers.max(), newest >= 0 else { continue }
            limits[architecture.isX32 ? .x32Bit : architecture.token] = UInt32(newest)
        }
        return limits
    }

    private func isTooNew(_ call: Call, _ limits: [UInt32: UInt32]) -> Bool {
        let isX32 = call.architecture == .x86_64 && call.number & .x32Bit != 0
        guard let limit = limits[isX32 ? .x32Bit : call.architecture] else { return false }
        return call.number > limit
    }

    private func calls(for profile: SeccompProfile) -> [Call] {
        let values = Set(profile.syscalls.flatMap(\.args).flatMap { [$0.value, $0.valueTwo] }).prefix(8)
        let near = values.flatMap { [$0, $0 &+ 1, $0 &- 1, $0 | 1 << 40] } + [0, .max]
        var arguments: [[UInt64]] = [[]]
        for value in near {
            arguments.append(Array(repeating: value, count: 6))
            arguments.append([value, 1, 2, 3, 4, 5])
            arguments.append([1, value])
        }
        var numbers = [UInt32](0..<470) + [500, 5000, .max, 0x8000_0000, 0x3fff_ffff, .max - 1]
        numbers += numbers.map { $0 | .x32Bit } + (512..<560).map { $0 | .x32Bit }
        var calls: [Call] = []
        for architecture: UInt32 in [.x86_64, .x86, .aarch64, .arm, .riscv64] {
            for number in numbers {
                var call = Call(number, on: architecture)
                calls.append(call)
                guard [41, 102, 117, 135, 198, 220, 272, 281, 312, 349, 359, 92].contains(number & ~.x32Bit) else {
                    continue
                }
                for list in arguments {
                    call.arguments = list
                    calls.append(call)
                }
            }
        }
        return calls
    }
}

/// splitmix64: the same numbers for the same seed.
struct Random {
    private var state: UInt64
    init(_ seed: UInt64) { state = seed }

    mutating func next(below bound: Int) -> Int {
        state &+= 0x9e37_79b9_7f4a_7c15
        var value = state
        value = (value ^ value >> 30) &* 0xbf58_476d_1ce4_e5b9
        value = (value ^ value >> 27) &* 0x94d0_49bb_1331_11eb
        return Int((value ^ value >> 31) % UInt64(bound))
    }

    mutating func pick<Element>(_ list: [Element]) -> Element { list[next(below: list.count)] }
}

private func randomProfile(_ random: Random) -> SeccompProfile {
    var random = random
    let actions: [SeccompAction] = [.allow, .errno, .killProcess, .killThread, .log, .trace, .trap]
    // Many of these meet in socketcall and ipc of x86.
    let conditional = [
        "kcmp", "personality", "socket", "bind", "socketcall", "semop", "semtimedop", "ipc", "clone", "waitid",
        "arm_sync_file_range", "sync_file_range2",
    ]
    let plain = SeccompProfile.container.syscalls[0].names
    var rules: [SeccompRule] = []
    for _ in 0..<random.pick([1, 5, 12, 40]) {
        let action = random.pick(actions)
        let errno: UInt16? = action.takesErrno ? random.pick([nil, 1, 2, 38]) : nil
        if random.next(below: 2) == 0 {
            let names = (0..<random.next(below: 30)).map { _ in random.pick(plain) }
            rules.append(SeccompRule(names: names, action: action, errnoRet: errno))
        } else {
            let args = (0..<random.next(below: 3)).map { _ in
                SeccompArgument(
                    index: UInt32(random.next(below: 6)), value: random.pick([0, 1, 2, 7, 0xff00, 1 << 40]),
                    valueTwo: random.pick([0, 0x1200]), op: random.pick(SeccompOperator.allCases))
            }
            rules.append(SeccompRule(names: [random.pick(conditional)], action: action, errnoRet: errno, args: args))
        }
    }
    let architectures: [SeccompArchitecture] = random.pick([
        [], [.x86], [.x32], [.x86_64, .x86, .x32], [.aarch64, .arm, .x86], [.x32, .riscv64],
    ])
    return SeccompProfile(
        defaultAction: random.pick(actions), defaultErrnoRet: nil, architectures: architectures, syscalls: rules)
}
