/// One instruction of a classic BPF program (`struct sock_filter`, linux/filter.h): only what the prelude needs.
struct Instruction {
    var code: UInt16
    /// How many instructions a conditional jump skips.
    var ifTrue: UInt8 = 0
    var ifFalse: UInt8 = 0
    var operand: UInt32

    /// Bytes of one instruction.
    static let size = 8

    /// Loads the 32 bits at `offset` of `struct seccomp_data` (BPF_LD | BPF_W | BPF_ABS).
    static func load(_ field: Field) -> Instruction { Instruction(code: 0x20, operand: field.rawValue) }

    /// Goes on after the next `count` instructions (BPF_JMP | BPF_JA).
    static func skip(_ count: Int) -> Instruction { Instruction(code: 0x05, operand: UInt32(count)) }

    /// Skips the next instruction unless what was loaded is `value` (BPF_JMP | BPF_JEQ | BPF_K).
    static func nextIfEqual(_ value: UInt32) -> Instruction { Instruction(code: 0x15, ifFalse: 1, operand: value) }

    /// Skips the next instruction unless what was loaded is greater than `value` (BPF_JMP | BPF_JGT | BPF_K).
    static func nextIfGreater(_ value: UInt32) -> Instruction { Instruction(code: 0x25, ifFalse: 1, operand: value) }

    /// Skips the next instruction unless what was loaded is `value` or greater (BPF_JMP | BPF_JGE | BPF_K).
    static func nextIfAtLeast(_ value: UInt32) -> Instruction { Instruction(code: 0x35, ifFalse: 1, operand: value) }

    /// Skips the next instruction unless what was loaded has a bit of `bits` (BPF_JMP | BPF_JSET | BPF_K).
    static func nextIfSet(_ bits: UInt32) -> Instruction { Instruction(code: 0x45, ifFalse: 1, operand: bits) }

    /// Ends with an action, `SECCOMP_RET_*` (BPF_RET | BPF_K).
    static func end(_ action: UInt32) -> Instruction { Instruction(code: 0x06, operand: action) }

    /// Offsets in `struct seccomp_data`.
    enum Field: UInt32 {
        case number = 0
        case architecture = 4
    }

    /// Appends the instruction as the kernel of this machine reads it.
    func append(to program: inout [UInt8]) {
        program.append(integer: code)
        program.append(ifTrue)
        program.append(ifFalse)
        program.append(integer: operand)
    }
}
