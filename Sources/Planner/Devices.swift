internal import OCI

extension PlanBuilder {
    /// The nodes and links of /dev. Not where the bundle brings a /dev of its own.
    mutating func makeDevices() {
        guard !spec.mounts.contains(where: { $0.isBind && lexicallyClean($0.destination) == "/dev" }) else {
            if !spec.linux.devices.isEmpty {
                plan.warnings.append("linux.devices: not made, since /dev is a bind mount")
            }
            return
        }
        let origin = Origin.field("linux.devices")
        add(.makeTarget(root: .root, path: "/dev", .directory, .notInProc, into: .devices), origin)
        for device in Self.defaultDevices
        where !spec.linux.devices.contains(where: { lexicallyClean($0.path) == device.path }) {
            makeDevice(device, origin)
        }
        for (index, device) in spec.linux.devices.enumerated() where lexicallyClean(device.path) != "/dev/ptmx" {
            makeDevice(device, .element("linux.devices", index))
        }
        for (name, target) in Self.links where name != "core" || host.hasCore {
            add(.makeLink(.devices, name: name, target: target), origin, tolerating: [Tolerated.exists])
        }
        add(.remove(.devices, name: "ptmx"), origin, tolerating: [Tolerated.noEntry])
        add(.makeLink(.devices, name: "ptmx", target: "pts/ptmx"), origin)
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

    private mutating func makeDevice(_ device: Device, _ origin: Origin) {
        let (directory, name) = Self.split(lexicallyClean(device.path))
        var parent = Slot.devices
        if directory != "/dev" {
            add(.makeTarget(root: .root, path: directory, .directory, .notInProc, into: .parent), origin)
            parent = .parent
        }
        if lacksHostPrivileges, device.kind != .fifo {
            bindDevice(device, name: name, in: parent, origin)
        } else {
            add(
                .makeNode(
                    parent, name: name, mode: Self.type(of: device.kind) | (device.fileMode ?? 0o666),
                    major: device.major, minor: device.minor, uid: device.uid ?? 0, gid: device.gid ?? 0), origin)
        }
    }

    /// A user namespace cannot make device nodes: the host's own is bound, if it is the device that is asked for.
    private mutating func bindDevice(_ device: Device, name: String, in parent: Slot, _ origin: Origin) {
        if origin != .field("linux.devices"), device.fileMode != nil || device.uid != nil || device.gid != nil {
            plan.warnings.append(
                "\(origin.text): in a user namespace the host's device is bound, with its mode and owner")
        }
        add(.openTree(nil, path: device.path, flags: TreeFlag.clone, into: .mount), origin)
        add(
            .verifyDevice(.mount, mode: Self.type(of: device.kind), major: device.major, minor: device.minor), origin)
        add(.makeTarget(root: parent, path: name, .file, into: .target), origin)
        add(.moveMount(.mount, to: .target), origin)
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
        add(.openPath(.root, path: "/dev/pts/ptmx", flags: OpenFlag.terminal, into: .terminal), origin)
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
