import Harness
import Testing

extension Containers {
    @Suite struct ProcessTests {
        @Test func `it is process 1 and leads its own session`() throws {
            let seen = try Bundle.minimal().report()
            #expect(seen.pid == 1)
            #expect(seen.ppid == 0)
            #expect(seen.processGroup == 1)
            #expect(seen.session == 1)
            #expect(seen.terminal.controlling == false)
        }

        @Test func `it starts with no signal blocked or ignored and no death signal`() throws {
            let bundle = try Bundle.minimal()
            bundle.prepare("trap '' PIPE USR1")
            let seen = try bundle.report()
            #expect(seen.blockedSignals == "0000000000000000")
            #expect(seen.ignoredSignals == "0000000000000000")
            #expect(seen.parentDeathSignal == 0)
            #expect(seen.keepCapabilities == 0)
        }

        // MARK: Arguments, environment, working directory

        @Test func `arguments arrive unchanged, empty and odd ones too`() throws {
            let arguments = ["/assert", "report", "--stat", "", "--stat", "a b\n\"'\\$ü"]
            let seen = try Bundle.minimal { $0.process.args = Value(arguments) }.report()
            #expect(seen.argv == Value(arguments))
        }

        @Test func `the environment is the configured one, in its order`() throws {
            let configured: Value = ["B=2", "HOME=/home", "A=1", "PATH=/bin", "EMPTY=", "X=a=b"]
            #expect(try Bundle.minimal { $0.process.env = configured }.report().env == configured)
        }

        @Test func `the runtime's own environment does not reach the container`() throws {
            let bundle = try Bundle.minimal()
            bundle.environment = ["SECRET=host", "LD_PRELOAD=/nowhere.so"]
            let seen = try bundle.report()
            #expect(!seen.env.strings.contains { $0.hasPrefix("SECRET") || $0.hasPrefix("LD_PRELOAD") })
        }

        @Test(arguments: [(1000, "HOME=/home/user"), (0, "HOME=/root"), (7, "HOME=/")])
        func `HOME comes from the image's passwd file when it is not configured`(uid: Int, expected: String) throws {
            let bundle = try Bundle.minimal { $0.process.user.uid = Value(uid) }
            try bundle.put("etc/passwd", "root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000::/home/user:/bin/sh\n")
            #expect(try bundle.report().env.strings.contains(expected))
        }

        @Test func `a configured HOME stays`() throws {
            let bundle = try Bundle.minimal { $0.process.env.append("HOME=/elsewhere") }
            try bundle.put("etc/passwd", "root:x:0:0:root:/root:/bin/sh\n")
            #expect(try bundle.report().env.strings.filter { $0.hasPrefix("HOME=") } == ["HOME=/elsewhere"])
        }

        @Test func `the working directory is the configured one`() throws {
            let bundle = try Bundle.minimal { $0.process.cwd = "/srv/data" }
            try bundle.putDirectory("srv/data")
            #expect(try bundle.report().cwd == "/srv/data")
        }

        @Test func `a missing working directory is made`() throws {
            let bundle = try Bundle.minimal { $0.process.cwd = "/made/for/me" }
            #expect(try bundle.report().cwd == "/made/for/me")
        }

        @Test func `a working directory may be entered that only the user may enter`() throws {
            let bundle = try Bundle.minimal {
                $0.process.user = ["uid": 1000, "gid": 1000]
                $0.process.cwd = "/home"
            }
            try bundle.putDirectory("home", mode: 0o700)
            try Files.changeOwner("\(bundle.rootfs)/home", uid: 1000, gid: 1000)
            #expect(try bundle.report().cwd == "/home")
        }

        @Test func `a relative working directory is refused`() throws {
            expectFailure(try Bundle.minimal { $0.process.cwd = "srv" }.run(), saying: "cwd", "absolute")
        }

        // MARK: Which program

        @Test func `a bare name is looked up in the container's PATH`() throws {
            let seen = try Bundle.minimal {
                $0.process.env = ["PATH=/nowhere:/:/bin"]
                $0.run("assert", "report")
            }.report()
            #expect(seen.argv[0] == "assert")
        }

        @Test(.beyondRunc("refuses a bare name when PATH is not set"))
        func `without PATH a default one is searched`() throws {
            let bundle = try Bundle.minimal {
                $0.process.env = []
                $0.run("true")
            }
            try bundle.run().ok()
        }

        @Test func `a relative path is looked up from the working directory`() throws {
            let bundle = try Bundle.minimal {
                $0.process.cwd = "/bin"
                $0.run("./true")
            }
            try bundle.run().ok()
        }

        @Test func `a program that is not in PATH is named as runc names it`() throws {
            let outcome = try Bundle.minimal { $0.run("absent-program") }.create()
            expectFailure(outcome, saying: #"exec: "absent-program": executable file not found in $PATH"#)
        }

        @Test func `a missing program fails create, as no such file`() throws {
            expectFailure(
                try Bundle.minimal { $0.run("/absent/program") }.create(), saying: "/absent/program",
                "no such file or directory")
        }

        @Test func `a program that is not executable fails create, as permission denied`() throws {
            let bundle = try Bundle.minimal { $0.run("/plain") }
            try bundle.put("plain", "text")
            expectFailure(try bundle.create(), saying: "/plain", "permission denied")
        }

        @Test func `a directory is not a program`() throws {
            expectFailure(try Bundle.minimal { $0.run("/bin") }.create(), saying: "/bin")
        }

        @Test func `a file without a known format fails start`() throws {
            let bundle = try Bundle.minimal { $0.run("/noise") }
            try bundle.put("noise", "neither ELF nor script", mode: 0o755)
            expectFailure(try bundle.run(), saying: "exec format error")
        }

        @Test func `a script runs by its interpreter`() throws {
            let bundle = try Bundle.minimal { $0.run("/script", "one") }
            try bundle.put("script", "#!/bin/sh\necho got $1\n", mode: 0o755)
            #expect(try bundle.run().ok().output == "got one\n")
        }

        @Test func `a configuration without arguments is refused`() throws {
            expectFailure(try Bundle.minimal { $0.process.args = [] }.run(), saying: "args")
        }

        // MARK: Who it is

        @Test func `user, group and additional groups are exactly the configured ones`() throws {
            let seen = try Bundle.minimal { $0.process.user = ["uid": 1000, "gid": 1001, "additionalGids": [5, 6]] }
                .report()
            #expect(seen.uid == ["real": 1000, "effective": 1000, "saved": 1000, "filesystem": 1000])
            #expect(seen.gid == ["real": 1001, "effective": 1001, "saved": 1001, "filesystem": 1001])
            #expect(seen.groups == [5, 6])
        }

        @Test(arguments: [(nil, "0022"), (0o077, "0077"), (0, "0000"), (0o777, "0777")] as [(Int?, String)])
        func `the umask is the configured one, else 022`(configured: Int?, expected: String) throws {
            let bundle = try Bundle.minimal { if let configured { $0.process.user.umask = Value(configured) } }
            bundle.prepare("umask 027")
            #expect(try bundle.report().umask == .string(expected))
        }

        @Test func `no new privileges is set when it is asked for`() throws {
            #expect(try Bundle.minimal { $0.process.noNewPrivileges = true }.report().noNewPrivileges == true)
            #expect(try Bundle.minimal { $0.process.noNewPrivileges = false }.report().noNewPrivileges == false)
        }

        // MARK: Capabilities

        @Test func `root has the configured capabilities in all five sets`() throws {
            let names = ["CAP_CHOWN", "CAP_KILL", "CAP_NET_RAW", "CAP_SYS_CHROOT"]
            let seen = try Bundle.minimal { $0.grant(names) }.report().capabilities
            for set in ["bounding", "effective", "inheritable", "permitted", "ambient"] {
                #expect(seen[set] == Value(names), "\(set)")
            }
        }

        @Test func `another user keeps only ambient capabilities over exec`() throws {
            let seen = try Bundle.minimal {
                $0.process.user = ["uid": 1000, "gid": 1000]
                $0.grant(["CAP_KILL", "CAP_NET_RAW"])
                $0.process.capabilities.ambient = ["CAP_NET_RAW"]
            }.report().capabilities
            #expect(seen.ambient == ["CAP_NET_RAW"])
            #expect(seen.effective == ["CAP_NET_RAW"])
            #expect(seen.permitted == ["CAP_NET_RAW"])
            #expect(seen.inheritable == ["CAP_KILL", "CAP_NET_RAW"])
            #expect(seen.bounding == ["CAP_KILL", "CAP_NET_RAW"])
        }

        @Test func `another user without ambient capabilities has none`() throws {
            let seen = try Bundle.minimal {
                $0.process.user = ["uid": 1000, "gid": 1000]
                $0.grant(["CAP_KILL"], in: ["bounding", "effective", "permitted"])
            }.report().capabilities
            #expect(
                seen == ["bounding": ["CAP_KILL"], "effective": [], "permitted": [], "inheritable": [], "ambient": []])
        }

        @Test func `an ambient capability that is not inheritable is left out, and that is no failure`() throws {
            let seen = try Bundle.minimal {
                $0.grant(["CAP_KILL"], in: ["bounding", "effective", "permitted", "ambient"])
                $0.process.capabilities.inheritable = []
            }.report().capabilities
            #expect(seen.ambient == [])
            #expect(seen.inheritable == [])
        }

        @Test func `an empty bounding set leaves root with nothing`() throws {
            let seen = try Bundle.minimal { $0.grant([]) }.report().capabilities
            #expect(seen == ["bounding": [], "effective": [], "permitted": [], "inheritable": [], "ambient": []])
        }

        @Test func `a configuration without capabilities gives none`() throws {
            let seen = try Bundle.minimal { $0.process.remove("capabilities") }.report().capabilities
            #expect(seen.effective == [])
            #expect(seen.bounding == [])
        }

        @Test func `an unknown capability is a warning, not a failure`() throws {
            let outcome = try Bundle.minimal {
                $0.grant(["CAP_KILL", "CAP_FLY"], in: ["bounding", "effective", "permitted"])
            }.run()
            #expect(try outcome.report.capabilities.effective == ["CAP_KILL"])
            #expect(outcome.errors.contains("CAP_FLY"))
        }

        // MARK: Limits and scheduling

        @Test(arguments: [
            "RLIMIT_NOFILE", "RLIMIT_CORE", "RLIMIT_NPROC", "RLIMIT_FSIZE", "RLIMIT_STACK", "RLIMIT_CPU",
            "RLIMIT_AS", "RLIMIT_DATA", "RLIMIT_RSS", "RLIMIT_MEMLOCK", "RLIMIT_LOCKS", "RLIMIT_SIGPENDING",
            "RLIMIT_MSGQUEUE",
        ])
        func `a resource limit is set, soft and hard`(kind: String) throws {
            let soft = 700_000_000
            let hard = 800_000_000
            let scale =
                ["RLIMIT_NOFILE", "RLIMIT_NPROC", "RLIMIT_SIGPENDING"].contains(kind)
                ? 1_000_000
                : ["RLIMIT_MEMLOCK", "RLIMIT_MSGQUEUE"].contains(kind) ? 10_000 : 1
            let seen = try Bundle.minimal {
                $0.process.rlimits = [
                    ["type": .string(kind), "soft": Value(soft / scale), "hard": Value(hard / scale)]
                ]
            }.report()
            #expect(seen.rlimits[kind] == ["soft": Value(soft / scale), "hard": Value(hard / scale)])
        }

        @Test func `limits that are not configured stay the caller's`() throws {
            let bundle = try Bundle.minimal { $0.process.rlimits = [] }
            bundle.prepare("ulimit -c 0; ulimit -t 5000")
            let seen = try bundle.report().rlimits
            #expect(seen.RLIMIT_CORE == ["soft": 0, "hard": 0])
            #expect(seen.RLIMIT_CPU == ["soft": 5000, "hard": 5000])
        }

        @Test func `unlimited is unlimited`() throws {
            let seen = try Bundle.minimal {
                $0.process.rlimits = [
                    [
                        "type": "RLIMIT_FSIZE", "soft": .number("18446744073709551615"),
                        "hard": .number("18446744073709551615"),
                    ]
                ]
            }.report()
            #expect(seen.rlimits.RLIMIT_FSIZE == ["soft": "unlimited", "hard": "unlimited"])
        }

        @Test func `an unknown or repeated limit is refused`() throws {
            expectFailure(
                try Bundle.minimal { $0.process.rlimits = [["type": "RLIMIT_FUN", "soft": 1, "hard": 1]] }.run(),
                saying: "RLIMIT_FUN")
        }

        @Test(.beyondRunc("accepts a limit twice"))
        func `a repeated limit is refused`() throws {
            let limit: Value = ["type": "RLIMIT_CORE", "soft": 1, "hard": 1]
            expectFailure(try Bundle.minimal { $0.process.rlimits = [limit, limit] }.run(), saying: "RLIMIT_CORE")
        }

        @Test func `the OOM score is the configured one`() throws {
            #expect(try Bundle.minimal { $0.process.oomScoreAdj = 321 }.report().oomScoreAdj == 321)
        }

        @Test func `an OOM score that is not configured stays the caller's`() throws {
            let bundle = try Bundle.minimal()
            bundle.prepare("echo 77 > /proc/self/oom_score_adj")
            #expect(try bundle.report().oomScoreAdj == 77)
        }

        @Test(.beyondRunc("knows no scheduler"))
        func `the scheduler is the configured one`() throws {
            let seen = try Bundle.minimal { $0.process.scheduler = ["policy": "SCHED_BATCH", "nice": 5] }.report()
            #expect(seen.scheduler.policy == "SCHED_BATCH")
            #expect(seen.scheduler.nice == 5)
        }

        @Test(.beyondRunc("knows no I/O priority"))
        func `the I O priority is the configured one`() throws {
            let seen = try Bundle.minimal { $0.process.ioPriority = ["class": "IOPRIO_CLASS_BE", "priority": 3] }
                .report()
            #expect(seen.ioPriority == ["class": 2, "level": 3])
        }

        @Test(.beyondRunc("knows no personality"))
        func `the personality is the configured one`() throws {
            let seen = try Bundle.minimal { $0.linux.personality.domain = "LINUX32" }.report()
            #expect(seen.personality == "0x8")
        }

        // MARK: Descriptors

        @Test func `only the three standard descriptors are open`() throws {
            let bundle = try Bundle.minimal()
            bundle.descriptors = [try Files.openDirectory("/etc"), try Files.openDirectory("/")]
            defer { bundle.descriptors.forEach(Files.close) }
            #expect(try bundle.report().descriptors.members.keys.sorted() == ["0", "1", "2"])
        }

        @Test(.flag("run --preserve-fds")) func `preserved descriptors arrive with their numbers`() throws {
            let bundle = try Bundle.minimal()
            let file = try bundle.hostFile("given", "content")
            bundle.descriptors = [try Files.open(file), try Files.openDirectory("/etc")]
            defer { bundle.descriptors.forEach(Files.close) }
            let seen = try bundle.run("--preserve-fds", "1").report
            #expect(seen.descriptors.members.keys.sorted() == ["0", "1", "2", "3"])
        }

        @Test func `socket activation passes the listening descriptors and says so`() throws {
            let bundle = try Bundle.minimal()
            let file = try bundle.hostFile("given", "content")
            bundle.descriptors = [try Files.open(file)]
            defer { bundle.descriptors.forEach(Files.close) }
            bundle.prepare("export LISTEN_FDS=1 LISTEN_PID=$$")
            let seen = try bundle.report()
            #expect(seen.descriptors.members.keys.sorted() == ["0", "1", "2", "3"])
            #expect(seen.env.contains("LISTEN_FDS=1"))
            #expect(seen.env.contains("LISTEN_PID=1"))
        }

        @Test(.beyondRunc("passes on some of its own in their place"), arguments: [false, true])
        func `of the descriptors to be preserved those arrive that are open`(inExec: Bool) throws {
            let bundle = try Bundle.sleeping()
            if inExec { try bundle.run("--detach").ok() } else { bundle.config.run("/assert", "report") }
            let file = try bundle.hostFile("given", "content")
            bundle.prepare("exec 3<&- 4<&- 5<&- 6<\(file) 8<\(file)")
            let seen =
                inExec
                ? try bundle.seen("--preserve-fds", "4").descriptors
                : try bundle.run("--preserve-fds", "4").report.descriptors
            #expect(seen.members.keys.sorted() == ["0", "1", "2", "6"])
            #expect(seen["6"].text == file)
        }

        @Test func `none of the descriptors to be preserved has to be open`() throws {
            let bundle = try Bundle.minimal()
            let hook = "\(bundle.workspace.directory)/fds"
            bundle.config.hook("createContainer", "/bin/sh", args: ["sh", "-c", "echo /proc/self/fd/* > \(hook)"])
            let seen = try bundle.run("--preserve-fds", "5").report.descriptors
            #expect(seen.members.keys.sorted() == ["0", "1", "2"])
            #expect(Files.line(hook)?.contains("/4") == false)
        }

        @Test(.beyondRunc("passes on what is not there"))
        func `descriptors of a service manager have to be open`() throws {
            let bundle = try Bundle.minimal()
            bundle.prepare("export LISTEN_FDS=2 LISTEN_PID=$$")
            expectFailure(try bundle.run(), saying: "descriptor 3", "is not open")
        }

        @Test func `a detached container keeps the caller's standard output`() throws {
            let bundle = try Bundle.sleeping()
            try bundle.create().ok()
            try bundle.start().ok()
            let target = try bundle.line().descriptors["1"].text ?? ""
            #expect(target.contains(bundle.workspace.tag))
        }

        // MARK: Keyring

        @Test func `it has a session keyring of its own that bears the container's id`() throws {
            let bundle = try Bundle.minimal()
            #expect(try bundle.report().sessionKeyring.name.text?.hasSuffix("_ses.\(bundle.id)") == true)
        }

        @Test(.flag("run --no-new-keyring")) func `no-new-keyring keeps the caller's session keyring`() throws {
            let seen = try Bundle.minimal().run("--no-new-keyring").report
            #expect(seen.sessionKeyring.name.text?.contains("_ses.apus-test") != true)
        }
    }
}
