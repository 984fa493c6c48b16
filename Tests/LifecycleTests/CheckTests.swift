import Glibc
import Harness
import Testing

extension Containers {
    /// `check` says what `create` would stumble over, all at once, and touches nothing.
    @Suite(.beyondRunc("has no such command")) struct CheckTests {
        private func check(_ bundle: Bundle, _ flags: String...) throws -> Outcome {
            try bundle.save()
            var command = bundle.command(["check"] + flags + [bundle.directory])
            command.arguments = bundle.wrapper + command.arguments
            return try command.run()
        }

        /// What it says of one place.
        private func told(
            of field: String, _ change: (inout Value) throws -> Void
        ) throws -> [String] {
            try told(of: field, by: Bundle.minimal(change))
        }

        private func told(of field: String, by bundle: Bundle) throws -> [String] {
            let outcome = try check(bundle)
            return outcome.output.split(separator: "\n").map(String.init).filter { $0.hasPrefix("\(field): ") }
        }

        @Test func `a bundle that runs is good, in one line`() throws {
            let bundle = try Bundle.minimal()
            let outcome = try check(bundle)
            #expect(outcome.status == 0)
            #expect(outcome.output == "\(bundle.directory): good on this host\n")
            #expect(outcome.errors == "")
            #expect(!Files.exists(bundle.workspace.root))
            try bundle.run().ok()
        }

        @Test(.flag("check --format")) func `JSON has field, severity, message and hint`() throws {
            let bundle = try Bundle.minimal {
                $0.bind("/absent", to: "/data")
                $0.process.capabilities.bounding.append("CAP_BOGUS")
            }
            let outcome = try check(bundle, "--format", "json")
            #expect(outcome.status == 1)
            let findings = try Value(parsing: outcome.output).items
            let index = bundle.config.mounts.items.count - 1
            let error = try #require(findings.first { $0.severity == "error" })
            #expect(error.field == .string("mounts[\(index)].source"))
            #expect(error.message.text?.contains("/absent") == true && error.hint.text?.isEmpty == false)
            let warning = try #require(findings.first { $0.severity == "warning" })
            #expect(warning.field == "process.capabilities.bounding[3]")
            #expect(findings.count == 2)
            // Where the text is wrong, its line and column come along.
            #expect(error.members.count == 4 && error.line.isNull)
            #expect(warning.members.count == 6 && warning.line.integer == 1 && (warning.column.integer ?? 0) > 1)
        }

        @Test(.flag("check --format")) func `JSON of a good bundle is an empty array, and text is the default`() throws
        {
            let bundle = try Bundle.minimal()
            #expect(try Value(parsing: check(bundle, "--format", "json").ok().output) == [])
            #expect(try check(bundle, "--format=text").ok().output == check(bundle).output)
        }

        @Test func `warnings alone are no failure`() throws {
            let bundle = try Bundle.minimal { $0.process.capabilities.bounding.append("CAP_BOGUS") }
            let outcome = try check(bundle)
            #expect(outcome.status == 0)
            #expect(outcome.output.contains("process.capabilities.bounding[3]: warning: unknown capability"))
            #expect(outcome.output.hasSuffix("good on this host, with warnings\n"))
        }

        /// The bound is not the caller's score, but what somebody with CAP_SYS_RESOURCE set last.
        @Test(.needs("setpriv")) func `a score below the caller's own is good where the kernel takes it`() throws {
            let bundle = try Bundle.minimal { $0.process.oomScoreAdj = 100 }
            let asked = """
                echo 200 >/proc/self/oom_score_adj; "$@"; code=$?
                test $(cat /proc/self/oom_score_adj) = 200 || exit 99; exit $code
                """
            bundle.wrapper = [
                "/bin/sh", "-c", "echo 0 >/proc/self/oom_score_adj; exec \"$@\"", "sh", "/usr/bin/setpriv",
                "--bounding-set", "-sys_resource", "--inh-caps", "-sys_resource", "/bin/sh", "-c", asked, "sh",
            ]
            try check(bundle).ok()
            try bundle.run().ok()
        }

        @Test(.needs("setpriv")) func `capabilities that the caller may not give are told by all who see them`() throws
        {
            let bundle = try Bundle.minimal {
                for set in ["bounding", "effective", "permitted"] { $0.process.capabilities[set].append("CAP_LEASE") }
                $0.shell("grep CapEff /proc/self/status")
            }
            bundle.wrapper = ["/usr/bin/setpriv", "--bounding-set", "-lease", "--inh-caps", "-lease"]
            let warning = "apus itself may not have CAP_LEASE, so the container cannot get it"
            let verdict = try check(bundle).ok()
            #expect(verdict.output.ranges(of: warning).count == 1, "\(verdict.output)")
            let outcome = try bundle.run().ok()
            #expect(outcome.errors.ranges(of: warning).count == 1, "\(outcome.errors)")
            // Whoever comes into a user namespace can have all of them in there.
            let mapped = try Bundle.minimal {
                for set in ["bounding", "effective", "permitted"] { $0.process.capabilities[set].append("CAP_LEASE") }
                $0.mapUsers()
                $0.shell("grep CapEff /proc/self/status")
            }
            mapped.wrapper = bundle.wrapper
            let inside = try mapped.run().ok()
            #expect(!inside.errors.contains("CAP_LEASE"))
            let effective = try #require(inside.output.split(separator: "\t").last)
            #expect(UInt64(effective.dropLast(), radix: 16).map { $0 >> 28 & 1 } == 1)
        }

        @Test func `a property that has no effect is told`() throws {
            let told = try told(of: "root.readOnly") { $0.root.readOnly = true }
            #expect(told.count == 1)
            #expect(
                told.first?.hasPrefix(
                    "root.readOnly: warning: unknown property, which has no effect; did you mean readonly? (line 1, column "
                )
                    == true)
        }

        @Test func `every problem of the document and of the host is told at once`() throws {
            let bundle = try Bundle.minimal {
                $0.process.args = ["nosuch"]
                $0.root.readonly = "yes"
                $0.hostname = 7
                $0.mount("nofs", at: "/n")
                $0.hook("poststop", "/no/hook")
                $0.linux.sysctl = ["net.ipv4.nosuch": "1", "kernel.panic": "1"]
            }
            let outcome = try check(bundle)
            #expect(outcome.status == 1)
            let fields = outcome.output.split(separator: "\n").map { $0.split(separator: ": ")[0] }
            #expect(
                Set(fields) == [
                    "root.readonly", "hostname", "mounts[7].type", "hooks.poststop[0].path", "process.args[0]",
                    "linux.sysctl[\"net.ipv4.nosuch\"]", "linux.sysctl[\"kernel.panic\"]",
                ])
            #expect(fields.count == 7)
        }

        // MARK: The root file system

        @Test func `a root that is missing or no directory`() throws {
            let bundle = try Bundle.minimal()
            bundle.config.root.path = "absent"
            #expect(try told(of: "root.path", by: bundle).count == 1)
            bundle.config.root.path = "config.json"
            #expect(try told(of: "root.path", by: bundle).first?.contains("is not a directory") == true)
        }

        @Test func `a program is looked for as the container does it`() throws {
            let bundle = try Bundle.minimal { $0.run("tool") }
            #expect(try told(of: "process.args[0]", by: bundle).first?.contains("there is no tool in the PATH") == true)
            // A link of the image that leads out of it stays inside.
            try bundle.putLink("usr/bin/tool", to: "../../../../../../../bin/tool2")
            #expect(try told(of: "process.args[0]", by: bundle).count == 1)
            try bundle.putLink("bin/tool2", to: "busybox")
            #expect(try check(bundle).ok().output.contains("good"))
            bundle.config.run("/no/tool")
            #expect(try told(of: "process.args[0]", by: bundle).first?.contains("there is no /no/tool") == true)
        }

        @Test func `a program without the right to be executed`() throws {
            let bundle = try Bundle.minimal { $0.run("/bin/text") }
            try bundle.put("bin/text", "#!/bin/sh\n", mode: 0o644)
            #expect(try told(of: "process.args[0]", by: bundle).first?.contains("cannot be executed by uid 0") == true)
            #expect(chmod("\(bundle.rootfs)/bin/text", 0o700) == 0)
            bundle.config.process.user = ["uid": 1, "gid": 1]
            #expect(try told(of: "process.args[0]", by: bundle).first?.contains("cannot be executed by uid 1") == true)
        }

        @Test func `a program whose interpreter or loader is missing`() throws {
            let bundle = try Bundle.minimal { $0.run("/bin/tool") }
            try bundle.put("bin/tool", "#!/no/interpreter -x\n", mode: 0o755)
            #expect(try told(of: "process.args[0]", by: bundle).first?.contains("needs /no/interpreter") == true)
            try Files.copy("/bin/ls", to: "\(bundle.rootfs)/bin/tool", mode: 0o755)
            #expect(try told(of: "process.args[0]", by: bundle).first?.contains("needs /lib") == true)
            var foreign = try #require(Files.bytes("\(bundle.rootfs)/bin/busybox")?.prefix(64))
            foreign[18] = 8  // EM_MIPS
            try Files.write(
                String(decoding: foreign, as: Unicode.ASCII.self), to: "\(bundle.rootfs)/bin/tool", mode: 0o755)
            #expect(try told(of: "process.args[0]", by: bundle).count == 1)
        }

        @Test func `a FIFO in the image does not stop it`() throws {
            let bundle = try Bundle.minimal { $0.run("/bin/fifo") }
            try Files.makeFIFO("\(bundle.rootfs)/bin/fifo")
            #expect(try told(of: "process.args[0]", by: bundle).count == 1)
        }

        // MARK: Mounts, hooks, devices

        @Test func `mounts that cannot be made`() throws {
            let bundle = try Bundle.minimal {
                $0.bind("/absent", to: "/a")
                $0.bind("/etc/passwd", to: "/bin")
                $0.mount("nofs", at: "/n")
                $0.mount("overlay", at: "/o", source: "overlay", "lowerdir=/absent:/etc")
                $0.mount("ext4", at: "/e", source: "/absent/disk")
            }
            let output = try check(bundle).output
            #expect(output.contains("mounts[7].source: stat /absent: no such file or directory ("))
            #expect(output.contains("mounts[8].destination: the source is no directory, and /bin"))
            #expect(output.contains("mounts[9].type: this kernel has no file system \"nofs\" ("))
            #expect(output.contains("mounts[10].options: stat /absent: no such file"))
        }

        @Test func `hooks that are missing or cannot be executed`() throws {
            let bundle = try Bundle.minimal {
                $0.hook("createRuntime", "/absent/hook")
                $0.hook("poststop", "/etc/passwd")
                $0.hook("startContainer", "/usr/bin/env")
                $0.hook("startContainer", "/bin/sh")
            }
            let output = try check(bundle).output
            #expect(output.contains("hooks.createRuntime[0].path: stat /absent/hook: no such file"))
            #expect(
                output.contains(
                    "hooks.poststop[0].path: warning: /etc/passwd is not executable: mode 0644, owner 0:0 (chmod +x, or correct the path)"
                ))
            // Those of the container are in the container.
            #expect(
                output.contains("hooks.startContainer[0].path: there is no /usr/bin/env in the root file system"))
            #expect(!output.contains("startContainer[1]"))
        }

        @Test func `devices that clash`() throws {
            let device: Value = ["type": "c", "path": "/dev/x", "major": 1, "minor": 3]
            let bundle = try Bundle.minimal {
                $0.linux.devices = [device, device]
                $0.bind("/etc/passwd", to: "/dev/x")
            }
            let output = try check(bundle).output
            #expect(output.contains("linux.devices[1].path: /dev/x is the path of linux.devices[0] too"))
            #expect(output.contains("linux.devices[0]: warning: not made, since mounts[7] is there"))
        }

        /// Whatever the caller's streams are: they are the container's own null device only where that is one.
        @Test(arguments: ["c", "b"]) func `what is called the null device may be another one`(type: String) throws {
            let bundle = try Bundle.minimal {
                $0.linux.devices = [["type": .string(type), "path": "/dev/null", "major": 1, "minor": 5]]
            }
            bundle.prepare("exec </dev/null")
            let output = try check(bundle).ok().output
            #expect(
                output.contains(
                    "linux.devices[0]: warning: /dev/null is \(type) 1:5, and everybody expects c 1:3"
                        + " (choose another path)"))
            try bundle.run().ok()
        }

        /// The kernel is asked what it thinks of options, as the container would ask it.
        @Test(arguments: [
            ("tmpfs", "nosuidd", "fsconfig nosuidd"), ("tmpfs", "size=100q", "Bad value for 'size'"),
            ("tmpfs", "uid=abc", "fsconfig uid=abc"), ("tmpfs", "mode=rwx", "fsconfig mode=rwx"),
            ("devpts", "gid=tty", "fsconfig gid=tty"),
        ])
        func `options that a file system does not take`(type: String, option: String, words: String) throws {
            let bundle = try Bundle.minimal { $0.mount(type, at: "/n", option) }
            let told = try told(of: "mounts[7]", by: bundle)
            #expect(told.count == 1 && told.first?.contains(words) == true, "\(told)")
            expectFailure(try bundle.create(), saying: "mounts[7]", words)
        }

        @Test func `mounts whose place cannot be`() throws {
            let bundle = try Bundle.minimal {
                $0.mount("tmpfs", at: "/bin/busybox/x")
                $0.mount("tmpfs", at: "/bin/busybox")
                $0.mount("tmpfs", at: "/")
            }
            let output = try check(bundle).output
            #expect(
                output.contains("mounts[7].destination: /bin/busybox is no directory, and /bin/busybox/x lies below it")
            )
            #expect(output.contains("mounts[8].destination: the source is a directory, and /bin/busybox"))
            // What is mounted on the root is the root.
            #expect(!output.contains("mounts[9]"))
        }

        @Test func `a program in a volume is found there`() throws {
            let bundle = try Bundle.minimal()
            let volume = try bundle.hostDirectory("volume")
            try Files.write("#!/bin/sh\n", to: "\(volume)/tool", mode: 0o755)
            bundle.config.bind(volume, to: "/volume", "ro")
            bundle.config.run("/volume/tool")
            try check(bundle).ok()
            bundle.config.run("/volume/other")
            #expect(try told(of: "process.args[0]", by: bundle).first?.contains("there is no /volume/other") == true)
        }

        @Test func `an option that a bind mount does not know is told as create tells it`() throws {
            let bundle = try Bundle.minimal { $0.bind("/usr", to: "/bin", "readonly") }
            let output = try check(bundle).ok().output
            let message = "no effect on a bind mount: readonly"
            #expect(output.contains("mounts[7].options: warning: \(message)\n"))
            #expect(try bundle.run().errors.contains("mounts[7].options: \(message)"))
        }

        @Test func `a device where a directory is`() throws {
            let told = try told(of: "linux.devices[0].path") {
                $0.linux.devices = [["type": "c", "path": "/bin", "major": 1, "minor": 3]]
            }
            #expect(told == ["linux.devices[0].path: /bin is there already (choose another path)"])
        }

        /// What `check` says, word for word; `create` or `start` says as much.
        private struct Mistake: Sendable {
            let told: String
            let make: @Sendable (inout Value) -> Void

            init(_ told: String, _ make: @escaping @Sendable (inout Value) -> Void) {
                self.told = told
                self.make = make
            }
        }

        private static let mistakes: [Mistake] = [
            Mistake("mounts[7]: fsconfig hidepid=9: proc: unknown value of hidepid - 9: invalid argument") {
                $0.mount("proc", at: "/n", "hidepid=9")
            },
            Mistake("mounts[7].options: an overlay needs lowerdir (did you mean lowerdir by lowerdirr?)") {
                $0.mount("overlay", at: "/n", "lowerdirr=/etc")
            },
            Mistake("mounts[7].options: an overlay needs lowerdir (add lowerdir=DIRECTORY)") {
                $0.mount("overlay", at: "/n", "volatile")
            },
            Mistake(
                "mounts[7].options: an overlay with upperdir needs workdir"
                    + " (add workdir=DIRECTORY, an empty directory of the same file system)"
            ) {
                $0.mount("overlay", at: "/n", "lowerdir=/etc", "upperdir=/tmp")
            },
            Mistake(
                "mounts[7].source: /etc/passwd is no block device, which a file system of type ext4 needs"
                    + " (name the device that holds the file system; losetup(8) makes one of a file)"
            ) {
                $0.mount("ext4", at: "/n", source: "/etc/passwd")
            },
            Mistake(
                "mounts[7].destination: /bin/busybox is no directory, and /bin/busybox/x lies below it"
                    + " (choose another place, or correct the image)"
            ) {
                $0.mount("tmpfs", at: "/bin/busybox/x")
            },
            Mistake("linux.resources.cpu.period: 100 is out of range 1000...1000000") {
                $0.linux.resources.cpu.period = 100
            },
            Mistake("linux.resources.cpu.quota: 10 is below 1000 microseconds, which is the least") {
                $0.linux.resources.cpu.quota = 10
            },
            Mistake(
                "linux.resources.memory.swap: memory with swap cannot be limited without a limit on memory"
            ) {
                $0.linux.resources.memory.swap = 1_073_741_824
            },
            Mistake(
                "linux.sysctl[\"net.ipv4.ip_forward\"]: write procfs:sys/net/ipv4/ip_forward \"on\": invalid argument"
            ) {
                $0.linux.sysctl = ["net.ipv4.ip_forward": "on"]
            },
            Mistake(
                "hooks.createRuntime[0].path: /etc/passwd is not executable: mode 0644, owner 0:0"
                    + " (chmod +x, or correct the path)"
            ) {
                $0.hook("createRuntime", "/etc/passwd")
            },
            Mistake(
                "process.args[0]: /bin is in the root file system, and cannot be executed by uid 0: it is a directory"
                    + " (name another program)"
            ) {
                $0.run("/bin")
            },
            Mistake(
                "process.capabilities: capset effective 0x20 permitted 0x20 inheritable 0x1000:"
                    + " operation not permitted (what is inheritable has to be in bounding too)"
            ) {
                $0.process.capabilities = [
                    "bounding": ["CAP_KILL"], "effective": ["CAP_KILL"], "permitted": ["CAP_KILL"],
                    "inheritable": ["CAP_NET_ADMIN"],
                ]
            },
            Mistake(
                "linux.seccomp: the filter does not permit execve, with which the program is started (permit execve)"
            ) {
                $0.linux.seccomp = [
                    "defaultAction": "SCMP_ACT_ALLOW",
                    "syscalls": [["names": ["execve"], "action": "SCMP_ACT_ERRNO"]],
                ]
            },
        ]

        @Test(arguments: 0..<mistakes.count) func `what is told of a mistake, word for word`(number: Int) throws {
            let mistake = Self.mistakes[number]
            let bundle = try Bundle.minimal(mistake.make)
            #expect(try check(bundle).output == mistake.told + "\n")
            let outcome = try bundle.run()
            #expect(outcome.status != 0)
            // The place is told in the kernel's words, and what helps in those of `check`.
            let reason = mistake.told.split(separator: ": ").dropFirst().joined(separator: ": ").split(separator: " (")[
                0]
            #expect(outcome.errors.contains(reason.replacing("\"", with: "\\\"")), "\(outcome.errors)")
        }

        @Test func `a filter that forbids the exec`() throws {
            let told = try told(of: "linux.seccomp") {
                $0.linux.seccomp = [
                    "defaultAction": "SCMP_ACT_ALLOW",
                    "syscalls": [["names": ["execve"], "action": "SCMP_ACT_ERRNO"]],
                ]
            }
            #expect(told.count == 1 && told.first?.contains("does not permit execve") == true)
        }

        // MARK: What is checked

        @Test(.flag("check --config", "plan --config"))
        func `a configuration is named by itself, in a bundle, or relative to it`() throws {
            let bundle = try Bundle.minimal { $0.hostname = 7 }
            try bundle.save()
            try Files.rename("\(bundle.directory)/config.json", to: "\(bundle.directory)/other.json")
            for words in [
                ["check", "\(bundle.directory)/other.json"], ["check", "--config", "other.json", bundle.directory],
                ["check", "-f", "\(bundle.directory)/other.json", bundle.directory],
            ] {
                let outcome = try bundle.command(words).run()
                #expect(outcome.status == 1 && outcome.output.hasPrefix("hostname: not a string: 7 (line 1, column "))
            }
            bundle.config.hostname = "x"
            try bundle.save()
            try Files.rename("\(bundle.directory)/config.json", to: "\(bundle.directory)/other.json")
            for words in [
                ["plan", "\(bundle.directory)/other.json"], ["plan", "--config", "other.json", bundle.directory],
            ] {
                #expect(try bundle.command(words).run().ok().output.contains("[hostname]"))
            }
        }

        @Test func `a bundle without a root file system is planned, and told of`() throws {
            let bundle = try Bundle.minimal { $0.root.path = "absent" }
            try bundle.save()
            let plan = try bundle.command(["plan", bundle.directory]).run().ok()
            #expect(plan.output.contains("\(bundle.directory)/absent") && plan.errors.contains("root.path: realpath "))
            let checked = try bundle.command(["check", bundle.directory]).run()
            #expect(checked.status == 1 && checked.output.hasPrefix("root.path: realpath "))
        }

        @Test func `a text that is no JSON is shown`() throws {
            let bundle = try Bundle.minimal()
            bundle.configText = "{\n  \"ociVersion\": \"1.0.2\",\n}\n"
            let outcome = try check(bundle)
            #expect(outcome.status == 1)
            #expect(
                outcome.output == """
                    ociVersion: line 2, column 24: a comma before "}": JSON has none behind the last entry
                        2 | "ociVersion": "1.0.2",
                          |                      ^

                    """)
        }

        @Test func `what the document has wrong is told once`() throws {
            let unnamed = try told(of: "process.args[0]") { $0.process.args = [""] }
            #expect(unnamed.count == 1 && unnamed[0].hasPrefix("process.args[0]: empty (line 1, column "), "\(unnamed)")
            let wrong = try told(of: "mounts[0].type") { $0.mounts[0].type = "x" }
            #expect(wrong.count == 1 && wrong[0].contains("only procfs may be mounted on /proc"), "\(wrong)")
        }

        @Test func `names that are given twice, or unknown to exec and update, are told`() throws {
            let bundle = try Bundle.sleeping()
            bundle.configText = "\(bundle.config)".replacing("\"hostname\":", with: "\"hostname\":\"y\",\"hostname\":")
            let checked = try check(bundle).ok().output
            #expect(checked.contains("hostname: warning: given twice, and the last one counts (line 1, column "))
            bundle.configText = nil
            try bundle.create().ok()
            try bundle.start().ok()
            let limits = try bundle.hostFile("limits", #"{"pids": {"limitt": 5}, "memroy": {}}"#)
            let updated = try bundle.command(["update", "--resources", limits, bundle.id]).run().ok()
            #expect(updated.errors.contains("pids.limitt: unknown property, which has no effect; did you mean limit?"))
            #expect(updated.errors.contains("memroy: unknown property, which has no effect; did you mean memory?"))
            let process = try bundle.hostFile(
                "process", #"{"args": ["/bin/true"], "cwd": "/", "user": {"uid": 0, "gid": 0}, "termnal": true}"#)
            let executed = try bundle.command(["exec", "--process", process, bundle.id]).run().ok()
            #expect(executed.errors.contains("termnal: unknown property, which has no effect; did you mean terminal?"))
        }

        // MARK: Namespaces and ids

        @Test func `namespaces by path`() throws {
            #expect(try told(of: "linux.namespaces[4].path") { $0.join("uts", "/absent") }.count == 1)
            #expect(
                try told(of: "linux.namespaces[4].path") { $0.join("uts", "/etc/passwd") }.first?.contains(
                    "is no namespace") == true)
            #expect(
                try told(of: "linux.namespaces[4].path") { $0.join("uts", "/proc/self/ns/net") }.first?
                    .contains("is a network namespace, not a uts namespace") == true)
        }

        @Test func `ids that the container does not have`() throws {
            let bundle = try Bundle.minimal {
                $0.mapUsers(size: 10)
                $0.process.user = ["uid": 10, "gid": 9, "additionalGids": [11]]
            }
            let output = try check(bundle).output
            #expect(output.contains("process.user.uid: not mapped in the container's user namespace: 10"))
            #expect(!output.contains("process.user.gid"))
            #expect(output.contains("process.user.additionalGids[0]: not mapped in the container's user namespace: 11"))
        }

        // MARK: Limits and security

        @Test func `limits that this host cannot set`() throws {
            let bundle = try Bundle.minimal {
                $0.process.rlimits = [["type": "RLIMIT_NOFILE", "soft": 1, "hard": 1_099_511_627_776]]
                $0.linux.resources.hugepageLimits = [["pageSize": "3MB", "limit": 0]]
                $0.linux.resources.cpu = ["cpus": "0-100000"]
                $0.linux.resources.unified = ["nosuch.max": "1"]
                $0.linux.sysctl = ["net.ipv4.ip_forward": "on"]
            }
            let output = try check(bundle).output
            #expect(output.contains("linux.sysctl[\"net.ipv4.ip_forward\"]: write "))
            #expect(output.contains("process.rlimits[0].hard: 1099511627776 is above /proc/sys/fs/nr_open"))
            #expect(
                output.contains("linux.resources.hugepageLimits[0].pageSize: this machine has no huge pages of 3MB"))
            #expect(output.contains("linux.resources.cpu.cpus: there is no processor 100000"))
            #expect(output.contains("linux.resources.unified"))
        }

        @Test func `a cgroup that somebody is in`() throws {
            let first = try Bundle.sleeping()
            try first.create().ok()
            let second = try Bundle.minimal()
            second.config.linux.cgroupsPath = first.config.linux.cgroupsPath
            #expect(try told(of: "linux.cgroupsPath", by: second).first?.contains("not empty") == true)
        }

        @Test func `seccomp profiles that libseccomp does not know`() throws {
            let bundle = try Bundle.minimal {
                $0.linux.seccomp = [
                    "defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_S390", "SCMP_ARCH_PPC"],
                    "syscalls": [["names": ["mkdir", "nosuchcall"], "action": "SCMP_ACT_ERRNO"]],
                ]
            }
            let output = try check(bundle).output
            #expect(output.contains("linux.seccomp.architectures[0]: SCMP_ARCH_S390 has another byte order"))
            #expect(output.contains("linux.seccomp.architectures[1]: SCMP_ARCH_PPC has another byte order"))
            #expect(output.contains("linux.seccomp.syscalls[0].names[1]: warning: libseccomp"))
        }

        // MARK: Who calls

        /// An ordinary user is told the same, and what he may not look at is a warning.
        @Test func `it needs no root, and makes nothing`() throws {
            let bundle = try Bundle.minimal { $0.bind("/absent", to: "/data") }
            try bundle.save()
            let program = "\(bundle.workspace.directory)/apus"
            try Files.copy(bundle.runtime.path, to: program, mode: 0o755)
            let drop = ["/usr/bin/setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
            let before = Files.tree(bundle.directory)
            let outcome = try bundle.workspace.command(drop + [program, "check", bundle.directory]).run()
            #expect(outcome.status == 1)
            #expect(outcome.output.contains("mounts[7].source: stat /absent"))
            #expect(outcome.output.contains("linux.namespaces: warning: of type user is added"))
            #expect(
                outcome.output.contains(
                    "linux.uidMappings: warning: missing, taken as 0 -> 65534 (apus spec --rootless"))
            #expect(Files.tree(bundle.directory) == before)
        }

        @Test func `id mappings of an ordinary user are what subuid gives him`() throws {
            let bundle = try Bundle.minimal { $0.mapUsers(to: 4_000_000, size: 10) }
            try bundle.save()
            let program = "\(bundle.workspace.directory)/apus"
            try Files.copy(bundle.runtime.path, to: program, mode: 0o755)
            let drop = ["/usr/bin/setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
            let output = try bundle.workspace.command(drop + [program, "check", bundle.directory]).run().output
            #expect(
                output.contains(
                    "linux.uidMappings[0]: /etc/subuid does not give this user the ids from 4000000 to 4000009"))
        }

        @Test func `what is no bundle`() throws {
            let bundle = try Bundle.minimal()
            let missing = try bundle.command(["check", "/absent"]).run()
            #expect(missing.status == 1 && missing.output.hasPrefix("bundle: realpath /absent: no such file"))
            let empty = try bundle.command(["check", bundle.rootfs]).run()
            #expect(empty.status == 1 && empty.output.hasPrefix("config.json: open "))
            bundle.configText = "{"
            #expect(try check(bundle).status == 1)
        }
    }
}
