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
            case .remount: try remount(mount, origin)
            case .bindRemount: changeMount(mount, origin)
            case .new:
                switch mount.type {
                case "cgroup", "cgroup2":
                    try joinCgroups()
                    mountCgroups(mount, origin)
                default: try mountNew(mount, index)
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
        if mountsOutside {
            // As everywhere: what is mounted in there does not go to where it comes from.
            add(.setMountAttributes(tree, propagation: PropagationKind.slave.rawValue, isRecursive: true), origin)
        }
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
            // What is to be copied as a link need not lead anywhere; and what an entry before makes is not there yet.
            if mount.copySymlink || pathInMounts(source, before: index) != nil { continue }
            if mount.idMap != nil, !mapsIDsLate { continue }
            takenSources[index] = takeSource(source, of: mount, origin)
        }
    }

    /// Takes a detached copy of a source; ids are mapped only where that is done late (``mapsIDsLate``).
    mutating func takeSource(_ source: BindSource, of mount: Mount, _ origin: Origin) -> Slot {
        // An ordinary user has no right to copy mounts on the host, and nobody is more powerful there than he is.
        guard isInUserNamespace, host.caller != .ordinaryUser else {
            let slot = reserveSlot()
            copy(source, into: slot, origin)
            return slot
        }
        let slot = provide(.tree(source), origin)
        copy(source, into: slot, origin, tolerating: [Tolerated.accessDenied])
        if mount.idMap != nil { add(.meet(.mapIDs, send: slot), origin) }
        return slot
    }

    /// Whether the ids of a mount are mapped once the process has copied the source: in a user namespace only what the
    /// process has copied there keeps its restrictions. The host does it, which alone may.
    var mapsIDsLate: Bool { isInUserNamespace && host.caller != .ordinaryUser }

    /// Where in the container's root a source is, if it lies in what an entry before has mounted there; as text.
    private mutating func pathInMounts(_ source: BindSource, before index: Int) -> String? {
        guard let path = pathInside(source.path) else { return nil }
        return coverings.last(over: path, before: index) == nil ? nil : path
    }

    /// Whether ids are to be mapped that are not right anyway: a new file system that is made in a user namespace counts in
    /// the ids of that, and the kernel refuses to map them through the very same one.
    mutating func needsIDMap(_ mount: Mount, at index: Int) -> Bool {
        guard let idMap = mount.idMap else { return false }
        guard isInUserNamespace, idMap.usesContainerMappings else { return true }
        return mount.isBind ? !liesInNewFileSystem(bindSource(mount), before: index) : false
    }

    /// Whether the file system of a mount is one that is made in the container's own user namespace.
    mutating func belongsToContainer(_ mount: Mount, at index: Int) -> Bool {
        hasNewUserNamespace
            && (mount.action == .new || (mount.isBind && liesInNewFileSystem(bindSource(mount), before: index)))
    }

    /// Whether a source lies in a file system that an entry before has made.
    private mutating func liesInNewFileSystem(_ source: BindSource, before index: Int) -> Bool {
        guard let path = pathInside(source.path), let last = coverings.last(over: path, before: index) else {
            return false
        }
        return spec.mounts[last].action == .new
    }

    func bindSource(_ mount: Mount) -> BindSource { BindSource(mount, bundle: host.bundle) }

    /// Copies a source that is detached into a slot. Ids are mapped by the host, which alone may do so.
    private mutating func openSource(_ source: BindSource, _ mount: Mount, _ index: Int) -> Slot {
        let origin = Origin.element("mounts", index, ".source")
        let inside = mount.copySymlink ? nil : pathInMounts(source, before: index)
        if mount.idMap != nil, inside == nil, !mapsIDsLate {
            return provide(.mappedTree(source, index: index), origin)
        }
        let slot = slot(for: mount)
        if let inside {
            // What the container's root holds is looked for in there, and nowhere else.
            let flags = OpenFlag.path | (source.noFollow ? OpenFlag.noFollow : 0)
            add(.openPath(.root, path: inside, flags: flags, into: .parent), origin)
            let tree = TreeFlag.clone | (source.isRecursive ? TreeFlag.recursive : 0)
            add(.openTree(.parent, path: "", flags: tree, into: slot), origin)
        } else {
            copy(source, into: slot, origin)
        }
        if needsIDMap(mount, at: index) { add(.meet(.mapIDs, send: slot), origin) }
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

    private mutating func mountNew(_ mount: Mount, _ index: Int) throws(PlanError) {
        let origin = Origin.element("mounts", index)
        var attributes = mount.attributes.set
        let slot = slot(for: mount)
        finishCovered(slot)
        hold(slot, at: mount.destination)
        if isLateReadOnly(mount) {
            attributes.subtract(.readOnly)
            if staysWritable(mount) { lateReadOnly.append((slot, origin)) }
        }
        try makeFileSystem(mount, attributes, into: slot, origin)
        // Found once: what is taken from there and what is put there is the same directory.
        add(.makeTarget(root: .root, path: mount.destination, .directory, rules(mount), into: .target), origin)
        if mount.type == "tmpfs", !mount.data.contains(where: { $0.hasPrefix("mode=") }) {
            // A tmpfs over a directory of the image gets that directory's permissions; else it has its own, 1777.
            add(.copyMode(from: .target, to: slot), origin)
        }
        setRecursiveAttributes(of: slot, mount, origin)
        if mount.tmpcopyup {
            // What the image makes this process read and keep is counted as the container's.
            try joinCgroups()
            add(.copyTree(from: .target, to: slot), origin)
        }
        // What was copied has the owners that it has in the image, as files on the disk of a bind mount have.
        if needsIDMap(mount, at: index) { add(.meet(.mapIDs, send: slot), origin) }
        if isLateReadOnly(mount), !staysWritable(mount) {
            add(.setMountAttributes(slot, set: MountAttributes.readOnly.rawValue), origin)
        }
        add(.moveMount(slot, to: .target), origin)
        propagate(slot, mount, origin)
    }

    mutating func makeFileSystem(
        _ mount: Mount, _ attributes: MountAttributes, into slot: Slot, _ origin: Origin
    ) throws(PlanError) {
        let settings = settings(of: mount)
        if settings.contains(where: { $0.isTooLong }) {
            guard makesMounts else {
                throw PlanError(
                    field: "\(origin.text).options",
                    message: "an option of more than \(Setting.longest) bytes needs a new mount namespace")
            }
            add(
                .mount(
                    source: mount.source ?? "", type: mount.type ?? "", data: try data(of: mount, origin),
                    flags: flags(of: mount)), origin)
            // Only what is mounted nowhere can have its ids mapped.
            let isCopied = mount.idMap != nil
            add(.openTree(nil, path: "/..", flags: isCopied ? TreeFlag.clone : 0, into: slot), origin)
            if isCopied { add(.detachMount(path: "/.."), origin) }
            if !attributes.isEmpty { add(.setMountAttributes(slot, set: attributes.rawValue), origin) }
        } else {
            add(.openFileSystem(type: mount.type ?? "", into: .fileSystem), origin)
            for setting in settings { configure(setting, origin) }
            add(.configure(.fileSystem, .create), origin)
            add(.createMount(.fileSystem, attributes: attributes.rawValue, into: slot), origin)
        }
    }

    /// The options as mount(2) takes them, all in one text.
    private func data(of mount: Mount, _ origin: Origin) throws(PlanError) -> String {
        var options = mount.data
        if let label = labelOption(mount) { options.append("\(annotations.mountContext)=\"\(label)\"") }
        let comma = UInt8(ascii: ",")
        for (index, option) in options.enumerated()
        where option.utf8.contains(comma) && !option.utf8.contains(UInt8(ascii: "\"")) {
            guard mount.type == "overlay" else {
                throw PlanError(
                    field: "\(origin.text).options",
                    message: "a comma in an option together with one of more than \(Setting.longest) bytes")
            }
            options[index] = option.utf8.split(separator: comma, omittingEmptySubsequences: false)
                .map { String(Substring($0)) }.joined(separator: "\\,")
        }
        let data = options.joined(separator: ",")
        guard data.utf8.count <= Self.longestData else {
            throw PlanError(
                field: "\(origin.text).options",
                message: "\(data.utf8.count) bytes, and the kernel takes \(Self.longestData) (mount(2))")
        }
        return data
    }

    /// A page, with the byte that ends it.
    private static let longestData = 4095

    private func flags(of mount: Mount) -> UInt64 {
        mount.superblock.set.subtracting(isLateReadOnly(mount) ? .readOnly : []).rawValue
    }

    private func labelOption(_ mount: Mount) -> String? {
        guard let label = spec.linux.mountLabel, host.hasSELinux, mount.type != "proc", mount.type != "sysfs" else {
            return nil
        }
        return label
    }

    /// The parameters of a file system, as fsconfig(2) takes them.
    func settings(of mount: Mount) -> [Setting] {
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
        if let label = labelOption(mount) { settings.append(.text(key: annotations.mountContext, value: label)) }
        return settings
    }

    static func setting(of option: String) -> Setting {
        guard let equals = option.utf8.firstIndex(of: UInt8(ascii: "=")) else { return .flag(option) }
        let key = String(option[..<equals])
        let value = option[option.utf8.index(after: equals)...].utf8
        let quote = UInt8(ascii: "\"")
        // The quotes are for who reads a list of options: a label has commas in it.
        guard value.count >= 2, value.first == quote, value.last == quote, key.hasSuffix("context") else {
            return .text(key: key, value: String(Substring(value)))
        }
        return .text(key: key, value: String(Substring(value.dropFirst().dropLast())))
    }

    // MARK: Changes of what is mounted

    /// `remount`: the file system is configured anew, and the mount's attributes become exactly those asked for.
    private mutating func remount(_ mount: Mount, _ origin: Origin) throws(PlanError) {
        if settings(of: mount).contains(where: { !Self.isSource($0) && $0.isTooLong }) {
            throw PlanError(
                field: "\(origin.text).options",
                message: "an option of more than \(Setting.longest) bytes cannot be changed by remount")
        }
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
    mutating func setAttributes(of slot: Slot, _ mount: Mount, _ origin: Origin) {
        change(slot, mount.attributes, isRecursive: false, origin)
        setRecursiveAttributes(of: slot, mount, origin)
    }

    mutating func setRecursiveAttributes(of slot: Slot, _ mount: Mount, _ origin: Origin) {
        change(slot, mount.recursiveAttributes, isRecursive: true, origin)
    }

    mutating func change(_ slot: Slot, _ change: AttributeChange, isRecursive: Bool, _ origin: Origin) {
        var change = change
        let times: MountAttributes = [.accessTime, .noDirATime]
        if lacksHostPrivileges, !change.set.union(change.clear).isDisjoint(with: times) {
            // How access times are kept is locked where the host's root has set it; it protects nobody.
            add(
                .setMountAttributes(
                    slot, set: change.set.intersection(times).rawValue,
                    clear: change.clear.intersection(times).rawValue,
                    isRecursive: isRecursive), origin, tolerating: [Tolerated.notPermitted])
            change.set.subtract(times)
            change.clear.subtract(times)
        }
        guard !change.isEmpty else { return }
        add(
            .setMountAttributes(
                slot, set: change.set.rawValue, clear: change.clear.rawValue, isRecursive: isRecursive), origin)
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
        if !isKernelView, !Mount.isReplaceable(mount.destination) { rules.insert(.notInProc) }
        return rules
    }

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
