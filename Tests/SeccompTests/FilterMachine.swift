import Seccomp

typealias Call = FilterCall

extension FilterCall {
    init(_ number: UInt32, _ arguments: UInt64..., on architecture: UInt32 = .x86_64) {
        self.init(number: number, arguments: arguments, architecture: architecture)
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

extension FilterMachine {
    init(_ profile: SeccompFilter) { self.init(profile.program) }

    func answer(_ call: Call) throws -> Verdict { Verdict(try run(call).value) }
}

extension SeccompFilter {
    func answer(_ number: UInt32, _ arguments: UInt64..., on architecture: UInt32 = .x86_64) throws -> Verdict {
        var call = Call(number, on: architecture)
        call.arguments = arguments
        return try FilterMachine(self).answer(call)
    }
}
