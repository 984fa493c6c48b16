import OCI
import Planner
import Testing

@Suite struct CgroupMountTests {
    private let hybrid = HostFacts.plain {
        $0.cgroups = CgroupFacts(
            hierarchies: [
                .init(name: "cpu,cpuacct", options: ["cpu", "cpuacct"], directory: "/c/cpu/box"),
                .init(name: "systemd", options: ["none", "name=systemd"], directory: "/c/systemd/box"),
            ], aliases: [(name: "cpu", target: "cpu,cpuacct")], unified: "/c/unified/box")
    }

    private func lines(
        on host: HostFacts, _ namespaces: [NamespaceKind], _ attributes: MountAttributes = []
    ) throws -> [String] {
        try plan(on: host) {
            $0.linux.namespaces = namespaces.map { Namespace($0) }
            $0.mounts = [
                Mount(
                    destination: "/sys/fs/cgroup", source: "cgroup", type: "cgroup",
                    attributes: AttributeChange(set: attributes))
            ]
        }.lines("mounts[0]")
    }

    /// mount_setattr(2) wants the field of access times cleared where it sets it.
    @Test func accessTimesOfACgroupOfItsOwnAreSetAsTheKernelWantsIt() throws {
        let plan = try plan(on: hybrid) {
            $0.linux.namespaces = [Namespace(.mount)]
            $0.mounts = [
                Mount(
                    destination: "/sys/fs/cgroup", source: "cgroup", type: "cgroup",
                    attributes: AttributeChange(set: [.noSUID, .noATime], clear: [.noDev, .accessTime]))
            ]
        }
        let changes = plan.lines("mounts[0]").filter { $0.hasPrefix("mount_setattr mount") }
        #expect(
            changes == ["mount_setattr mount +nosuid,noatime -atime", "mount_setattr mount +nosuid,noatime -atime"])
    }

    @Test func processJoinsEveryHierarchyThroughADescriptorOfTheHost() throws {
        let plan = try plan(on: hybrid) { _ in }
        let meeting = try #require(plan.index("meet the host to make the cgroups taking 2 descriptors"))
        #expect(plan.lines[(meeting + 1)...].prefix(2) == ["join cgroup #24", "join cgroup #25"])
        #expect(plan.provisions.map(\.source) == [.gateListener])
    }

    /// systemd moves it: the root of its cgroup namespace is where it is then.
    @Test func movedProcessWaitsBeforeItsCgroupNamespace() throws {
        let host = HostFacts.plain { $0.cgroups = CgroupFacts(unified: "/c/box", joining: .isMoved) }
        let plan = try plan(on: host) { $0.linux.namespaces = [Namespace(.mount), Namespace(.cgroup)] }
        let meeting = try #require(plan.index("meet the host to make the cgroups"))
        #expect(plan.lines[meeting + 1] == "unshare cgroup")
        #expect(plan.cloneTarget == nil)
    }

    @Test func movedProcessJoinsV1HierarchiesByItself() throws {
        let host = HostFacts.plain {
            $0.cgroups = hybrid.cgroups
            $0.cgroups.joining = .isMoved
        }
        let plan = try plan(on: host) { _ in }
        let meeting = try #require(plan.index("meet the host to make the cgroups taking 2 descriptors"))
        #expect(plan.lines[(meeting + 1)...].prefix(2) == ["join cgroup #24", "join cgroup #25"])
    }

    @Test func processThatStaysJoinsNothing() throws {
        let host = HostFacts.plain {
            $0.cgroups = hybrid.cgroups
            $0.cgroups.joining = .stays
        }
        let plan = try plan(on: host) { $0.linux.namespaces = [Namespace(.mount), Namespace(.cgroup)] }
        #expect(
            !plan.lines.contains { $0.hasPrefix("meet the host to make the cgroups") || $0.hasPrefix("join cgroup") })
        #expect(plan.lines.contains("unshare cgroup"))
        #expect(plan.cloneTarget == nil)
    }

    @Test func onV2ItIsBornInItsCgroup() throws {
        let plan = try plan { _ in }
        #expect(!plan.lines.contains { $0.hasPrefix("join cgroup") })
        #expect(plan.provisions.map(\.source) == [.gateListener])
    }

    @Test func v2IsMountedAnew() throws {
        #expect(
            try lines(on: .plain(), [.mount, .cgroup], [.readOnly, .noSUID]) == [
                "fsopen cgroup2 -> fs", "fsconfig source=cgroup", "fsconfig create", "fsmount ro,nosuid -> mount",
                "make target root:/sys/fs/cgroup directory (not in proc) -> target", "move_mount mount to target",
            ])
    }

    /// Such a namespace may not mount it, and gets no more to see than its own.
    @Test func userNamespaceWithoutACgroupNamespaceGetsItsOwnDirectory() throws {
        #expect(
            try lines(on: .plain(), [.mount, .user], .readOnly).prefix(2) == [
                "open_tree /sys/fs/cgroup/box clone -> mount", "mount_setattr mount +ro",
            ])
        #expect(try lines(on: .plain(), [.mount, .user, .cgroup])[0] == "fsopen cgroup2 -> fs")
    }

    @Test func v1HierarchiesAreBoundWithoutACgroupNamespace() throws {
        #expect(
            try lines(on: hybrid, [.mount], .readOnly) == [
                "fsopen tmpfs -> fs", "fsconfig source=tmpfs", "fsconfig mode=755", "fsconfig create",
                "fsmount - -> hierarchies", "make target root:/sys/fs/cgroup directory (not in proc) -> target",
                "move_mount hierarchies to target",
                "open_tree /c/cpu/box clone -> mount", "mount_setattr mount +ro",
                "make target hierarchies:cpu,cpuacct directory -> target",
                "move_mount mount to target",
                "open_tree /c/systemd/box clone -> mount", "mount_setattr mount +ro",
                "make target hierarchies:systemd directory -> target",
                "move_mount mount to target",
                "symlink hierarchies/cpu -> cpu,cpuacct", "mount_setattr hierarchies +ro",
            ])
    }

    @Test func v1HierarchiesAreMountedWithACgroupNamespace() throws {
        let lines = try lines(on: hybrid, [.mount, .cgroup], .noExec)
        #expect(
            lines[7..<13] == [
                "fsopen cgroup -> fs", "fsconfig source=cgroup", "fsconfig cpu", "fsconfig cpuacct", "fsconfig create",
                "fsmount noexec -> mount",
            ])
        #expect(lines.contains("fsconfig none"))
        #expect(lines.contains("fsconfig name=systemd"))
        #expect(lines.last == "symlink hierarchies/cpu -> cpu,cpuacct")
    }

    @Test func propagationIsThatOfTheWholeMount() throws {
        let mount = Mount(
            destination: "/sys/fs/cgroup", type: "cgroup", propagation: [MountPropagation(.private, isRecursive: true)])
        let v2 = try plan { $0.mounts = [mount] }
        #expect(v2.lines("mounts[0]").last == "mount_setattr mount private recursive")
        let v1 = try plan(on: hybrid) { $0.mounts = [mount] }
        #expect(v1.lines("mounts[0]").last == "mount_setattr hierarchies private recursive")
    }
}
