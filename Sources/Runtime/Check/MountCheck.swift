internal import Kernel
internal import OCI

extension BundleCheck {
    mutating func checkMounts(_ spec: Spec, _ root: String?) {
        let known = KernelFileSystems()
        for (index, mount) in spec.mounts.enumerated() {
            switch mount.action {
            case .bind, .recursiveBind: checkBind(mount, index, spec, root)
            case .new: checkNew(mount, index, known)
            case .remount, .bindRemount: break
            }
        }
    }

    private mutating func checkBind(_ mount: Mount, _ index: Int, _ spec: Spec, _ root: String?) {
        guard let source = mount.source else { return }
        let path = absolute(source)
        let status: FileStatus
        do { status = try Files.status(path, follow: !mount.sourceNoFollow) } catch {
            return failure("mounts[\(index)].source", error, "make it, or correct the path")
        }
        guard let root, status.kind != .symbolicLink else { return }
        let destination = lexicallyClean(mount.destination)
        // Below another mount only the container can look; and what is missing is made.
        guard !covers.isCovered(destination, before: index), let view = try? RootView(root),
            let target = try? view.status(destination)
        else { return }
        if (status.kind == .directory) != (target.kind == .directory) {
            let (from, to) = status.kind == .directory ? ("a directory", "is none") : ("no directory", "is one")
            addError(
                "mounts[\(index)].destination",
                "the source is \(from), and \(destination) in the root file system \(to)",
                "a directory goes onto a directory, a file onto a file")
        }
    }

    private mutating func checkNew(_ mount: Mount, _ index: Int, _ known: KernelFileSystems) {
        guard let type = mount.type, type != "cgroup" else { return }
        guard let kind = known.kind(of: type) else {
            return addError(
                "mounts[\(index)].type", "this kernel has no file system \"\(type)\"",
                "correct the type, or load its kernel module; a bind mount has the option \"bind\"")
        }
        if kind == .device, let source = mount.source {
            do { _ = try Files.status(absolute(source), follow: true) } catch {
                failure("mounts[\(index)].source", error, "name the device that holds the file system")
            }
        }
        if type == "overlay" { checkOverlay(mount, index) }
    }

    private mutating func checkOverlay(_ mount: Mount, _ index: Int) {
        for (position, option) in mount.data.enumerated() {
            for key in ["lowerdir=", "upperdir=", "workdir="] where option.begins(with: key) {
                for path in option.dropFirst(key.utf8.count).split(separator: ":") where path.isAbsolute {
                    do { _ = try Files.status(String(path), follow: true) } catch {
                        failure(
                            "mounts[\(index)].options[\(position)]", error, "make the directory, or correct the path")
                    }
                }
            }
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
