import OCI
import Testing

extension SeccompProfile {
    /// Allows everything but what the rules say.
    static func allowing(_ rules: SeccompRule..., architectures: [SeccompArchitecture] = []) -> SeccompProfile {
        SeccompProfile(defaultAction: .allow, architectures: architectures, syscalls: rules)
    }

    /// Refuses everything with EPERM but what the rules say.
    static func refusing(_ rules: SeccompRule..., architectures: [SeccompArchitecture] = []) -> SeccompProfile {
        SeccompProfile(defaultAction: .errno, architectures: architectures, syscalls: rules)
    }

    /// The usual one, and one call with so many conditions; four instructions each.
    static func crowded(by count: UInt64) -> SeccompProfile {
        container.with { profile in
            profile.architectures = []
            profile.syscalls += (0..<count).map { .allow("kcmp", .equal(0, $0 << 32)) }
        }
    }

    func with(_ change: (inout SeccompProfile) -> Void) -> SeccompProfile {
        var copy = self
        change(&copy)
        return copy
    }
}

extension SeccompRule {
    static func allow(_ name: String, _ args: SeccompArgument...) -> SeccompRule {
        SeccompRule(names: [name], action: .allow, args: args)
    }

    static func errno(_ errno: UInt16?, _ name: String, _ args: SeccompArgument...) -> SeccompRule {
        SeccompRule(names: [name], action: .errno, errnoRet: errno, args: args)
    }

    static func action(_ action: SeccompAction, _ name: String) -> SeccompRule {
        SeccompRule(names: [name], action: action)
    }
}

extension SeccompArgument {
    static func equal(_ index: UInt32, _ value: UInt64) -> SeccompArgument {
        SeccompArgument(index: index, value: value, op: .equal)
    }

    static func notEqual(_ index: UInt32, _ value: UInt64) -> SeccompArgument {
        SeccompArgument(index: index, value: value, op: .notEqual)
    }
}

extension Trait where Self == ConditionTrait {
    static var needsX86_64: Self {
        #if arch(x86_64)
            .enabled(if: true)
        #else
            .disabled("the numbers of the calls are those of x86-64")
        #endif
    }
}
