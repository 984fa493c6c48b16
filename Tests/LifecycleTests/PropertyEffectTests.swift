import Harness
import Testing

extension Containers {
    /// Effects of properties that no other suite shows, and what is told of values that can have none.
    @Suite(.beyondRunc("these came after runc 1.1.5, or it passes them over")) struct PropertyEffectTests {
        // MARK: linux.memoryPolicy

        @Test(
            .enabled(if: Files.exists("/proc/self/numa_maps"), "this kernel has no NUMA"),
            arguments: [
                ("MPOL_DEFAULT", "", [], "default"), ("MPOL_BIND", "0", [], "bind:0"),
                ("MPOL_INTERLEAVE", "0", [], "interleave:0"), ("MPOL_PREFERRED", "0", [], "prefer:0"),
                ("MPOL_PREFERRED", "", [], "local"), ("MPOL_PREFERRED_MANY", "0", [], "prefer (many):0"),
                ("MPOL_LOCAL", "", [], "local"), ("MPOL_BIND", "0", ["MPOL_F_STATIC_NODES"], "bind=static:0"),
                ("MPOL_BIND", "0", ["MPOL_F_RELATIVE_NODES"], "bind=relative:0"),
            ])
        func `the program has the memory policy, and what exec adds has it too`(
            mode: String, nodes: String, flags: [String], shown: String
        ) throws {
            let bundle = try Bundle.sleeping {
                $0.linux.memoryPolicy = ["mode": .string(mode), "flags": Value(flags)]
                if !nodes.isEmpty { $0.linux.memoryPolicy.nodes = .string(nodes) }
            }
            try bundle.create().ok()
            try bundle.start().ok()
            _ = try bundle.line()
            // The first process of the container, and one that joins it.
            let script = "cat /proc/1/numa_maps /proc/self/numa_maps"
            let maps = try bundle.command(["exec", bundle.id, "/bin/sh", "-c", script]).run().ok().output
            let policies = Set(
                maps.split(separator: "\n").map { line in
                    line.split(separator: " ").dropFirst().prefix(shown.contains(" ") ? 2 : 1).joined(separator: " ")
                })
            #expect(policies.contains(shown), "\(policies)")
            if mode != "MPOL_DEFAULT" { #expect(!policies.contains("default"), "\(policies)") }
        }

        @Test func `memory of a node that is not there cannot be had`() throws {
            expectFailure(
                try Bundle.minimal { $0.linux.memoryPolicy = ["mode": "MPOL_BIND", "nodes": "63"] }.run(),
                saying: "linux.memoryPolicy", "invalid argument", "nodes has to be a node of this host")
        }

        // MARK: process.scheduler, process.ioPriority

        @Test(
            arguments: [
                (["policy": "SCHED_ISO"], "Linux has a number for SCHED_ISO"),
                (["policy": "SCHED_OTHER", "flags": ["SCHED_FLAG_UTIL_CLAMP_MIN"]], "CONFIG_UCLAMP_TASK"),
            ] as [(Value, String)])
        func `what this kernel does not schedule is an error that says why`(scheduler: Value, hint: String) throws {
            if hint.hasPrefix("CONFIG"), Files.exists("/proc/sys/kernel/sched_util_clamp_min") { return }
            expectFailure(
                try Bundle.minimal { $0.process.scheduler = scheduler }.run(), saying: "process.scheduler", hint)
        }

        @Test(
            arguments: [
                (["policy": "SCHED_IDLE", "nice": 5], "process.scheduler.nice: no effect with SCHED_IDLE: 5"),
                (
                    ["policy": "SCHED_OTHER", "flags": ["SCHED_FLAG_RECLAIM"]],
                    "process.scheduler.flags: SCHED_FLAG_RECLAIM has no effect with SCHED_OTHER"
                ),
                (
                    ["policy": "SCHED_BATCH", "flags": ["SCHED_FLAG_KEEP_POLICY"]],
                    "process.scheduler.policy: no effect with SCHED_FLAG_KEEP_POLICY"
                ),
            ] as [(Value, String)])
        func `scheduling that has no effect is told`(scheduler: Value, warning: String) throws {
            let outcome = try Bundle.minimal { $0.process.scheduler = scheduler }.run().ok()
            #expect(outcome.errors.contains(warning), "\(outcome)")
            #expect(outcome.errors.contains("level=warning"))
        }

        @Test func `the flags of the scheduler are in force`() throws {
            for isSet in [true, false] {
                let seen = try Bundle.minimal {
                    $0.process.scheduler = ["policy": "SCHED_BATCH"]
                    if isSet { $0.process.scheduler.flags = ["SCHED_FLAG_RESET_ON_FORK"] }
                }.report()
                #expect(seen.scheduler.policy == "SCHED_BATCH")
                #expect(seen.scheduler.resetOnFork == .bool(isSet))
            }
        }

        @Test func `flags of the personality are told to have no effect`() throws {
            let outcome = try Bundle.minimal {
                $0.linux.personality = ["domain": "LINUX32", "flags": ["ADDR_NO_RANDOMIZE"]]
            }.run().ok()
            #expect(outcome.errors.contains("linux.personality.flags: ignored, no flags are supported"))
        }

        @Test func `a priority of the idle class is told to have no effect`() throws {
            let outcome = try Bundle.minimal {
                $0.process.ioPriority = ["class": "IOPRIO_CLASS_IDLE", "priority": 3]
            }.run().ok()
            #expect(outcome.errors.contains("process.ioPriority.priority: no effect with IOPRIO_CLASS_IDLE: 3"))
        }

        // MARK: Other platforms

        @Test(arguments: ["freebsd", "solaris", "vm", "windows", "zos"])
        func `a section of another platform is told, by run and by check`(name: String) throws {
            let bundle = try Bundle.minimal { $0[name] = [:] }
            let outcome = try bundle.run().ok()
            #expect(outcome.errors.contains("\(name): no effect"), "\(outcome)")
            let check = try bundle.command(["check", bundle.directory]).run()
            #expect((check.output + check.errors).contains("\(name): warning: no effect"), "\(check)")
        }

        // MARK: linux.resources.blockIO

        /// A block device of the container's own: a loop device on a file.
        private func withLoopDevice(_ bundle: Bundle, _ body: (Int) throws -> Void) throws {
            let image = try bundle.hostFile("image", "")
            let script = "truncate -s 8M \(image); losetup --find --show \(image) >\(image).device"
            try bundle.workspace.command(["/bin/sh", "-ec", script]).run().ok()
            let device = try #require(Files.line("\(image).device"))
            defer { _ = try? bundle.workspace.command(["/sbin/losetup", "--detach", device]).run() }
            try body(try #require(Int(device.dropFirst("/dev/loop".count))))
        }

        @Test func `a leaf weight, which this kernel does not have, is an error or is told`() throws {
            for blockIO: Value in [
                ["leafWeight": 100], ["weightDevice": [["major": 7, "minor": 0, "leafWeight": 100]]],
            ] {
                let outcome = try Bundle.minimal {
                    $0.run("/bin/true")
                    $0.linux.resources.blockIO = blockIO
                }.run()
                let place = blockIO.weightDevice.isNull ? "leafWeight" : "weightDevice[0].leafWeight"
                if Host.hierarchies["blkio"] != nil {
                    expectFailure(outcome, saying: "linux.resources.blockIO.\(place)", "blkio.leaf_weight")
                } else {
                    #expect(try outcome.ok().errors.contains("\(place): cgroup v2 has no leaf weights"))
                }
            }
        }

        @Test(.enabled(if: Files.exists("/dev/loop-control") && Host.has("losetup"), "needs loop devices"))
        func `the weight of a device that has no scheduler for it is an error that says so`() throws {
            let bundle = try Bundle.minimal { $0.run("/bin/true") }
            try withLoopDevice(bundle) { minor in
                bundle.config.linux.resources.blockIO.weightDevice = [
                    ["major": 7, "minor": Value(minor), "weight": 200]
                ]
                expectFailure(try bundle.run(), saying: "linux.resources.blockIO.weightDevice[0].weight")
                bundle.expectNothingLeft()
            }
        }

        // MARK: linux.resources.memory

        @Test func `a hierarchy that cannot be switched off is told`() throws {
            let outcome = try Bundle.minimal {
                $0.run("/bin/true")
                $0.linux.resources.memory.useHierarchy = false
            }.run().ok()
            #expect(outcome.errors.contains("linux.resources.memory.useHierarchy: cgroups are always hierarchical"))
        }

        /// Two seconds' worth at the configured rate, past the page cache.
        @Test(
            .enabled(if: Files.exists("/dev/loop-control") && Host.has("losetup"), "needs loop devices"),
            arguments: [
                ("throttleReadBpsDevice", 1 << 20, "if=/dev/disk of=/dev/null bs=64k count=32 iflag=direct"),
                ("throttleWriteBpsDevice", 1 << 20, "if=/dev/zero of=/dev/disk bs=64k count=32 oflag=direct"),
                ("throttleReadIOPSDevice", 10, "if=/dev/disk of=/dev/null bs=4k count=20 iflag=direct"),
                ("throttleWriteIOPSDevice", 10, "if=/dev/zero of=/dev/disk bs=4k count=20 oflag=direct"),
            ])
        func `a block device is no faster than its limit`(name: String, rate: Int, words: String) throws {
            let bundle = try Bundle.minimal {
                $0.shell(
                    """
                    read a b </proc/uptime; busybox dd \(words) 2>/dev/null || exit 9
                    read c d </proc/uptime; echo $a $c
                    """)
            }
            try withLoopDevice(bundle) { minor in
                bundle.config.linux.devices = [
                    ["type": "b", "path": "/dev/disk", "major": 7, "minor": Value(minor), "fileMode": 438]
                ]
                bundle.config.linux.resources.devices.append(
                    ["allow": true, "type": "b", "major": 7, "minor": Value(minor), "access": "rw"])
                bundle.config.linux.resources.blockIO[name] = [
                    ["major": 7, "minor": Value(minor), "rate": Value(rate)]
                ]
                let times = try bundle.run().ok().output.split(separator: " ").compactMap {
                    Double($0.filter { $0 != "\n" })
                }
                #expect(times.count == 2)
                if times.count == 2 { #expect(times[1] - times[0] > 1, "\(times)") }
            }
        }

        // MARK: linux.seccomp.listenerPath

        /// A socket at which somebody listens and accepts nobody: its queue has room for one, and that one is there already.
        private func listenForNobody(_ workspace: Workspace) throws -> String {
            let path = "\(workspace.directory)/nobody.sock"
            let script = """
                import socket, time
                listener = socket.socket(socket.AF_UNIX); listener.bind("\(path)"); listener.listen(0)
                first = socket.socket(socket.AF_UNIX); first.connect("\(path)")
                open("\(path).ready", "w").close(); time.sleep(1000)
                """
            _ = try workspace.start(workspace.command([Host.python ?? "", "-c", script]))
            #expect(eventually { Files.exists("\(path).ready") })
            return path
        }

        @Test(.enabled(if: Host.python != nil, "needs python3"))
        func `an agent that accepts nobody fails the start in time, and nothing is left`() throws {
            let bundle = try Bundle.minimal {
                $0.run("/bin/true")
                $0.linux.seccomp = [
                    "defaultAction": "SCMP_ACT_ALLOW", "syscalls": [["names": ["mkdir"], "action": "SCMP_ACT_NOTIFY"]],
                ]
            }
            let path = try listenForNobody(bundle.workspace)
            bundle.config.linux.seccomp.listenerPath = .string(path)
            try bundle.create().ok()
            let outcome = try bundle.start()
            expectFailure(
                outcome, saying: "linux.seccomp.listenerPath: connect \(path): connection timed out", "for 10 s")
            #expect(try bundle.state().status == "stopped")
            try bundle.delete().ok()
            bundle.expectNothingLeft()
        }

        /// The socket of an engine that has stopped.
        @Test(.enabled(if: Host.python != nil, "needs python3"))
        func `a pidfd receiver that accepts nobody fails create in time`() throws {
            let bundle = try Bundle.sleeping()
            let path = try listenForNobody(bundle.workspace)
            bundle.config.annotations = ["run.oci.pidfd_receiver": .string(path)]
            expectFailure(try bundle.create(), saying: "connect \(path): connection timed out", "for 10 s")
            bundle.expectNothingLeft()
        }
    }
}
