internal import OCI

extension PlanBuilder {
    /// Puts a copy of the root's tree onto the root itself, so that it is a mount of this namespace alone.
    ///
    /// Nothing that is mounted from here on goes to the host: everything becomes a slave of the host's mounts, or
    /// private. A root that is to be shared, or unbindable, becomes so at the end. Sources of bind mounts that are to
    /// stay shared with the host are taken before.
    mutating func attachRoot() {
        let propagation = spec.linux.rootfsPropagation
        if propagation?.kind == .shared { takeSources() }
        add(.adoptRoot, .field("root.path"))
        let kind: PropagationKind = propagation?.kind == .private ? .private : .slave
        add(
            .setMountAttributes(nil, path: "/", propagation: kind.rawValue, isRecursive: true),
            .field("linux.rootfsPropagation"))
        if isInUserNamespace { takeSources() }
        copyRoot()
        add(.openPath(nil, path: host.rootfs, flags: OpenFlag.directoryPath, into: .target), .field("root.path"))
        add(.moveMount(.root, to: .target), .field("root.path"))
    }

    private mutating func copyRoot() {
        add(
            .openTree(nil, path: host.rootfs, flags: TreeFlag.clone | TreeFlag.recursive, into: .root),
            .field("root.path"))
    }

    /// The root of a container without a mount namespace of its own, opened while the host's paths are still there.
    mutating func openRoot() {
        add(.openPath(nil, path: host.rootfs, flags: OpenFlag.directoryPath, into: .root), .field("root.path"))
    }

    /// The same in a mount namespace that others use: everything that is mounted for the container is below this one
    /// mount, and goes with it. It is private: what is done below concerns nobody else.
    mutating func coverRoot() {
        let origin = Origin.field("root.path")
        copyRoot()
        add(.setMountAttributes(.root, propagation: PropagationKind.private.rawValue, isRecursive: true), origin)
        add(.openPath(nil, path: host.rootfs, flags: OpenFlag.directoryPath, into: .target), origin)
        add(.moveMount(.root, to: .target), origin)
    }

    /// In a mount namespace that is not its own a container only changes its root directory. Not before the hooks,
    /// whose paths are the host's (config.md, "POSIX-platform Hooks").
    mutating func enterRoot() {
        add(.enter(.root), .field("root.path"))
        add(.changeRoot, .field("root.path"))
        add(.changeDirectory("/"), .field("root.path"))
    }

    /// Makes the container's root the root of this namespace, and lets go of the host's.
    mutating func pivot() {
        let origin = Origin.field("root.path")
        if options.noPivot {
            // A procfs or sysfs of the host that stays mounted below the moved root would permit a container to mount a
            // fresh one without masks (mount_too_revealing in the kernel). In a user namespace both are locked
            // (EINVAL).
            for path in ["/proc", "/sys"] {
                add(.detachMount(path: path), origin, tolerating: [Tolerated.invalidArgument, Tolerated.noEntry])
            }
            add(.openPath(nil, path: "/", flags: OpenFlag.directoryPath, into: .target), origin)
            add(.enter(.root), origin)
            add(.moveMount(.root, to: .target), origin)
            add(.changeRoot, origin)
        } else {
            add(.enter(.root), origin)
            add(.pivotRoot, origin)
            add(.detachOldRoot(.root), origin)
        }
        add(.changeDirectory("/"), origin)
    }

    /// What is left to do to the root once everything is in place.
    mutating func finishRoot() {
        guard makesMounts || mountsOutside else { return }
        for (slot, origin) in lateReadOnly {
            add(.setMountAttributes(slot, set: MountAttributes.readOnly.rawValue), origin)
        }
        let propagation = spec.linux.rootfsPropagation
        if let propagation, propagation.kind == .shared || propagation.kind == .unbindable {
            add(
                .setMountAttributes(
                    .root, propagation: propagation.kind.rawValue, isRecursive: propagation.isRecursive),
                .field("linux.rootfsPropagation"))
        }
        if spec.root.readonly {
            add(.setMountAttributes(.root, set: MountAttributes.readOnly.rawValue), .field("root.readonly"))
        }
    }

    /// Whether a mount is made writable, since something is put into it while it is made.
    func isLateReadOnly(_ mount: Mount) -> Bool {
        mount.action == .new && mount.type == "tmpfs" && mount.attributes.set.contains(.readOnly)
    }

    /// What masked paths are covered with: an empty directory, and a null device, of a small file system that is the
    /// container's own. The host's null device would be as empty, but a container that is root could change its mode for
    /// everybody; and what the image calls its null device may be anything (CVE-2025-31133).
    ///
    /// Where no devices can be made, an empty file that nobody can write to serves as well.
    ///
    /// Before Linux 6.15 only mounts that are attached can be copied. So the file system is mounted in what goes away with
    /// the host's root: over /dev, which nobody needs any more.
    mutating func prepareMasks() {
        guard !spec.linux.maskedPaths.isEmpty else { return }
        let origin = Origin.field("linux.maskedPaths")
        add(.openFileSystem(type: "tmpfs", into: .fileSystem), origin)
        add(.configure(.fileSystem, .text(key: "mode", value: "755")), origin)
        add(.configure(.fileSystem, .text(key: "nr_inodes", value: "3")), origin)
        add(.configure(.fileSystem, .create), origin)
        let attributes: MountAttributes = makesNodes ? [.noSUID, .noExec] : [.noSUID, .noExec, .noDev]
        add(.createMount(.fileSystem, attributes: attributes.rawValue, into: .masks), origin)
        let (mode, major, minor): (UInt32, UInt32, UInt32) =
            makesNodes ? (FileMode.character | 0o666, 1, 3) : (FileMode.regular | 0o444, 0, 0)
        // One that is refused (by a device cgroup, say) is refused where others are made too, before anything of the
        // caller's has run. By now it is too late to begin anew, and an empty file is made in its place.
        add(
            .makeNode(.masks, name: "file", mode: mode, major: major, minor: minor, uid: 0, gid: 0), origin,
            tolerating: makesNodes ? [Tolerated.notPermitted, Tolerated.accessDenied] : [])
        add(.makeTarget(root: .masks, path: "file", .file, into: .maskFile), origin)
        add(.makeTarget(root: .masks, path: "directory", .directory, into: .maskDirectory), origin)
        add(.setMountAttributes(.masks, set: MountAttributes.readOnly.rawValue), origin)
        if mountsOutside {
            // Whoever holds the root looks below this mount.
            add(.openPath(.root, path: "/", flags: OpenFlag.directoryPath, into: .target), origin)
        } else {
            add(.openPath(nil, path: "/dev", flags: OpenFlag.directoryPath, into: .target), origin)
        }
        add(.moveMount(.masks, to: .target), origin)
    }

    /// Takes the file system of the masks away from the root again; what it was copied to stays.
    mutating func detachMasks() {
        guard !spec.linux.maskedPaths.isEmpty else { return }
        let origin = Origin.field("linux.maskedPaths")
        add(.enter(.masks), origin)
        add(.detachMount(path: "."), origin)
    }

    /// Masked and read-only paths. Each is opened once, and what is mounted goes onto that very descriptor: a path
    /// that is swapped meanwhile changes nothing (GHSA-3q8j-pf29-vwv8).
    mutating func maskPaths() {
        for index in Self.different(spec.linux.readonlyPaths) {
            let path = spec.linux.readonlyPaths[index]
            let origin = Origin.element("linux.readonlyPaths", index)
            add(
                .openPath(.root, path: path, flags: OpenFlag.path, into: .target), origin,
                tolerating: [Tolerated.noEntry], skip: 3)
            add(.openTree(.target, path: "", flags: TreeFlag.clone | TreeFlag.recursive, into: .mount), origin)
            add(
                .setMountAttributes(.mount, set: MountAttributes.readOnly.rawValue, isRecursive: true), origin)
            add(.moveMount(.mount, to: .target), origin)
        }
        for index in Self.different(spec.linux.maskedPaths) {
            let path = spec.linux.maskedPaths[index]
            let origin = Origin.element("linux.maskedPaths", index)
            add(
                .openPath(.root, path: path, flags: OpenFlag.path, into: .target), origin,
                tolerating: [Tolerated.noEntry], skip: 2)
            add(.chooseMask(for: .target, file: .maskFile, directory: .maskDirectory, into: .mount), origin)
            add(.moveMount(.mount, to: .target), origin)
        }
    }

    /// The indices of paths that no earlier one says already, as texts.
    private static func different(_ paths: [String]) -> [Int] {
        let clean = paths.map(lexicallyClean)
        if clean.count > fewPaths {
            var seen: Set<[UInt8]> = []
            return clean.indices.filter { seen.insert(Array(clean[$0].utf8)).inserted }
        }
        // Few are alike in size and in the last byte.
        let marks = clean.map { $0.utf8.count << 8 | Int($0.utf8.last ?? 0) }
        return clean.indices.filter { index in
            !(0..<index).contains { marks[$0] == marks[index] && clean[$0].hasBytes(of: clean[index]) }
        }
    }

    /// So many are compared with each other sooner than they are sorted into a set.
    private static let fewPaths = 32

    /// The directory to start in is made if the image lacks it.
    mutating func makeWorkingDirectory(_ process: Process) {
        guard process.cwd != "/" else { return }
        let root: Slot = .root
        add(
            .makeTarget(root: root, path: process.cwd, .directory, into: .target), .field("process.cwd"),
            // A directory behind a link of procfs, or one that is closed, shows itself when it is entered.
            tolerating: [Tolerated.readOnlyFileSystem, Tolerated.accessDenied])
    }
}

/// Flags of openat2(2).
enum OpenFlag {
    static let path: UInt64 = 0o10000000
    #if arch(arm64)
        static let directoryPath: UInt64 = 0o10000000 | 0o40000
        static let noFollow: UInt64 = 0o100000
    #else
        static let directoryPath: UInt64 = 0o10000000 | 0o200000
        static let noFollow: UInt64 = 0o400000
    #endif
    static let terminal: UInt64 = 0o2 | 0o400
    static let write: UInt64 = 0o1
}

/// Flags of open_tree(2).
enum TreeFlag {
    static let clone: UInt32 = 1
    static let recursive: UInt32 = 0x8000
    static let noFollow: UInt32 = 0x100
}

/// File types of mknod(2).
enum FileMode {
    static let character: UInt32 = 0o020000
    static let block: UInt32 = 0o060000
    static let fifo: UInt32 = 0o010000
    static let regular: UInt32 = 0o100000
    /// The part of a mode that is the type (S_IFMT).
    static let type: UInt32 = 0o170000
}
