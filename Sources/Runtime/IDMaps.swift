internal import Kernel
internal import OCI

/// Id mappings of user namespaces (user_namespaces(7)).
enum IDMaps {
    /// Writes the maps of a process's user namespace.
    static func write(_ linux: Linux, for pid: Int32) throws(RuntimeError) {
        try write(linux.uidMappings, to: "/proc/\(pid)/uid_map", "linux.uidMappings")
        try write(linux.gidMappings, to: "/proc/\(pid)/gid_map", "linux.gidMappings")
    }

    private static func write(_ mappings: [IDMapping], to path: String, _ field: String) throws(RuntimeError) {
        guard !mappings.isEmpty else { return }
        do { try Files.writeExisting(path, text(mappings)) } catch { throw .system(error, field: field) }
    }

    static func text(_ mappings: [IDMapping]) -> String {
        mappings.map { "\($0.containerID) \($0.hostID) \($0.size)\n" }.joined()
    }
}
