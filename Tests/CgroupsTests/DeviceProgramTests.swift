import OCI
import Testing

@testable import Cgroups

/// cgroup v2's device filter.
@Suite struct DeviceProgramTests {
    @Test func `everything and nothing take no look at the device`() {
        let allow: [UInt64] = [
            0x0000_0001_0000_00b7,  // r0 = 1
            0x0000_0000_0000_0095,  // exit
        ]
        let deny: [UInt64] = [
            0x0000_0000_0000_00b7,  // r0 = 0
            0x0000_0000_0000_0095,  // exit
        ]
        #expect(DeviceProgram.compile([Rule(allow: true)]) == allow)
        #expect(DeviceProgram.compile(DeviceRules.complete([Rule(allow: true)])) == allow)
        #expect(DeviceProgram.compile([Rule(allow: false)]) == deny)
        #expect(DeviceProgram.compile([]) == deny)
    }

    @Test func `the last rule comes first`() {
        let rules = [
            Rule(allow: true, kind: .block, major: 8),  // made void by the next one
            Rule(allow: false),
            Rule(allow: true, kind: .character, major: 136),
            Rule(allow: true, kind: .character, major: 1, minor: 3),
            Rule(allow: true, kind: .character, major: 1, minor: 5),
            Rule(allow: false, major: 1, access: .write),
            Rule(allow: true, kind: .block, access: [.read, .mknod]),
        ]
        let expected: [UInt64] = [
            0x0000_0000_0000_1261,  //  0: r2 = *(u32 *)(r1 + 0)     access << 16 | kind
            0x0000_0000_0004_1461,  //  1: r4 = *(u32 *)(r1 + 4)     major
            0x0000_0000_0008_1561,  //  2: r5 = *(u32 *)(r1 + 8)     minor
            0x0000_0000_0000_23bc,  //  3: w3 = w2
            0x0000_0010_0000_0374,  //  4: w3 >>= 16                 access
            0x0000_ffff_0000_0254,  //  5: w2 &= 0xffff              kind
            // allow b *:* rm
            0x0000_0001_0002_0256,  //  6: if w2 != 1 goto 9
            0xffff_fffc_0000_0354,  //  7: w3 &= ~3
            0x0000_0000_0009_0316,  //  8: if w3 == 0 goto 18
            // deny * 1:* w
            0x0000_0001_0001_0456,  //  9: if w4 != 1 goto 11
            0x0000_0004_0005_0346,  // 10: if w3 & 4 goto 16
            // allow c 1:3 rwm, c 1:5 rwm, c 136:* rwm
            0x0000_0002_0004_0256,  // 11: if w2 != 2 goto 16
            0x0000_0088_0005_0416,  // 12: if w4 == 136 goto 18
            0x0000_0001_0002_0456,  // 13: if w4 != 1 goto 16
            0x0000_0003_0003_0516,  // 14: if w5 == 3 goto 18
            0x0000_0005_0002_0516,  // 15: if w5 == 5 goto 18
            // deny a
            0x0000_0000_0000_00b7,  // 16: r0 = 0
            0x0000_0000_0000_0095,  // 17: exit
            0x0000_0001_0000_00b7,  // 18: r0 = 1
            0x0000_0000_0000_0095,  // 19: exit
        ]
        #expect(DeviceProgram.compile(rules) == expected)
    }

    // MARK: Meaning

    /// What the rules say, one kind of access after the other.
    private func isAllowed(_ request: Request, by rules: [Rule]) -> Bool {
        for bit in [Resources.DeviceAccess.mknod, .read, .write] where request.access.contains(bit) {
            let last = rules.last { rule in
                (rule.kind == .all || rule.kind == request.kind) && (rule.major == nil || rule.major == request.major)
                    && (rule.minor == nil || rule.minor == request.minor) && rule.access.contains(bit)
            }
            if last?.allow != true { return false }
        }
        return true
    }

    @Test func `the program decides as the rules say`() throws {
        var random = SystemRandomNumberGenerator()
        for _ in 0..<300 {
            let rules = (0..<Int.random(in: 0...9, using: &random)).map { _ in Rule.random(using: &random) }
            let code = DeviceProgram.compile(rules)
            for request in Request.all {
                let answer = try Machine(code).run(request)
                #expect(answer == isAllowed(request, by: rules), "\(request) \(rules)")
            }
        }
    }

    @Test func `the standard devices work and others do not`() throws {
        let machine = Machine(DeviceProgram.compile(DeviceRules.complete([Rule(allow: false)])))
        #expect(try machine.run(Request(kind: .character, major: 1, minor: 3, access: [.read, .write])))
        #expect(try machine.run(Request(kind: .character, major: 136, minor: 77, access: [.read, .write])))
        #expect(try machine.run(Request(kind: .block, major: 8, minor: 0, access: .mknod)))
        #expect(try !machine.run(Request(kind: .block, major: 8, minor: 0, access: .read)))
        #expect(try !machine.run(Request(kind: .character, major: 1, minor: 1, access: [.read, .mknod])))
        #expect(try !machine.run(Request(kind: .character, major: 1, minor: 11, access: .write)))
    }
}

/// An access to a device node.
struct Request {
    var kind: Resources.DeviceRuleKind
    var major: UInt32
    var minor: UInt32
    var access: Resources.DeviceAccess

    static var all: [Request] {
        var requests: [Request] = []
        for kind in [Resources.DeviceRuleKind.block, .character] {
            for major in [UInt32(0), 1, 0xFFFF_FFFF] {
                for minor in [UInt32(0), 3, 0x8000_0000] {
                    for access in 1...7 {
                        requests.append(
                            Request(kind: kind, major: major, minor: minor, access: .init(rawValue: UInt32(access))))
                    }
                }
            }
        }
        return requests
    }
}

extension Rule {
    static func random(using random: inout some RandomNumberGenerator) -> Rule {
        Rule(
            allow: Bool.random(using: &random), kind: Resources.DeviceRuleKind.allCases.randomElement(using: &random)!,
            major: [nil, 0, 1, 0xFFFF_FFFF].randomElement(using: &random)!,
            minor: [nil, 0, 3, 0x8000_0000].randomElement(using: &random)!,
            access: .init(rawValue: UInt32.random(in: 1...7, using: &random)))
    }
}

/// Executes the few instructions that the compiler uses, as the kernel's document on them says.
struct Machine {
    struct Fault: Error { let place: Int }

    private let code: [UInt64]
    init(_ code: [UInt64]) { self.code = code }

    func run(_ request: Request) throws -> Bool {
        let kind: UInt32 = request.kind == .block ? 1 : 2
        let context = [request.access.rawValue << 16 | kind, request.major, request.minor]
        var registers = [UInt64](repeating: 0xDEAD_BEEF_DEAD_BEEF, count: 11)
        var place = 0
        while true {
            guard code.indices.contains(place) else { throw Fault(place: place) }
            let word = code[place]
            let target = Int(word >> 8 & 0xF)
            let source = Int(word >> 12 & 0xF)
            let offset = Int(Int16(truncatingIfNeeded: word >> 16))
            let constant = UInt32(word >> 32)
            let low = UInt32(truncatingIfNeeded: registers[target])
            var jumps = false
            switch word & 0xFF {
            case 0x61:
                guard source == 1, [0, 4, 8].contains(offset) else { throw Fault(place: place) }
                registers[target] = UInt64(context[offset / 4])
            case 0xb7: registers[target] = UInt64(bitPattern: Int64(Int32(bitPattern: constant)))
            case 0xbc: registers[target] = registers[source] & 0xFFFF_FFFF
            case 0x54: registers[target] = UInt64(low & constant)
            case 0x74: registers[target] = UInt64(low >> constant)
            case 0x56: jumps = low != constant
            case 0x16: jumps = low == constant
            case 0x46: jumps = low & constant != 0
            case 0x05: jumps = true
            case 0x95:
                guard registers[0] <= 1 else { throw Fault(place: place) }
                return registers[0] == 1
            default: throw Fault(place: place)
            }
            place += jumps ? offset + 1 : 1
        }
    }
}
