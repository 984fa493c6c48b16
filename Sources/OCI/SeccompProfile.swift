/// A system call filter (config-linux.md, "Seccomp").
public struct SeccompProfile: Sendable, Equatable {
    /// What happens to a call that no rule names.
    public var defaultAction: SeccompAction
    /// errno of `defaultAction` where that is `.errno` or `.trace`; `nil` means `EPERM`.
    public var defaultErrnoRet: UInt16?
    /// Architectures besides the machine's own.
    public var architectures: [SeccompArchitecture]
    /// Flags of seccomp(2) that the document names; `nil` when it has no `flags` (runc then sets its own default).
    public var flags: SeccompFlags?
    /// Absolute path of the socket that gets the notify descriptor.
    public var listenerPath: String?
    /// Opaque text for the other end of that socket.
    public var listenerMetadata: String?
    public var syscalls: [SeccompRule]

    public init(
        defaultAction: SeccompAction, defaultErrnoRet: UInt16? = nil, architectures: [SeccompArchitecture] = [],
        flags: SeccompFlags? = nil, listenerPath: String? = nil, listenerMetadata: String? = nil,
        syscalls: [SeccompRule] = []
    ) {
        self.defaultAction = defaultAction
        self.defaultErrnoRet = defaultErrnoRet
        self.architectures = architectures
        self.flags = flags
        self.listenerPath = listenerPath
        self.listenerMetadata = listenerMetadata
        self.syscalls = syscalls
    }

    /// Whether any action asks a supervisor (`SCMP_ACT_NOTIFY`).
    public var notifies: Bool {
        defaultAction == .notify || syscalls.contains { $0.action == .notify }
    }
}

/// One entry of `syscalls`.
public struct SeccompRule: Sendable, Equatable {
    /// Names of system calls, at least one; a name may be unknown on this machine.
    public var names: [String]
    public var action: SeccompAction
    /// errno of the action where that is `.errno` or `.trace`; `nil` means `EPERM`.
    public var errnoRet: UInt16?
    /// Conditions on the arguments, all of which have to hold.
    public var args: [SeccompArgument]

    public init(names: [String], action: SeccompAction, errnoRet: UInt16? = nil, args: [SeccompArgument] = []) {
        self.names = names
        self.action = action
        self.errnoRet = errnoRet
        self.args = args
    }
}

/// A condition on one argument of a system call.
public struct SeccompArgument: Sendable, Equatable {
    /// 0...5.
    public var index: UInt32
    /// The value to compare with; with `.maskedEqual` the mask.
    public var value: UInt64
    /// With `.maskedEqual` the value after masking; else without meaning, 0 when left out.
    public var valueTwo: UInt64
    public var op: SeccompOperator

    public init(index: UInt32, value: UInt64, valueTwo: UInt64 = 0, op: SeccompOperator) {
        self.index = index
        self.value = value
        self.valueTwo = valueTwo
        self.op = op
    }
}

/// Actions, in the order of their names; the raw value is the name in `config.json` (seccomp_rule_add(3)).
public enum SeccompAction: String, CaseIterable, Sendable {
    case allow = "SCMP_ACT_ALLOW"
    case errno = "SCMP_ACT_ERRNO"
    /// The same as `killThread`.
    case kill = "SCMP_ACT_KILL"
    case killProcess = "SCMP_ACT_KILL_PROCESS"
    case killThread = "SCMP_ACT_KILL_THREAD"
    case log = "SCMP_ACT_LOG"
    case notify = "SCMP_ACT_NOTIFY"
    case trace = "SCMP_ACT_TRACE"
    case trap = "SCMP_ACT_TRAP"

    /// Whether the action takes an errno (`errnoRet`).
    public var takesErrno: Bool { self == .errno || self == .trace }
}

/// Comparisons, in the order of their names; the raw value is the name in `config.json`.
public enum SeccompOperator: String, CaseIterable, Sendable {
    case equal = "SCMP_CMP_EQ"
    case greaterEqual = "SCMP_CMP_GE"
    case greater = "SCMP_CMP_GT"
    case lessEqual = "SCMP_CMP_LE"
    case less = "SCMP_CMP_LT"
    case maskedEqual = "SCMP_CMP_MASKED_EQ"
    case notEqual = "SCMP_CMP_NE"
}

/// Architectures, in the order of their names; the raw value is the name in `config.json` (seccomp_arch_add(3)).
public enum SeccompArchitecture: String, CaseIterable, Sendable {
    case aarch64 = "SCMP_ARCH_AARCH64"
    case arm = "SCMP_ARCH_ARM"
    case loongarch64 = "SCMP_ARCH_LOONGARCH64"
    case m68k = "SCMP_ARCH_M68K"
    case mips = "SCMP_ARCH_MIPS"
    case mips64 = "SCMP_ARCH_MIPS64"
    case mips64n32 = "SCMP_ARCH_MIPS64N32"
    case mipsel = "SCMP_ARCH_MIPSEL"
    case mipsel64 = "SCMP_ARCH_MIPSEL64"
    case mipsel64n32 = "SCMP_ARCH_MIPSEL64N32"
    case parisc = "SCMP_ARCH_PARISC"
    case parisc64 = "SCMP_ARCH_PARISC64"
    case ppc = "SCMP_ARCH_PPC"
    case ppc64 = "SCMP_ARCH_PPC64"
    case ppc64le = "SCMP_ARCH_PPC64LE"
    case riscv64 = "SCMP_ARCH_RISCV64"
    case s390 = "SCMP_ARCH_S390"
    case s390x = "SCMP_ARCH_S390X"
    case sh = "SCMP_ARCH_SH"
    case sheb = "SCMP_ARCH_SHEB"
    case x32 = "SCMP_ARCH_X32"
    case x86 = "SCMP_ARCH_X86"
    case x86_64 = "SCMP_ARCH_X86_64"
}

/// One flag of seccomp(2), with its kernel bit (`linux/seccomp.h`).
public enum SeccompFlag: UInt32, CaseIterable, Sendable {
    case tsync = 0x01
    case log = 0x02
    case specAllow = 0x04
    case waitKillableRecv = 0x20

    /// The name in `config.json`, such as `SECCOMP_FILTER_FLAG_LOG`.
    public var name: String {
        switch self {
        case .tsync: "SECCOMP_FILTER_FLAG_TSYNC"
        case .log: "SECCOMP_FILTER_FLAG_LOG"
        case .specAllow: "SECCOMP_FILTER_FLAG_SPEC_ALLOW"
        case .waitKillableRecv: "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"
        }
    }
}

/// Flags of seccomp(2), as kernel bits.
public struct SeccompFlags: OptionSet, Sendable {
    public let rawValue: UInt32
    public init(rawValue: UInt32) { self.rawValue = rawValue }

    public func contains(_ flag: SeccompFlag) -> Bool { rawValue & flag.rawValue != 0 }
}
