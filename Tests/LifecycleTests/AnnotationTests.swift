import Glibc
import Harness
import Testing

extension Containers {
    /// Annotations that change how a container is made, as crun has them.
    @Suite(.beyondRunc("knows none of them")) struct AnnotationTests {
        // MARK: Groups

        @Test(
            .needs("setpriv"), arguments: [("1", [27, 60]), ("0", [7]), ("", [7]), (nil, [7])] as [(String?, [Int])])
        func `the caller's groups stay if they are to`(value: String?, expected: [Int]) throws {
            let bundle = try Bundle.sleeping {
                $0.process.user.additionalGids = [7]
                if let value { $0.annotations["run.oci.keep_original_groups"] = .string(value) }
            }
            bundle.wrapper = ["/usr/bin/setpriv", "--groups", "27,60"]
            try bundle.create().ok()
            let pid = try #require(bundle.pid)
            try bundle.start().ok()
            _ = try bundle.line()
            #expect(groups(of: pid) == expected)
            // A later process has the groups of who makes it.
            let report = "\(bundle.workspace.directory)/groups"
            var exec = bundle.command(["exec", "--pid-file", report, "--detach", bundle.id, "/bin/sleep", "1000"])
            exec.arguments = ["/usr/bin/setpriv", "--groups", "60,61"] + exec.arguments
            try exec.run().ok()
            let later = try #require(Files.line(report).flatMap { pid_t($0) })
            #expect(groups(of: later) == (expected == [7] ? [7] : [60, 61]))
            Glibc.kill(later, SIGKILL)
            waitpid(later, nil, 0)
        }

        @Test(.needs("setpriv")) func `so do those of an ordinary user, in his user namespace`() throws {
            let bundle = try Bundle.rootless {
                $0.annotations["run.oci.keep_original_groups"] = "1"
                $0.run("/assert", "sleep")
            }
            bundle.wrapper = bundle.wrapper.map { $0 == "--clear-groups" ? "--groups=27,60" : $0 }
            try bundle.create().ok()
            #expect(groups(of: try #require(bundle.pid)) == [27, 60])
        }

        /// As the host sees them.
        private func groups(of pid: pid_t) -> [Int] {
            let line = (Files.read("/proc/\(pid)/status") ?? "").split(separator: "\n").first {
                $0.hasPrefix("Groups:")
            }
            return (line ?? "").split(separator: "\t").dropFirst().first?.split(separator: " ").compactMap { Int($0) }
                ?? []
        }

        // MARK: Hooks

        private static let script = "echo out; echo err >&2; readlink /proc/self/fd/2 >&2"

        /// A hook of each kind, inside the container and outside, which says where it writes to.
        private func bundleWithHooks(_ script: String = script) throws -> Bundle {
            let bundle = try Bundle.minimal { $0.run("/bin/true") }
            for applet in ["readlink"] { try Files.symlink(to: "busybox", at: "\(bundle.rootfs)/bin/\(applet)") }
            let path = "\(bundle.workspace.directory)/hook"
            for path in [path, "\(bundle.rootfs)/hook"] { try Files.script(script, at: path) }
            for kind in HookOutputTests.kinds {
                bundle.config.hook(
                    kind, kind == "startContainer" ? "/hook" : path, env: ["PATH=/usr/bin:/bin"])
            }
            return bundle
        }

        @Test(arguments: ["run", "create and start"])
        func `what hooks write is appended to files`(how: String) throws {
            let bundle = try bundleWithHooks()
            let output = "\(bundle.workspace.directory)/output"
            let errors = "\(bundle.workspace.directory)/errors"
            try Files.write("before\n", to: output)
            bundle.config.annotations = [
                "run.oci.hooks.stdout": .string(output), "run.oci.hooks.stderr": .string(errors),
            ]
            if how == "run" {
                try bundle.run().ok()
            } else {
                try bundle.create().ok()
                try bundle.start().ok()
                #expect(bundle.waitForExit() == 0)
                try bundle.delete().ok()
            }
            #expect(Files.read(output) == "before\n" + String(repeating: "out\n", count: 6))
            let lines = (Files.read(errors) ?? "").split(separator: "\n").map(String.init)
            // Hooks in the container have no file of the host.
            let host = ["err", errors]
            let inside = ["err", "/memfd:hook-errors (deleted)"]
            #expect(lines == host + host + inside + inside + host + host)
            #expect(try #require(Files.status(errors)).st_mode & 0o777 == 0o600)
        }

        @Test func `one of the two may stay where it was`() throws {
            let bundle = try bundleWithHooks("echo out; echo err >&2; exit 3")
            bundle.config.hooks = ["createContainer": bundle.config.hooks.createContainer]
            let output = "\(bundle.workspace.directory)/output"
            bundle.config.annotations = ["run.oci.hooks.stdout": .string(output)]
            expectFailure(try bundle.run(), saying: "hooks.createContainer[0]", "exit status 3, output: err")
            #expect(Files.read(output) == "out\n")
            bundle.expectNothingLeft()
        }

        @Test func `a file that cannot be written to is an error`() throws {
            let bundle = try bundleWithHooks()
            bundle.config.annotations = ["run.oci.hooks.stderr": "/nosuch/file"]
            expectFailure(
                try bundle.run(), saying: #"annotations["run.oci.hooks.stderr"]: open /nosuch/file: no such file"#)
            bundle.expectNothingLeft()
        }

        /// A hook of the image fills no disk, whatever it does with its output.
        @Test func `of an output without end the beginning is copied`() throws {
            let bundle = try bundleWithHooks("dd if=/dev/zero bs=1M count=40 2>/dev/null; exit 0")
            try Files.symlink(to: "busybox", at: "\(bundle.rootfs)/bin/dd")
            bundle.config.hooks = ["startContainer": bundle.config.hooks.startContainer]
            let output = "\(bundle.workspace.directory)/output"
            bundle.config.annotations = ["run.oci.hooks.stdout": .string(output)]
            try bundle.run().ok()
            #expect(try #require(Files.status(output)).st_size <= 16 << 20)
            Files.removeTree(output)
        }

        // MARK: The rest

        @Test(arguments: [true, false])
        func `a system call that nobody knows is an error where it is to be one`(isOn: Bool) throws {
            let bundle = try Bundle.minimal {
                $0.linux.seccomp = [
                    "defaultAction": "SCMP_ACT_ALLOW",
                    "syscalls": [["names": ["mkdir", "no_such_call"], "action": "SCMP_ACT_ERRNO"]],
                ]
                $0.annotations["run.oci.seccomp_fail_unknown_syscall"] = isOn ? "1" : "0"
            }
            let outcome = try bundle.run()
            if isOn {
                expectFailure(outcome, saying: "linux.seccomp.syscalls[0].names[1]", "no system call", "no_such_call")
            } else {
                try outcome.ok()
            }
            bundle.expectNothingLeft()
        }

        @Test(arguments: ["create", "run"]) func `a pidfd goes to the receiver`(command: String) throws {
            let bundle = try Bundle.sleeping()
            let socket = try ConsoleSocket(in: bundle.workspace.directory, named: "pidfd.sock")
            bundle.config.annotations = ["run.oci.pidfd_receiver": .string(socket.path)]
            if command == "create" { try bundle.create().ok() } else { try bundle.run("--detach").ok() }
            let (number, _) = try socket.receiveDescriptor()
            defer { close(number) }
            let info = try #require(Files.read("/proc/self/fdinfo/\(number)"))
            let pid = try #require(Files.line(bundle.pidFile))
            #expect(info.split(separator: "\n").contains { $0 == "Pid:\t\(pid)" }, "\(info)")
        }

        @Test func `a receiver that is not there is an error`() throws {
            let bundle = try Bundle.minimal { $0.annotations = ["run.oci.pidfd_receiver": "/nosuch/socket"] }
            expectFailure(try bundle.run(), saying: #"annotations["run.oci.pidfd_receiver"]"#, "/nosuch/socket")
            bundle.expectNothingLeft()
        }

        @Test(.enabled(if: Host.cgroupLayout != .v2, "cgroup v1")) func `a cgroup of v1 is not delegated`() throws {
            let bundle = try Bundle.minimal { $0.annotations = ["run.oci.delegate-cgroup": "below"] }
            expectFailure(try bundle.run(), saying: #"annotations["run.oci.delegate-cgroup"]"#, "cgroup v2 is alone")
            bundle.expectNothingLeft()
        }

        @Test func `check names what has no effect`() throws {
            let bundle = try Bundle.minimal {
                $0.annotations = ["run.oci.handler": "krun", "run.oci.keep_original_groups": "1"]
            }
            try bundle.save()
            let output = try bundle.command(["check", bundle.directory]).run().output
            #expect(
                output.contains(#"annotations["run.oci.handler"]: warning: has an effect in crun, and none in apus"#))
            #expect(!output.contains("keep_original_groups"))
        }
    }
}
