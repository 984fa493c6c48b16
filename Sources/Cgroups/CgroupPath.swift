/// A container's place in the hierarchies, from `linux.cgroupsPath` (config-linux.md, "Cgroups Path").
public struct CgroupPath: Sendable, Equatable {
    /// Below the mount point of each hierarchy; else below the runtime's own cgroup.
    public let isAbsolute: Bool
    /// Names with single slashes between them, such as `docker/8d3f`: never empty, and never `.` or `..`.
    public let text: String

    /// - Parameters:
    ///   - path: `linux.cgroupsPath`; nil (or empty) stands for the id, relative.
    ///   - id: the container's id.
    public init(_ path: String?, id: String) throws(CgroupError) {
        let given = path.map { $0.isEmpty ? id : $0 } ?? id
        isAbsolute = given.utf8.first == UInt8(ascii: "/")
        // Appending, where joined(separator:) has the runtime look up generic types: every create comes by here.
        var text = ""
        for name in given.utf8.split(separator: UInt8(ascii: "/")) {
            if name.elementsEqual(".".utf8) { continue }
            // runc takes such names away with what is before them; what is meant then is anybody's guess.
            if name.elementsEqual("..".utf8) { throw .path(given, reason: .leadsOut) }
            if name.count > 255 { throw .path(given, reason: .tooLong) }
            // The kernel refuses a newline, which would forge a line of /proc/PID/cgroup (Linux 3.17).
            if name.contains(where: { $0 == 0 || $0 == 10 }) { throw .path(given, reason: .badCharacter) }
            if !text.isEmpty { text += "/" }
            text += String(decoding: name, as: UTF8.self)
        }
        if text.isEmpty { throw .path(given, reason: .namesNothing) }
        self.text = text
    }

    /// The container's directory in a v1 hierarchy, or in the cgroup2 hierarchy of a hybrid host.
    func directory(in hierarchy: Hierarchy) -> String {
        "\(hierarchy.mountPoint)\(isAbsolute ? "" : hierarchy.ownPath)/\(text)"
    }

    /// The container's directory on a v2 host. A relative path begins beside the runtime's own cgroup, not below it:
    /// a cgroup with processes cannot have children with controllers (cgroups(7), "no internal processes").
    func directory(inUnified hierarchy: Hierarchy) -> String {
        isAbsolute ? directory(in: hierarchy) : "\(hierarchy.mountPoint)\(parent(of: hierarchy.ownPath))/\(text)"
    }
}

/// The directory that holds a path; empty for the last one.
func parent(of path: String) -> String {
    guard let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")) else { return "" }
    return String(path[..<slash])
}
