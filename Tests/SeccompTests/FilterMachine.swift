import Seccomp

/// A system call as a filter sees it (`struct seccomp_data`).
struct Call: Hashable {
    var architecture: UInt32 = .x86_64
    var number: UInt32
    var arguments: [UInt64] = []

    init(_ number: UInt32, _ arguments: UInt64..., on architecture: UInt32 = .x86_64) {
        self.number = number
        self.arguments = arguments
        self.architecture = architecture
    }

    /// The 32-bit word at `offset` of `struct seccomp_data`, little-endian.
    func word(at offset: UInt32) -> UInt32? {
        switch offset {
        case 0: return number
        case 4: return architecture
        case 8, 12: return 0
        case 16..<64 where offset % 4 == 0:
            let index = Int(offset - 16) / 8
            let value = index < arguments.count ? arguments[index] : 0
            return UInt32(truncatingIfNeeded: offset % 8 == 0 ? value : value >> 32)
        default: return nil
        }
    }
}

extension UInt32 {
    // AUDIT_ARCH_* (linux/audit.h).
    static let x86_64: UInt32 = 0xc000_003e
    static let x86: UInt32 = 0x4000_0003
    static let aarch64: UInt32 = 0xc000_00b7
    static let arm: UInt32 = 0x4000_0028
    static let riscv64: UInt32 = 0xc000_00f3
    static let x32Bit: UInt32 = 0x4000_0000
}

/// What a filter answers (`SECCOMP_RET_*`).
enum Verdict: Hashable, CustomStringConvertible {
    case allow, log, killThread, killProcess, trap, notify
    case errno(UInt16)
    case trace(UInt16)
    case unknown(UInt32)

    init(_ value: UInt32) {
        let data = UInt16(truncatingIfNeeded: value)
        self =
            switch value & 0xffff_0000 {
            case 0x7fff_0000: .allow
            case 0x7ffc_0000: .log
            case 0x0000_0000: .killThread
            case 0x8000_0000: .killProcess
            case 0x0003_0000: .trap
            case 0x7fc0_0000: .notify
            case 0x0005_0000: .errno(data)
            case 0x7ff0_0000: .trace(data)
            default: .unknown(value)
            }
    }

    var description: String {
        switch self {
        case .allow: "allow"
        case .log: "log"
        case .killThread: "kill thread"
        case .killProcess: "kill process"
        case .trap: "trap"
        case .notify: "notify"
        case .errno(let errno): "errno \(errno)"
        case .trace(let errno): "trace \(errno)"
        case .unknown(let value): "unknown \(value)"
        }
    }
}

/// Runs filters as the kernel does: classic BPF, the instructions that seccomp(2) admits and the kernel can look ahead
/// through when it searches for calls that are always allowed.
struct FilterMachine {
    struct Fault: Error { let instruction: Int, code: UInt16 }

    private let code: [(code: UInt16, ifTrue: Int, ifFalse: Int, operand: UInt32)]

    init(_ program: [UInt8]) {
        code = stride(from: 0, to: program.count, by: 8).map { at in
            let operand = (0..<4).reduce(UInt32(0)) { $0 | UInt32(program[at + 4 + $1]) << (8 * $1) }
            return (
                UInt16(program[at]) | UInt16(program[at + 1]) << 8, Int(program[at + 2]), Int(program[at + 3]), operand
            )
        }
    }

    init(_ profile: SeccompFilter) { self.init(profile.program) }

    func answer(_ call: Call) throws -> Verdict { Verdict(try run(call).value) }

    /// The answer, and how many instructions it took.
    func run(_ call: Call) throws -> (value: UInt32, steps: Int) {
        var position = 0
        var accumulator: UInt32 = 0
        var steps = 0
        while position < code.count {
            let (code, ifTrue, ifFalse, operand) = code[position]
            position += 1
            steps += 1
            func branch(_ condition: Bool) { position += condition ? ifTrue : ifFalse }
            switch code {
            case 0x20:
                guard let word = call.word(at: operand) else { throw Fault(instruction: position - 1, code: code) }
                accumulator = word
            case 0x54: accumulator &= operand
            case 0x05: position += Int(operand)
            case 0x15: branch(accumulator == operand)
            case 0x25: branch(accumulator > operand)
            case 0x35: branch(accumulator >= operand)
            case 0x45: branch(accumulator & operand != 0)
            case 0x06: return (operand, steps)
            default: throw Fault(instruction: position - 1, code: code)
            }
        }
        throw Fault(instruction: position, code: 0)
    }
}

extension SeccompFilter {
    func answer(_ number: UInt32, _ arguments: UInt64..., on architecture: UInt32 = .x86_64) throws -> Verdict {
        var call = Call(number, on: architecture)
        call.arguments = arguments
        return try FilterMachine(self).answer(call)
    }
}
