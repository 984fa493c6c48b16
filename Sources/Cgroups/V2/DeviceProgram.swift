internal import OCI

/// Compiles device rules to an eBPF program (linux/bpf.h, Documentation/bpf/standardization/instruction-set.rst).
///
/// The kernel runs it for every access to a device node: `struct bpf_cgroup_dev_ctx` says which device, and what is
/// wanted of it. The answer is 1 (allowed) or 0. For each wanted kind of access the last rule that concerns it decides,
/// so the rules are tried from the last to the first, and what a rule allows is struck off the wish; nothing is allowed
/// that no rule allows.
struct DeviceProgram {
    private var code: [UInt64] = []
    /// Instructions that jump to one of the two ends.
    private var jumpsToAllow: [Int] = []
    private var jumpsToDeny: [Int] = []

    static func compile(_ rules: [Resources.DeviceRule]) -> [UInt64] {
        var program = DeviceProgram()
        let decisive = decisive(rules)
        guard let last = decisive.last else { return [Code.move(.result, 0), Code.exit] }
        if decisive.count == 1, last.isTotal { return [Code.move(.result, last.allow ? 1 : 0), Code.exit] }
        program.load()
        var rest = decisive
        while let rule = rest.last {
            let run = rest.suffix(while: { $0.allowsOneKindFully })
            if run.isEmpty { program.append(rule) } else { program.append(run) }
            rest.removeLast(max(run.count, 1))
        }
        program.end(allows: decisive.first.map { $0.isTotal && $0.allow } ?? false)
        return program.code
    }

    /// Whether a program lets everything pass.
    static func allowsEverything(_ code: [UInt64]) -> Bool { code == [Code.move(.result, 1), Code.exit] }

    /// The rules without those that a later one makes void.
    private static func decisive(_ rules: [Resources.DeviceRule]) -> ArraySlice<Resources.DeviceRule> {
        guard let last = rules.lastIndex(where: { $0.isTotal }) else { return rules[...] }
        // What follows a total permission and only permits adds nothing.
        if rules[last].allow, rules[last...].allSatisfy({ $0.allow }) { return rules[last...last] }
        return rules[last...]
    }

    // MARK: Code

    private enum Register: UInt64 {
        /// r0: the answer.
        case result = 0
        /// r1: the address of the context.
        case context = 1
        /// r2: BPF_DEVCG_DEV_BLOCK or BPF_DEVCG_DEV_CHAR.
        case kind = 2
        /// r3: what is wanted and not granted yet, BPF_DEVCG_ACC_*.
        case wish = 3
        case major = 4
        case minor = 5
    }

    /// Instructions as words: 8 bits operation, 4 target, 4 source, 16 offset, 32 constant.
    private enum Code {
        static func word(
            _ operation: UInt64, _ target: Register, source: UInt64 = 0, offset: UInt64 = 0, constant: UInt32 = 0
        ) -> UInt64 {
            operation | target.rawValue << 8 | source << 12 | offset << 16 | UInt64(constant) << 32
        }

        /// BPF_LDX | BPF_MEM | BPF_W: `target = *(u32 *)(context + offset)`
        static func load(_ target: Register, offset: UInt64) -> UInt64 {
            word(0x61, target, source: Register.context.rawValue, offset: offset)
        }

        /// BPF_ALU64 | BPF_MOV | BPF_K
        static func move(_ target: Register, _ constant: UInt32) -> UInt64 { word(0xb7, target, constant: constant) }

        /// BPF_ALU | BPF_MOV | BPF_X: `w(target) = w(source)`
        static func copy(_ target: Register, _ source: Register) -> UInt64 {
            word(0xbc, target, source: source.rawValue)
        }

        /// BPF_ALU | BPF_AND | BPF_K
        static func and(_ target: Register, _ constant: UInt32) -> UInt64 { word(0x54, target, constant: constant) }

        /// BPF_ALU | BPF_RSH | BPF_K
        static func shiftRight(_ target: Register, _ constant: UInt32) -> UInt64 {
            word(0x74, target, constant: constant)
        }

        /// BPF_JMP32 | BPF_JNE | BPF_K
        static func jumpIfNot(_ register: Register, _ constant: UInt32) -> UInt64 {
            word(0x56, register, constant: constant)
        }

        /// BPF_JMP32 | BPF_JEQ | BPF_K
        static func jumpIf(_ register: Register, _ constant: UInt32) -> UInt64 {
            word(0x16, register, constant: constant)
        }

        /// BPF_JMP32 | BPF_JSET | BPF_K: jumps if the register has one of the bits
        static func jumpIfAny(_ register: Register, _ bits: UInt32) -> UInt64 { word(0x46, register, constant: bits) }

        /// BPF_JMP | BPF_JA
        static var jump: UInt64 { word(0x05, .result) }

        /// BPF_JMP | BPF_EXIT
        static var exit: UInt64 { word(0x95, .result) }
    }

    private mutating func load() {
        code = [
            Code.load(.kind, offset: 0),  // access_type: what is wanted << 16 | kind
            Code.load(.major, offset: 4),
            Code.load(.minor, offset: 8),
            Code.copy(.wish, .kind),
            Code.shiftRight(.wish, 16),
            Code.and(.kind, 0xFFFF),
        ]
    }

    /// Permissions without conditions in between: their order does not matter, so each number is compared once. The
    /// kernel's check of a program takes about 2 µs for each instruction, and every container gets such a run.
    private mutating func append(_ run: ArraySlice<Resources.DeviceRule>) {
        for kind in [Resources.DeviceRuleKind.block, .character] {
            let rules = run.filter { $0.kind == kind }
            if rules.isEmpty { continue }
            let skip = jump(Code.jumpIfNot(.kind, Self.number(of: kind)))
            var done: [UInt32] = []
            for rule in rules {
                guard let major = rule.major, !done.contains(major) else { continue }
                done.append(major)
                append(major, minors: rules.filter { $0.major == major }.map { $0.minor })
            }
            land(skip)
        }
    }

    private mutating func append(_ major: UInt32, minors: [UInt32?]) {
        if minors.contains(nil) {
            jumpsToAllow.append(jump(Code.jumpIf(.major, major)))
            return
        }
        let skip = jump(Code.jumpIfNot(.major, major))
        for minor in minors.compactMap({ $0 }) { jumpsToAllow.append(jump(Code.jumpIf(.minor, minor))) }
        land(skip)
    }

    /// BPF_DEVCG_DEV_BLOCK, BPF_DEVCG_DEV_CHAR; a rule for all kinds compares none.
    private static func number(of kind: Resources.DeviceRuleKind) -> UInt32 { kind == .block ? 1 : 2 }

    private mutating func append(_ rule: Resources.DeviceRule) {
        if rule.isTotal { return }  // The end says the same.
        var skips: [Int] = []
        if rule.kind != .all { skips.append(jump(Code.jumpIfNot(.kind, Self.number(of: rule.kind)))) }
        if let major = rule.major { skips.append(jump(Code.jumpIfNot(.major, major))) }
        if let minor = rule.minor { skips.append(jump(Code.jumpIfNot(.minor, minor))) }
        if rule.access == .all {
            if rule.allow { jumpsToAllow.append(jump(Code.jump)) } else { jumpsToDeny.append(jump(Code.jump)) }
        } else if rule.allow {
            code.append(Code.and(.wish, ~rule.access.rawValue))
            jumpsToAllow.append(jump(Code.jumpIf(.wish, 0)))
        } else {
            jumpsToDeny.append(jump(Code.jumpIfAny(.wish, rule.access.rawValue)))
        }
        for skip in skips { land(skip) }
    }

    private mutating func end(allows: Bool) {
        answer(allows, allows ? jumpsToAllow : jumpsToDeny)
        let others = allows ? jumpsToDeny : jumpsToAllow
        // The kernel refuses instructions that nothing leads to.
        if !others.isEmpty { answer(!allows, others) }
    }

    private mutating func answer(_ allows: Bool, _ jumps: [Int]) {
        for jump in jumps { land(jump) }
        code.append(Code.move(.result, allows ? 1 : 0))
        code.append(Code.exit)
    }

    /// Appends a jump whose target is not known yet; returns its place.
    private mutating func jump(_ word: UInt64) -> Int {
        code.append(word)
        return code.count - 1
    }

    /// Lets a jump go to where the next instruction will be. The distance has 15 bits: the reader of
    /// configurations lets no more rules through than fit.
    private mutating func land(_ place: Int) {
        code[place] |= (UInt64(code.count - place - 1) & 0x7FFF) << 16
    }
}

extension Resources.DeviceRule {
    /// Whether the rule permits everything with some devices of one kind and one major number.
    fileprivate var allowsOneKindFully: Bool { allow && access == .all && kind != .all && major != nil }
}

extension ArraySlice {
    /// The longest part at the end whose elements all fulfil a condition.
    fileprivate func suffix(while condition: (Element) -> Bool) -> ArraySlice {
        let start = lastIndex { !condition($0) }.map { $0 + 1 } ?? startIndex
        return self[start...]
    }
}
