import CSeccomp
import OCI

/// One file of the cache: what the program was made from, and the program.
///
/// | bytes | content |
/// |---|---|
/// | 4 | size of the key |
/// | 4 | size of the program |
/// | 8 | checksum of the program |
/// | | key: magic, revision, architecture, version of libseccomp, profile |
/// | | program |
///
/// The file is called after a checksum of the key. The whole key is compared, so that two keys with one name merely
/// displace each other.
struct CacheEntry {
    let name: String
    private let key: [UInt8]

    /// Raise it whenever the same profile gives another program than before.
    private static let revision: UInt32 = 1
    private static let headerSize = 16
    /// Far above what the longest program and any sensible profile need.
    static let largestFile: Int64 = 1 << 20

    init(for profile: SeccompProfile) {
        var key = Array("apus seccomp".utf8)
        key.append(integer: Self.revision)
        key.append(integer: seccomp_arch_native())
        key.append(contentsOf: SeccompSupport.libraryVersion.utf8)
        key.append(0)
        key += ProfileEncoding(profile).bytes
        self.key = key
        name = Self.name(checksum(key[...]))
    }

    /// 16 hexadecimal digits.
    private static func name(_ checksum: UInt64) -> String {
        let digits = String(checksum, radix: 16)
        return String(repeating: "0", count: 16 - digits.utf8.count) + digits
    }

    func file(with program: [UInt8]) -> [UInt8] {
        var file: [UInt8] = []
        file.reserveCapacity(Self.headerSize + key.count + program.count)
        file.append(integer: UInt32(key.count))
        file.append(integer: UInt32(program.count))
        file.append(integer: checksum(program[...]))
        return file + key + program
    }

    /// The program in a file, if the file is one for this key and complete.
    func program(in file: [UInt8]) -> [UInt8]? {
        let start = Self.headerSize + key.count
        guard file.count > start else { return nil }
        let program = file[start...]
        var expected: [UInt8] = []
        expected.append(integer: UInt32(key.count))
        expected.append(integer: UInt32(program.count))
        expected.append(integer: checksum(program))
        guard
            file.starts(with: expected), file[Self.headerSize..<start] == key[...],
            program.count % Instruction.size == 0,
            program.count <= SeccompFilter.mostInstructions * Instruction.size
        else { return nil }
        return Array(program)
    }
}

/// A checksum against accidents, not against forgers: FNV-1a with steps of 8 bytes and a shift that lets high bits act
/// on low ones.
func checksum(_ bytes: ArraySlice<UInt8>) -> UInt64 {
    var sum: UInt64 = 0xcbf2_9ce4_8422_2325
    func mix(_ value: UInt64) {
        sum = (sum ^ value) &* 0x0000_0100_0000_01b3
        sum ^= sum >> 32
    }
    mix(UInt64(bytes.count))
    unsafe bytes.withUnsafeBytes { buffer in
        let words = buffer.count / 8
        // Within the buffer: 8 * words is at most its size.
        for word in 0..<words { mix(unsafe buffer.loadUnaligned(fromByteOffset: 8 * word, as: UInt64.self)) }
        for offset in 8 * words..<buffer.count { mix(UInt64(unsafe buffer[offset])) }
    }
    return sum
}
