internal import Kernel

/// One mounted cgroup hierarchy, and where in it the runtime itself is.
public struct Hierarchy: Sendable, Equatable {
    /// Its controllers or name as /proc/self/cgroup has them: `memory`, `cpu,cpuacct`, `name=systemd`; empty for
    /// cgroup2.
    public let label: String
    /// Absolute path, without a slash at its end.
    public let mountPoint: String
    /// The runtime's own cgroup below the mount point: empty for the root, else such as `/system.slice/x`.
    public let ownPath: String

    public init(label: String, mountPoint: String, ownPath: String) {
        self.label = label
        self.mountPoint = mountPoint
        self.ownPath = ownPath
    }
}

/// What the host has in the way of cgroups (cgroups(7)).
public enum CgroupLayout: Sendable, Equatable {
    /// cgroup v2 alone.
    case v2(Hierarchy)
    /// cgroup v1 hierarchies, and on a hybrid host the cgroup2 hierarchy beside them.
    case v1([Hierarchy], unified: Hierarchy?)
    /// Nothing is mounted.
    case none

    /// Where a v2 host mounts cgroup2.
    private static var usualMountPoint: String { "/sys/fs/cgroup" }
    /// CGROUP2_SUPER_MAGIC (linux/magic.h).
    private static var unifiedType: Int64 { 0x6367_7270 }

    /// Looks at the host. On a v2 host /proc/self/mountinfo, which grows with the number of mounts, is not read.
    public static func gather() throws(CgroupError) -> CgroupLayout {
        let own: [UInt8]
        do { own = try Files.readOnce("/proc/self/cgroup", atMost: 16_384) } catch {
            if error.errno == .noEntry { return .none }  // A kernel without cgroups.
            throw .system(error, field: "", hint: "")
        }
        let isUnified: Bool
        do { isUnified = try Files.fileSystemType(usualMountPoint) == unifiedType } catch {
            switch error.errno {
            // Not there, or not to be seen: mountinfo knows more.
            case .noEntry, .notDirectory, .accessDenied: isUnified = false
            default: throw .system(error, field: "", hint: "")
            }
        }
        if isUnified {
            let path = LayoutParser(cgroup: own).unifiedPath
            // Without a cgroup namespace, a container's mount shows a part of the hierarchy under a shorter path.
            if path.isEmpty || Files.exists(usualMountPoint + path) {
                return .v2(Hierarchy(label: "", mountPoint: usualMountPoint, ownPath: path))
            }
        }
        // If there is a line for cgroup2 at the usual place nevertheless, something else is mounted over it.
        var parser = LayoutParser(cgroup: own, hidden: isUnified ? nil : usualMountPoint)
        do {
            try readMountinfo(into: &parser)
            if !areReachable(parser.mounts) {
                // Where mounts lie over each other, each one is asked for.
                parser = LayoutParser(cgroup: own, isReachable: isReachable)
                try readMountinfo(into: &parser)
            }
        } catch {
            throw .system(error, field: "", hint: "")
        }
        return CgroupLayout(parser)
    }

    /// Whether paths lead to all of the mounts. Those that are attached beside each other, in one directory of the
    /// mount above, are reached together.
    private static func areReachable(_ mounts: [LayoutParser.Mount]) -> Bool {
        var reached: [(directory: String, mount: UInt64)] = []
        for mount in mounts {
            if mount.isOverlaid { return false }
            let directory = parent(of: mount.mountPoint)
            if reached.contains(where: { $0.mount == mount.parent && $0.directory == directory }) { continue }
            // What cannot be looked at is not reached.
            guard leads(directory.isEmpty ? "/" : directory, to: mount.parent) else { return false }
            reached.append((directory, mount.parent))
        }
        return true
    }

    /// Whether the path of a mount leads to it, and not to one that was mounted over it, or over what is above it.
    static func isReachable(_ mount: LayoutParser.Mount) -> Bool { leads(mount.mountPoint, to: mount.id) }

    /// Whether a path leads to a mount, or at least nothing says otherwise.
    private static func leads(_ path: String, to mount: UInt64) -> Bool {
        guard let found = try? Files.mountID(path) else { return false }
        return found == mount || found == 0
    }

    /// Reads no more than is needed: a part at a time, as the kernel gives it.
    private static func readMountinfo(into parser: inout LayoutParser) throws(SystemError) {
        let file = try Descriptor.open("/proc/self/mountinfo", [.readOnly])
        while true {
            let part = try file.read(atMost: 16_384)
            if part.isEmpty { break }
            if parser.append(part) { return }
        }
        parser.finish()
    }

    /// Reads the layout from the content of /proc/self/mountinfo and /proc/self/cgroup (proc(5), cgroups(7)).
    ///
    /// - Parameters:
    ///   - mountinfo: the mounts that are looked through.
    ///   - cgroup: the cgroups that the caller is in.
    ///   - hidden: a mount point where cgroup2 cannot be seen.
    public static func parse(mountinfo: [UInt8], cgroup: [UInt8], hidden: String? = nil) -> CgroupLayout {
        var parser = LayoutParser(cgroup: cgroup, hidden: hidden)
        if !parser.append(mountinfo) { parser.finish() }
        return CgroupLayout(parser)
    }

    private init(_ parser: LayoutParser) {
        let hierarchies = parser.hierarchies
        if let unified = parser.unified, hierarchies.isEmpty || unified.mountPoint == Self.usualMountPoint {
            self = .v2(unified)
        } else {
            self = hierarchies.isEmpty ? .none : .v1(hierarchies, unified: parser.unified)
        }
    }
}
