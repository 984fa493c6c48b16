public import Kernel
public import OCI

extension Cgroup {
    /// The user of the host who is to own the container's cgroup, so that the container can manage cgroups of its own;
    /// nil if nobody is (config-linux.md, "Cgroup ownership"): there has to be a new cgroup namespace and a writable
    /// mount of the cgroup file system, and it has to be cgroup v2.
    public static func owner(for spec: Spec) -> UInt32? {
        guard spec.linux.creates(.cgroup), let user = spec.process?.user.uid else { return nil }
        let isWritable = spec.mounts.contains { mount in
            mount.destination == "/sys/fs/cgroup" && (mount.type == "cgroup" || mount.type == "cgroup2")
                && !mount.attributes.set.contains(.readOnly)
        }
        if !isWritable { return nil }
        return spec.linux.uidMappings.isEmpty ? user : spec.linux.uidMappings.hostID(of: user)
    }

    /// Gives the container's cgroup2 directory to a user, with the files that the kernel lists for it
    /// (/sys/kernel/cgroup/delegate, Linux 4.15). The limits stay with the host. Does nothing on cgroup v1, where
    /// delegation is not safe.
    public func delegate(to uid: UInt32) throws(CgroupError) {
        guard isUnifiedOnly, let unified else { return }
        try give(unified, to: uid)
    }

    private func give(_ directory: String, to uid: UInt32) throws(CgroupError) {
        for path in [directory] + Self.delegatedFiles.map({ "\(directory)/\($0)" }) {
            // No group: the second half of chown(2)'s -1.
            do { try Files.changeOwner(path, uid: uid, gid: .max) } catch {
                // Not every file of the list is in every cgroup; and an ordinary user can give nothing away.
                if error.errno != .noEntry, !(isPermissive && error.errno == .notPermitted) {
                    throw .system(error, field: "", hint: "cgroup ownership")
                }
            }
        }
    }

    /// Makes a cgroup below this one for the container to manage, without limits of its own.
    ///
    /// - Parameters:
    ///   - path: names with slashes between them, below this cgroup.
    ///   - owner: whose it is to be; nil: the host's.
    /// - Returns: its `cgroup.procs`: who writes `0` to it moves there.
    public func makeDelegated(_ path: String, owner: UInt32?) throws(CgroupError) -> Descriptor {
        let field = CrunAnnotations.delegatedCgroupField
        guard isUnifiedOnly, let unified else {
            throw .value(field: field, reason: "only a cgroup of cgroup v2 can be delegated")
        }
        var directory = unified
        for name in path.utf8.split(separator: UInt8(ascii: "/")) {
            directory += "/\(String(decoding: name, as: UTF8.self))"
            do { try Files.makeDirectory(directory, mode: 0o755) } catch {
                if error.errno != .exists { throw .system(error, field: field, hint: "") }
            }
            if let owner { try give(directory, to: owner) }
        }
        do {
            return try Descriptor.open(
                "\(directory)/cgroup.procs", [.writeOnly], at: .workingDirectory,
                resolve: [.noSymbolicLinks, .noMagicLinks])
        } catch {
            throw .system(error, field: field, hint: "")
        }
    }

    private static var delegatedFiles: [String] {
        // Without the list the spec names these.
        guard let bytes = try? Files.readOnce("/sys/kernel/cgroup/delegate") else {
            return ["cgroup.procs", "cgroup.subtree_control", "cgroup.threads"]
        }
        return bytes.split(separator: UInt8(ascii: "\n")).map { String(decoding: $0, as: UTF8.self) }
    }
}
