internal import Kernel
internal import OCI
internal import Planner

extension BundleCheck {
    mutating func checkNamespaces(_ spec: Spec) {
        let linux = spec.linux
        for (index, namespace) in linux.namespaces.enumerated() {
            let field = "linux.namespaces[\(index)]"
            guard Files.exists("/proc/self/ns/\(namespace.kind.procName)") else {
                addError(
                    field, "this kernel has no \(namespace.kind.rawValue) namespaces",
                    "leave it out, or use a kernel that has them")
                continue
            }
            if let path = namespace.path {
                checkPath(path, namespace.kind, "\(field).path", Plan.reliance(on: namespace.kind, in: spec))
            } else {
                checkLimit(namespace.kind, field)
            }
        }
        if linux.creates(.user), !isRoot { checkUnprivileged() }
    }

    private mutating func checkPath(_ path: String, _ kind: NamespaceKind, _ field: String, _ reliance: Origin?) {
        do {
            let file = try Descriptor.open(path, [.readOnly, .nonBlocking, .noControllingTerminal])
            guard let flag = NamespaceFile.cloneFlag(of: file) else {
                return addError(field, "\(path) is no namespace", "name a file such as /proc/PID/ns/\(kind.procName)")
            }
            guard flag == kind.cloneFlag else {
                let actual = NamespaceKind.allCases.first { $0.cloneFlag == flag }
                return addError(
                    field,
                    "\(path) is a \(actual?.rawValue ?? "different") namespace, not a \(kind.rawValue) namespace",
                    "correct the path or the type")
            }
            if let reliance, try NamespaceFile.isCallers(file.number, kind.procName) {
                addError(
                    reliance.text,
                    "needs a \(kind.rawValue) namespace of the container's own, and \(field) is the caller's",
                    "make a new one")
            }
            if kind == .user, try file.status().inode == Files.status("/proc/self/ns/user", follow: true).inode {
                addError(
                    field, "\(path) is the user namespace that apus is in, which cannot be joined again",
                    "leave it out")
            }
        } catch {
            failure(field, error, "name a namespace that exists, such as /proc/PID/ns/\(kind.procName)")
        }
    }

    /// How many namespaces there may be (namespaces(7), /proc/sys/user).
    private mutating func checkLimit(_ kind: NamespaceKind, _ field: String) {
        let file = "/proc/sys/user/max_\(kind.procName)_namespaces"
        // An older kernel without the file has no limit.
        if (try? Files.readText(file)) == "0" {
            addError(field, "\(file) is 0: no \(kind.rawValue) namespace can be made", "raise it with sysctl(8)")
        }
    }

    private mutating func checkUnprivileged() {
        let field = "linux.namespaces"
        if (try? Files.readText("/proc/sys/kernel/unprivileged_userns_clone")) == "0" {
            addError(
                field, "this host lets only root make user namespaces", "sysctl kernel.unprivileged_userns_clone=1")
        }
        if (try? Files.readText("/proc/sys/kernel/apparmor_restrict_unprivileged_userns")) == "1" {
            addWarning(
                field, "AppArmor restricts user namespaces of ordinary users on this host",
                "give apus an AppArmor profile that allows userns")
        }
    }

    // MARK: Id mappings

    mutating func checkMappings(_ linux: Linux) {
        guard knowsNamespaces, linux.creates(.user) else { return }
        checkMappings(
            linux.uidMappings, "linux.uidMappings", file: "/etc/subuid", own: ThisProcess.effectiveUser,
            helper: "newuidmap")
        checkMappings(
            linux.gidMappings, "linux.gidMappings", file: "/etc/subgid", own: ThisProcess.effectiveGroup,
            helper: "newgidmap")
    }

    private mutating func checkMappings(
        _ mappings: [IDMapping], _ field: String, file: String, own: UInt32, helper: String
    ) {
        if isRoot { return checkMapped(mappings, field) }
        var needsHelper = mappings.count > 1
        for (index, mapping) in mappings.enumerated() where !(mapping.hostID == own && mapping.size == 1) {
            needsHelper = true
            if !SubordinateIDs.allow(mapping, in: file) {
                addError(
                    "\(field)[\(index)]",
                    "\(file) does not give this user the ids from \(mapping.hostID) "
                        + "to \(mapping.hostID &+ (mapping.size - 1))",
                    "add a line for the user, or map what it has")
            }
        }
        if needsHelper, !IDMaps.helperDirectories.contains(where: { Files.isExecutable("\($0)/\(helper)") }) {
            addError(
                field, "\(helper) is not installed, and an ordinary user may map only his own id without it",
                "install the package uidmap")
        }
    }

    /// Ids that apus itself does not have cannot be given on: the case of root inside of a container.
    private mutating func checkMapped(_ mappings: [IDMapping], _ field: String) {
        let file = field.holds("gid") ? "/proc/self/gid_map" : "/proc/self/uid_map"
        guard let text = try? Files.readText(file) else { return }  // No user namespaces, then.
        let own = text.split(separator: "\n").map { $0.split(separator: " ").compactMap { UInt64($0) } }
        for (index, mapping) in mappings.enumerated() {
            let last = UInt64(mapping.hostID) + UInt64(mapping.size) - 1
            let isCovered = own.contains { range in
                range.count == 3 && range[0] <= UInt64(mapping.hostID) && last < range[0] + range[2]
            }
            if isCovered { continue }
            addError(
                "\(field)[\(index)]",
                "the ids from \(mapping.hostID) to \(last) are not mapped in the user namespace that apus runs in",
                "map what \(file) has")
        }
    }
}
