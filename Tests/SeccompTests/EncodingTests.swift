import OCI
import Testing

@testable import Seccomp

private let rule = SeccompRule(
    names: ["read", "write"], action: .errno, errnoRet: 5,
    args: [SeccompArgument(index: 0, value: 1, valueTwo: 2, op: .maskedEqual)])

private let profile = SeccompProfile(
    defaultAction: .errno, defaultErrnoRet: 1, architectures: [.x86_64, .x86], flags: SeccompFlags(rawValue: 2),
    listenerPath: "/a", listenerMetadata: "b", syscalls: [rule])

@Suite struct EncodingTests {
    /// Every difference between two profiles is one between their keys.
    @Test func everyFieldCounts() {
        let variants: [(inout SeccompProfile) -> Void] = [
            { $0.defaultAction = .trace }, { $0.defaultErrnoRet = nil }, { $0.defaultErrnoRet = 0 },
            { $0.defaultErrnoRet = 0x101 }, { $0.architectures = [.x86, .x86_64] }, { $0.architectures = [] },
            { $0.flags = nil }, { $0.flags = SeccompFlags(rawValue: 0) }, { $0.listenerPath = nil },
            { $0.listenerPath = "" },
            {
                $0.listenerPath = "/ab"
                $0.listenerMetadata = ""
            },
            { $0.listenerMetadata = nil }, { $0.listenerMetadata = "c" }, { $0.syscalls = [] },
            { $0.syscalls.append(rule) }, { $0.syscalls[0].names = ["readwrite"] },
            { $0.syscalls[0].names = ["rea", "dwrite"] }, { $0.syscalls[0].names = ["write", "read"] },
            { $0.syscalls[0].names = ["read", "write", ""] }, { $0.syscalls[0].action = .trace },
            { $0.syscalls[0].errnoRet = nil }, { $0.syscalls[0].errnoRet = 6 }, { $0.syscalls[0].args = [] },
            { $0.syscalls[0].args[0].index = 1 }, { $0.syscalls[0].args[0].value = 2 },
            { $0.syscalls[0].args[0].valueTwo = 1 }, { $0.syscalls[0].args[0].op = .equal },
            { $0.syscalls = [SeccompRule(names: ["read"], action: .errno), .allow("write")] },
            { $0.syscalls = [SeccompRule(names: ["read", "write"], action: .errno)] },
        ]
        var seen = [ProfileEncoding(profile).bytes]
        for (index, change) in variants.enumerated() {
            let bytes = ProfileEncoding(profile.with(change)).bytes
            #expect(!seen.contains(bytes), "variant \(index)")
            seen.append(bytes)
        }
    }

    /// A field that is added to the types belongs into the encoding and into the test above.
    @Test func noFieldIsForgotten() throws {
        #expect(Mirror(reflecting: profile).children.count == 7)
        #expect(Mirror(reflecting: rule).children.count == 4)
        #expect(Mirror(reflecting: rule.args[0]).children.count == 4)
    }

    @Test func layout() {
        let small = SeccompProfile(
            defaultAction: .allow, defaultErrnoRet: 0x0102, flags: nil, listenerPath: "/a",
            syscalls: [SeccompRule(names: ["dup"], action: .trap)])
        var expected: [UInt8] = [14, 0, 0, 0] + Array("SCMP_ACT_ALLOW".utf8)
        expected += [1, 0x02, 0x01]  // defaultErrnoRet
        expected += [0, 0, 0, 0]  // architectures
        expected += [0]  // flags
        expected += [1, 2, 0, 0, 0] + Array("/a".utf8)  // listenerPath
        expected += [0]  // listenerMetadata
        expected += [1, 0, 0, 0]  // syscalls
        expected += [1, 0, 0, 0, 3, 0, 0, 0] + Array("dup".utf8)  // names
        expected += [13, 0, 0, 0] + Array("SCMP_ACT_TRAP".utf8)  // action
        expected += [0, 0, 0, 0, 0]  // errnoRet, args
        #expect(ProfileEncoding(small).bytes == expected)
    }

    @Test func checksumSeesEveryByte() {
        let bytes = (0..<37).map(UInt8.init)
        var seen: Set<UInt64> = [checksum(bytes[...]), checksum(bytes.dropLast()), checksum((bytes + [0])[...])]
        #expect(seen.count == 3)
        for index in bytes.indices {
            for bit in 0..<8 {
                var changed = bytes
                changed[index] ^= 1 << bit
                #expect(seen.insert(checksum(changed[...])).inserted)
            }
        }
    }
}
