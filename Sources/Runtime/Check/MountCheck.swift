internal import Kernel
internal import OCI
internal import Planner

extension BundleCheck {
    /// What is mounted, one entry after the other; afterwards `places` shows the container's paths as they are then.
    ///
    /// - Parameter places: nil where there is no root file system that could be looked into.
    mutating func checkMounts(_ spec: Spec, _ places: Places?) {
        let known = KernelFileSystems()
        let names = RootNames([lexicallyClean(absolute(spec.root.path)), rootfs ?? "/"])
        for (index, mount) in Plan.mounts(of: spec, for: rights.caller).enumerated() {
            let destination = names.inside(mount.destination) ?? mount.destination
            switch mount.action {
            case .bind, .recursiveBind: checkBind(mount, destination, index, names, places)
            case .new: checkNew(mount, destination, index, known, places)
            case .remount, .bindRemount: checkRemount(destination, index, places)
            }
        }
    }

    // MARK: Bind mounts

    private mutating func checkBind(
        _ mount: Mount, _ destination: String, _ index: Int, _ names: RootNames, _ places: Places?
    ) {
        guard let source = mount.source else { return }
        let path = absolute(source)
        // What an entry before has mounted below the root file system is not there yet.
        let isOfContainer = places != nil && index > 0 && names.inside(path) != nil
        let status: FileStatus
        do { status = try Files.status(path, follow: !mount.sourceNoFollow) } catch {
            if isOfContainer { return }
            return failure("mounts[\(index)].source", error, Self.sourceHint(error))
        }
        guard let places, !isOfContainer else { return }
        // A link is made again as a link, or bound as one.
        if mount.copySymlink, (try? Files.status(path))?.kind == .symbolicLink { return }
        let isDirectory = status.kind == .directory
        guard let place = findTarget(mount, destination, index, isDirectory: isDirectory, places) else { return }
        // What cannot be looked into now is told of above, or by the kernel.
        guard let content = try? places.content(path, noFollow: mount.sourceNoFollow) else { return }
        places.mount(content, at: place, isDirectory: isDirectory, rights: Self.rights(of: mount))
    }

    private static func sourceHint(_ error: SystemError) -> String {
        if error.errno == .accessDenied, let obstacle = PathRights.obstacle(on: error.path) { return obstacle }
        return "make it, or correct the path"
    }

    private static func rights(of mount: Mount) -> Places.MountRights {
        var rights: Places.MountRights = []
        let isLate = mount.action == .new && mount.type == "tmpfs"
        if mount.attributes.set.contains(.readOnly), !isLate { rights.insert(.readOnly) }
        if mount.attributes.set.contains(.noExec) { rights.insert(.noExec) }
        if mount.action == .new, mount.type == "proc" { rights.formUnion([.isProc, .isFixed]) }
        if mount.action == .new, ["sysfs", "devpts", "mqueue"].contains(mount.type) {
            rights.insert(.isFixed)
        }
        return rights
    }

    // MARK: New file systems

    private mutating func checkNew(
        _ mount: Mount, _ destination: String, _ index: Int, _ known: KernelFileSystems, _ places: Places?
    ) {
        guard let type = mount.type else { return }
        if type != "cgroup" {
            guard let kind = known.kind(of: type) else {
                return addError(
                    "mounts[\(index)].type", "this kernel has no file system \"\(type)\"",
                    "correct the type, or load its kernel module; a bind mount has the option \"bind\"")
            }
            if kind == .device { checkDeviceSource(mount, index) }
            if type == "overlay" { checkOverlay(OverlayOptions(mount.data), "mounts[\(index)].options") }
        }
        guard let places, let place = findTarget(mount, destination, index, isDirectory: true, places) else {
            return
        }
        let content = content(of: mount, type, at: place, index, places)
        places.mount(content, at: place, isDirectory: true, rights: Self.rights(of: mount))
    }

    private mutating func content(
        of mount: Mount, _ type: String, at path: String, _ index: Int, _ places: Places
    ) -> Places.Content {
        switch type {
        case "tmpfs" where mount.tmpcopyup:
            // What the image has there is copied into it.
            guard case .found(let place) = places.look(path) else { return .empty }
            if mount.recursiveAttributes.set.contains(.readOnly), !places.names(in: place).isEmpty {
                addError(
                    "mounts[\(index)].options", "rro makes it read-only before tmpcopyup can copy what is in \(path)",
                    "use ro")
            }
            return places.content(of: place)
        case "tmpfs", "ramfs", "devpts", "mqueue": return .empty
        // Each is the same wherever it is mounted, as far as anybody looks for something in it.
        case "proc": return (try? places.content("/proc", noFollow: true)) ?? .unknown
        case "sysfs": return (try? places.content("/sys", noFollow: true)) ?? .unknown
        default: return .unknown
        }
    }

    private mutating func checkDeviceSource(_ mount: Mount, _ index: Int) {
        guard let source = mount.source else { return }
        let field = "mounts[\(index)].source"
        do {
            let status = try Files.status(absolute(source), follow: true)
            if status.kind != .blockDevice {
                addError(
                    field, "\(source) is no block device, which a file system of type \(mount.type ?? "") needs",
                    "name the device that holds the file system; losetup(8) makes one of a file")
            }
        } catch {
            failure(field, error, "name the device that holds the file system")
        }
    }

    private mutating func checkOverlay(_ options: OverlayOptions, _ field: String) {
        var seen: Set<[UInt64]> = []
        for layer in options.named {
            do {
                let status = try Files.status(absolute(layer.path), follow: true)
                guard status.kind == .directory else {
                    addError(field, "\(layer.path) is no directory", "name a directory")
                    continue
                }
                if layer.kind == .work || !options.isInEffect(layer) { continue }
                if !seen.insert([status.device, status.inode]).inserted {
                    addError(field, "\(layer.path) is a layer already", "leave one of the two out")
                }
            } catch {
                failure(field, error, "make the directory, or correct the path")
            }
        }
        guard options.hasLower else {
            let hint = options.meantAsLower.map { "did you mean lowerdir by \($0)?" } ?? "add lowerdir=DIRECTORY"
            return addError(field, "an overlay needs lowerdir", hint)
        }
        guard let upper = options.upper else {
            if options.lower.count == 1, !isWrong(field) {
                addError(
                    field, "an overlay without upperdir needs two lower directories",
                    "add upperdir and workdir, or use a bind mount")
            }
            return
        }
        guard let work = options.work else {
            return addError(
                field, "an overlay with upperdir needs workdir",
                "add workdir=DIRECTORY, an empty directory of the same file system")
        }
        // What is not there has been told of.
        let devices = [upper, work].compactMap { (try? Files.status(absolute($0), follow: true))?.device }
        if devices.count == 2, devices[0] != devices[1] {
            addError(field, "upperdir and workdir are not in the same file system", "move one of them")
        }
    }

    // MARK: Remounts

    private mutating func checkRemount(_ destination: String, _ index: Int, _ places: Places?) {
        guard let places else { return }
        let field = "mounts[\(index)].destination"
        switch places.look(destination) {
        case .missing:
            addError(field, "there is no \(destination) whose mount could be changed", "mount something there before")
        case .failed(.notDirectory, let place):
            addError(field, "\(place.path) is no directory, and \(destination) lies below it", "correct the path")
        case .found(let place):
            if places.isMountPoint(place) { return }
            addError(
                field, "nothing is mounted at \(destination)", "mount something there before, or leave remount out")
        case .failed, .unknown: break
        }
    }

    // MARK: Mount points

    /// Where an entry goes, without links; nil if it cannot go there, or only the kernel knows. What is missing on the way
    /// is made.
    private mutating func findTarget(
        _ mount: Mount, _ destination: String, _ index: Int, isDirectory: Bool, _ places: Places
    ) -> String? {
        let isKernelView = mount.action == .new && (mount.type == "proc" || mount.type == "sysfs")
        let target = TargetSearch(
            places, rootIdentity, followsLast: !mount.destinationNoFollow, hasLinks: !isKernelView,
            isInProcAllowed: isKernelView || Mount.isReplaceable(mount.destination))
        switch target.find(destination, isDirectory: isDirectory) {
        case .good(let path): return path
        case .unknown: return nil
        case .bad(let problem):
            addError("mounts[\(index)].destination", problem.message, problem.hint)
            return nil
        }
    }
}

/// Names that the host has for the container's root.
struct RootNames {
    private let names: [String]

    /// `names`: clean.
    init(_ names: [String]) { self.names = names.filter { $0 != "/" } }

    /// The path in the container of one of the host that lies in its root; nil of any other.
    func inside(_ path: String) -> String? {
        let clean = lexicallyClean(path)
        for name in names where clean.begins(with: name) {
            let rest = String(decoding: clean.utf8.dropFirst(name.utf8.count), as: UTF8.self)
            if rest.isEmpty { return "/" }
            if rest.isAbsolute { return rest }
        }
        return nil
    }
}
