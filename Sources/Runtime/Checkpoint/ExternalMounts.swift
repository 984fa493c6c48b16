internal import Cgroups
internal import Checkpoint
internal import Kernel
internal import OCI
internal import Planner

/// What is mounted in a container and comes from outside: CRIU does not save it, but a name for it, and wants to be
/// told at the restore what that name stands for. The name is the destination; what covers masked paths has names of
/// its own.
///
/// Both sides are made from a configuration: the names from the running container's, and what they stand for from the
/// one that is given at the restore. Nothing of what an image says leads to anything of the host.
enum ExternalMounts {
    /// The name of what covers masked files, and of what covers masked directories.
    static let maskedFile = "apus-masked-file"
    static let maskedDirectory = "apus-masked-directory"

    // MARK: Checkpoint

    /// Tells CRIU which mounts of a container are external.
    static func name(
        _ spec: Spec, of pid: Int32, _ table: MountTable, in options: inout CriuOptions
    ) throws(SystemError) {
        let root = try ContainerRoot(of: pid)
        var named: [String] = []
        func name(_ point: String, _ key: String) {
            if named.contains(where: { $0.hasBytes(of: point) }) { return }
            named.append(point)
            options.set(.external, text: "mnt[\(point)]:\(key)")
        }
        for path in spec.linux.maskedPaths {
            guard let place = try root.find(path), let id = try ContainerRoot.mount(of: place),
                let mount = table[id], mount.point.hasBytes(of: lexicallyClean(path))
            else { continue }
            name(mount.point, try place.status().kind == .directory ? maskedDirectory : maskedFile)
        }
        for mount in spec.mounts where mount.isBind {
            if let point = try point(of: mount.destination, root, table) {
                name(point, lexicallyClean(mount.destination))
            }
        }
        for device in devicePaths(spec) {
            if table.mounts(at: device).last != nil { name(device, device) }
        }
        for mount in table.lines where isCgroup(mount, spec) { name(mount.point, mount.point) }
        if table.mounts(at: notifyDirectory).last != nil { name(notifyDirectory, notifyDirectory) }
    }

    /// Where a mount is, whose destination may lead through links; nil: nothing of its own is mounted there.
    private static func point(
        of destination: String, _ root: borrowing ContainerRoot, _ table: MountTable
    ) throws(SystemError) -> String? {
        let clean = lexicallyClean(destination)
        if table.mounts(at: clean).last != nil { return clean }
        guard let id = try root.mount(at: destination), let mount = table[id],
            mount.point.utf8.count > 1
        else { return nil }
        return mount.point
    }

    /// cgroup v1, and cgroup2 without a cgroup namespace, are seen from below, and so look like parts of something
    /// else.
    private static func isCgroup(_ mount: MountTable.Line, _ spec: Spec) -> Bool {
        mount.type == "cgroup" || mount.type == "cgroup2" && !spec.linux.separates(.cgroup)
    }

    /// The devices that may be bound instead of made.
    private static func devicePaths(_ spec: Spec) -> [String] {
        ["/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/tty"]
            + spec.linux.devices.map { lexicallyClean($0.path) }
    }

    /// Where the socket is at which a container says that it is ready.
    private static var notifyDirectory: String { NotifyDirectory.path }

    // MARK: Restore

    /// One thing that a name stands for.
    struct Source {
        let key: String
        /// The place in the configuration that it is for.
        let field: String
        let kind: Kind

        enum Kind {
            /// An entry of `mounts`.
            case bind(Int)
            case cgroup(String)
            /// The entry of the plan's devices that are made by the host.
            case device(Int)
            /// A device of the host.
            case hostDevice(String)
            case maskedFile, maskedDirectory
            case emptyDirectory
        }
    }

    /// What a configuration has for names.
    static func sources(_ preparation: Preparation) -> [Source] {
        let spec = preparation.spec
        var sources: [Source] = []
        for (index, mount) in spec.mounts.enumerated() {
            let destination = lexicallyClean(mount.destination)
            if mount.isBind {
                sources.append(Source(key: destination, field: "mounts[\(index)].source", kind: .bind(index)))
            } else if mount.type == "cgroup" || mount.type == "cgroup2" {
                sources += cgroups(at: destination, preparation, "mounts[\(index)]")
            }
        }
        if !spec.linux.maskedPaths.isEmpty {
            sources.append(Source(key: maskedFile, field: "linux.maskedPaths", kind: .maskedFile))
            sources.append(Source(key: maskedDirectory, field: "linux.maskedPaths", kind: .maskedDirectory))
        }
        for (index, device) in preparation.plan.hostDevices.enumerated() {
            sources.append(Source(key: device.path, field: "linux.devices", kind: .device(index)))
        }
        if preparation.plan.hostDevices.isEmpty, !preparation.host.makesNodes || spec.linux.separates(.user) {
            for path in devicePaths(spec) where Files.exists(path) {
                sources.append(Source(key: path, field: "linux.devices", kind: .hostDevice(path)))
            }
        }
        sources.append(Source(key: notifyDirectory, field: "NOTIFY_SOCKET", kind: .emptyDirectory))
        return sources
    }

    private static func cgroups(at destination: String, _ preparation: Preparation, _ field: String) -> [Source] {
        let view = preparation.location.view
        var sources = view.hierarchies.map { hierarchy in
            Source(key: "\(destination)/\(hierarchy.name)", field: field, kind: .cgroup(hierarchy.directory))
        }
        if let unified = view.unified {
            sources.append(Source(key: destination, field: field, kind: .cgroup(unified)))
        }
        return sources
    }
}
