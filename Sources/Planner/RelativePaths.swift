internal import OCI

extension PlanBuilder {
    /// Relative paths in the options and sources of new file systems count from the bundle, as those of bind mounts do: the
    /// kernel takes them from the working directory. That is entered with the rights that open the sources of bind mounts.
    ///
    /// In the root file system, from which runc has them count, links of the image would decide what of the host they lead to.
    mutating func enterBundle() {
        guard let index = spec.mounts.firstIndex(where: { $0.action == .new && $0.mayNameRelativePaths }) else {
            return
        }
        add(.changeDirectory(host.bundle), .element("mounts", index))
    }
}

extension Mount {
    /// Whether the kernel may meet a relative path in the source or the options of this new file system.
    fileprivate var mayNameRelativePaths: Bool {
        switch type {
        // None of these has a source that is looked at, or an option with a path.
        case nil, "tmpfs", "proc", "sysfs", "devpts", "mqueue", "ramfs", "hugetlbfs", "bpf", "cgroup", "cgroup2": false
        case "overlay": data.contains { Self.namesRelativeLayer($0) }
        default: hasRelativeSource || data.contains { Self.namesRelativeDevice($0) }
        }
    }

    /// A file system without a device has a dummy: "none", or its own name.
    private var hasRelativeSource: Bool {
        guard let source, !source.isAbsolute else { return false }
        return source != type && source != "none"
    }

    /// `lowerdir` has several, between colons. One behind a backslash separates nothing; a path more or less that counts as
    /// relative does no harm.
    private static func namesRelativeLayer(_ option: String) -> Bool {
        let names = ["lowerdir=", "upperdir=", "workdir=", "lowerdir+=", "datadir+="]
        guard let name = names.first(where: { option.begins(with: $0) }) else { return false }
        return option.utf8.dropFirst(name.utf8.count).split(separator: UInt8(ascii: ":")).contains {
            $0.first != UInt8(ascii: "/")
        }
    }

    /// Devices beside the one that is the source: of ext4, of xfs, of btrfs and erofs (Documentation/filesystems).
    private static func namesRelativeDevice(_ option: String) -> Bool {
        let names = ["journal_path=", "logdev=", "rtdev=", "device="]
        guard let name = names.first(where: { option.begins(with: $0) }) else { return false }
        return option.utf8.dropFirst(name.utf8.count).first != UInt8(ascii: "/")
    }
}
