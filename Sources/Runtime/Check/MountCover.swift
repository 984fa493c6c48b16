internal import OCI

/// Which mount hides a path of the root file system: found by the path's parents, whatever the number of mounts.
struct MountCover {
    /// Index of the last mount on each destination.
    private var last: [[UInt8]: Int] = [:]
    /// Index of the first one.
    private var first: [[UInt8]: Int] = [:]

    init(_ mounts: [Mount] = []) {
        for (index, mount) in mounts.enumerated() where !mount.isRemount {
            let key = Array(lexicallyClean(mount.destination).utf8)
            last[key] = index
            if first[key] == nil { first[key] = index }
        }
    }

    /// The mount that shows what is at a path; nil: the root file system does.
    func mount(over path: String) -> Int? { Self.parents(of: path).compactMap { last[$0] }.max() }

    /// The last mount on a very place.
    func mount(at path: String) -> Int? { last[Array(lexicallyClean(path).utf8)] }

    /// Whether one of the mounts before the nth hides its destination.
    func isCovered(_ path: String, before index: Int) -> Bool {
        Self.parents(of: path).contains { first[$0].map { $0 < index } ?? false }
    }

    /// The path itself and every directory above it.
    private static func parents(of path: String) -> [[UInt8]] {
        let bytes = Array(lexicallyClean(path).utf8)
        var parents: [[UInt8]] = [bytes, [UInt8(ascii: "/")]]
        for (index, byte) in bytes.enumerated() where byte == UInt8(ascii: "/") && index > 0 {
            parents.append(Array(bytes[..<index]))
        }
        return parents
    }
}
