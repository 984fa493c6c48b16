import OCI
import Planner
import Testing

@Suite struct RootTests {
    private func order(_ plan: Plan, _ lines: String...) throws {
        let indices = try lines.map { try #require(plan.index($0), "\($0)") }
        #expect(indices == indices.sorted(), "\(lines)")
    }

    @Test func rootIsACopyOnItself() throws {
        let plan = try plan { _ in }
        #expect(
            plan.lines("root.path").prefix(4) == [
                "make the caller's root that of the mount namespace",
                "open_tree /bundle/rootfs clone,recursive -> root", "open /bundle/rootfs -> target",
                "move_mount root to target",
            ])
        #expect(plan.lines("root.path").suffix(4) == ["fchdir root", "pivot_root", "detach the old root", "chdir /"])
    }

    @Test func withoutPivotTheRootIsMoved() throws {
        let plan = try plan(with: PlanOptions(id: "box", noPivot: true)) { _ in }
        #expect(
            plan.lines("root.path").suffix(7) == [
                "umount /proc detach", "umount /sys detach", "open / -> target", "fchdir root",
                "move_mount root to target", "chroot", "chdir /",
            ])
        // In a user namespace they are locked, and a host may have none.
        for path in ["/proc", "/sys"] {
            let detach = try #require(plan.index("umount \(path) detach"))
            #expect(plan.steps[detach].toleratedNames == ["EINVAL", "ENOENT"])
        }
        #expect(plan.index("pivot_root") == nil)
    }

    @Test func withoutAMountNamespaceOnlyTheRootDirectoryChanges() throws {
        let plan = try plan { $0.linux.namespaces = [] }
        #expect(plan.lines("root.path") == ["open /bundle/rootfs -> root", "fchdir root", "chroot", "chdir /"])
        #expect(plan.lines("linux.devices").isEmpty)
    }

    @Test(
        arguments: [
            (nil, "mount_setattr / slave recursive"), (.slave, "mount_setattr / slave recursive"),
            (.shared, "mount_setattr / slave recursive"), (.unbindable, "mount_setattr / slave recursive"),
            (.private, "mount_setattr / private recursive"),
        ] as [(PropagationKind?, String)])
    func nothingReachesTheHostFromHereOn(kind: PropagationKind?, line: String) throws {
        let plan = try plan { $0.linux.rootfsPropagation = kind.map { MountPropagation($0) } }
        #expect(plan.lines("linux.rootfsPropagation").first == line)
        try order(plan, line, "open_tree /bundle/rootfs clone,recursive -> root", "move_mount root to target")
    }

    /// Each in a slot of its own, since they wait there for their turn.
    @Test func sourcesThatStaySharedWithTheHostAreTakenBefore() throws {
        let plan = try plan {
            $0.linux.rootfsPropagation = MountPropagation(.shared, isRecursive: true)
            $0.mounts = [
                Mount(destination: "/a", source: "/x", action: .bind),
                Mount(destination: "/b", source: "/y", action: .recursiveBind, sourceNoFollow: true),
            ]
        }
        try order(
            plan, "open_tree /x clone -> #24", "open_tree /y clone,recursive,nofollow -> #25",
            "mount_setattr / slave recursive", "move_mount #24 to target", "move_mount #25 to target", "pivot_root",
            "mount_setattr root shared recursive")
    }

    @Test func unbindableRootBecomesSoAtTheEnd() throws {
        let plan = try plan { $0.linux.rootfsPropagation = MountPropagation(.unbindable, isRecursive: true) }
        try order(plan, "pivot_root", "mount_setattr root unbindable recursive")
    }

    @Test func readOnlyRootBecomesSoOnceEverythingIsInIt() throws {
        let plan = try plan {
            $0.root.readonly = true
            $0.theProcess.cwd = "/work"
            $0.linux.maskedPaths = ["/a"]
        }
        try order(
            plan, "open root:/a -> target", "make target root:/work directory -> target", "mount_setattr root +ro",
            "setresuid 0")
    }

    // MARK: Covered paths

    @Test func readonlyPathIsOpenedOnceAndMountedOntoThat() throws {
        let plan = try plan { $0.linux.readonlyPaths = ["/proc/sys"] }
        #expect(
            plan.lines("linux.readonlyPaths[0]") == [
                "open root:/proc/sys -> target", "open_tree target clone,recursive -> mount",
                "mount_setattr mount +ro recursive", "move_mount mount to target",
            ])
        let open = try #require(plan.index("open root:/proc/sys -> target"))
        #expect(plan.steps[open].toleratedNames == ["ENOENT"])
        #expect(plan.steps[open].skip == 3)
    }

    /// No inode of the host is among them: what the container does to a mask is its own affair.
    @Test func maskedPathIsCoveredByADeviceOfTheContainersOwnOrAnEmptyDirectory() throws {
        let plan = try plan { $0.linux.maskedPaths = ["/proc/kcore"] }
        #expect(
            plan.lines("linux.maskedPaths") == [
                "fsopen tmpfs -> fs", "fsconfig mode=755", "fsconfig nr_inodes=3", "fsconfig create",
                "fsmount nosuid,noexec -> masks", "mknod masks/file c 1:3 mode 0666",
                "make target masks:file file -> mask-file",
                "make target masks:directory directory -> mask-directory", "mount_setattr masks +ro",
                "open /dev -> target", "move_mount masks to target",
            ])
        #expect(
            plan.lines("linux.maskedPaths[0]") == [
                "open root:/proc/kcore -> target", "copy mask-file or mask-directory, as target is -> mount",
                "move_mount mount to target",
            ])
        #expect(plan.steps[try #require(plan.index("open root:/proc/kcore -> target"))].skip == 2)
        // What covers is copied while it is attached, which kernels before 6.15 ask for: before the host's root goes.
        try order(plan, "move_mount masks to target", "open root:/proc/kcore -> target", "pivot_root")
    }

    @Test(arguments: [
        (HostFacts.plain { $0.makesNodes = false }, [Namespace(.mount)]),
        (.plain(), [Namespace(.mount), Namespace(.user)]),
        (.plain(), [Namespace(.mount), Namespace(.user, path: "/u")]),
        (.plain { $0.caller = .ordinaryUser }, [Namespace(.mount), Namespace(.user)]),
        (.plain { $0.caller = .rootOfUserNamespace }, [Namespace(.mount)]),
    ])
    func maskIsAnEmptyFileWhereNoDevicesCanBeMade(host: HostFacts, namespaces: [Namespace]) throws {
        let plan = try plan(on: host) {
            $0.linux.namespaces = namespaces
            $0.linux.maskedPaths = ["/proc/kcore"]
        }
        var modes: [UInt32] = []
        for step in plan.steps {
            if case .makeNode(.masks, name: "file", let mode, 0, 0, uid: 0, gid: 0) = step.operation {
                modes.append(mode)
            }
        }
        #expect(modes == [0o100444])
        #expect(plan.lines("linux.maskedPaths").contains("fsmount nosuid,nodev,noexec -> masks"))
    }

    @Test func withoutMaskedPathsThereAreNoMasks() throws {
        #expect(try !plan { $0.linux.readonlyPaths = ["/a"] }.lines.contains { $0.contains("masks") })
    }

    // MARK: The whole order (mounts, devices, hooks, pivot, covers, identity, gate, exec)

    @Test func orderOfEverything() throws {
        let options = PlanOptions(id: "box", filter: FilterProgram(instructions: [], flags: 0))
        let plan = try plan(on: .plain { $0.hasAppArmor = true }, with: options) {
            $0.linux.namespaces = [Namespace(.mount), Namespace(.network), Namespace(.uts)]
            $0.linux.sysctl = [Sysctl(key: "net.a", value: "1")]
            $0.mounts = [Mount(destination: "/proc", type: "proc")]
            $0.hooks.createRuntime = [Hook(path: "/r")]
            $0.hooks.createContainer = [Hook(path: "/c")]
            $0.hooks.startContainer = [Hook(path: "/s")]
            $0.hostname = "h"
            $0.linux.maskedPaths = ["/m"]
            $0.linux.readonlyPaths = ["/ro"]
            $0.root.readonly = true
            $0.theProcess.env = ["PATH=/x"]
            $0.theProcess.apparmorProfile = "p"
            $0.theProcess.noNewPrivileges = true
            $0.theProcess.rlimits = [Rlimit(.core, soft: 1, hard: 1)]
        }
        try order(
            plan, "bring up lo", "setsid", "move_mount root to target", "fsmount nosuid,nodev,noexec -> procfs",
            "make target root:/proc directory (no links) -> target", "mknod dev/null c 1:3 mode 0666",
            "meet the host to run its hooks", "run hook /c [\"/c\"]", "write procfs:sys/net/a \"1\"",
            "move_mount masks to target", "open root:/ro -> target", "open root:/m -> target", "pivot_root",
            "mount_setattr root +ro", "sethostname \"h\"",
            "setrlimit RLIMIT_CORE 1 1",
            "sched_setaffinity every CPU", "write procfs:self/attr/apparmor/exec \"exec p\"", "setresuid 0",
            "capset effective 0x0 permitted 0x0 inheritable 0x0", "find /bin/true", "set no_new_privs",
            "meet the host: ready", "wait at the gate",
            "run hook /s [\"/s\"] under the seccomp filter with the program's environment",
            "close from 3 on exec",
            "load seccomp filter, 0 instructions, flags 0", #"execve ["/bin/true"] with ["PATH=/x"]"#)
        #expect(plan.lines.suffix(2).first == "load seccomp filter, 0 instructions, flags 0")
    }
}
