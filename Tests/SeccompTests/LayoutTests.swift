import Testing

@testable import Seccomp

/// What is put together by hand, byte by byte.
@Suite(.needsX86_64) struct LayoutTests {
    private let x86_64 = Architecture(token: 0xc000_003e, path: "")
    private let x86 = Architecture(token: 0x4000_0003, path: "")
    private let x32 = Architecture(token: 0x4000_003e, path: "")
    /// Stand for programs of libseccomp; real ones begin by looking at the architecture.
    private let allow: [UInt8] = [0x06, 0, 0, 0, 0x00, 0x00, 0xff, 0x7f]
    private let trap: [UInt8] = [0x06, 0, 0, 0, 0x00, 0x00, 0x03, 0x00]
    private let log: [UInt8] = [0x06, 0, 0, 0, 0x00, 0x00, 0xfc, 0x7f]

    @Test func programAloneStaysAsItIs() {
        #expect(FilterPart.join([FilterPart(architecture: x86_64, newestCall: nil, program: allow)]) == allow)
    }

    @Test func oneArchitecture() {
        expect(
            FilterPart.join([FilterPart(architecture: x86_64, newestCall: 0x1c8, program: allow)]),
            [
                [0x20, 0, 0, 0, 0x04, 0, 0, 0],  // 0: load the architecture
                [0x15, 0, 0, 1, 0x3e, 0, 0, 0xc0],  // 1: x86-64: on, else to 3
                [0x05, 0, 0, 0, 1, 0, 0, 0],  // 2: to 4
                [0x06, 0, 0, 0, 0, 0, 0, 0],  // 3: kill the thread
                [0x20, 0, 0, 0, 0, 0, 0, 0],  // 4: load the number
                [0x45, 0, 0, 1, 0, 0, 0, 0x40],  // 5: bit of x32: on, else to 7
                [0x05, 0, 0, 0, 2, 0, 0, 0],  // 6: to 9
                [0x25, 0, 0, 1, 0xc8, 0x01, 0, 0],  // 7: above 0x1c8: on, else to 9
                [0x06, 0, 0, 0, 0x26, 0, 0x05, 0],  // 8: ENOSYS
                allow,  // 9
            ])
    }

    @Test func threeArchitectures() {
        expect(
            FilterPart.join([
                FilterPart(architecture: x86_64, newestCall: 2, program: allow),
                FilterPart(architecture: x32, newestCall: 0x4000_0003, program: log),
                FilterPart(architecture: x86, newestCall: nil, program: trap),
            ]),
            [
                [0x20, 0, 0, 0, 0x04, 0, 0, 0],  // 0: load the architecture
                [0x15, 0, 0, 1, 0x3e, 0, 0, 0xc0],  // 1: x86-64: on, else to 3
                [0x05, 0, 0, 0, 3, 0, 0, 0],  // 2: to 6
                [0x15, 0, 0, 1, 0x03, 0, 0, 0x40],  // 3: x86: on, else to 5
                [0x05, 0, 0, 0, 10, 0, 0, 0],  // 4: to 15
                [0x06, 0, 0, 0, 0, 0, 0, 0],  // 5: kill the thread
                [0x20, 0, 0, 0, 0, 0, 0, 0],  // 6: load the number
                [0x35, 0, 0, 1, 0, 0, 0, 0x40],  // 7: x32: on, else to 9
                [0x05, 0, 0, 0, 3, 0, 0, 0],  // 8: to 12
                [0x25, 0, 0, 1, 2, 0, 0, 0],  // 9: above 2: on, else to 11
                [0x06, 0, 0, 0, 0x26, 0, 0x05, 0],  // 10: ENOSYS
                allow,  // 11
                [0x25, 0, 0, 1, 3, 0, 0, 0x40],  // 12: above 3 of x32: on, else to 14
                [0x06, 0, 0, 0, 0x26, 0, 0x05, 0],  // 13: ENOSYS
                log,  // 14
                [0x20, 0, 0, 0, 0, 0, 0, 0],  // 15: load the number
                trap,  // 16
            ])
    }

    @Test func fileOfTheCache() {
        let entry = CacheEntry(for: .allowing())
        var key = Array("apus seccomp".utf8) + [1, 0, 0, 0]  // magic, revision
        key += [0x3e, 0, 0, 0xc0]  // architecture
        key += Array(SeccompSupport.libraryVersion.utf8) + [0]
        key += ProfileEncoding(.allowing()).bytes
        var file: [UInt8] = [UInt8(key.count), 0, 0, 0, 8, 0, 0, 0]
        file.append(integer: checksum(allow[...]))
        #expect(entry.file(with: allow) == file + key + allow)
        #expect(entry.name.utf8.count == 16)
        #expect(UInt64(entry.name, radix: 16) == checksum(key[...]))
    }

    private func expect(_ program: [UInt8], _ instructions: [[UInt8]], at place: SourceLocation = #_sourceLocation) {
        for (index, instruction) in instructions.enumerated() {
            #expect(Array(program.dropFirst(8 * index).prefix(8)) == instruction, "\(index)", sourceLocation: place)
        }
        #expect(program.count == 8 * instructions.count, sourceLocation: place)
    }
}
