internal import OCI

// What is different for a container whose root is not the host's root.

extension PlanBuilder {
    /// A mount as it is possible, and safe, without the host's privileges.
    func withoutPrivileges(_ given: Mount) -> Mount {
        guard lacksHostPrivileges else { return given }
        var mount = given
        // Only the owner of a network namespace may mount sysfs for it: the host's own is bound, as `spec --rootless`
        // has it, and read-only, since much below it belongs to the caller.
        if mount.action == .new, mount.type == "sysfs", !spec.linux.separates(.network) {
            mount.action = .recursiveBind
            mount.source = "/sys"
            mount.data = []
            mount.superblock = SuperblockChange()
            mount.attributes.set.insert(.readOnly)
        }
        // Below a read-only /sys are the caller's cgroups, which would stay writable (CVE-2023-25809).
        if mount.isRecursiveBind, mount.attributes.set.contains(.readOnly), Self.showsCgroups(mount.source ?? "") {
            mount.recursiveAttributes.set.insert(.readOnly)
            mount.recursiveAttributes.clear.remove(.readOnly)
        }
        return mount
    }

    private static func showsCgroups(_ source: String) -> Bool {
        let path = lexicallyClean(source)
        return path == "/sys" || path == "/sys/fs" || path == "/sys/fs/cgroup" || path.begins(with: "/sys/fs/cgroup/")
    }

    /// Owners that a new file system is to have must be ids of the container; the kernel says EINVAL (the words are
    /// runc's).
    func refuseUnmappedOwner(of mount: Mount, at index: Int) throws(PlanError) {
        guard hasNewUserNamespace, mount.action == .new else { return }
        for option in mount.data {
            for (key, maps) in [("uid", spec.linux.uidMappings), ("gid", spec.linux.gidMappings)] {
                guard option.hasPrefix(key + "="), let id = UInt32(option.dropFirst(4)), maps.hostID(of: id) == nil
                else {
                    continue
                }
                throw PlanError(
                    field: "mounts[\(index)].options",
                    message:
                        "cannot specify \(key)= mount options for unmapped \(key) in rootless containers: \"\(option)\""
                )
            }
        }
    }

    /// While it gets its maps the process is dumpable (see `getMapped`). In a pid namespace of others, those of them
    /// that have the caller's user id could trace it then, and reach the host through its descriptors.
    func refuseForeignPidNamespace() throws(PlanError) {
        guard host.caller != .root, hasNewUserNamespace, spec.linux.namespace(.pid)?.path != nil else { return }
        throw PlanError(
            field: "linux.namespaces",
            message: "a new user namespace in a pid namespace that is joined is for root of the host alone")
    }
}
