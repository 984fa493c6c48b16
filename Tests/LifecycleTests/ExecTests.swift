import Glibc
import Harness
import Testing

extension Containers {
    @Suite struct ExecTests {
        // MARK: What it enters

        @Test func `it is in the container's namespaces and root`() throws {
            let bundle = try Bundle.running { $0.unshare("cgroup") }
            let first = try bundle.line()
            let seen = try bundle.seen()
            #expect(seen.namespaces == first.namespaces)
            #expect(seen.hostname == "apus")
            #expect(seen.mounts.items.map(\.destination) == first.mounts.items.map(\.destination))
            #expect((seen.pid.integer ?? 0) > 1)
            #expect(seen.ppid == 0)
            #expect(seen.session == seen.pid)
        }

        @Test(arguments: [false, true]) func `it is in a user namespace, with its ids`(timeToo: Bool) throws {
            let bundle = try Bundle.running {
                $0.mapUsers()
                if timeToo {
                    $0.unshare("time")
                    $0.linux.timeOffsets = ["boottime": ["secs": 100_000]]
                }
                $0.process.user = ["uid": 1000, "gid": 1001, "additionalGids": [5]]
            }
            let first = try bundle.line()
            let seen = try bundle.seen()
            #expect(seen.namespaces == first.namespaces)
            #expect(seen.uid == first.uid)
            #expect(seen.gid == first.gid)
            #expect(seen.groups == [5])
            #expect(seen.capabilities == first.capabilities)
            if timeToo { #expect((seen.clocks.boottime.integer ?? 0) > 100_000) }
            #expect(try bundle.exec("/bin/true", flags: "--user", "0").status == 0)
        }

        @Test func `it is in namespaces that the container joined`() throws {
            let bundle = try Bundle.sleeping { $0.remove("hostname") }
            let holder = try bundle.workspace.holdNamespaces(
                "--user", "--map-root-user", "--pid", "--fork", "--kill-child", "--net", "--ipc", "--uts", "--cgroup")
            for (kind, file) in [("network", "net"), ("ipc", "ipc"), ("uts", "uts"), ("user", "user")] {
                bundle.config.join(kind, "/proc/\(holder)/ns/\(file)")
            }
            bundle.config.join("pid", "/proc/\(holder)/ns/pid_for_children")
            for path in ["/dev/mqueue", "/dev/pts", "/sys", "/sys/fs/cgroup", "/proc"] { bundle.config.unmount(path) }
            bundle.config.mount("proc", at: "/proc")
            try bundle.begin()
            let first = try bundle.line()
            #expect(try bundle.seen().namespaces == first.namespaces)
        }

        @Test func `a namespace that was joined and is the caller's is passed by`() throws {
            let bundle = try Bundle.running { $0.join("network", "/proc/\(getpid())/ns/net") }
            #expect(try bundle.seen().namespaces.net == Host.namespace("net"))
        }

        @Test func `it is in the container's root without a mount namespace`() throws {
            let bundle = try Bundle.sleeping {
                $0.share("mount")
                for name in ["maskedPaths", "readonlyPaths"] { $0.linux.remove(name) }
                $0.root.readonly = false
                $0.mounts = []
            }
            try bundle.put("here", "the container's")
            try bundle.begin()
            #expect(try bundle.exec("/bin/cat", "/here").output == "the container's")
            #expect(try bundle.exec("/bin/ls", "/").output.contains("assert"))
            #expect(try bundle.exec("/bin/ls", "/etc").status != 0)
        }

        @Test func `it is in the container's root without pivot_root`() throws {
            let bundle = try Bundle.sleeping()
            try bundle.put("here", "the container's")
            try bundle.create("--no-pivot").ok()
            try bundle.start().ok()
            #expect(try bundle.exec("/bin/cat", "/here").output == "the container's")
        }

        @Test func `it is in the container's cgroups`() throws {
            let bundle = try Bundle.running()
            let expected = try bundle.line()
            #expect(try bundle.seen().cgroups == expected.cgroups)
        }

        @Test func `a container that was created can be entered before it is started`() throws {
            let bundle = try Bundle.sleeping()
            try bundle.create().ok()
            #expect(try bundle.seen().hostname == "apus")
            try bundle.start().ok()
            _ = try bundle.line()
        }

        /// The bundle may have changed since; the container has not.
        @Test func `it is made of the container's own configuration`() throws {
            let bundle = try Bundle.running { $0.process.env = ["PATH=/bin", "WHOSE=container"] }
            bundle.config.process.env = ["WHOSE=bundle"]
            bundle.config.process.capabilities.bounding = ["CAP_SYS_ADMIN"]
            try bundle.save()
            let seen = try bundle.seen()
            #expect(seen.env.strings.contains("WHOSE=container"))
            #expect(!seen.capabilities.bounding.strings.contains("CAP_SYS_ADMIN"))
            try Files.write("", to: "\(bundle.directory)/config.json")
            #expect(try bundle.exec("/bin/true").status == 0)
        }

        // MARK: What it is given

        @Test func `it gets what the first process has`() throws {
            let bundle = try Bundle.running {
                $0.process.user = ["uid": 5, "gid": 6, "umask": 0o77, "additionalGids": [7, 8]]
                $0.process.rlimits = [
                    ["type": "RLIMIT_NOFILE", "soft": 20, "hard": 30],
                    ["type": "RLIMIT_NPROC", "soft": 50, "hard": 60],
                ]
                $0.process.oomScoreAdj = 321
                $0.process.ioPriority = ["class": "IOPRIO_CLASS_BE", "priority": 6]
                $0.process.scheduler = ["policy": "SCHED_BATCH", "nice": 3]
                $0.process.env = ["PATH=/bin", "A=1"]
                $0.process.cwd = "/bin"
                $0.linux.personality = ["domain": "LINUX32"]
            }
            let first = try bundle.line()
            let seen = try bundle.seen()
            for fact in [
                "uid", "gid", "groups", "umask", "env", "cwd", "capabilities", "rlimits", "oomScoreAdj", "ioPriority",
                "scheduler", "personality", "noNewPrivileges", "securebits", "affinity", "blockedSignals",
                "ignoredSignals",
                "parentDeathSignal", "keepCapabilities",
            ] {
                #expect(seen[fact] == first[fact], "\(fact)")
            }
            #expect(seen.rlimits.RLIMIT_NPROC == ["soft": 50, "hard": 60])
            #expect(seen.sessionKeyring == first.sessionKeyring)
        }

        @Test(.flag("exec --user", "exec --additional-gids", "exec --cwd", "exec --env")) func `the flags change it`()
            throws
        {
            let bundle = try Bundle.running { $0.process.user = ["uid": 0, "gid": 0, "additionalGids": [3]] }
            let seen = try bundle.seen(
                "--user", "1000:1001", "-g", "5", "--additional-gids", "6", "--cwd", "/bin", "-e", "A=1", "--env",
                "A=2",
                "--env", "B=x=y")
            #expect(seen.uid.real == 1000 && seen.gid.real == 1001)
            #expect(seen.groups == [3, 5, 6])
            #expect(seen.cwd == "/bin")
            #expect(seen.env.strings.filter { $0.hasPrefix("A=") || $0.hasPrefix("B=") } == ["A=2", "B=x=y"])
            #expect(try bundle.seen("-u", "7").gid.real == 0)
        }

        @Test(.flag("exec --cap")) func `capabilities are added, and never inheritable`() throws {
            let bundle = try Bundle.running()
            let seen = try bundle.seen("--cap", "CAP_NET_RAW", "-c", "CAP_CHOWN").capabilities
            let expected: Value = [
                "CAP_CHOWN", "CAP_KILL", "CAP_NET_BIND_SERVICE", "CAP_NET_RAW", "CAP_AUDIT_WRITE",
            ]
            for set in ["bounding", "permitted", "effective"] { #expect(seen[set] == expected, "\(set)") }
            #expect(seen.inheritable == [])
            #expect(seen.ambient == [])
        }

        @Test func `what the container makes inheritable stays as it is`() throws {
            let bundle = try Bundle.running {
                $0.grant(["CAP_KILL"])
                $0.process.user = ["uid": 5, "gid": 5]
            }
            let seen = try bundle.seen("--cap", "CAP_NET_RAW").capabilities
            #expect(seen.inheritable == ["CAP_KILL"])
            #expect(seen.ambient == ["CAP_KILL"])
            #expect(seen.bounding == ["CAP_KILL", "CAP_NET_RAW"])
            #expect(seen.permitted == ["CAP_KILL"])
        }

        @Test func `a capability that nobody knows is a warning`() throws {
            let outcome = try Bundle.running().exec("/bin/true", flags: "--cap", "CAP_NOT_THERE")
            #expect(outcome.status == 0)
            #expect(outcome.errors.contains("CAP_NOT_THERE"))
        }

        @Test(.flag("exec --no-new-privs")) func `no_new_privs can be set, and left out`() throws {
            let bundle = try Bundle.running { $0.process.noNewPrivileges = false }
            #expect(try bundle.seen().noNewPrivileges == false)
            #expect(try bundle.seen("--no-new-privs").noNewPrivileges == true)
        }

        @Test func `the container's filter holds for it`() throws {
            let bundle = try Bundle.running {
                $0.linux.seccomp = [
                    "defaultAction": "SCMP_ACT_ALLOW",
                    "syscalls": [["names": ["getpriority"], "action": "SCMP_ACT_ERRNO", "errnoRet": 95]],
                ]
                $0.process.noNewPrivileges = false
            }
            let seen = try bundle.seen(asking: "--try-syscall", "\(SeccompTests.getpriority) 0 0")
            #expect(seen.seccomp == "2")
            #expect(seen.tries.members.values.first == "EOPNOTSUPP")
        }

        @Test(.flag("exec --process")) func `a process file gives everything, but for rights that it leaves out`()
            throws
        {
            let bundle = try Bundle.running {
                $0.process.oomScoreAdj = 123
                $0.process.env = ["PATH=/bin", "MINE=no"]
            }
            let seen = try bundle.seen(as: {
                $0 = ["args": ["/assert", "report"], "cwd": "/bin", "user": ["uid": 9, "gid": 8], "env": ["OWN=1"]]
            })
            #expect(seen.uid.real == 9 && seen.gid.real == 8)
            #expect(seen.cwd == "/bin")
            #expect(seen.env.strings.sorted().prefix(2) == ["HOME=/", "OWN=1"])
            #expect(!seen.env.strings.contains("MINE=no"))
            #expect(seen.oomScoreAdj == 123)
            #expect(seen.capabilities.bounding == ["CAP_KILL", "CAP_NET_BIND_SERVICE", "CAP_AUDIT_WRITE"])
            #expect(seen.noNewPrivileges == false)
        }

        @Test func `a process file's own values count`() throws {
            let bundle = try Bundle.running()
            let seen = try bundle.seen(as: {
                $0.rlimits = [["type": "RLIMIT_CORE", "soft": 1, "hard": 2]]
                $0.oomScoreAdj = 77
                $0.capabilities = ["bounding": ["CAP_CHOWN"]]
                $0.scheduler = ["policy": "SCHED_IDLE"]
                $0.execCPUAffinity = ["initial": "0", "final": "1"]
            })
            #expect(seen.rlimits.RLIMIT_CORE == ["soft": 1, "hard": 2])
            #expect(seen.oomScoreAdj == 77)
            #expect(seen.capabilities.bounding == ["CAP_CHOWN"])
            #expect(seen.scheduler.policy == "SCHED_IDLE")
            #expect(seen.affinity == [1])
        }

        /// Whoever makes the process counts for a moment; where the caller has no more himself, that is not asked for.
        @Test func `the caller's own limit on processes can be given`() throws {
            func limits(_ text: String) -> [Substring] {
                let line = text.split(separator: "\n").first { $0.hasPrefix("Max processes") } ?? ""
                return Array(line.split(separator: " ").dropFirst(2).prefix(2))
            }
            let hard = try #require(limits(Files.read("/proc/self/limits") ?? "").last)
            let bundle = try Bundle.running()
            var process = bundle.config.process
            process.args = ["/bin/cat", "/proc/self/limits"]
            let value = Value.number(hard == "unlimited" ? "\(UInt64.max)" : String(hard))
            process.rlimits = [["type": "RLIMIT_NPROC", "soft": value, "hard": value]]
            try Files.write("\(process)", to: "\(bundle.directory)/process.json")
            let said = try bundle.executing([], ["--process", "\(bundle.directory)/process.json"]).run().ok().output
            #expect(limits(said) == [hard, hard])
        }

        @Test(.enabled(if: Host.hierarchies["cpu"] != nil, "real-time limits are cgroup v1's"))
        func `a deadline can be given`() throws {
            let bundle = try Bundle.running()
            var process = bundle.config.process
            process.args = ["/assert", "report"]
            process.scheduler = [
                "policy": "SCHED_DEADLINE", "runtime": 1_000_000, "deadline": 10_000_000, "period": 10_000_000,
            ]
            try Files.write("\(process)", to: "\(bundle.directory)/process.json")
            let outcome = try bundle.executing([], ["--process", "\(bundle.directory)/process.json"]).run()
            // Kernels with real-time group scheduling refuse it in a cgroup; then the error says so.
            if outcome.succeeded {
                #expect(try outcome.report.scheduler.policy == "SCHED_DEADLINE")
            } else {
                expectFailure(outcome, saying: "process.scheduler", "sched_setattr")
            }
        }

        @Test(
            .enabled(if: Host.hierarchies["cpuset"] != nil, "cgroup v1's cpuset"),
            .enabled(if: sysconf(Int32(_SC_NPROCESSORS_ONLN)) > 1, "needs two processors"))
        func `processors that the cpuset does not have are named`() throws {
            let bundle = try Bundle.sleeping { $0.linux.resources.cpu.cpus = "0" }
            try bundle.begin()
            var process = bundle.config.process
            process.args = ["/bin/true"]
            process.execCPUAffinity = ["final": "1"]
            try Files.write("\(process)", to: "\(bundle.directory)/process.json")
            expectFailure(
                try bundle.executing([], ["--process", "\(bundle.directory)/process.json"]).run(),
                saying: "process.execCPUAffinity.final", "invalid argument", "in the container's cpuset")
        }

        @Test func `HOME is that of the user`() throws {
            let bundle = try Bundle.sleeping()
            try bundle.put(
                "etc/passwd", "root:x:0:0::/root:/bin/sh\nu:x:1000:1000::/home/u:/bin/sh\n1001:x:0:0::/evil:\n")
            try bundle.begin()
            #expect(try bundle.seen("-u", "1000").env.strings.contains("HOME=/home/u"))
            let numeric = try bundle.seen("-u", "1001")
            #expect(numeric.uid.real == 1001)
            #expect(numeric.env.strings.contains("HOME=/"))
        }

        // MARK: Exit codes and failures

        @Test(arguments: [0, 1, 126, 127, 254, 255]) func `it ends as the process does`(code: Int32) throws {
            #expect(try Bundle.running().exec("/assert", "exit", "\(code)").status == code)
        }

        @Test(arguments: [6, 9, 15]) func `a signal is 128 and its number`(signal: Int32) throws {
            #expect(try Bundle.running().exec("/assert", "signal", "\(signal)").status == 128 + signal)
        }

        @Test(arguments: [
            (["nosuch"], "exec: \"nosuch\": executable file not found in $PATH"),
            (["/nosuch"], "exec: \"/nosuch\": stat /nosuch: no such file or directory"),
            (["/bin"], "exec: \"/bin\": permission denied"),
            ([], "process args cannot be empty"),
        ])
        func `what cannot be run is 255, in runc's words`(command: [String], message: String) throws {
            let bundle = try Bundle.running()
            let before = bundle.workspace.snapshot()
            let outcome = try bundle.executing(command).run()
            #expect(outcome.status == 255)
            expectFailure(outcome, saying: message)
            #expect(bundle.leftovers(since: before).isEmpty)
        }

        @Test(
            arguments: [
                (["--user", "root"], "--user"), (["--user", "1:"], "--user"), (["--user", ":1"], "--user"),
                (["--user", "1:2:3"], "--user"), (["--user", " 1"], "--user"), (["--user", "1x"], "--user"),
                (["--user", "-1"], "--user"), (["--user", "4294967295"], "--user"),
                (["--user", "4294967296"], "--user"),
                (["--user", "+1"], "--user"), (["--cwd", "bin"], "Cwd must be an absolute path"),
                (["--cwd", "/nosuch"], "/nosuch"), (["--env", "A"], "invalid environment variable: \"A\""),
                (["--env", "=1"], "invalid environment variable: \"=1\""), (["--process", "/nosuch"], "/nosuch"),
                (["--process", "/dev/null"], "/dev/null"), (["--preserve-fds", "65537"], "65536 descriptors"),
                (["--pid-file", "/nosuch/pid"], "/nosuch/"), (["--pidfd-socket", "/nosuch/s"], "/nosuch/s"),
                (["--tty", "--detach"], "without setting console socket"),
                (["--console-socket", "/s"], "cannot use console socket"), (["--apparmor", "p"], "AppArmor"),
                (["--process-label", "l"], "SELinux"), (["--cgroup", "../.."], "not a sub cgroup path"),
                (["--cgroup", "/nosuch"], "nosuch"), (["--cgroup", "a:b:c"], "a:b:c"),
                (["--cgroup", ":/"], "controller"),
                (["--cgroup", "a", "--cgroup", "b"], "controller"), (["--cgroup", "nosuch:/"], "nosuch"),
            ] as [([String], String)])
        func `a flag that cannot be obeyed is 255 and leaves nothing`(flags: [String], message: String) throws {
            let bundle = try Bundle.running()
            let before = bundle.workspace.snapshot()
            let outcome = try bundle.executing(["/bin/touch", "/dev/shm/ran"], flags).run()
            #expect(outcome.status == 255)
            expectFailure(outcome, saying: message)
            #expect(try bundle.exec("/bin/ls", "/dev/shm").output == "")
            #expect(bundle.leftovers(since: before).isEmpty)
        }

        @Test func `an unknown container, and a stopped one, are refused`() throws {
            let bundle = try Bundle.running()
            let id = bundle.id
            bundle.id = "nosuch"
            let unknown = try bundle.exec("/bin/true")
            #expect(unknown.status == 255)
            expectFailure(unknown, saying: "container does not exist")
            bundle.id = id
            try bundle.kill("KILL").ok()
            #expect(bundle.waitForExit() == 137)
            let stopped = try bundle.exec("/bin/true")
            #expect(stopped.status == 255)
            expectFailure(stopped, saying: "cannot exec in a stopped container")
        }
    }
}
