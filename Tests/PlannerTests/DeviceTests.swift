import OCI
import Planner
import Testing

@Suite struct DeviceTests {
    private func device(
        _ kind: DeviceKind, _ path: String, _ change: (inout Device) -> Void = { _ in }
    ) throws -> [String] {
        var device = Device(kind, path: path, major: kind == .fifo ? 0 : 10, minor: kind == .fifo ? 0 : 229)
        change(&device)
        return try plan { $0.linux.devices = [device] }.lines("linux.devices[0]")
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
                "make target dev:net directory (not in proc) -> parent", "mknod parent/tun c 10:229 mode 0666",
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

    // MARK: The terminal

    /// Looked at before it is opened: opening a device of the image could do anything.
    @Test func terminalIsTheContainersOwnAndPassedByDescriptor() throws {
        let plan = try plan {
            $0.theProcess.terminal = true
            $0.theProcess.consoleSize = ConsoleSize(height: 25, width: 80)
            $0.theProcess.user.uid = 7
        }
        #expect(
            plan.lines("process.terminal") == [
                "open root:/dev/pts/ptmx -> target", "verify target is c 5:2",
                "open target anew read-write -> terminal", "unlock terminal", "open peer of terminal -> peer",
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
