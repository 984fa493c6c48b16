internal import Kernel
internal import OCI
internal import Planner

/// What CRIU has made of an image, compared with the configuration that the caller gives: where the image was made of a
/// looser one, its processes do not run.
///
/// It is no defence against an image that was written to break out: that is trusted as much as the caller. An image says
/// itself what its filter lets through, what else is mounted, and what its later processes are.
struct RestoredContainer {
    private let pid: Int32
    private let preparation: Preparation
    private var spec: Spec { preparation.spec }

    /// - Parameter pid: the first process, which is restored and does not run.
    init(_ pid: Int32, _ preparation: Preparation) {
        self.pid = pid
        self.preparation = preparation
    }

    private static func failure(_ field: String, _ message: String) -> RuntimeError {
        .plan(PlanError(field: field, message: "\(message): the image was made of another configuration"))
    }

    // MARK: Mounts and namespaces

    func requireMountsAndNamespaces() throws(RuntimeError) {
        try requireNamespaces()
        guard spec.linux.separates(.mount) else { return }
        let table = try attempt("mounts") { () throws(SystemError) in try MountTable(of: pid) }
        let root = try attempt("root.path") { () throws(SystemError) in try ContainerRoot(of: pid) }
        for (index, mount) in spec.mounts.enumerated() where mount.isBind {
            try require(
                spec.destination(mount.destination, in: preparation.host.rootfs), "mounts[\(index)]", root, table,
                isReadOnly: mount.attributes.set.contains(.readOnly)
                    || mount.recursiveAttributes.set.contains(.readOnly))
        }
        // Whether these exist is the kernel's affair. What else is masked the container may have made since.
        for (index, path) in spec.linux.maskedPaths.enumerated() where Self.isKernels(path) {
            if try exists(path, root) { try require(path, "linux.maskedPaths[\(index)]", root, table) }
        }
        for (index, path) in spec.linux.readonlyPaths.enumerated() where Self.isKernels(path) {
            if try exists(path, root) {
                try require(path, "linux.readonlyPaths[\(index)]", root, table, isReadOnly: true)
            }
        }
    }

    private func requireNamespaces() throws(RuntimeError) {
        for (index, namespace) in spec.linux.namespaces.enumerated() {
            let field = "linux.namespaces[\(index)]"
            let name = namespace.kind.procName
            let (its, other) = try attempt(field) { () throws(SystemError) in
                (
                    try Files.status("/proc/\(pid)/ns/\(name)", follow: true),
                    try Files.status(namespace.path ?? "/proc/self/ns/\(name)", follow: true)
                )
            }
            let isSame = its.inode == other.inode && its.device == other.device
            if isSame != (namespace.path != nil) {
                throw Self.failure(
                    field,
                    isSame
                        ? "the restored process has no \(namespace.kind.rawValue) namespace of its own"
                        : "the restored process is in another \(namespace.kind.rawValue) namespace")
            }
        }
    }

    private static func isKernels(_ path: String) -> Bool {
        let clean = lexicallyClean(path)
        return clean.begins(with: "/proc/") || clean.begins(with: "/sys/")
    }

    private func exists(_ path: String, _ root: borrowing ContainerRoot) throws(RuntimeError) -> Bool {
        do { return try root.find(path) != nil } catch { throw .system(error, field: "root.path") }
    }

    /// Fails unless something is mounted at a path, and if that is wanted, read-only.
    private func require(
        _ path: String, _ field: String, _ root: borrowing ContainerRoot, _ table: MountTable, isReadOnly: Bool = false
    ) throws(RuntimeError) {
        let clean = lexicallyClean(path)
        let mount: MountTable.Line?
        do throws(SystemError) {
            if let found = table.mounts(at: clean).last {
                mount = found
            } else {
                // The path may lead through links.
                let id = try root.mount(at: path)
                mount = id == (try root.mount(at: Self.parent(of: clean))) ? nil : id.flatMap { table[$0] }
            }
        } catch {
            throw .system(error, field: field)
        }
        guard let mount else { throw Self.failure(field, "nothing is mounted at \(path)") }
        if isReadOnly, !mount.isReadOnly { throw Self.failure(field, "what is mounted at \(path) is not read-only") }
    }

    private static func parent(of path: String) -> String {
        guard let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")), slash != path.startIndex else { return "/" }
        return String(path[..<slash])
    }

    // MARK: Rights

    /// Fails if a thread may do more than the configuration permits.
    ///
    /// - Parameter profile: the profile that the caller asks for instead of the configuration's, as `TYPE:NAME`.
    func requireConfinement(profile: String?) throws(RuntimeError) {
        let statuses = try attempt(CriuFailure.Operation.restore.rawValue) { () throws(SystemError) in
            try threadStatuses()
        }
        for status in statuses {
            if let (field, message) = excess(in: status) { throw Self.failure(field, message) }
        }
        try requireLabel(profile)
    }

    /// What /proc says of every thread that is in the user namespace of the first process. In another one, which is
    /// below it, rights are another matter.
    private func threadStatuses() throws(SystemError) -> [String] {
        var statuses: [String] = []
        let user = try Files.status("/proc/\(pid)/ns/user", follow: true).inode
        for process in try ProcessTree.descendants(of: pid) {
            for thread in try Files.list("/proc/\(process)/task") {
                let directory = "/proc/\(process)/task/\(thread)"
                // A process that has ended has no namespaces any more.
                guard let own = try? Files.status("\(directory)/ns/user", follow: true), own.inode == user else {
                    continue
                }
                statuses.append(try Files.readText("\(directory)/status"))
            }
        }
        return statuses
    }

    /// What a thread has and should not have.
    private func excess(in status: String) -> (field: String, message: String)? {
        guard let process = spec.process else { return nil }
        let allowed = process.capabilities ?? Capabilities()
        let sets: [(line: String, field: String, allowed: CapabilitySet)] = [
            ("CapBnd:", "bounding", allowed.bounding), ("CapPrm:", "permitted", allowed.bounding),
            ("CapEff:", "effective", allowed.bounding), ("CapInh:", "inheritable", allowed.bounding),
            ("CapAmb:", "ambient", allowed.bounding),
        ]
        for line in status.components(between: "\n") {
            guard let value = line.components(between: "\t").last else { continue }
            for set in sets where line.begins(with: set.line) {
                let excess = (UInt64(value, radix: 16) ?? .max) & ~set.allowed.rawValue
                guard excess != 0 else { continue }
                let names = CapabilitySet(rawValue: excess).members.map { $0.name }.joined(separator: ", ")
                return ("process.capabilities.\(set.field)", "a restored process has \(names)")
            }
            if line.begins(with: "NoNewPrivs:"), process.noNewPrivileges, value != "1" {
                return ("process.noNewPrivileges", "a restored process may gain rights")
            }
            if line.begins(with: "Seccomp:"), spec.linux.seccomp != nil, value != "2" {
                return ("linux.seccomp", "a restored process has no filter")
            }
        }
        return nil
    }

    private func requireLabel(_ profile: String?) throws(RuntimeError) {
        guard let process = spec.process else { return }
        let wanted: (field: String, label: String)
        if let profile, let colon = profile.utf8.firstIndex(of: UInt8(ascii: ":")) {
            wanted = ("--lsm-profile", String(profile[profile.utf8.index(after: colon)...]))
        } else if let profile = process.apparmorProfile, preparation.host.hasAppArmor {
            wanted = ("process.apparmorProfile", profile)
        } else if let label = process.selinuxLabel, preparation.host.hasSELinux {
            wanted = ("process.selinuxLabel", label)
        } else {
            return
        }
        let label = try attempt(wanted.field) { () throws(SystemError) in
            try Files.readText("/proc/\(pid)/attr/current")
        }
        // AppArmor adds the mode: "name (enforce)".
        guard label.hasBytes(of: wanted.label) || label.begins(with: wanted.label + " (") else {
            throw Self.failure(wanted.field, "the restored process is confined by \(label)")
        }
    }
}

/// Processes and their children, as /proc has them (proc_tid_children(5)).
enum ProcessTree {
    /// A process, and whoever it has made, and so on.
    static func descendants(of pid: Int32) throws(SystemError) -> [Int32] {
        var found = [pid]
        var next = 0
        while next < found.count {
            let process = found[next]
            next += 1
            do throws(SystemError) {
                for thread in try Files.list("/proc/\(process)/task") {
                    found += try Files.readText("/proc/\(process)/task/\(thread)/children")
                        .components(between: " ").compactMap { Int32($0) }
                }
            } catch {
                // It has ended meanwhile.
                if !error.isEndOfProcess { throw error }
            }
        }
        return found
    }
}
