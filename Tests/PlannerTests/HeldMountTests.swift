import OCI
import Planner
import Testing

/// What is done to a mount later is done to that mount, and not to what its destination leads to by then.
@Suite struct HeldMountTests {
    private func tmpfs(_ destination: String, _ attributes: MountAttributes = []) -> Mount {
        Mount(
            destination: destination, source: "tmpfs", type: "tmpfs", attributes: AttributeChange(set: attributes),
            data: ["mode=755"])
    }

    private func bind(_ destination: String) -> Mount { Mount(destination: destination, source: "/srv", action: .bind) }

    private func remount(_ destination: String, _ action: MountAction = .bindRemount) -> Mount {
        Mount(destination: destination, action: action, attributes: AttributeChange(set: .readOnly))
    }

    private func mounting(
        _ mounts: Mount..., on host: HostFacts = .plain(), in namespaces: [NamespaceKind] = []
    ) throws -> Plan {
        try plan(on: host) {
            $0.linux.namespaces += namespaces.map { Namespace($0) }
            $0.mounts = mounts
        }
    }

    private let readOnly = "+ro -nosuid,nodev,noexec,nodiratime,nosymfollow"

    // MARK: /dev

    @Test(arguments: ["/dev", "/dev/", "//x/../dev"])
    func devicesAreMadeInTheMountOnDev(destination: String) throws {
        let plan = try mounting(tmpfs(destination))
        #expect(
            plan.lines("mounts[0]").suffix(3) == [
                "fsmount - -> dev", "make target root:\(destination) directory (not in proc) -> target",
                "move_mount dev to target",
            ])
        #expect(plan.lines("linux.devices").first == "mknod dev/null c 1:3 mode 0666")
        #expect(!plan.lines.contains { $0.hasPrefix("make target root:/dev ") && $0.hasSuffix("-> dev") })
    }

    @Test func withoutOneTheyAreMadeInWhatTheImageHas() throws {
        #expect(try mounting(tmpfs("/dev/shm")).lines("linux.devices")[0].hasPrefix("make target root:/dev directory"))
    }

    /// It covers the one that is held: what is in there is the bundle's.
    @Test func laterBindOnDevBringsItsOwnDevices() throws {
        let plan = try mounting(tmpfs("/dev"), bind("/dev"))
        #expect(plan.lines("linux.devices").isEmpty)
        #expect(plan.lines("mounts[1]").last == "move_mount mount to target")
    }

    @Test func remountOfDevIsThatOfWhatIsThereAtTheTime() throws {
        #expect(try mounting(tmpfs("/dev"), remount("/dev/")).lines("mounts[1]") == ["mount_setattr dev \(readOnly)"])
        #expect(
            try mounting(tmpfs("/dev"), bind("/dev"), remount("/dev")).lines("mounts[2]")
                == ["mount_setattr #24 \(readOnly)"])
        #expect(
            try mounting(bind("/dev"), tmpfs("/dev"), remount("/dev")).lines("mounts[2]")
                == ["mount_setattr dev \(readOnly)"])
    }

    @Test func readOnlyDevBecomesSoOnceItsNodesAreMade() throws {
        let plan = try mounting(tmpfs("/dev", [.readOnly, .noSUID]))
        #expect(plan.lines("mounts[0]").contains("fsmount nosuid -> dev"))
        let made = try #require(plan.index("symlink dev/ptmx -> pts/ptmx"))
        #expect(try #require(plan.index("mount_setattr dev +ro")) > made)
    }

    // MARK: Remounts

    @Test(arguments: [
        Mount(destination: "/a", source: "/srv", action: .bind),
        Mount(destination: "/a", source: "/srv", action: .recursiveBind),
        Mount(destination: "/a", type: "tmpfs", data: ["mode=755"]), Mount(destination: "/a", type: "cgroup"),
        Mount(destination: "/a", source: "overlay", type: "overlay"),
    ])
    func remountOfAnEarlierMountUsesItsDescriptor(mount: Mount) throws {
        let plan = try mounting(mount, remount("/./a//"), remount("/a", .remount))
        #expect(plan.lines("mounts[0]").last == "move_mount #24 to target")
        #expect(plan.lines("mounts[1]") == ["mount_setattr #24 \(readOnly)"])
        #expect(
            plan.lines("mounts[2]") == ["fspick #24 -> fs", "fsconfig reconfigure", "mount_setattr #24 \(readOnly)"])
    }

    @Test func remountUsesTheDescriptorOfTheHostsTreeAndOfTheHierarchies() throws {
        let mapped = Mount(destination: "/a", source: "/srv", action: .bind, idMap: MountIDMap())
        for mount in [mapped, bind("/a")] {
            let plan = try mounting(mount, remount("/a"), in: [.user])
            let tree = try #require(plan.provisions.first { "\($0.source)".contains("tree /srv") })
            #expect(plan.lines("mounts[1]") == ["mount_setattr \(tree.slot.name) \(readOnly)"])
        }
        let v1 = HostFacts.plain {
            $0.cgroups = CgroupFacts(hierarchies: [.init(name: "pids", options: ["pids"], directory: "/c/pids")])
        }
        let plan = try mounting(Mount(destination: "/c", type: "cgroup"), remount("/c"), on: v1)
        #expect(plan.lines("mounts[1]") == ["mount_setattr hierarchies \(readOnly)"])
    }

    /// Nobody has made it, or nobody yet: the destination is looked up, and that is all there is.
    @Test func remountOfWhatTheImageHasOpensThePath() throws {
        let opened = ["open root:/a -> target", "mount_setattr target \(readOnly)"]
        #expect(try mounting(bind("/b"), remount("/a")).lines("mounts[1]") == opened)
        let early = try mounting(remount("/a"), bind("/a"), remount("/a"))
        #expect(early.lines("mounts[0]") == opened)
        #expect(early.lines("mounts[2]") == ["mount_setattr #24 \(readOnly)"])
    }

    @Test func remountOfTheRootIsThatOfTheRoot() throws {
        #expect(try mounting(remount("/")).lines("mounts[0]") == ["mount_setattr root \(readOnly)"])
    }

    @Test func ofTwoMountsOnOneDestinationTheLaterOneIsChanged() throws {
        let plan = try mounting(tmpfs("/a"), bind("/a"), remount("/a"), tmpfs("/a"), remount("/a"))
        #expect(plan.lines("mounts[0]").last == "move_mount #24 to target")
        #expect(plan.lines("mounts[2]") == ["mount_setattr #25 \(readOnly)"])
        #expect(plan.lines("mounts[4]") == ["mount_setattr #26 \(readOnly)"])
    }

    @Test func eachReadOnlyTmpfsBecomesSoByItsOwnDescriptor() throws {
        let plan = try mounting(tmpfs("/a", .readOnly), tmpfs("/a", .readOnly), tmpfs("/b", .readOnly))
        for (index, slot) in [24, 25, 26].enumerated() {
            #expect(
                plan.lines("mounts[\(index)]").suffix(2) == [
                    "move_mount #\(slot) to target", "mount_setattr #\(slot) +ro",
                ])
        }
    }

    /// Descriptors are few: a mount that nothing is done to later is let go.
    @Test func otherMountsShareOneSlot() throws {
        let plan = try mounting(bind("/a"), tmpfs("/b"), remount("/c"))
        #expect(plan.lines("mounts[0]").last == "move_mount mount to target")
        #expect(plan.lines("mounts[1]").last == "move_mount mount to target")
    }
}
