internal import Kernel
internal import OCI

/// Ranges of ids that an administrator has given to ordinary users (subuid(5), subgid(5)).
enum SubordinateIDs {
    struct Range: Equatable {
        let first: UInt32
        let count: UInt32
    }

    /// Whether the caller may use the ids outside of a mapping.
    static func allow(_ mapping: IDMapping, in file: String) -> Bool {
        ranges(in: file).contains { range in
            let end = UInt64(mapping.hostID) + UInt64(mapping.size)
            return range.first <= mapping.hostID && end <= UInt64(range.first) + UInt64(range.count)
        }
    }

    /// The first range of an ordinary user, if the program that maps it is there; nil: he has none that could be used.
    static func first(in file: String, helper: String) -> Range? {
        if ThisProcess.effectiveUser == 0 { return nil }
        guard IDMaps.helperDirectories.contains(where: { Files.isExecutable("\($0)/\(helper)") }) else { return nil }
        return ranges(in: file).first { $0.count > 0 }
    }

    /// Those of the caller, by his id or his name: lines such as `user:100000:65536`.
    private static func ranges(in file: String) -> [Range] {
        guard let bytes = try? Files.read(file, limit: 4 << 20) else { return [] }  // Nobody has any.
        let user = ThisProcess.effectiveUser
        let names = [Array("\(user)".utf8), Array(Users.name(of: user).utf8)]
        return bytes.split(separator: UInt8(ascii: "\n")).compactMap { line in
            let fields = line.split(separator: UInt8(ascii: ":"))
            guard fields.count == 3, names.contains(where: { $0.elementsEqual(fields[0]) }),
                let first = UInt32(String(decoding: fields[1], as: UTF8.self)),
                let count = UInt32(String(decoding: fields[2], as: UTF8.self)),
                UInt64(first) + UInt64(count) <= UInt64(UInt32.max)
            else { return nil }
            return Range(first: first, count: count)
        }
    }
}
