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

    /// The bind mounts that are not seen where the configuration has them: the way there leads through links, or the
    /// container has changed it.
    static func displaced(
        _ spec: Spec, in rootfs: String, _ table: MountTable
    ) -> [(index: Int, path: String)] {
        // In a mount namespace of others nothing was mounted for the container alone.
        guard spec.linux.creates(.mount) else { return [] }
        var displaced: [(index: Int, path: String)] = []
        for (index, mount) in spec.mounts.enumerated() where mount.isBind {
            if table.mount(seenAt: spec.destination(mount.destination, in: rootfs)) == nil {
                displaced.append((index, mount.destination))
            }
        }
        return displaced
    }

    /// Tells CRIU which mounts of a container are external. Nothing is looked up here that a file system of the container's
    /// would be asked for.
    ///
    /// - Parameters:
    ///   - spec: the container's configuration.
    ///   - rootfs: its root file system on the host.
    ///   - table: what is mounted in it.
    ///   - found: where what is ``displaced(_:_:)`` was found.
    ///   - options: what CRIU is told.
    static func name(
        _ spec: Spec, in rootfs: String, _ table: MountTable, found: [(index: Int, mount: UInt64)],
        in options: inout CriuOptions
    ) {
        var named: Set<[UInt8]> = []
        func name(_ point: String, _ key: String) {
            guard named.insert(Array(point.utf8)).inserted else { return }
            options.set(.external, text: "mnt[\(point)]:\(key)")
        }
        for path in spec.linux.maskedPaths {
            guard let mount = table.mount(seenAt: lexicallyClean(path)), let mask = mount.mask else { continue }
            name(mount.point, mask == .directory ? maskedDirectory : maskedFile)
        }
        var places: [Int: UInt64] = [:]
        for place in found { places[place.index] = place.mount }
        for (index, mount) in spec.mounts.enumerated() where mount.isBind {
            let destination = spec.destination(mount.destination, in: rootfs)
            if let place = places[index] {
                if let line = table[place], line.point.utf8.count > 1 { name(line.point, destination) }
            } else if table.mount(seenAt: destination) != nil {
                name(destination, destination)
            }
        }
        for device in devicePaths(spec) {
            if table.mounts(at: device).last != nil { name(device, device) }
        }
        for mount in table.lines where isCgroup(mount, spec) { name(mount.point, mount.point) }
        if table.mounts(at: notifyDirectory).last != nil { name(notifyDirectory, notifyDirectory) }
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
            let destination = spec.destination(mount.destination, in: preparation.host.rootfs)
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
