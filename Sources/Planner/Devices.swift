internal import OCI

extension PlanBuilder {
    /// The nodes and links of /dev. Not where the bundle brings a /dev of its own.
    mutating func makeDevices() {
        guard !hasForeignDev else {
            if !spec.linux.devices.isEmpty {
                plan.warnings.append("linux.devices: not made, since /dev is a bind mount")
            }
            return
        }
        let origin = Origin.field("linux.devices")
        // The mount that the configuration has put there is held already.
        if !holdsDev {
            add(.makeTarget(root: .root, path: "/dev", .directory, .notInProc, into: .devices), origin)
        }
        attachHostDevices(origin)
        for device in Self.defaultDevices
        where !spec.linux.devices.contains(where: { lexicallyClean($0.path) == device.path }) {
            makeDevice(device, origin, isDefault: true)
        }
        let covered = spec.linux.devices.isEmpty ? [:] : mountsByDestination
        for (index, device) in spec.linux.devices.enumerated() where lexicallyClean(device.path) != "/dev/ptmx" {
            let origin = Origin.element("linux.devices", index)
            if let mount = covered[Array(lexicallyClean(device.path).utf8)] {
                plan.warnings.append("\(origin.text): not made, since mounts[\(mount)] is there")
            } else {
                makeDevice(device, origin, from: host.devicePaths[index])
            }
        }
        for (name, target) in Self.links where name != "core" || host.hasCore {
            add(.makeLink(.devices, name: name, target: target), origin, tolerating: [Tolerated.exists])
        }
        detachHostDevices(origin)
        // What the configuration has mounted there stays.
        add(.remove(.devices, name: "ptmx"), origin, tolerating: [Tolerated.noEntry, Tolerated.busy])
        add(.makeLink(.devices, name: "ptmx", target: "pts/ptmx"), origin, tolerating: [Tolerated.exists])
    }

    /// The first entry of `mounts` that goes to each place.
    private var mountsByDestination: [[UInt8]: Int] {
        var first: [[UInt8]: Int] = [:]
        for (index, mount) in spec.mounts.enumerated() {
            let place = Array(lexicallyClean(mount.destination).utf8)
            if first[place] == nil { first[place] = index }
        }
        return first
    }

    /// Whether the bundle brings a /dev of its own.
    private var hasForeignDev: Bool {
        spec.mounts.contains { $0.isBind && lexicallyClean($0.destination) == "/dev" }
    }

    /// A standard stream that is the host's null device becomes the container's own: what the process has open it can
    /// change the mode of.
    mutating func replaceNullStreams(_ process: Process) {
        guard !process.terminal, !host.nullStreams.isEmpty else { return }
        // Where it may be the host's own, or one that cannot be opened (nodev), the host sees to it first.
        let dev = spec.mounts.last { lexicallyClean($0.destination) == "/dev" }
        let isCovered = spec.mounts.contains { lexicallyClean($0.destination) == "/dev/null" }
        // A configuration may have something else there (config-linux.md, "Devices").
        let isOther = spec.linux.devices.contains {
            lexicallyClean($0.path) == "/dev/null" && ($0.kind != .character || $0.major != 1 || $0.minor != 3)
        }
        let isCertain =
            !isCovered && !isOther && dev?.action == .new && dev?.attributes.set.contains(.noDev) == false
        if !isCertain { plan.hostStreams = host.nullStreams }
        if hasForeignDev || isCovered { return }
        let origin = Origin.field("process")
        let count = NullStreams.numbers.count { host.nullStreams[$0] != nil }
        add(.openPath(.devices, path: "null", flags: OpenFlag.path, into: .target), origin)
        add(
            .verifyDevice(.target, mode: FileMode.character, major: 1, minor: 3), origin,
            tolerating: isCertain ? [] : [Tolerated.noDevice], skip: isCertain ? 0 : UInt8(2 * count))
        for number in NullStreams.numbers {
            guard let accessMode = host.nullStreams[number] else { continue }
            add(
                .reopen(.target, flags: UInt64(accessMode), into: .parent), origin,
                tolerating: isCertain ? [] : [Tolerated.accessDenied], skip: isCertain ? 0 : 1)
            add(.duplicate(.parent, number: number), origin)
        }
    }

    /// config-linux.md, "Default Devices".
    static var defaultDevices: [Device] {
        [
            Device(.character, path: "/dev/null", major: 1, minor: 3, fileMode: 0o666),
            Device(.character, path: "/dev/random", major: 1, minor: 8, fileMode: 0o666),
            Device(.character, path: "/dev/full", major: 1, minor: 7, fileMode: 0o666),
            Device(.character, path: "/dev/tty", major: 5, minor: 0, fileMode: 0o666),
            Device(.character, path: "/dev/zero", major: 1, minor: 5, fileMode: 0o666),
            Device(.character, path: "/dev/urandom", major: 1, minor: 9, fileMode: 0o666),
        ]
    }

    /// config-linux.md, "Dev symbolic links".
    private static var links: [(name: String, target: String)] {
        [
            ("fd", "/proc/self/fd"), ("stdin", "/proc/self/fd/0"), ("stdout", "/proc/self/fd/1"),
            ("stderr", "/proc/self/fd/2"), ("core", "/proc/kcore"),
        ]
    }

    /// A default device is made where nothing else is: what the configuration has mounted there, or the image has.
    private mutating func makeDevice(
        _ device: Device, _ origin: Origin, isDefault: Bool = false, from source: String? = nil
    ) {
        let (directory, name) = Self.split(lexicallyClean(device.path))
        var parent = Slot.devices
        if directory != "/dev" {
            let isInDev = directory.begins(with: "/dev/")
            add(
                .makeTarget(
                    root: isInDev ? .devices : .root,
                    path: isInDev ? String(decoding: directory.utf8.dropFirst(5), as: UTF8.self) : directory,
                    .directory, .notInProc, into: .parent), origin)
            parent = .parent
        }
        if !makesNodes, device.kind != .fifo {
            bindDevice(device, name: name, in: parent, origin, isDefault: isDefault, from: source ?? device.path)
        } else {
            add(
                .makeNode(
                    parent, name: name, mode: Self.type(of: device.kind) | (device.fileMode ?? 0o666),
                    major: device.major, minor: device.minor, uid: device.uid ?? 0, gid: device.gid ?? 0), origin,
                tolerating: isDefault ? [Tolerated.exists] : [])
        }
    }

    /// A node that the process cannot make itself is bound: one that the host makes for it, or the host's own, if that is
    /// the device that is asked for. In the host's nobody can change anything: the mount is read-only, which is about the
    /// inode and not about the device.
    private mutating func bindDevice(
        _ device: Device, name: String, in parent: Slot, _ origin: Origin, isDefault: Bool, from source: String
    ) {
        var attributes: MountAttributes = [.noSUID, .noExec]
        if let nodes = hostDevices {
            add(.openTree(nodes, path: "\(plan.hostDevices.count)", flags: TreeFlag.clone, into: .mount), origin)
            plan.hostDevices.append(hostDevice(device))
        } else {
            if !isDefault, device.fileMode != nil || device.uid != nil || device.gid != nil {
                plan.warnings.append("\(origin.text): the host's device is bound, with its mode and owner")
            }
            add(.openTree(nil, path: source, flags: TreeFlag.clone, into: .mount), origin)
            add(
                .verifyDevice(.mount, mode: Self.type(of: device.kind), major: device.major, minor: device.minor),
                origin)
            attributes.insert(.readOnly)
        }
        add(.setMountAttributes(.mount, set: attributes.rawValue), origin)
        add(
            .makeTarget(root: parent, path: name, .file, isDefault ? .notMounted : [], into: .target), origin,
            tolerating: isDefault ? [Tolerated.exists] : [], skip: isDefault ? 1 : 0)
        add(.moveMount(.mount, to: .target), origin)
    }

    private func hostDevice(_ device: Device) -> HostDevice {
        HostDevice(
            path: lexicallyClean(device.path), mode: Self.type(of: device.kind) | (device.fileMode ?? 0o666),
            major: device.major, minor: device.minor,
            uid: Self.outside(device.uid ?? 0, spec.linux.uidMappings),
            gid: Self.outside(device.gid ?? 0, spec.linux.gidMappings))
    }

    /// The host's number of an id of the container. One that is not mapped, or not by this configuration, is nobody's
    /// inside: the host's root stands for it.
    private static func outside(_ id: UInt32, _ mappings: [IDMapping]) -> UInt32 {
        mappings.hostID(of: id) ?? 0
    }

    /// The host's root makes the nodes of a container in a user namespace, whose own they are then: with the owner and
    /// the mode that are asked for, and no inode of the host in sight. Before Linux 6.15 only what is attached can be
    /// copied: the nodes are for a moment where /dev is, of which the process holds what is below.
    private mutating func attachHostDevices(_ origin: Origin) {
        guard isInUserNamespace, host.caller == .root, host.makesNodes else { return }
        let nodes = provide(.devices, origin)
        add(.moveMount(nodes, to: .devices), origin)
        hostDevices = nodes
    }

    private mutating func detachHostDevices(_ origin: Origin) {
        guard let nodes = hostDevices else { return }
        // Hooks begin where the caller was, if the container's root may be there.
        let before = reserveSlot()
        add(
            .openPath(nil, path: ".", flags: OpenFlag.directoryPath, into: before), origin,
            tolerating: [Tolerated.accessDenied, Tolerated.noEntry])
        add(.enter(nodes), origin)
        add(.detachMount(path: "."), origin)
        add(.changeDirectory("/"), origin)
        add(.enter(before), origin, tolerating: [Tolerated.accessDenied, Tolerated.badDescriptor])
        hostDevices = nil
    }

    private static func type(of kind: DeviceKind) -> UInt32 {
        switch kind {
        case .character, .unbuffered: FileMode.character
        case .block: FileMode.block
        case .fifo: FileMode.fifo
        }
    }

    /// A pseudoterminal of the container's own devpts. Its master goes to the host; its other end becomes the
    /// standard streams and /dev/console, each time by descriptor (CVE-2025-52565, CVE-2026-88264).
    ///
    /// - Parameter asConsole: whether it is mounted at /dev/console as well.
    mutating func openTerminal(_ process: Process, asConsole: Bool) {
        let origin = Origin.field("process.terminal")
        // Looked at before it is opened: what the container has there may be anything.
        add(.openPath(.root, path: "/dev/pts/ptmx", flags: OpenFlag.path, into: .target), origin)
        add(.verifyDevice(.target, mode: FileMode.character, major: 5, minor: 2), origin)
        add(.reopen(.target, flags: OpenFlag.terminal, into: .terminal), origin)
        add(.unlockTerminal(.terminal), origin)
        add(.openPeer(.terminal, into: .terminalPeer), origin)
        if let size = process.consoleSize {
            add(.setWindow(.terminal, rows: size.height, columns: size.width), .field("process.consoleSize"))
        }
        if process.user.uid != 0 {
            add(.setOwner(.terminalPeer, uid: process.user.uid, gid: .max), origin)
        }
        if asConsole {
            add(.openTree(.terminalPeer, path: "", flags: TreeFlag.clone, into: .mount), origin)
            add(.makeTarget(root: .root, path: "/dev/console", .file, [.notInProc, .noFollow], into: .target), origin)
            add(.moveMount(.mount, to: .target), origin)
        }
        add(.meet(.console, send: .terminal), origin)
        for number in Int32(0)...2 { add(.duplicate(.terminalPeer, number: number), origin) }
    }

    /// Only the leader of a session can have a controlling terminal.
    mutating func controlTerminal() { add(.setControllingTerminal(.terminalPeer), .field("process.terminal")) }
}
