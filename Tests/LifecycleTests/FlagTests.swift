import Glibc
import Harness
import Testing

extension Containers {
    /// The effects of flags that no other suite shows: most of them of `create`, where other suites use `run`.
    @Suite struct FlagTests {
        // MARK: create

        @Test(.beyondRunc("has no such flag"), .flag("create --config", "create --bundle"))
        func `create takes another configuration`() throws {
            let bundle = try Bundle.sleeping { $0.annotations = ["from": "other"] }
            try bundle.save()
            try Files.rename("\(bundle.directory)/config.json", to: "\(bundle.directory)/other.json")
            try bundle.command(["create", "--bundle", bundle.directory, "--config", "other.json", bundle.id]).run().ok()
            #expect(try bundle.state().annotations.from == "other")
        }

        @Test(.flag("create --preserve-fds")) func `create passes descriptors on`() throws {
            let bundle = try Bundle.sleeping()
            bundle.descriptors = [try Files.open("/etc/passwd"), try Files.open("/etc/group")]
            defer { bundle.descriptors.forEach(Files.close) }
            try bundle.create("--preserve-fds", "2").ok()
            try bundle.start().ok()
            #expect(try bundle.line().descriptors.members.keys.sorted() == ["0", "1", "2", "3", "4"])
        }

        @Test(.flag("create --no-pivot")) func `create without pivot_root`() throws {
            let bundle = try Bundle.minimal { $0.ask("--list", "/") }
            try bundle.create("--no-pivot").ok()
            try bundle.start().ok()
            let seen = try bundle.line()
            #expect(seen.lists["/"].contains("assert") && !seen.lists["/"].contains("etc"))
            // Pivoting would have made the root a mount of its own class; moving leaves it where the host's was.
            let plan = try bundle.command(["plan", bundle.directory]).run().ok().output
            #expect(plan.contains("pivot_root"))
        }

        @Test(.flag("create --no-new-keyring")) func `create keeps the caller's session keyring`() throws {
            let bundle = try Bundle.sleeping()
            try bundle.create("--no-new-keyring").ok()
            try bundle.start().ok()
            #expect(try bundle.line().sessionKeyring.name.text?.contains("_ses.\(bundle.id)") != true)
        }

        // MARK: run

        @Test(.flag("run --pid-file")) func `run writes a pid file too`() throws {
            let bundle = try Bundle.sleeping()
            let path = "\(bundle.workspace.directory)/run.pid"
            try bundle.save()
            try bundle.command(["run", "--detach", "--bundle", bundle.directory, "--pid-file", path, bundle.id]).run()
                .ok()
            #expect(Files.read(path) == "\(try bundle.state().pid)")
        }

        /// A process whose parent has ended gets the nearest subreaper for a parent.
        @Test(.flag("run --no-subreaper"), arguments: [true, false])
        func `run adopts orphans, unless it is not to`(adopts: Bool) throws {
            let bundle = try Bundle.minimal {
                $0.share("pid")
                $0.root.readonly = false
                // When what is in parentheses is over, the parent of the other has ended.
                $0.shell(
                    """
                    (/bin/sh -c 'until [ -e /go ]; do /bin/busybox sleep 0.02; done
                        read a b c d e < /proc/$$/stat; echo $d; : > /done' &)
                    : > /go
                    until [ -e /done ]; do /bin/busybox sleep 0.02; done
                    """)
            }
            let run = try bundle.startRun(adopts ? "--no-subreaper=false" : "--no-subreaper")
            let outcome = run.wait()
            #expect(outcome.output == "\(adopts ? run.pid : getpid())\n", "\(outcome)")
        }

        // MARK: exec and update

        /// What it does where there is AppArmor or SELinux, ExecPlanTests show.
        @Test(
            .beyondRunc("goes on without it"), .flag("exec --apparmor", "exec --process-label"),
            arguments: [("--apparmor", "AppArmor"), ("--process-label", "SELinux")])
        func `a label that this host cannot give is refused`(flag: String, module: String) throws {
            let isThere =
                module == "AppArmor"
                ? Files.line("/sys/module/apparmor/parameters/enabled") == "Y"
                : Files.exists("/sys/fs/selinux/enforce")
            guard !isThere else { return }
            let bundle = try Bundle.sleeping()
            try bundle.create().ok()
            try bundle.start().ok()
            let outcome = try bundle.command(["exec", flag, "some", bundle.id, "/bin/true"]).run()
            #expect(outcome.status == 255)
            expectFailure(outcome, saying: "\(module) is not enabled on this host")
        }

        @Test(.beyondRunc("says nothing"), .flag("update --kernel-memory"))
        func `a limit of kernel memory has no effect, which is said`() throws {
            let bundle = try Bundle.sleeping { $0.linux.resources.memory = ["limit": Value(64 << 20)] }
            try bundle.create().ok()
            let outcome = try bundle.command(["update", "--kernel-memory", "1048576", bundle.id]).run().ok()
            #expect(outcome.errors.contains("kernel memory limits are ignored"), "\(outcome)")
        }

        /// The cgroups above have no real-time processor time that they could give: the kernel's answer is passed on.
        @Test(.beyondRunc("has other words"), .flag("update --cpu-rt-runtime"))
        func `real-time processor time is asked for`() throws {
            let bundle = try Bundle.sleeping()
            try bundle.create().ok()
            let outcome = try bundle.command(["update", "--cpu-rt-runtime", "1000", bundle.id]).run()
            expectFailure(outcome, saying: "resources.cpu.realtimeRuntime", "rt_runtime_us|real-time")
        }

        // MARK: Help

        @Test(.beyondRunc("knows no colours"), arguments: [("", true), ("NO_COLOR=1", false), ("NO_COLOR=", true)])
        func `help has colours on a terminal, unless NO_COLOR is set`(variable: String, hasColour: Bool) throws {
            let bundle = try Bundle.minimal()
            for words in [["help"], ["help", "run"], ["--bogus"]] {
                let terminal = try Terminal()
                var command = bundle.workspace.command(
                    [bundle.runtime.path] + words, environment: variable.isEmpty ? [] : [variable])
                command.terminal = terminal.name
                let running = try bundle.workspace.start(command)
                terminal.readToEnd()
                running.wait()
                #expect(terminal.output.contains("\u{1B}[") == hasColour, "\(words): \(terminal.output)")
            }
        }

        @Test func `help that goes to a file has none`() throws {
            let bundle = try Bundle.minimal()
            let outcome = try bundle.workspace.command([bundle.runtime.path, "help"]).run().ok()
            #expect(!outcome.output.contains("\u{1B}"))
        }

        // MARK: Before the command

        @Test(.flag("--root")) func `containers of another root are others`() throws {
            let bundle = try Bundle.sleeping()
            try bundle.create().ok()
            let elsewhere = bundle.workspace.command([
                bundle.runtime.path, "--root", "\(bundle.workspace.directory)/elsewhere", "state", bundle.id,
            ])
            expectFailure(try elsewhere.run(), saying: "does not exist")
            #expect(bundle.status == "created")
        }

        @Test(
            .beyondRunc("has other words"), .flag("--debug", "--log-level"),
            arguments: [["--debug"], ["--log-level", "debug"]])
        func `debug says what was called and how it ended`(flags: [String]) throws {
            let bundle = try Bundle.minimal { $0.shell("exit 3") }
            let log = "\(bundle.workspace.directory)/log.json"
            bundle.globalFlags = ["--log", log, "--log-format", "json"] + flags
            #expect(try bundle.run().status == 3)
            let lines = try (Files.read(log) ?? "").split(separator: "\n").map { try Value(parsing: $0) }
            #expect(lines.allSatisfy { $0.level == "debug" })
            #expect(lines.first?.msg.text?.hasPrefix("apus ") == true)
            #expect(lines.first?.msg.text?.hasSuffix("\(bundle.pidFile) \(bundle.id)") == true)
            #expect(lines.last?.msg == "exit status 3")
            // A report of a problem has the host, and each part of the life with its times.
            let texts = lines.compactMap(\.msg.text)
            #expect(texts[1].hasPrefix("Linux ") && texts[1].contains(", called by root, cgroups by cgroupfs, --root "))
            for part in ["parse took ", "state took ", "plan encoded, clone took ", "container runs took "] {
                #expect(
                    texts.contains { $0.hasPrefix(part) && $0.hasSuffix(" ms") && $0.contains(" ms, up to ") },
                    "\(texts)")
            }
        }

        @Test(.beyondRunc("has other words"), .flag("--debug"))
        func `debug names the parts that a failure cut off, before the error`() throws {
            let bundle = try Bundle.minimal { $0.root.readonly = "yes" }
            let log = "\(bundle.workspace.directory)/log.json"
            bundle.globalFlags = ["--log", log, "--log-format", "json", "--debug"]
            expectFailure(try bundle.run(), saying: "root.readonly")
            let lines = try (Files.read(log) ?? "").split(separator: "\n").map { try Value(parsing: $0) }
            let texts = lines.compactMap(\.msg.text)
            let cut = try #require(texts.firstIndex(of: "parse did not end"), "\(texts)")
            let error = try #require(lines.firstIndex { $0.level == "error" })
            #expect(cut < error)
        }

        @Test(.beyondRunc("has no such flag"), .flag("--log-level")) func `a level leaves out what matters less`()
            throws
        {
            let bundle = try Bundle.minimal { $0.process.capabilities.bounding.append("CAP_BOGUS") }
            bundle.globalFlags = ["--log-level", "warning"]
            #expect(try bundle.run().ok().errors.contains("CAP_BOGUS"))
            bundle.globalFlags = ["--log-level", "error"]
            #expect(try bundle.run().ok().errors == "")
        }

        @Test(.beyondRunc("has no such flag"), .flag("--cgroup-manager"))
        func `cgroupfs makes the cgroup where cgroupsPath says`() throws {
            let bundle = try Bundle.sleeping()
            bundle.globalFlags = ["--cgroup-manager", "cgroupfs"]
            try bundle.create().ok()
            #expect(Files.isDirectory(bundle.cgroup("pids")))
        }
    }
}
