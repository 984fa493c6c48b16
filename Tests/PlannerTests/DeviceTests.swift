import OCI
import Planner
import Testing

@Suite struct DeviceTests {
    private static let userNamespace = [Namespace(.mount), Namespace(.user)]

    private func device(
        _ kind: DeviceKind, _ path: String, in namespaces: [Namespace] = [Namespace(.mount)],
        _ change: (inout Device) -> Void = { _ in }
    ) throws -> [String] {
        var device = Device(kind, path: path, major: kind == .fifo ? 0 : 10, minor: kind == .fifo ? 0 : 229)
        change(&device)
        return try plan {
            $0.linux.namespaces = namespaces
            $0.linux.devices = [device]
        }.lines("linux.devices[0]")
    }

    @Test func defaultDevicesAndLinksAreThere() throws {
        #expect(
            try plan { _ in }.lines("linux.devices") == [
                "make target root:/dev directory (not in proc) -> dev",
                "mknod dev/null c 1:3 mode 0666", "mknod dev/random c 1:8 mode 0666", "mknod dev/full c 1:7 mode 0666",
                "mknod dev/tty c 5:0 mode 0666", "mknod dev/zero c 1:5 mode 0666", "mknod dev/urandom c 1:9 mode 0666",
                "symlink dev/fd -> /proc/self/fd", "symlink dev/stdin -> /proc/self/fd/0",
                "symlink dev/stdout -> /proc/self/fd/1", "symlink dev/stderr -> /proc/self/fd/2",
                "symlink dev/core -> /proc/kcore", "unlink dev/ptmx", "symlink dev/ptmx -> pts/ptmx",
            ])
    }

    @Test func coreIsNotLinkedToWhereTheHostHasNone() throws {
        let plan = try plan(on: .plain { $0.hasCore = false }) { _ in }
        #expect(plan.index("symlink dev/core -> /proc/kcore") == nil)
    }

    @Test(arguments: [
        (DeviceKind.character, "mknod dev/x c 10:229 mode 0666"), (.unbuffered, "mknod dev/x c 10:229 mode 0666"),
        (.block, "mknod dev/x b 10:229 mode 0666"), (.fifo, "mknod dev/x p 0:0 mode 0666"),
    ])
    func everyKindIsMade(kind: DeviceKind, line: String) throws {
        #expect(try device(kind, "/dev/x") == [line])
    }

    @Test func modeAndOwnerAreThoseOfTheConfiguration() throws {
        let lines = try device(.block, "/dev/x") {
            $0.fileMode = 0o600
            $0.uid = 5
            $0.gid = 6
        }
        #expect(lines == ["mknod dev/x b 10:229 mode 0600 owner 5:6"])
    }

    @Test func deviceElsewhereGetsItsDirectory() throws {
        #expect(
            try device(.character, "/dev/net/tun") == [
                "make target root:/dev/net directory (not in proc) -> parent", "mknod parent/tun c 10:229 mode 0666",
            ])
        #expect(try device(.fifo, "/pipe")[0] == "make target root:/ directory (not in proc) -> parent")
    }

    @Test func ownDeviceTakesThePlaceOfTheDefaultOne() throws {
        let plan = try plan {
            $0.linux.devices = [Device(.character, path: "/dev/null", major: 1, minor: 3, fileMode: 0o600)]
        }
        #expect(plan.index("mknod dev/null c 1:3 mode 0666") == nil)
        #expect(plan.lines("linux.devices[0]") == ["mknod dev/null c 1:3 mode 0600"])
    }

    @Test func ptmxIsAlwaysThatOfTheOwnDevpts() throws {
        #expect(try device(.character, "/dev/ptmx").isEmpty)
    }

    @Test(arguments: ["/dev", "/dev/", "//x/../dev"])
    func devOfTheBundleIsLeftAsItIs(destination: String) throws {
        let plan = try plan { $0.mounts = [Mount(destination: destination, source: "/dev", action: .recursiveBind)] }
        #expect(plan.lines("linux.devices").isEmpty)
        #expect(plan.warnings.isEmpty)
        let asked = try PlannerTests.plan {
            $0.mounts = [Mount(destination: destination, source: "/dev", action: .recursiveBind)]
            $0.linux.devices = [Device(.fifo, path: "/dev/x")]
        }
        #expect(asked.warnings == ["linux.devices: not made, since /dev is a bind mount"])
    }

    @Test func deviceWithADetourInItsPathIsTheSame() throws {
        #expect(try device(.character, "/dev/../dev//x") == ["mknod dev/x c 10:229 mode 0666"])
        #expect(try device(.character, "/dev/./ptmx").isEmpty)
    }

    // MARK: User namespaces cannot make nodes

    @Test func inAUserNamespaceTheHostsDeviceIsBoundAndVerified() throws {
        #expect(
            try device(.character, "/dev/x", in: Self.userNamespace) == [
                "open_tree /dev/x clone -> mount", "verify mount is c 10:229", "make target dev:x file -> target",
                "move_mount mount to target",
            ])
        #expect(
            try device(.block, "/dev/a/x", in: Self.userNamespace) == [
                "make target root:/dev/a directory (not in proc) -> parent", "open_tree /dev/a/x clone -> mount",
                "verify mount is b 10:229", "make target parent:x file -> target", "move_mount mount to target",
            ])
    }

    @Test func modeAndOwnerAreThoseOfTheHostThere() throws {
        let plan = try plan {
            $0.linux.namespaces = Self.userNamespace
            $0.linux.devices = [Device(.character, path: "/dev/x", major: 1, minor: 2, uid: 5)]
        }
        #expect(
            plan.warnings == [
                "linux.devices[0]: in a user namespace the host's device is bound, with its mode and owner"
            ])
    }

    @Test func fifosCanBeMadeThere() throws {
        #expect(try device(.fifo, "/dev/x", in: Self.userNamespace) == ["mknod dev/x p 0:0 mode 0666"])
    }

    @Test func joinedUserNamespaceIsOneToo() throws {
        let joined = [Namespace(.mount), Namespace(.user, path: "/u")]
        #expect(try device(.character, "/dev/x", in: joined)[0] == "open_tree /dev/x clone -> mount")
    }

    // MARK: The terminal

    @Test func terminalIsTheContainersOwnAndPassedByDescriptor() throws {
        let plan = try plan {
            $0.theProcess.terminal = true
            $0.theProcess.consoleSize = ConsoleSize(height: 25, width: 80)
            $0.theProcess.user.uid = 7
        }
        #expect(
            plan.lines("process.terminal") == [
                "open root:/dev/pts/ptmx read-write -> terminal", "unlock terminal", "open peer of terminal -> peer",
                "chown peer to 7", "open_tree peer clone -> mount",
                "make target root:/dev/console file (not in proc, no follow) -> target", "move_mount mount to target",
                "meet the host to take the terminal giving terminal", "dup peer to 0", "dup peer to 1", "dup peer to 2",
                "make peer the controlling terminal",
            ])
        #expect(plan.lines("process.consoleSize") == ["set window of terminal to 25x80"])
        // It lives in a devpts that the mounts have brought, and the session has to be there.
        #expect(try #require(plan.index("setsid")) < #require(plan.index("make peer the controlling terminal")))
        #expect(try #require(plan.index("pivot_root")) < #require(plan.index("unlock terminal")))
    }

    @Test func withoutAMountNamespaceNothingIsPutOntoTheConsole() throws {
        let plan = try plan {
            $0.linux.namespaces = []
            $0.theProcess.terminal = true
        }
        #expect(!plan.lines.contains { $0.contains("/dev/console") })
        #expect(plan.index("dup peer to 0") != nil)
    }
}
