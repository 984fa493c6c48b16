import Harness
import Testing

extension Containers {
    /// Containers that are saved and come back.
    @Suite(.enabled(if: Criu.program != nil, "\(Criu.absence)"))
    struct CheckpointTests {
        @Test(
            .flag(
                "--criu", "checkpoint --image-path", "restore --image-path", "restore --bundle", "restore --detach",
                "restore --pid-file"))
        func `a program goes on where it was`() throws {
            let bundle = try Bundle.counting()
            try bundle.startSaved()
            try bundle.checkpoint().ok()
            #expect(bundle.status == nil)
            let before = try #require(bundle.number)
            Harness.pause(0.1)
            #expect(bundle.number == before)
            bundle.expectNothingLeft()
            try bundle.restore().ok()
            #expect(bundle.status == "running")
            #expect(try bundle.state().pid.integer == bundle.pid.map { Int($0) })
            bundle.countsOn(from: before)
            try bundle.kill("KILL").ok()
            #expect(bundle.waitForExit() == 137)
            #expect(bundle.status == "stopped")
            try bundle.delete().ok()
            bundle.expectNothingLeft()
        }

        @Test func `a restored container is a container like any other`() throws {
            let bundle = try Bundle.counting()
            try bundle.startSaved()
            try bundle.checkpoint().ok()
            try bundle.restore().ok()
            #expect(try bundle.command(["exec", bundle.id, "/bin/echo", "inside"]).run().ok().output == "inside\n")
            try bundle.pause().ok()
            #expect(bundle.status == "paused")
            try bundle.resume().ok()
            // And once more.
            let before = try #require(bundle.number)
            try bundle.checkpoint().ok()
            try bundle.restore().ok()
            bundle.countsOn(from: before)
        }

        @Test(.needsController("pids")) func `a restored container has its limit, and gets another one`() throws {
            let bundle = try Bundle.counting { $0.linux.resources.pids = ["limit": 40] }
            try bundle.startSaved()
            try bundle.checkpoint().ok()
            try bundle.restore().ok()
            #expect(bundle.limit("pids", "pids.max") == "40")
            try bundle.update(["--pids-limit", "12"]).ok()
            #expect(bundle.limit("pids", "pids.max") == "12")
            try bundle.checkpoint().ok()
            try bundle.restore().ok()
            #expect(bundle.limit("pids", "pids.max") == "40")
        }

        /// In the mode "full" the image says that the cgroup is frozen, and CRIU freezes it again.
        /// A v1 freezer that is only hidden CRIU finds nevertheless, and stops itself by it.
        @Test(arguments: Host.cgroupLayout == .v2 ? ["soft", "ignore"] : ["soft", "full", "ignore"])
        func `a paused container is saved, and runs when it comes back`(mode: String) throws {
            let bundle = try Bundle.counting()
            try bundle.startSaved()
            try bundle.pause().ok()
            try bundle.checkpoint("--manage-cgroups-mode", mode).ok()
            let before = try #require(bundle.number)
            try bundle.restore("--manage-cgroups-mode", mode).ok()
            #expect(bundle.status == "running")
            bundle.countsOn(from: before)
            try bundle.pause().ok()
            try bundle.resume().ok()
        }

        /// The processes of the container that a signal has stopped.
        private func stopped(_ bundle: Bundle) -> Int {
            bundle.members.count { (Files.read("/proc/\($0)/stat") ?? "").contains(") T ") }
        }

        /// The freezer of cgroup v1 keeps such a process from what CRIU wants of it.
        @Test func `a process that a signal has stopped is saved, and stays stopped`() throws {
            let bundle = try Bundle.counting {
                $0.shell("sleep 1000 & kill -STOP $!; exec /assert count /work/number")
            }
            try bundle.startSaved()
            #expect(eventually { self.stopped(bundle) == 1 })
            try bundle.checkpoint("--leave-running").ok()
            #expect(stopped(bundle) == 1)
            bundle.countsOn(from: try #require(bundle.number))
            try bundle.checkpoint().ok()
            let before = try #require(bundle.number)
            try bundle.restore().ok()
            bundle.countsOn(from: before)
            #expect(stopped(bundle) == 1)
        }

        /// The way to a mount is written as the host's path of it, and its source is a single file.
        @Test func `a destination that is the host's path of the root file system`() throws {
            let source = try Bundle.counting()
            let file = try source.hostFile("file", "of the host")
            let directory = try source.hostDirectory("directory", mode: 0o777)
            func bind(_ bundle: Bundle) {
                bundle.config.mount("bind", at: "\(bundle.rootfs)/deep/file", source: file, "bind", "ro")
                bundle.config.mount("bind", at: "\(bundle.rootfs)/deep/directory", source: directory, "bind")
            }
            bind(source)
            try source.startSaved()
            try source.checkpoint().ok()
            try source.restore().ok()
            let copy = try Bundle.counting()
            bind(copy)
            try copy.creating(["restore", "--detach", "--image-path", source.images]).run().ok()
            for bundle in [source, copy] {
                bundle.countsOn(from: 0)
                let look = [
                    "exec", bundle.id, "/bin/sh", "-c", "cat /deep/file; echo x > /deep/directory/\(bundle.name)",
                ]
                #expect(try bundle.command(look).run().ok().output == "of the host")
                #expect(Files.exists("\(directory)/\(bundle.name)"))
                #expect(!Files.exists("\(bundle.rootfs)\(bundle.rootfs)"))
                let write = ["exec", bundle.id, "/bin/sh", "-c", "echo x > /deep/file"]
                expectFailure(try bundle.command(write).run(), saying: "ead-only")
            }
        }

        @Test(.flag("checkpoint --leave-running"))
        func `one image makes two containers beside the one that goes on`() throws {
            let bundle = try Bundle.counting()
            try bundle.startSaved()
            try bundle.checkpoint("--leave-running").ok()
            #expect(bundle.status == "running")
            bundle.countsOn(from: try #require(bundle.number))
            let copies = try (0..<2).map { _ in try Bundle.counting() }
            for copy in copies {
                let arguments = ["restore", "--detach", "--image-path", bundle.images]
                try copy.creating(arguments).run().ok()
                copy.countsOn(from: 0)
            }
            #expect(([bundle] + copies).map(\.status) == ["running", "running", "running"])
        }

        @Test(.needsController("memory"), .needsController("pids")) func `limits and device rules are back`() throws {
            let bundle = try Bundle.counting {
                $0.linux.resources.memory = ["limit": 67_108_864]
                $0.linux.resources.pids = ["limit": 3]
                $0.linux.resources.devices.append(
                    ["allow": true, "type": "c", "major": 10, "minor": 229, "access": "rwm"])
            }
            try bundle.startSaved()
            let before = bundle.limit("devices", "devices.list")
            try bundle.checkpoint().ok()
            try bundle.restore().ok()
            let file = Host.cgroupLayout == .v2 ? "memory.max" : "memory.limit_in_bytes"
            #expect(bundle.limit("memory", file) == "67108864")
            #expect(bundle.limit("pids", "pids.max") == "3")
            #expect(bundle.limit("devices", "devices.list") == before)
        }

        /// Processes of a new user namespace are nobody before they are mapped, and read images already then.
        @Test(arguments: [0o700, 0o711])
        func `a user namespace, with images whose directory is private or not`(mode: UInt32) throws {
            let bundle = try Bundle.counting { $0.mapUsers() }
            try bundle.startSaved()
            try bundle.checkpoint().ok()
            let before = try #require(bundle.number)
            try Files.changeMode(bundle.images, mode)
            try bundle.restore().ok()
            #expect(Files.status(bundle.images).map { $0.st_mode & 0o7777 } == mode)
            bundle.countsOn(from: before)
            let report = try bundle.command(["exec", bundle.id, "/assert", "report"]).run().report
            #expect(report.uid.real == 0)
            #expect(report.namespaces.user != Host.namespace("user"))
            try bundle.command(["exec", bundle.id, "/bin/sh", "-c", "echo x > /dev/null"]).run().ok()
        }

        @Test func `a cgroup namespace`() throws {
            let bundle = try Bundle.counting { $0.unshare("cgroup") }
            try bundle.startSaved()
            try bundle.checkpoint().ok()
            try bundle.restore().ok()
            let report = try bundle.command(["exec", bundle.id, "/bin/cat", "/proc/self/cgroup"]).run().ok().output
            #expect(report.split(separator: "\n").allSatisfy { $0.hasSuffix(":/") }, "\(report)")
        }

        @Test func `namespaces of others are joined again`() throws {
            let bundle = try Bundle.counting()
            let holder = try bundle.workspace.holdNamespaces("--net", "--ipc", "--uts")
            for (kind, name) in [("network", "net"), ("ipc", "ipc"), ("uts", "uts")] {
                bundle.config.join(kind, "/proc/\(holder)/ns/\(name)")
            }
            bundle.config.hostname = .null
            try bundle.startSaved()
            try bundle.checkpoint().ok()
            try bundle.restore().ok()
            let pid = try #require(bundle.pid)
            for name in ["net", "ipc", "uts"] {
                #expect(Host.namespace(name, of: "\(pid)") == Host.namespace(name, of: "\(holder)"), "\(name)")
            }
        }

        @Test func `a root file system without the mount points, on another path`() throws {
            let source = try Bundle.counting()
            let file = try source.hostFile("file", "of the host")
            let directory = try source.hostDirectory("directory")
            try Files.write("in it", to: "\(directory)/entry")
            func bind(_ bundle: Bundle) {
                bundle.config.mount("bind", at: "/etc/some.conf", source: file, "bind", "ro")
                bundle.config.mount("bind", at: "/srv/data/below", source: directory, "rbind", "ro")
            }
            bind(source)
            try source.startSaved()
            try source.checkpoint().ok()
            let copy = try Bundle.counting()
            bind(copy)
            try copy.creating(["restore", "--detach", "--image-path", source.images]).run().ok()
            copy.countsOn(from: 0)
            let read = ["exec", copy.id, "/bin/cat", "/etc/some.conf", "/srv/data/below/entry"]
            #expect(try copy.command(read).run().ok().output == "of the hostin it")
            let write = ["exec", copy.id, "/bin/touch", "/srv/data/below/new"]
            expectFailure(try copy.command(write).run(), saying: "read-only")
        }

        @Test func `a bind mount with ids of its own`() throws {
            let bundle = try Bundle.counting()
            let directory = try bundle.hostDirectory("mapped")
            try Files.write("text", to: "\(directory)/file")
            try Files.changeOwner("\(directory)/file", uid: 0, gid: 0)
            bundle.config.mount("bind", at: "/mapped", source: directory, "bind")
            let last = bundle.config.mounts.items.count - 1
            let mapping: Value = [["containerID": 0, "hostID": 4242, "size": 1]]
            bundle.config.mounts[last].uidMappings = mapping
            bundle.config.mounts[last].gidMappings = mapping
            try bundle.startSaved()
            let look = ["exec", bundle.id, "/bin/ls", "-n", "/mapped/file"]
            #expect(try bundle.command(look).run().ok().output.contains(" 4242 "))
            try bundle.checkpoint().ok()
            try bundle.restore().ok()
            #expect(try bundle.command(look).run().ok().output.contains(" 4242 "))
        }

        @Test func `masked paths stay masked, and read-only ones read-only`() throws {
            let bundle = try Bundle.counting()
            try bundle.startSaved()
            let command = ["exec", bundle.id, "/bin/cat", "/proc/self/mountinfo"]
            func restricted() throws -> [String] {
                try bundle.command(command).run().ok().output.split(separator: "\n").map { $0.split(separator: " ") }
                    .filter { $0[4].hasPrefix("/proc/") || $0[4] == "/sys/firmware" }
                    .map { "\($0[4]) \($0[5])" }.sorted()
            }
            let before = try restricted()
            #expect(!before.isEmpty)
            for _ in 0..<2 {
                try bundle.checkpoint().ok()
                try bundle.restore().ok()
                #expect(try restricted() == before)
            }
        }

        @Test func `the filter, capabilities and no-new-privileges are the configuration's`() throws {
            let bundle = try Bundle.counting {
                $0.shell(
                    """
                    while :; do n=$((n+1)); cd / 2> /work/said; printf '%010d\\n' $n > /work/number; sleep 0.1; done
                    """)
                $0.linux.seccomp = [
                    "defaultAction": "SCMP_ACT_ALLOW", "architectures": [SeccompTests.architecture],
                    "syscalls": [["names": ["chdir"], "action": "SCMP_ACT_ERRNO", "errnoRet": 95]],
                ]
            }
            func confinement(_ status: String?) -> [Substring] {
                (status ?? "").split(separator: "\n").filter { line in
                    ["Seccomp", "NoNewPrivs", "Cap"].contains { line.hasPrefix($0) }
                }
            }
            try bundle.startSaved()
            let before = confinement(Files.read("/proc/\(try #require(bundle.pid))/status"))
            #expect(before.contains("Seccomp:\t2") && before.contains("NoNewPrivs:\t1"), "\(before)")
            try bundle.checkpoint().ok()
            try bundle.restore().ok()
            #expect(confinement(Files.read("/proc/\(try #require(bundle.pid))/status")) == before)
            // The first process makes the call, and one that comes later.
            let said = "\(bundle.workspace.directory)/\(bundle.name)-work/said"
            Files.removeTree(said)
            #expect(
                eventually { (Files.read(said) ?? "").contains("Operation not supported") }, "\(Files.read(said) ?? "")"
            )
            let later = try bundle.command(["exec", bundle.id, "/bin/sh", "-c", "cat /proc/self/status; cd /"]).run()
            #expect(later.errors.contains("Operation not supported"), "\(later.errors)")
            #expect(confinement(later.output) == before)
        }

        @Test func `files, pipes and processes`() throws {
            let bundle = try Bundle.counting {
                $0.shell(
                    """
                    exec 3> /work/log; (while :; do echo line; sleep 0.1; done) | \
                    while read word; do n=$((n+1)); echo $word $n >&3; printf '%010d\\n' $n > /work/number; done
                    """)
            }
            try bundle.startSaved()
            try bundle.checkpoint().ok()
            func lines() -> [Substring] {
                (Files.read("\(bundle.workspace.directory)/\(bundle.name)-work/log") ?? "").split(separator: "\n")
            }
            // The other file may have been empty at that moment.
            let before = lines().count
            try bundle.restore().ok()
            bundle.countsOn(from: before)
            let all = lines()
            #expect(all.prefix(before + 3).enumerated().allSatisfy { $0.element == "line \($0.offset + 1)" })
        }

        @Test func `what a container says goes to who restores it`() throws {
            let bundle = try Bundle.saved {
                $0.shell("echo ready; n=0; while :; do n=$((n+1)); echo $n; sleep 0.1; done")
            }
            try bundle.startSaved()
            try #require(eventually { bundle.output.contains("\n5\n") })
            try bundle.checkpoint().ok()
            let before = bundle.output
            try bundle.restore().ok()
            let last = Int(before.split(separator: "\n").last ?? "") ?? 0
            #expect(eventually { bundle.output.contains("\(last + 3)\n") })
            #expect(!bundle.output.contains("ready"))
        }

        @Test(.flag("restore --console-socket")) func `a terminal`() throws {
            let bundle = try Bundle.saved {
                $0.process.terminal = true
                $0.shell("echo ready; while read line; do echo got $line; done")
            }
            let socket = try ConsoleSocket(in: bundle.workspace.directory)
            try bundle.run("--detach", "--console-socket", socket.path).ok()
            var terminal = try socket.receive()
            try #require(terminal.read(until: "ready"))
            try bundle.checkpoint().ok()
            try bundle.restore("--console-socket", socket.path).ok()
            terminal = try socket.receive()
            terminal.write("hello\n")
            #expect(terminal.read(until: "got hello\r\n"))
        }

        @Test(.flag("restore --no-subreaper", "restore --no-pivot"))
        func `a restore in the foreground lasts as long as the container`() throws {
            let bundle = try Bundle.saved {
                $0.shell("echo ready; while ! [ -e /tmp/end ]; do sleep 0.01; done; exit 7")
            }
            bundle.config.mount("tmpfs", at: "/tmp", "mode=1777")
            try bundle.startSaved()
            try bundle.checkpoint().ok()
            for flags in [[], ["--no-subreaper", "--no-pivot"]] {
                let running = try bundle.workspace.start(
                    bundle.creating(["restore", "--image-path", bundle.images] + flags))
                try #require(eventually { bundle.status == "running" })
                try bundle.command(["exec", bundle.id, "/bin/touch", "/tmp/end"]).run().ok()
                #expect(running.wait().status == 7)
                #expect(bundle.status == nil)
                bundle.expectNothingLeft()
            }
        }

        @Test func `hooks`() throws {
            let bundle = try Bundle.counting()
            let record = "\(bundle.workspace.directory)/hooks"
            let script = "\(bundle.workspace.directory)/hook.sh"
            try Files.script("echo $1 >> \(record)", at: script)
            for kind in ["prestart", "createRuntime", "poststart", "poststop"] {
                bundle.config.hooks[kind] = [["path": .string(script), "args": ["hook", .string(kind)]]]
            }
            try bundle.startSaved()
            try bundle.checkpoint().ok()
            try bundle.restore().ok()
            try bundle.delete("--force").ok()
            let all = (Files.read(record) ?? "").split(separator: "\n")
            #expect(
                all == [
                    "prestart", "createRuntime", "poststart", "poststop", "prestart", "createRuntime", "poststop",
                ])
        }

        @Test func `a hook that fails leaves nothing`() throws {
            let bundle = try Bundle.counting()
            try bundle.startSaved()
            try bundle.checkpoint().ok()
            bundle.config.hooks.createRuntime = [["path": "/bin/false"]]
            expectFailure(try bundle.restore(), saying: "hooks.createRuntime[0]", "/bin/false")
            #expect(bundle.status == nil)
            bundle.expectNothingLeft()
        }
    }
}

/// The same in a root that has today's CRIU.
@Suite(
    .serialized, .enabled(if: Today.program != nil && Criu.program == nil, "APUS_TODAY names no root, or CRIU is here"))
struct TodayTests {
    @Test func `checkpoints and restores with today's CRIU`() throws {
        let outcome = try Today.runTests("LifecycleTests.Containers/Checkpoint")
        let said = outcome.output + outcome.errors
        let failures = said.split(separator: "\n").filter { !$0.contains(" passed after ") && !$0.contains(" started") }
        #expect(said.contains("Suite CheckpointTests passed"))
        #expect(outcome.succeeded, "\(failures.joined(separator: "\n"))")
    }
}
