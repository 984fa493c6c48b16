internal import Kernel
internal import OCI
internal import Planner

extension BundleCheck {
    /// What is mounted, one entry after the other; afterwards `places` shows the container's paths as they are then.
    ///
    /// - Parameter places: nil where there is no root file system that could be looked into.
    mutating func checkMounts(_ spec: Spec, _ places: Places?) {
        let known = KernelFileSystems()
        for (index, mount) in Plan.mounts(of: spec, for: rights.caller).enumerated() {
            let destination = inside(mount.destination, spec)
            switch mount.action {
            case .bind, .recursiveBind: checkBind(mount, destination, index, spec, places)
            case .new: checkNew(mount, destination, index, known, spec, places)
            case .remount, .bindRemount: checkRemount(destination, index, places)
            }
        }
    }

    /// A destination that is written as a path of the host below the root file system is one inside.
    private func inside(_ destination: String, _ spec: Spec) -> String {
        let clean = lexicallyClean(destination)
        for root in [lexicallyClean(absolute(spec.root.path)), rootfs ?? "/"]
        where root != "/" && clean.begins(with: root) {
            let rest = String(decoding: clean.utf8.dropFirst(root.utf8.count), as: UTF8.self)
            if rest.isEmpty { return "/" }
            if rest.isAbsolute { return rest }
        }
        return destination
    }

    // MARK: Bind mounts

    private mutating func checkBind(
        _ mount: Mount, _ destination: String, _ index: Int, _ spec: Spec, _ places: Places?
    ) {
        guard let source = mount.source else { return }
        let path = absolute(source)
        // What an entry before has mounted below the root file system is not there yet.
        let isOfContainer = places != nil && inside(path, spec) != path && index > 0
        let status: FileStatus
        do { status = try Files.status(path, follow: !mount.sourceNoFollow) } catch {
            if isOfContainer { return }
            return failure("mounts[\(index)].source", error, Self.sourceHint(error))
        }
        guard let places, !isOfContainer else { return }
        // A link is made again as a link, or bound as one.
        if mount.copySymlink, (try? Files.status(path))?.kind == .symbolicLink { return }
        let isDirectory = status.kind == .directory
        guard let place = findTarget(mount, destination, index, isDirectory: isDirectory, spec, places) else { return }
        // What cannot be looked into now is told of above, or by the kernel.
        guard let (content, _) = try? places.open(path, noFollow: mount.sourceNoFollow) else { return }
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
        _ mount: Mount, _ destination: String, _ index: Int, _ known: KernelFileSystems, _ spec: Spec, _ places: Places?
    ) {
        guard let type = mount.type else { return }
        if type != "cgroup" {
            guard let kind = known.kind(of: type) else {
                return addError(
                    "mounts[\(index)].type", "this kernel has no file system \"\(type)\"",
                    "correct the type, or load its kernel module; a bind mount has the option \"bind\"")
            }
            if kind == .device { checkDeviceSource(mount, index) }
            if type == "overlay" { checkOverlay(mount, index) }
        }
        guard let places, let place = findTarget(mount, destination, index, isDirectory: true, spec, places) else {
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
        case "proc": return (try? places.open("/proc", noFollow: true))?.content ?? .unknown
        case "sysfs": return (try? places.open("/sys", noFollow: true))?.content ?? .unknown
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

    private mutating func checkOverlay(_ mount: Mount, _ index: Int) {
        var devices: [(key: String, device: UInt64)] = []
        for (position, option) in mount.data.enumerated() {
            for key in ["lowerdir=", "upperdir=", "workdir="] where option.begins(with: key) {
                for path in Self.layers(of: option, behind: key) where path.isAbsolute {
                    do {
                        let status = try Files.status(path, follow: true)
                        if key != "lowerdir=" { devices.append((key, status.device)) }
                        if status.kind == .directory { continue }
                        addError("mounts[\(index)].options[\(position)]", "\(path) is no directory", "name a directory")
                    } catch {
                        failure(
                            "mounts[\(index)].options[\(position)]", error, "make the directory, or correct the path")
                    }
                }
            }
        }
        let field = "mounts[\(index)].options"
        func has(_ key: String) -> Bool { mount.data.contains { $0.begins(with: key) } }
        if !has("lowerdir="), !has("lowerdir+="), !has("datadir+=") {
            addError(field, "an overlay needs lowerdir", "add lowerdir=DIRECTORY")
        }
        if has("upperdir="), !has("workdir=") {
            addError(
                field, "an overlay with upperdir needs workdir",
                "add workdir=DIRECTORY, an empty directory of the same file system")
        }
        if devices.count == 2, devices[0].device != devices[1].device {
            addError(field, "upperdir and workdir are not in the same file system", "move one of them")
        }
    }

    private static func layers(of option: String, behind key: String) -> [String] {
        let value = option.utf8.dropFirst(key.utf8.count)
        if key != "lowerdir=" { return [String(Substring(value))] }
        return value.split(separator: UInt8(ascii: ":")).map { String(Substring($0)) }
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
        _ mount: Mount, _ destination: String, _ index: Int, isDirectory: Bool, _ spec: Spec, _ places: Places
    ) -> String? {
        let isKernelView = mount.action == .new && (mount.type == "proc" || mount.type == "sysfs")
        let target = TargetSearch(
            places, Identity(rootOf: spec.linux), followsLast: !mount.destinationNoFollow, hasLinks: !isKernelView,
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

/// What this kernel can mount (/proc/filesystems, and modules that it would load).
struct KernelFileSystems {
    enum Kind {
        /// Lives on a device.
        case device
        case other
        /// In a module that the kernel loads when it is asked for.
        case module
    }

    private var kinds: [(name: String, kind: Kind)] = []
    private var modules: [UInt8] = []

    init() {
        // Without procfs nothing is known, and the kernel decides.
        guard let text = try? Files.readText("/proc/filesystems") else { return }
        for line in text.split(separator: "\n") {
            let words = line.split(whereSeparator: { $0 == "\t" || $0 == " " })
            if words.count == 2 { kinds.append((String(words[1]), .other)) }
            if words.count == 1 { kinds.append((String(words[0]), .device)) }
        }
        if let release = try? ThisProcess.kernelRelease() {
            // A kernel without modules has no list of them.
            modules = (try? Files.read("/lib/modules/\(release)/modules.dep", limit: 8 << 20)) ?? []
        }
    }

    /// nil: unknown. A subtype (`fuse.sshfs`) is that of its type.
    func kind(of type: String) -> Kind? {
        if kinds.isEmpty { return .other }
        let name = String(type.prefix { $0 != "." })
        if let known = kinds.first(where: { $0.name == type || $0.name == name }) { return known.kind }
        return hasModule(name) ? .module : nil
    }

    private func hasModule(_ name: String) -> Bool {
        let file = "\(name).ko"
        return modules.split(separator: UInt8(ascii: "\n")).contains { line in
            let path = line.prefix { $0 != UInt8(ascii: ":") }
            let base = path.split(separator: UInt8(ascii: "/")).last ?? []
            return base.starts(with: file.utf8)
        }
    }
}
