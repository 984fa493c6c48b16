import OCI
import Planner
import Testing

/// Devices of a container whose process cannot make them: the host makes them for it, or its own are bound.
@Suite struct HostDeviceTests {
    private static let userNamespace = [Namespace(.mount), Namespace(.user)]

    private func plan(
        _ device: Device, on host: HostFacts = .plain(), in namespaces: [Namespace] = userNamespace,
        _ change: (inout Spec) -> Void = { _ in }
    ) throws -> Plan {
        try PlannerTests.plan(on: host) {
            $0.linux.namespaces = namespaces
            $0.linux.devices = [device]
            change(&$0)
        }
    }

    private func device(_ path: String = "/dev/x", _ kind: DeviceKind = .character) -> Device {
        Device(kind, path: path, major: 10, minor: 229)
    }

    // MARK: Made by the host

    /// The default devices come first, 0 to 5.
    @Test func nodeThatTheHostHasMadeIsBound() throws {
        let plan = try plan(device())
        #expect(plan.provisions.first?.source == .devices)
        #expect(
            plan.lines("linux.devices[0]") == [
                "open_tree #24:6 clone -> mount", "mount_setattr mount +nosuid,noexec",
                "make target dev:x file -> target", "move_mount mount to target",
            ])
        #expect(plan.hostDevices.count == 7)
        #expect(plan.hostDevices.last?.shown == "20666 10:229 of 0:0")
    }

    @Test func defaultDevicesAreMadeByTheHostToo() throws {
        let plan = try plan(Device(.character, path: "/dev/null", major: 1, minor: 3, fileMode: 0o600))
        #expect(plan.hostDevices.map(\.major) == [1, 1, 5, 1, 1, 1])
        #expect(plan.hostDevices.map(\.minor) == [8, 7, 0, 5, 9, 3])
        #expect(plan.hostDevices.map(\.mode) == [UInt32](repeating: 0o20666, count: 5) + [0o20600])
        #expect(!plan.lines.contains { $0.hasPrefix("mknod") })
        #expect(plan.lines("linux.devices[0]").first == "open_tree #24:5 clone -> mount")
    }

    /// Before Linux 6.15 only what is attached can be copied. The process holds what is below.
    @Test func nodesAreAttachedForAsLongAsTheyAreCopied() throws {
        let plan = try plan(device())
        let lines = plan.lines("linux.devices")
        #expect(
            lines.prefix(3) == [
                "make target root:/dev directory (not in proc) -> dev", "move_mount #24 to dev",
                "open_tree #24:0 clone -> mount",
            ])
        #expect(
            lines.suffix(7) == [
                "open . -> #25", "fchdir #24", "umount . detach", "chdir /", "fchdir #25", "unlink dev/ptmx",
                "symlink dev/ptmx -> pts/ptmx",
            ])
        let detached = try #require(plan.index("umount . detach"))
        #expect(try #require(plan.lines.lastIndex { $0.hasPrefix("open_tree #24:") }) < detached)
        #expect(try detached < #require(plan.index("pivot_root")))
    }

    /// As the host numbers it: what the container's own number stands for, or nobody inside.
    @Test(
        arguments: [
            (0, 0, 100_000, 7), (5, 6, 100_005, 100_003), (9, 10, 100_009, 100_007), (10, 11, 500, 0), (12, 99, 0, 0),
            (.max, .max, 0, 0),
        ] as [(UInt32, UInt32, UInt32, UInt32)])
    func ownerIsMapped(uid: UInt32, gid: UInt32, outsideUID: UInt32, outsideGID: UInt32) throws {
        var device = device()
        (device.uid, device.gid, device.fileMode) = (uid, gid, 0o640)
        let plan = try plan(device) {
            $0.linux.uidMappings = [
                IDMapping(containerID: 0, hostID: 100_000, size: 10), IDMapping(containerID: 10, hostID: 500, size: 1),
            ]
            $0.linux.gidMappings = [
                IDMapping(containerID: 3, hostID: 100_000, size: 8), IDMapping(containerID: 0, hostID: 7, size: 1),
            ]
        }
        #expect(plan.hostDevices.last?.shown == "20640 10:229 of \(outsideUID):\(outsideGID)")
        #expect(plan.warnings.isEmpty)
    }

    @Test func ownersOfAJoinedUserNamespaceAreNotKnown() throws {
        var device = device()
        device.uid = 5
        let plan = try plan(device, in: [Namespace(.mount), Namespace(.user, path: "/u")])
        #expect(plan.hostDevices.last?.uid == 0)
        #expect(plan.provisions.contains { $0.source == .devices })
    }

    @Test func blockDevicesAreMadeAsSuch() throws {
        #expect(try plan(device("/dev/sda", .block)).hostDevices.last?.mode == 0o60666)
    }

    /// Inside of what /dev is, and not along a path that leads through the nodes over it.
    @Test func deviceBelowDevIsPlacedInTheContainersDev() throws {
        #expect(
            try plan(device("/dev/net/tun")).lines("linux.devices[0]") == [
                "make target dev:net directory (not in proc) -> parent", "open_tree #24:6 clone -> mount",
                "mount_setattr mount +nosuid,noexec", "make target parent:tun file -> target",
                "move_mount mount to target",
            ])
        #expect(
            try plan(device("/tun")).lines("linux.devices[0]").first
                == "make target root:/ directory (not in proc) -> parent")
    }

    @Test func fifosAreMadeByTheProcessItself() throws {
        let plan = try plan(Device(.fifo, path: "/dev/x"))
        #expect(plan.lines("linux.devices[0]") == ["mknod dev/x p 0:0 mode 0666"])
        #expect(plan.hostDevices.count == 6)
    }

    @Test func nothingIsMadeForADevOfTheBundle() throws {
        let plan = try plan(device()) {
            $0.mounts = [Mount(destination: "/dev", source: "/dev", action: .recursiveBind)]
        }
        #expect(!plan.provisions.contains { $0.source == .devices })
        #expect(plan.hostDevices.isEmpty)
    }

    // MARK: Bound from the host

    /// Who may not make nodes, and for whom nobody may.
    static let withoutNodes: [(HostFacts, [Namespace])] = [
        (.plain { $0.makesNodes = false }, [Namespace(.mount)]), (.plain { $0.makesNodes = false }, userNamespace),
        (.plain { $0.caller = .rootOfUserNamespace }, [Namespace(.mount)]),
        (.plain { $0.caller = .rootOfUserNamespace }, userNamespace),
        (.plain { $0.caller = .ordinaryUser }, userNamespace),
    ]

    /// Nobody can change the host's inode: about that, and not about the device, is the read-only mount.
    @Test(arguments: withoutNodes)
    func hostsDeviceIsBoundReadOnlyOnceItIsVerified(host: HostFacts, namespaces: [Namespace]) throws {
        let plan = try plan(device(), on: host, in: namespaces)
        #expect(
            plan.lines("linux.devices[0]") == [
                "open_tree /dev/x clone -> mount", "verify mount is c 10:229",
                "mount_setattr mount +ro,nosuid,noexec", "make target dev:x file -> target",
                "move_mount mount to target",
            ])
        #expect(plan.lines("linux.devices").contains("open_tree /dev/null clone -> mount"))
        #expect(!plan.lines.contains { $0.hasPrefix("mknod dev/") || $0.hasPrefix("umount") })
        #expect(!plan.provisions.contains { $0.source == .devices })
        #expect(plan.hostDevices.isEmpty)
        #expect(plan.warnings.isEmpty)
    }

    /// One that is refused is found out before any hook has run: only then can everything begin anew. Of what is made later
    /// a refusal is no failure.
    @Test(arguments: [[Namespace(.mount)], [Namespace(.pid)]])
    func devicesAreMadeBeforeHooksRun(namespaces: [Namespace]) throws {
        let plan = try plan(device(), in: namespaces) {
            $0.hooks.createRuntime = [Hook(path: "/r")]
            $0.hooks.createContainer = [Hook(path: "/c")]
            $0.linux.maskedPaths = ["/m"]
        }
        let hooks = try #require(plan.lines.firstIndex { $0.hasPrefix("meet the host to run its hooks") })
        let made = plan.steps.indices.filter { plan.steps[$0].operation.makesDevice }
        #expect(made.count == 8)
        #expect(made.filter { $0 > hooks }.count == 1)
        for index in made where index > hooks { #expect(plan.steps[index].tolerated == [1, 13]) }
        for index in made where index < hooks { #expect(!plan.steps[index].tolerated.contains(1)) }
    }

    @Test(arguments: withoutNodes)
    func modeAndOwnerAreThoseOfTheHostThere(host: HostFacts, namespaces: [Namespace]) throws {
        for change in [{ $0.uid = 5 }, { $0.gid = 5 }, { $0.fileMode = 0o600 }] as [(inout Device) -> Void] {
            var device = device("/dev/a/x", .block)
            change(&device)
            let plan = try plan(device, on: host, in: namespaces)
            #expect(plan.warnings == ["linux.devices[0]: the host's device is bound, with its mode and owner"])
            #expect(
                plan.lines("linux.devices[0]").prefix(3) == [
                    "make target dev:a directory (not in proc) -> parent", "open_tree /dev/a/x clone -> mount",
                    "verify mount is b 10:229",
                ])
        }
    }
}

extension HostDevice {
    fileprivate var shown: String { "\(String(mode, radix: 8)) \(major):\(minor) of \(uid):\(gid)" }
}
