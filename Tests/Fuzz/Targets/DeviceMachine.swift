import OCI

// Runs device programs as the kernel does, for comparing them with the rules that they were made of.
@testable import Cgroups

enum DeviceMachine {
    /// Whether every jump leads forward to an instruction, and the program ends.
    static func isSound(_ program: [UInt64]) -> Bool {
        guard let last = program.last, last & 0xff == 0x95 else { return false }
        return program.indices.allSatisfy { index in
            let class_ = program[index] & 0x07
            guard class_ == 5 || class_ == 6, program[index] & 0xff != 0x95 else { return true }
            let distance = Int(program[index] >> 16 & 0xffff)
            return distance < 0x8000 && index + 1 + distance < program.count
        }
    }

    /// Whether a program lets an access to a device pass.
    static func allows(_ program: [UInt64], block: Bool, _ major: UInt32, _ minor: UInt32, _ access: UInt32) -> Bool {
        var registers = [UInt32](repeating: 0, count: 16)
        let context = [access << 16 | (block ? 1 : 2), major, minor]
        var next = 0
        while true {
            let word = program[next]
            next += 1
            let target = Int(word >> 8 & 15)
            let source = Int(word >> 12 & 15)
            let distance = Int(word >> 16 & 0xffff)
            let constant = UInt32(word >> 32)
            switch word & 0xff {
            case 0x61: registers[target] = context[distance / 4]
            case 0xb7: registers[target] = constant
            case 0xbc: registers[target] = registers[source]
            case 0x54: registers[target] &= constant
            case 0x74: registers[target] >>= constant
            case 0x56: if registers[target] != constant { next += distance }
            case 0x16: if registers[target] == constant { next += distance }
            case 0x46: if registers[target] & constant != 0 { next += distance }
            case 0x05: next += distance
            case 0x95: return registers[0] != 0
            default: fatalError("an instruction that is not used")
            }
        }
    }

    /// cgroup v2's program and cgroup v1's list say the same of a device that a rule names.
    static func compare(_ program: [UInt64], _ list: DeviceList, _ rule: Resources.DeviceRule) {
        for block in [true, false] {
            for access: UInt32 in [1, 2, 4] {
                let major = rule.major ?? 77
                let minor = rule.minor ?? 78
                let one = allows(program, block: block, major, minor, access)
                let exception = list.exceptions.contains { entry in
                    entry.kind == (block ? .block : .character) && (entry.major ?? major) == major
                        && (entry.minor ?? minor) == minor
                        && !entry.access.isDisjoint(with: Resources.DeviceAccess(rawValue: access))
                }
                require(one == (exception != list.allowsByDefault), "cgroup v1 and v2 differ on \(major):\(minor)")
            }
        }
    }
}
