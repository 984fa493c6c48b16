/// A system call as a filter sees it (`struct seccomp_data`).
public struct FilterCall: Hashable, Sendable {
    /// AUDIT_ARCH_* (linux/audit.h).
    public var architecture: UInt32
    public var number: UInt32
    /// Arguments that are left out are 0.
    public var arguments: [UInt64]

    public init(number: UInt32, arguments: [UInt64], architecture: UInt32) {
        self.number = number
        self.arguments = arguments
        self.architecture = architecture
    }

    /// The 32-bit word at `offset` of `struct seccomp_data`, on a little-endian machine; nil: there is none.
    func word(at offset: UInt32) -> UInt32? {
        switch offset {
        case 0: return number
        case 4: return architecture
        case 8, 12: return 0  // The instruction pointer, which no profile can ask for.
        case 16..<64 where offset % 4 == 0:
            let index = Int(offset - 16) / 8
            let value = index < arguments.count ? arguments[index] : 0
            return UInt32(truncatingIfNeeded: offset % 8 == 0 ? value : value >> 32)
        default: return nil
        }
    }
}

/// Runs filters as the kernel does: classic BPF, as far as seccomp(2) admits it and libseccomp uses it.
public struct FilterMachine {
    /// An instruction that is none of these, or that leads out of the program.
    public struct Fault: Error, Sendable { public let instruction: Int, code: UInt16 }

    private let code: [(code: UInt16, ifTrue: Int, ifFalse: Int, operand: UInt32)]

    /// - Parameter program: an array of `struct sock_filter`, 8 bytes each.
    public init(_ program: [UInt8]) {
        code = stride(from: 0, to: program.count - program.count % 8, by: 8).map { at in
            let operand = (0..<4).reduce(UInt32(0)) { $0 | UInt32(program[at + 4 + $1]) << (8 * $1) }
            return (
                UInt16(program[at]) | UInt16(program[at + 1]) << 8, Int(program[at + 2]), Int(program[at + 3]), operand
            )
        }
    }

    /// The answer (`SECCOMP_RET_*` with its data), and how many instructions it took.
    public func run(_ call: FilterCall) throws(Fault) -> (value: UInt32, steps: Int) {
        var position = 0
        var accumulator: UInt32 = 0
        var steps = 0
        while position < code.count {
            let (code, ifTrue, ifFalse, operand) = code[position]
            position += 1
            steps += 1
            switch code {
            case 0x20:
                guard let word = call.word(at: operand) else { throw Fault(instruction: position - 1, code: code) }
                accumulator = word
            case 0x54: accumulator &= operand
            case 0x05: position += Int(operand)
            case 0x15: position += accumulator == operand ? ifTrue : ifFalse
            case 0x25: position += accumulator > operand ? ifTrue : ifFalse
            case 0x35: position += accumulator >= operand ? ifTrue : ifFalse
            case 0x45: position += accumulator & operand != 0 ? ifTrue : ifFalse
            case 0x06: return (operand, steps)
            default: throw Fault(instruction: position - 1, code: code)
            }
        }
        throw Fault(instruction: position, code: 0)
    }
}
