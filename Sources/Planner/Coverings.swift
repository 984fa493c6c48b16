internal import OCI

/// Which entries of `mounts` mount something over a path of the container: at the path, or at a directory on its way. By text,
/// as they are written. A look-up takes about as long as the path is, however many entries there are.
struct Coverings {
    /// Clean destinations; nil where nothing is mounted, but changed.
    private let places: [String?]
    /// The entries, in their order, by the hash of their destinations.
    private var entries: [UInt64: [Int]] = [:]

    init(_ mounts: [Mount]) {
        places = mounts.map { $0.isRemount ? nil : lexicallyClean($0.destination) }
        for (index, place) in places.enumerated() {
            guard let place else { continue }
            var hash = PathHash()
            if place != "/" { for byte in place.utf8 { hash.add(byte) } }
            entries[hash.value, default: []].append(index)
        }
    }

    /// The last entry before another one that lies over a path, which is clean.
    func last(over path: String, before index: Int) -> Int? {
        var hash = PathHash()
        var last = entry(at: hash, over: path, length: 1, after: -1, before: index)
        for (length, byte) in path.utf8.enumerated() {
            if byte == UInt8(ascii: "/"), length > 0 {
                last = entry(at: hash, over: path, length: length, after: last, before: index)
            }
            hash.add(byte)
        }
        last = entry(at: hash, over: path, length: path.utf8.count, after: last, before: index)
        return last < 0 ? nil : last
    }

    /// The last entry, between two, whose destination are the first `length` bytes of a path; `first`: there is none.
    private func entry(at hash: PathHash, over path: String, length: Int, after first: Int, before end: Int) -> Int {
        guard let list = entries[hash.value] else { return first }
        // Half of what is left, each time: few of many entries at one place may come before.
        var range = list[...]
        while !range.isEmpty {
            let middle = (range.startIndex + range.endIndex) / 2
            range = range[middle] < end ? range[(middle + 1)...] : range[..<middle]
        }
        for index in list[..<range.startIndex].reversed() where index > first {
            if let place = places[index], place.utf8.count == length, path.begins(with: place) { return index }
        }
        return first
    }
}

/// FNV-1a of what has been added.
private struct PathHash {
    private(set) var value: UInt64 = 0xCBF2_9CE4_8422_2325

    mutating func add(_ byte: UInt8) { value = (value ^ UInt64(byte)) &* 0x100_0000_01B3 }
}
