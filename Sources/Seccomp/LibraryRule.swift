import CSeccomp
import OCI

/// One rule as seccomp_rule_add_array(3) takes it: one call, one action, conditions that all have to hold.
struct LibraryRule {
    let name: String
    /// The call's number on the machine's own architecture, or what libseccomp has instead of one.
    let number: Int32
    let action: UInt32
    let conditions: [scmp_arg_cmp]
    /// The indices in `linux.seccomp.syscalls` and its `names`.
    let place: (rule: Int, name: Int)

    var path: String { "linux.seccomp.syscalls[\(place.rule)].names[\(place.name)]" }

    static func all(of profile: SeccompProfile) throws(SeccompError) -> [LibraryRule] {
        var result: [LibraryRule] = []
        var known: Set<[UInt64]> = []
        for (index, rule) in profile.syscalls.enumerated() {
            let alternatives = try alternatives(rule, index)
            let action = rule.action.libraryValue(errno: rule.errnoRet)
            // libseccomp refuses them, and without another rule for the call they would change nothing.
            if action == profile.defaultLibraryAction { continue }
            for (nameIndex, name) in rule.names.enumerated() {
                let number = unsafe seccomp_syscall_resolve_name(name)
                if number == __NR_SCMP_ERROR { continue }
                for conditions in alternatives {
                    // What is there already takes libseccomp as long to find as all that is there.
                    if result.count > fewRules, !known.insert(key(number, action, conditions)).inserted { continue }
                    guard result.count < SeccompFilter.mostInstructions else {
                        throw SeccompError("linux.seccomp.syscalls[\(index)]", .tooLong(result.count + 1))
                    }
                    result.append(
                        LibraryRule(
                            name: name, number: number, action: action, conditions: conditions,
                            place: (index, nameIndex)))
                }
            }
        }
        return result
    }

    /// A profile of so many rules is not looked through for repetitions.
    private static let fewRules = 1024

    /// What makes two rules the same.
    private static func key(_ number: Int32, _ action: UInt32, _ conditions: [scmp_arg_cmp]) -> [UInt64] {
        [UInt64(bitPattern: Int64(number)), UInt64(action)]
            + conditions.flatMap { [UInt64($0.arg), UInt64($0.op.rawValue), $0.datum_a, $0.datum_b] }
    }

    /// The conditions of a rule, any list of which makes it hold.
    ///
    /// The specification does not say how conditions combine. All of them have to hold, which is what libseccomp does;
    /// but it takes one condition for an argument (seccomp_rule_add(3)), so that runc, and the rest of the field with
    /// it, makes every condition of a rule that names an argument twice a rule of its own (opencontainers/runc#2735).
    /// Profiles rely on it.
    private static func alternatives(_ rule: SeccompRule, _ index: Int) throws(SeccompError) -> [[scmp_arg_cmp]] {
        var seen: UInt32 = 0
        var repeats = false
        for (position, argument) in rule.args.enumerated() {
            guard argument.index < 6 else {
                let path = "linux.seccomp.syscalls[\(index)].args[\(position)].index"
                throw SeccompError(path, .argumentIndex(argument.index))
            }
            repeats = repeats || seen & 1 << argument.index != 0
            seen |= 1 << argument.index
        }
        let conditions = rule.args.map { $0.libraryValue }
        return repeats ? conditions.map { [$0] } : [conditions]
    }
}

extension SeccompProfile {
    var defaultLibraryAction: UInt32 { defaultAction.libraryValue(errno: defaultErrnoRet) }
}

extension SeccompAction {
    /// `SCMP_ACT_*`, which is also the kernel's `SECCOMP_RET_*`; without an errno it is EPERM.
    func libraryValue(errno: UInt16?) -> UInt32 {
        switch self {
        case .allow: SCMP_ACT_ALLOW
        // The macros with an argument are not imported: the errno is in the low 16 bits.
        case .errno: 0x0005_0000 | UInt32(errno ?? 1)
        case .trace: 0x7ff0_0000 | UInt32(errno ?? 1)
        case .kill, .killThread: SCMP_ACT_KILL_THREAD
        case .killProcess: SCMP_ACT_KILL_PROCESS
        case .log: SCMP_ACT_LOG
        case .notify: SCMP_ACT_NOTIFY
        case .trap: SCMP_ACT_TRAP
        }
    }

    /// Whether the action keeps a call from being made.
    var refuses: Bool {
        switch self {
        case .errno, .kill, .killProcess, .killThread, .trap: true
        case .allow, .log, .notify, .trace: false
        }
    }
}

extension SeccompArgument {
    var libraryValue: scmp_arg_cmp {
        scmp_arg_cmp(arg: index, op: op.libraryValue, datum_a: value, datum_b: valueTwo)
    }
}

extension SeccompOperator {
    var libraryValue: scmp_compare {
        switch self {
        case .equal: SCMP_CMP_EQ
        case .greaterEqual: SCMP_CMP_GE
        case .greater: SCMP_CMP_GT
        case .lessEqual: SCMP_CMP_LE
        case .less: SCMP_CMP_LT
        case .maskedEqual: SCMP_CMP_MASKED_EQ
        case .notEqual: SCMP_CMP_NE
        }
    }
}
