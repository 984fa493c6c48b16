/// What a mount of type `cgroup` shows inside a container: plain data for who plans the mounts.
public struct CgroupView: Sendable, Equatable {
    /// One v1 hierarchy, as a container sees it below `/sys/fs/cgroup`.
    public struct Hierarchy: Sendable, Equatable {
        /// Name of its directory, the same as on the host, such as `cpu,cpuacct`.
        public let name: String
        /// Options that mount it: `cpu`, `cpuacct`; `none`, `name=systemd` (cgroups(7)).
        public let options: [String]
        /// The container's own directory in it, on the host.
        public let directory: String
    }

    /// A symbolic link, such as `cpu` to `cpu,cpuacct`.
    public struct Alias: Sendable, Equatable {
        public let name: String
        public let target: String
    }

    /// v1 hierarchies, in the order of the container's directories; empty on a v2 host.
    public let hierarchies: [Hierarchy]
    /// Links for the hierarchies with several controllers.
    public let aliases: [Alias]
    /// The container's directory in cgroup2, on the host; nil if there is none.
    public let unified: String?

    init(unified: String? = nil) {
        hierarchies = []
        aliases = []
        self.unified = unified
    }

    /// - Parameter directories: the container's directory in each v1 hierarchy, and in cgroup2 if there is one.
    init(_ directories: [CgroupDirectory]) {
        hierarchies = directories.filter { !$0.isUnified }.map { directory in
            Hierarchy(
                name: Self.name(of: directory.mountPoint), options: Self.options(of: directory.label),
                directory: directory.path)
        }
        aliases = hierarchies.flatMap { hierarchy in
            hierarchy.options.filter { hierarchy.options.count > 1 && $0 != hierarchy.name && $0 != "none" }
                .filter { !$0.hasPrefix("name=") }
                .map { Alias(name: $0, target: hierarchy.name) }
        }
        unified = directories.first { $0.isUnified }?.path
    }

    private static func name(of mountPoint: String) -> String {
        String(decoding: mountPoint.utf8.dropFirst(parent(of: mountPoint).utf8.count + 1), as: UTF8.self)
    }

    private static func options(of label: String) -> [String] {
        if label.hasPrefix("name=") { return ["none", label] }
        if !label.utf8.contains(UInt8(ascii: ",")) { return [label] }
        return label.utf8.split(separator: UInt8(ascii: ",")).map { String(decoding: $0, as: UTF8.self) }
    }
}
