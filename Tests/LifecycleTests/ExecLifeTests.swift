import Glibc
import Harness
import Testing

extension Containers {
    /// How an added process lives: detached, with a terminal, in another cgroup, beside others, under attack.
    @Suite struct ExecLifeTests {
        // MARK: Detached

        @Test(.flag("exec --detach", "exec --pid-file")) func `detached it goes on, and the pid file names it`() throws
        {
            let bundle = try Bundle.running()
            let pidFile = "\(bundle.directory)/exec.pid"
            try bundle.exec("/bin/sleep", "1000", flags: "--detach", "--pid-file", pidFile).ok()
            let pid = try #require(Files.line(pidFile).flatMap { pid_t($0) })
            // In the midst of execve the process has no arguments for a moment.
            #expect(eventually { Files.read("/proc/\(pid)/cmdline") == "/bin/sleep\0" + "1000\0" })
            #expect(Host.namespace("pid", of: "\(pid)") == Host.namespace("pid", of: "\(try #require(bundle.pid))"))
            Glibc.kill(pid, SIGKILL)
            waitpid(pid, nil, 0)
        }

        @Test(.flag("exec --preserve-fds")) func `descriptors are passed on, and no others`() throws {
            let bundle = try Bundle.running()
            let extra = open("/dev/null", O_RDONLY | O_CLOEXEC)
            defer { close(extra) }
            bundle.descriptors = [extra, extra]
            #expect(try bundle.seen("--preserve-fds", "1").descriptors.members.keys.sorted() == ["0", "1", "2", "3"])
            #expect(try bundle.seen().descriptors.members.keys.sorted() == ["0", "1", "2"])
            bundle.prepare("export LISTEN_FDS=1 LISTEN_PID=$$")
            let seen = try bundle.seen("--preserve-fds", "1")
            #expect(seen.descriptors.members.keys.sorted() == ["0", "1", "2", "3", "4"])
            #expect(seen.env.strings.contains("LISTEN_FDS=1"))
            // It is not the container's first process.
            let pid = try #require(seen.pid.integer)
            #expect(pid > 1 && seen.env.strings.contains("LISTEN_PID=\(pid)"))
        }

        @Test(
            .flag("create --pidfd-socket", "run --pidfd-socket", "exec --pidfd-socket"),
            arguments: ["create", "run", "exec"])
        func `a pidfd of the process is sent`(command: String) throws {
            let bundle = try Bundle.sleeping()
            let socket = try ConsoleSocket(in: bundle.workspace.directory, named: "pidfd.sock")
            let flags = ["--pidfd-socket", socket.path]
            var pidFile = bundle.pidFile
            switch command {
            case "create": try bundle.create("--pidfd-socket", socket.path).ok()
            case "run": try bundle.run("--detach", "--pidfd-socket", socket.path).ok()
            default:
                try bundle.begin()
                pidFile = "\(bundle.directory)/exec.pid"
                try bundle.executing(["/bin/sleep", "1000"], flags + ["--detach", "--pid-file", pidFile]).run().ok()
            }
            let (number, name) = try socket.receiveDescriptor()
            defer { close(number) }
            #expect(name == "pidfd")
            let pid = try #require(Files.line(pidFile))
            let info = try #require(Files.read("/proc/self/fdinfo/\(number)"))
            #expect(info.split(separator: "\n").contains { $0 == "Pid:\t\(pid)" }, "\(info)")
            if command == "exec", let pid = pid_t(pid) {
                Glibc.kill(pid, SIGKILL)
                waitpid(pid, nil, 0)
            }
        }

        // MARK: Terminals

        @Test(.flag("exec --console-socket", "exec --tty"), arguments: [0, 1000])
        func `the terminal goes to the console socket`(uid: Int) throws {
            let bundle = try Bundle.running()
            let socket = try ConsoleSocket(in: bundle.workspace.directory)
            var process = bundle.config.process
            process.terminal = true
            process.consoleSize = ["height": 33, "width": 121]
            process.user = ["uid": Value(uid), "gid": 5]
            process.args = ["/assert", "report"]
            try Files.write("\(process)", to: "\(bundle.directory)/process.json")
            let pidFile = "\(bundle.directory)/exec.pid"
            try bundle.executing(
                [],
                [
                    "--process", "\(bundle.directory)/process.json", "--detach", "--console-socket", socket.path,
                    "--pid-file", pidFile,
                ]
            ).run().ok()
            let terminal = try socket.receive()
            terminal.readToEnd()
            let seen = try #require(terminal.reports.first)
            #expect(seen.terminal.isatty == [true, true, true])
            #expect(seen.terminal.controlling == true)
            #expect(seen.terminal.foregroundGroup == seen.pid)
            #expect(seen.terminal.size == ["rows": 33, "columns": 121])
            #expect(seen.terminal.input.uid == Value(uid))
            #expect(seen.descriptors.members.keys.sorted() == ["0", "1", "2"])
            if let pid = Files.line(pidFile).flatMap({ pid_t($0) }) { waitpid(pid, nil, 0) }
        }

        @Test func `the terminal works in the foreground and in a user namespace`() throws {
            let bundle = try Bundle.running { $0.mapUsers() }
            let seen = try bundle.seen("--tty")
            #expect(seen.terminal.isatty == [true, true, true])
            #expect(seen.terminal.controlling == true)
        }

        // MARK: Signals

        @Test func `a signal for the command reaches the process`() throws {
            let bundle = try Bundle.running()
            let running = try bundle.workspace.start(bundle.executing(["/assert", "sleep"]))
            #expect(eventually { Files.read(running.command.output)?.contains("\n") ?? false })
            running.kill(SIGUSR1)
            #expect(eventually { Files.read(running.command.output)?.contains("{\"signal\":10,") ?? false })
            running.kill(SIGTERM)
            #expect(running.wait().status == 0)
            #expect(bundle.status == "running")
        }

        @Test func `when the command is killed the process goes on`() throws {
            let bundle = try Bundle.running()
            let pidFile = "\(bundle.directory)/exec.pid"
            let running = try bundle.workspace.start(
                bundle.executing(["/assert", "sleep"], ["--pid-file", pidFile]))
            #expect(eventually { Files.read(running.command.output)?.contains("\n") ?? false })
            let pid = try #require(Files.line(pidFile).flatMap { pid_t($0) })
            running.kill(SIGKILL)
            #expect(running.wait().status == 137)
            #expect(bundle.status == "running")
            #expect(Files.read("/proc/\(pid)/cmdline") == "/assert\0sleep\0")
            // It is an orphan now, and becomes a child of the tests.
            Glibc.kill(pid, SIGTERM)
            var status: Int32 = -1
            #expect(eventually { waitpid(pid, &status, WNOHANG) == pid })
            #expect(status == 0)
            #expect(bundle.status == "running")
        }

        // MARK: Cgroups

        @Test(.flag("exec --cgroup")) func `it can be put into a cgroup below the container's`() throws {
            let bundle = try Bundle.running()
            for directory in Set(Host.hierarchies.keys.map { bundle.cgroup($0) }) { mkdir("\(directory)/sub", 0o755) }
            // A new cpuset of cgroup v1 is empty, and nobody can be in it.
            for file in ["cpuset.cpus", "cpuset.mems"] where Host.hierarchies["cpuset"] != nil {
                let directory = bundle.cgroup("cpuset")
                try Files.write(try #require(Files.line("\(directory)/\(file)")), to: "\(directory)/sub/\(file)")
            }
            let inside = try bundle.seen("--cgroup", "/sub").cgroups.members
            #expect(inside.values.allSatisfy { $0.text?.hasSuffix("/sub") ?? false }, "\(inside)")
        }

        @Test(.enabled(if: Host.hierarchies["pids"] != nil, "controllers are named for cgroup v1"))
        func `only some hierarchies can be meant`() throws {
            let bundle = try Bundle.running()
            for controller in ["pids", "memory"] { mkdir("\(bundle.cgroup(controller))/sub", 0o755) }
            func moved(_ flags: String...) throws -> [String] {
                let report = try bundle.executing(["/assert", "report"], flags).run().report
                return report.cgroups.members.filter { $0.value.text?.hasSuffix("/sub") ?? false }.keys.sorted()
            }
            #expect(try moved("--cgroup", "pids:/sub") == ["pids"])
            #expect(try moved("--cgroup", "pids,memory:sub") == ["memory", "pids"])
            #expect(try moved("--cgroup", "pids:sub", "--cgroup", "memory:/sub/.") == ["memory", "pids"])
            #expect(try moved("--cgroup", "pids:/") == [])
        }

        @Test(.flag("exec --ignore-paused")) func `a paused container is refused, unless that is wanted`() throws {
            let bundle = try Bundle.running()
            let freezer = bundle.cgroup("freezer")
            let isV1 = Host.hierarchies["freezer"] != nil
            let file = isV1 ? "\(freezer)/freezer.state" : "\(freezer)/cgroup.freeze"
            try Files.write(isV1 ? "FROZEN" : "1", to: file)
            #expect(eventually { bundle.status == "paused" })
            let refused = try bundle.exec("/bin/true")
            #expect(refused.status == 255)
            expectFailure(refused, saying: "cannot exec in a paused container (use --ignore-paused to override)")
            let waiting = try bundle.workspace.start(bundle.executing(["/bin/true"], ["--ignore-paused"]))
            #expect(!eventually(within: 0.3) { !waiting.isRunning })
            try Files.write(isV1 ? "THAWED" : "0", to: file)
            #expect(waiting.wait().status == 0)
        }

        // MARK: Many

        @Test func `a hundred at once`() throws {
            let bundle = try Bundle.running()
            let all = try (0..<100).map { number in
                try bundle.workspace.start(bundle.executing(["/assert", "exit", "\(number)"]))
            }
            for (number, command) in all.enumerated() {
                let outcome = command.wait()
                #expect(outcome.status == Int32(number), "\(outcome)")
            }
            #expect(try bundle.exec("/bin/true").status == 0)
        }

        @Test func `the last free process of a pids limit is enough`() throws {
            let bundle = try Bundle.running {
                $0.linux.resources.pids = ["limit": Host.hierarchies["pids"] == nil ? 3 : 2]
            }
            #expect(try bundle.exec("/assert", "exit", "7").status == 7)
        }

        // MARK: Attacks

        /// CVE-2024-21626: no descriptor of the host's file system is open, and a working directory outside of the root
        /// is refused.
        @Test func `no working directory leads out`() throws {
            let bundle = try Bundle.sleeping()
            try bundle.putLink("wd", to: "/proc/self/fd/7")
            try bundle.begin()
            let outside = open("/etc", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
            defer { close(outside) }
            bundle.descriptors = Array(repeating: outside, count: 8)
            for place in (0..<40).map({ "/proc/self/fd/\($0)" }) + ["/wd", "/proc/self/cwd/../..", "/proc/1/cwd"] {
                let outcome = try bundle.exec("/bin/ls", "passwd", flags: "--cwd", place)
                #expect(outcome.status != 0, "\(place): \(outcome)")
                #expect(!outcome.output.contains("passwd"), "\(place): \(outcome)")
            }
        }

        /// CVE-2019-5736: what runs in the container is a sealed copy of a small program, never the runtime.
        @Test(arguments: ["/proc/self/exe", "/evil"]) func `the runtime's own image cannot be run or written`(
            program: String
        )
            throws
        {
            let bundle = try Bundle.sleeping()
            try bundle.put("evil", "#!/proc/self/exe\n", mode: 0o755)
            try bundle.begin()
            var before = stat()
            var after = stat()
            stat(bundle.runtime.path, &before)
            #expect(try bundle.exec(program).status != 0)
            stat(bundle.runtime.path, &after)
            #expect(after.st_mtim.tv_sec == before.st_mtim.tv_sec && after.st_size == before.st_size)
        }

        /// CVE-2016-9962: a container that may trace whatever it sees finds nothing that is more than itself.
        @Test(arguments: [false, true]) func `a container with CAP_SYS_PTRACE sees nobody with more rights`(
            seccomp: Bool
        )
            throws
        {
            let held = ["CAP_SYS_PTRACE", "CAP_KILL"]
            let bundle = try Bundle.sleeping {
                $0.grant(held, in: ["bounding", "effective", "permitted"])
                if seccomp { $0.linux.seccomp = ["defaultAction": "SCMP_ACT_ALLOW"] }
                // Watches every process that appears, as fast as it can: rights, program, links that lead outside.
                $0.shell(
                    """
                    echo '{}'
                    while :; do for p in /proc/[0-9]*; do
                        [ $p = /proc/1 ] && continue
                        { read -r x < $p/stat; } 2>/dev/null || continue
                        grep -H CapPrm $p/status; readlink $p/root; readlink $p/cwd
                    done 2>/dev/null; done
                    """)
            }
            try bundle.create().ok()
            try bundle.start().ok()
            _ = try bundle.line()
            for _ in 0..<60 { try bundle.exec("/bin/sleep", "0.02").ok() }
            try bundle.kill("KILL").ok()
            #expect(bundle.waitForExit() == 137)
            let lines = bundle.output.split(separator: "\n")
            let sets = Set(lines.filter { $0.contains("CapPrm") }.compactMap { $0.split(separator: "\t").last })
            // CAP_KILL and CAP_SYS_PTRACE.
            #expect(sets == ["0000000000080020"])
            let links = Set(lines.filter { $0.hasPrefix("/") && !$0.contains("CapPrm") })
            #expect(links.subtracting(["/"]).isEmpty, "\(links)")
        }
    }
}
