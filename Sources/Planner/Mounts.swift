internal import OCI

extension PlanBuilder {
    /// The mounts, in the order given.
    mutating func makeMounts() throws(PlanError) {
        noteRemounts()
        for (index, given) in spec.mounts.enumerated() {
            let origin = Origin.element("mounts", index)
            let mount = withoutPrivileges(given)
            switch mount.action {
            case .bind, .recursiveBind: bind(mount, index)
            case .remount: remount(mount, origin)
            case .bindRemount: changeMount(mount, origin)
            case .new:
                switch mount.type {
                case "cgroup", "cgroup2":
                    try joinCgroups()
                    mountCgroups(mount, origin)
                default: try mountNew(mount, origin)
                }
            }
        }
    }

    // MARK: Bind mounts

    private mutating func bind(_ mount: Mount, _ index: Int) {
        let origin = Origin.element("mounts", index)
        if !mount.data.isEmpty {
            plan.warnings.append(
                "\(origin.text).options: no effect on a bind mount: \(mount.data.joined(separator: ","))")
        }
        let source = bindSource(mount)
        let link = mount.copySymlink ? copyLink(source.path, mount, origin) : nil
        let tree = takenSources[index] ?? openSource(source, mount, index)
        // What is copied as a link is no mount, and which of the two it is only the process sees.
        hold(mount.copySymlink ? .mount : tree, at: mount.destination)
        setAttributes(of: tree, mount, origin)
        place(tree, mount, origin, kind: .like(tree))
        if let link { plan.steps[link].skip = UInt8(clamping: plan.steps.count - link - 1) }
    }

    /// Takes detached copies of the sources of all bind mounts, each into a slot of its own.
    ///
    /// In a user namespace that happens while the process still has the host root's identity, which may pass where the
    /// container's root may not, and from the copied mounts of this namespace: their restrictions are locked, so that
    /// the container cannot lift them. Where even that identity may not pass, the host's own copy stays.
    mutating func takeSources() {
        for (index, given) in spec.mounts.enumerated() where takenSources[index] == nil {
            let mount = withoutPrivileges(given)
            guard mount.isBind else { continue }
            let source = bindSource(mount)
            let origin = Origin.element("mounts", index, ".source")
            // What is to be copied as a link need not lead anywhere.
            if mount.idMap != nil || mount.copySymlink { continue }
            // An ordinary user has no right to copy mounts on the host, and nobody is more powerful there than he is.
            guard isInUserNamespace, host.caller != .ordinaryUser else {
                let slot = reserveSlot()
                copy(source, into: slot, origin)
                takenSources[index] = slot
                continue
            }
            let slot = provide(.tree(source), origin)
            copy(source, into: slot, origin, tolerating: [Tolerated.accessDenied])
            takenSources[index] = slot
        }
    }

    private func bindSource(_ mount: Mount) -> BindSource {
        BindSource(
            path: absolute(mount.source ?? ""), isRecursive: mount.isRecursiveBind, noFollow: mount.sourceNoFollow)
    }

    /// Copies a source that is detached into a slot. Ids are mapped by the host, which alone may do so.
    private mutating func openSource(_ source: BindSource, _ mount: Mount, _ index: Int) -> Slot {
        let origin = Origin.element("mounts", index, ".source")
        if mount.idMap != nil { return provide(.mappedTree(source, index: index), origin) }
        let slot = slot(for: mount)
        copy(source, into: slot, origin)
        return slot
    }

    private mutating func copy(_ source: BindSource, into slot: Slot, _ origin: Origin, tolerating: [UInt8] = []) {
        let flags =
            TreeFlag.clone | (source.isRecursive ? TreeFlag.recursive : 0) | (source.noFollow ? TreeFlag.noFollow : 0)
        add(.openTree(nil, path: source.path, flags: flags, into: slot), origin, tolerating: tolerating)
    }

    /// A source that is a link is made again as a link, and the mount is passed over; returns the index of the step
    /// that does so.
    private mutating func copyLink(_ path: String, _ mount: Mount, _ origin: Origin) -> Int {
        let (parent, name) = Self.split(mount.destination)
        add(
            .makeTarget(root: .root, path: parent, .directory, rules(mount).subtracting(.noFollow), into: .parent),
            origin)
        add(.copyLink(source: path, directory: .parent, name: name), origin, tolerating: [Tolerated.already])
        return plan.steps.count - 1
    }

    // MARK: New file systems

    private mutating func mountNew(_ mount: Mount, _ origin: Origin) throws(PlanError) {
        add(.openFileSystem(type: mount.type ?? "", into: .fileSystem), origin)
        for setting in settings(of: mount) { configure(setting, origin) }
        add(.configure(.fileSystem, .create), origin)
        var attributes = mount.attributes.set
        let slot = slot(for: mount)
        finishCovered(slot)
        hold(slot, at: mount.destination)
        if isLateReadOnly(mount) {
            attributes.subtract(.readOnly)
            if staysWritable(mount) { lateReadOnly.append((slot, origin)) }
        }
        add(.createMount(.fileSystem, attributes: attributes.rawValue, into: slot), origin)
        // Found once: what is taken from there and what is put there is the same directory.
        add(.makeTarget(root: .root, path: mount.destination, .directory, rules(mount), into: .target), origin)
        if mount.type == "tmpfs", !mount.data.contains(where: { $0.hasPrefix("mode=") }) {
            // A tmpfs over a directory of the image gets that directory's permissions; a directory that is made now has
            // 0755.
            add(.copyMode(from: .target, to: slot), origin)
        }
        setRecursiveAttributes(of: slot, mount, origin)
        if mount.tmpcopyup {
            // What the image makes this process read and keep is counted as the container's.
            try joinCgroups()
            add(.copyTree(from: .target, to: slot), origin)
        }
        if isLateReadOnly(mount), !staysWritable(mount) {
            add(.setMountAttributes(slot, set: MountAttributes.readOnly.rawValue), origin)
        }
        add(.moveMount(slot, to: .target), origin)
        propagate(slot, mount, origin)
    }

    /// The parameters of a file system, as fsconfig(2) takes them.
    private func settings(of mount: Mount) -> [Setting] {
        var settings: [Setting] = []
        if let source = mount.source, !source.isEmpty { settings.append(.text(key: "source", value: source)) }
        var flags = mount.superblock.set
        if isLateReadOnly(mount) { flags.subtract(.readOnly) }
        func name(_ flag: SuperblockFlags, _ name: String) {
            if flags.contains(flag) { settings.append(.flag(name)) }
        }
        name(.readOnly, "ro")
        name(.synchronous, "sync")
        name(.dirSync, "dirsync")
        name(.mandatoryLocks, "mand")
        name(.lazyTime, "lazytime")
        name(.iVersion, "iversion")
        name(.posixACL, "acl")
        settings += mount.data.map(Self.setting)
        if let label = spec.linux.mountLabel, host.hasSELinux, mount.type != "proc", mount.type != "sysfs" {
            settings.append(.text(key: "context", value: label))
        }
        return settings
    }

    static func setting(of option: String) -> Setting {
        guard let equals = option.utf8.firstIndex(of: UInt8(ascii: "=")) else { return .flag(option) }
        return .text(key: String(option[..<equals]), value: String(option[option.utf8.index(after: equals)...]))
    }

    // MARK: Changes of what is mounted

    /// `remount`: the file system is configured anew, and the mount's attributes become exactly those asked for.
    private mutating func remount(_ mount: Mount, _ origin: Origin) {
        let target = findMount(mount.destination, origin)
        add(.pickFileSystem(target, into: .fileSystem), origin)
        for setting in settings(of: mount) where !Self.isSource(setting) { configure(setting, origin) }
        let opposites: [(SuperblockFlags, String)] = [
            (.readOnly, "rw"), (.synchronous, "async"), (.lazyTime, "nolazytime"), (.mandatoryLocks, "nomand"),
        ]
        for (flag, name) in opposites where mount.superblock.clear.contains(flag) {
            add(.configure(.fileSystem, .flag(name)), origin)
        }
        add(.configure(.fileSystem, .reconfigure), origin)
        replaceAttributes(of: target, mount, origin)
    }

    private mutating func configure(_ setting: Setting, _ origin: Origin) {
        // mount(2) takes these two from anybody and drops them where a file system does not know them.
        let mayBeUnknown = setting == .flag("iversion") || setting == .flag("acl")
        add(.configure(.fileSystem, setting), origin, tolerating: mayBeUnknown ? [Tolerated.invalidArgument] : [])
    }

    private static func isSource(_ setting: Setting) -> Bool {
        if case .text(key: "source", value: _) = setting { return true }
        return false
    }

    private mutating func changeMount(_ mount: Mount, _ origin: Origin) {
        if !mount.data.isEmpty {
            plan.warnings.append(
                "\(origin.text).options: no effect on a bind mount: \(mount.data.joined(separator: ","))")
        }
        replaceAttributes(of: findMount(mount.destination, origin), mount, origin)
    }

    private mutating func replaceAttributes(of target: Slot, _ mount: Mount, _ origin: Origin) {
        forgetLateReadOnly(target, mount)
        let all: MountAttributes = [.readOnly, .noSUID, .noDev, .noExec, .noDirATime, .noSymFollow]
        let clear = all.subtracting(mount.attributes.set).union(mount.attributes.clear)
        add(.setMountAttributes(target, set: mount.attributes.set.rawValue, clear: clear.rawValue), origin)
        setRecursiveAttributes(of: target, mount, origin)
        propagate(target, mount, origin)
    }

    // MARK: Shared by all kinds

    /// Attributes go onto the detached mount: nobody ever sees it without them.
    private mutating func setAttributes(of slot: Slot, _ mount: Mount, _ origin: Origin) {
        var change = mount.attributes
        if lacksHostPrivileges, change.clear.contains(.accessTime) {
            // How access times are kept is locked where the host's root has set it; it protects nobody.
            let times = AttributeChange(set: change.set.intersection(.accessTime), clear: .accessTime)
            change.set.subtract(.accessTime)
            change.clear.subtract(.accessTime)
            add(
                .setMountAttributes(slot, set: times.set.rawValue, clear: times.clear.rawValue), origin,
                tolerating: [Tolerated.notPermitted])
        }
        if !change.isEmpty {
            add(.setMountAttributes(slot, set: change.set.rawValue, clear: change.clear.rawValue), origin)
        }
        setRecursiveAttributes(of: slot, mount, origin)
    }

    private mutating func setRecursiveAttributes(of slot: Slot, _ mount: Mount, _ origin: Origin) {
        let change = mount.recursiveAttributes
        guard !change.isEmpty else { return }
        add(
            .setMountAttributes(slot, set: change.set.rawValue, clear: change.clear.rawValue, isRecursive: true),
            origin)
    }

    private mutating func place(_ slot: Slot, _ mount: Mount, _ origin: Origin, kind: TargetKind) {
        add(.makeTarget(root: .root, path: mount.destination, kind, rules(mount), into: .target), origin)
        add(.moveMount(slot, to: .target), origin)
        propagate(slot, mount, origin)
    }

    mutating func propagate(_ slot: Slot, _ mount: Mount, _ origin: Origin) {
        for propagation in mount.propagation {
            add(
                .setMountAttributes(slot, propagation: propagation.kind.rawValue, isRecursive: propagation.isRecursive),
                origin)
        }
    }

    /// procfs and sysfs go onto real directories; nothing else goes into a procfs, but for the few files that
    /// resource-view file systems replace.
    func rules(_ mount: Mount) -> TargetRules {
        var rules: TargetRules = mount.destinationNoFollow ? .noFollow : []
        let isKernelView = mount.action == .new && (mount.type == "proc" || mount.type == "sysfs")
        if isKernelView { rules.insert(.noLinks) }
        if !isKernelView, !Self.mayCoverProc(mount.destination) { rules.insert(.notInProc) }
        return rules
    }

    static func mayCoverProc(_ path: String) -> Bool {
        switch path {
        case "/proc/cpuinfo", "/proc/diskstats", "/proc/meminfo", "/proc/stat", "/proc/swaps", "/proc/uptime",
            "/proc/loadavg", "/proc/slabinfo", "/proc/sys/kernel/ns_last_pid", "/proc/sys/crypto/fips_enabled":
            true
        default: false
        }
    }

    private func absolute(_ path: String) -> String { path.isAbsolute ? path : "\(host.bundle)/\(path)" }

    /// A path as its directory and its last component.
    static func split(_ path: String) -> (directory: String, name: String) {
        // Bytes: a name with a slash in it would be looked up past links of the image.
        let slash = UInt8(ascii: "/")
        let trimmed = path.utf8.count > 1 && path.utf8.last == slash ? path.utf8.dropLast() : path.utf8[...]
        guard let last = trimmed.lastIndex(of: slash) else { return ("/", String(Substring(trimmed))) }
        return (
            last == trimmed.startIndex ? "/" : String(Substring(trimmed[..<last])),
            String(Substring(trimmed[trimmed.index(after: last)...]))
        )
    }
}
