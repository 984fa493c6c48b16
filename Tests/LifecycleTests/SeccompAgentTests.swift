import Glibc
import Harness
import Testing

extension Containers {
    /// `SCMP_ACT_NOTIFY`: an agent outside of the container decides about calls.
    @Suite(.beyondRunc("needs a libseccomp that Debian 12 does not build it with"))
    struct SeccompAgentTests {
        // MARK: What the agent gets, and what the container sees of it

        @Test(arguments: [true, false])
        func `the agent makes what the container may not make`(noNewPrivileges: Bool) throws {
            let bundle = try Bundle.asking(["mknod", "mknodat", "mkdir", "mkdirat", "chdir"]) {
                $0.script(
                    "busybox mknod /null c 1 3 && busybox mkdir /made && cd /made && pwd && echo x > /null && ls -l /null | head -c 1"
                )
                $0.process.noNewPrivileges = .bool(noNewPrivileges)
                $0.process.capabilities = ["bounding": [], "effective": [], "permitted": []]
            }
            let agent = try Agent(in: bundle.workspace)
            let outcome = try bundle.run().ok()
            #expect(outcome.output == "/made\nc")
            #expect(agent.calls == ["mknod /null", "mkdir /made", "chdir"])
        }

        @Test func `the agent is told of the process as the specification says`() throws {
            let bundle = try Bundle.asking(["mkdir", "mkdirat"]) {
                $0.run("/assert", "sleep")
                $0.root.readonly = false
                $0.linux.seccomp.listenerMetadata = "a \"word\""
                $0.annotations = ["a.key": "a value"]
            }
            let agent = try Agent(in: bundle.workspace)
            try bundle.create().ok()
            // Nothing is decided before the program runs.
            #expect(agent.lines.isEmpty)
            try bundle.start().ok()
            _ = try bundle.line()
            let pid = try #require(bundle.pid)
            #expect(eventually { agent.lines.count == 1 })
            let first = try #require(try agent.states().first)
            #expect(first.ociVersion == bundle.config.ociVersion)
            #expect(first.fds == ["seccompFd"])
            #expect(first.pid == Value(Int(pid)))
            #expect(first.metadata == "a \"word\"")
            #expect(first.state.id == .string(bundle.id))
            #expect(first.state.status == "created")
            #expect(first.state.pid == Value(Int(pid)))
            #expect(first.state.bundle == .string(bundle.directory))
            #expect(first.state.annotations == ["a.key": "a value"])
            let made = try bundle.command([
                "exec", bundle.id, "/bin/sh", "-c", "busybox mkdir /by-exec && ls -d /by-exec",
            ]).run().ok()
            #expect(made.output == "/by-exec\n")
            let second = try #require(try agent.states().last)
            #expect(second.state.status == "running")
            #expect(second.state.pid == Value(Int(pid)))
            #expect(second.pid != first.pid)
            #expect(agent.calls == ["mkdir /by-exec"])
            try bundle.kill("KILL").ok()
            #expect(bundle.waitForExit() == 137)
            try bundle.delete().ok()
        }

        @Test func `threads ask at the same time`() throws {
            let bundle = try Bundle.asking(["mkdir", "mkdirat"]) {
                $0.run("/agent", "threads", "32", "/made")
                $0.root.readonly = false
            }
            try bundle.putDirectory("made")
            try Files.copy(try Agent.program(), to: "\(bundle.rootfs)/agent", mode: 0o755)
            let agent = try Agent(in: bundle.workspace)
            let outcome = try bundle.run().ok()
            #expect(outcome.output == "0 failures\n")
            #expect(Set(agent.calls) == Set((0..<32).map { "mkdir /made/\($0)" }))
        }

        @Test func `a hook inside and the program share one filter and one agent`() throws {
            for gate in [true, false] {
                let bundle = try Bundle.asking(["mkdir", "mkdirat"]) {
                    $0.script("busybox mkdir /by-program && ls -d /by-hook /by-program")
                    $0.hooks.startContainer = [
                        ["path": "/bin/busybox", "args": ["busybox", "mkdir", "/by-hook"], "env": ["PATH=/bin"]]
                    ]
                }
                let agent = try Agent(in: bundle.workspace)
                if gate {
                    try bundle.create().ok()
                    try bundle.start().ok()
                    #expect(bundle.waitForExit() == 0)
                    try bundle.delete().ok()
                } else {
                    #expect(try bundle.run().ok().output == "/by-hook\n/by-program\n")
                }
                #expect(agent.calls == ["mkdir /by-hook", "mkdir /by-program"])
                #expect(try agent.states().count == 1)
                agent.stop()
                Files.removeTree(agent.path)
            }
        }

        @Test func `an annotation names the agent`() throws {
            let bundle = try Bundle.asking(["mkdir", "mkdirat"]) { $0.script("busybox mkdir /made && ls -d /made") }
            let path = bundle.config.linux.seccomp.listenerPath
            bundle.config.linux.seccomp.remove("listenerPath")
            bundle.config.annotations = ["run.oci.seccomp.receiver": path]
            let agent = try Agent(in: bundle.workspace)
            #expect(try bundle.run().ok().output == "/made\n")
            #expect(agent.calls == ["mkdir /made"])
        }

        @Test func `in a user namespace`() throws {
            let bundle = try Bundle.asking(["mknod", "mknodat"]) {
                $0.script("busybox mknod /null c 1 3 && ls -l /null | head -c 1")
                $0.mapUsers(to: 100_000, size: 1000)
            }
            let agent = try Agent(in: bundle.workspace)
            #expect(try bundle.run().ok().output == "c")
            #expect(agent.calls == ["mknod /null"])
        }

        @Test(.needs("setpriv")) func `for an ordinary user`() throws {
            let bundle = try Bundle.rootless {
                $0.filter(["mkdir", "mkdirat"])
                $0.script("busybox mkdir /made && ls -d /made")
            }
            let agent = try bundle.askAgent()
            #expect(try bundle.run().ok().output == "/made\n")
            #expect(agent.calls == ["mkdir /made"])
        }

        @Test func `exec of a process that the container could trace asks too`() throws {
            let bundle = try Bundle.asking(["mkdir", "mkdirat"]) {
                $0.run("/assert", "sleep")
                $0.root.readonly = false
                $0.process.noNewPrivileges = false
                for set in ["bounding", "effective", "permitted"] { $0.process.capabilities[set] = ["CAP_SYS_PTRACE"] }
            }
            let agent = try Agent(in: bundle.workspace)
            try bundle.create().ok()
            try bundle.start().ok()
            _ = try bundle.line()
            let made = try bundle.command(["exec", bundle.id, "/bin/sh", "-c", "busybox mkdir /made && ls -d /made"])
                .run().ok()
            #expect(made.output == "/made\n")
            #expect(agent.calls == ["mkdir /made"])
            try bundle.kill("KILL").ok()
            #expect(bundle.waitForExit() == 137)
            try bundle.delete().ok()
        }

        @Test func `waits that only a fatal signal ends`() throws {
            let bundle = try Bundle.asking(["mkdir", "mkdirat"]) {
                $0.script("busybox mkdir /made && ls -d /made")
                $0.linux.seccomp.flags = ["SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV", "SECCOMP_FILTER_FLAG_LOG"]
            }
            let agent = try Agent(in: bundle.workspace)
            #expect(try bundle.run().ok().output == "/made\n")
            #expect(agent.calls == ["mkdir /made"])
        }

        // MARK: Agents that are no good

        @Test func `without an agent nothing is made`() throws {
            let bundle = try Bundle.asking(["mkdir"]) { $0.script("true") }
            let path = "\(bundle.workspace.directory)/agent"
            expectFailure(
                try bundle.create(), saying: "linux.seccomp.listenerPath", "connect \(path)",
                "no such file or directory",
                "start the seccomp agent")
            bundle.expectNothingLeft()
            try Files.write("", to: path)
            expectFailure(try bundle.run(), saying: "linux.seccomp.listenerPath", path, "socket")
            bundle.expectNothingLeft()
        }

        @Test func `an agent that is gone ends what would need it`() throws {
            let bundle = try Bundle.asking(["mkdir"]) { $0.script("true") }
            try Agent(in: bundle.workspace).stop()
            expectFailure(
                try bundle.run(), saying: "linux.seccomp.listenerPath", "connection refused", "start the seccomp agent")
            bundle.expectNothingLeft()
            try bundle.create().ok()
            expectFailure(try bundle.start(), saying: "linux.seccomp.listenerPath", "connection refused")
            #expect(try bundle.state().status == "stopped")
            try bundle.delete().ok()
            bundle.expectNothingLeft()
        }

        @Test func `after an agent that leaves, its calls do not exist`() throws {
            let bundle = try Bundle.asking(["mkdir", "mkdirat"]) { $0.script("busybox mkdir /made; echo $?") }
            let agent = try Agent(in: bundle.workspace, .leave)
            let outcome = try bundle.run().ok()
            #expect(outcome.output == "1\n")
            #expect(outcome.errors.lowercased().contains("function not implemented"))
            agent.stop()
        }

        @Test func `an agent that hangs up either fails the start or its calls`() throws {
            let bundle = try Bundle.asking(["mkdir", "mkdirat"]) { $0.script("busybox mkdir /made; echo $?") }
            let agent = try Agent(in: bundle.workspace, .close)
            let outcome = try bundle.run()
            if outcome.status == 0 {
                #expect(outcome.output == "1\n")
            } else {
                expectFailure(outcome, saying: "linux.seccomp.listenerPath")
            }
            bundle.expectNothingLeft()
            agent.stop()
        }

        @Test func `a call that nobody answers ends with its process`() throws {
            let bundle = try Bundle.asking(["mkdir", "mkdirat"]) { $0.script("echo before; busybox mkdir /made") }
            let agent = try Agent(in: bundle.workspace, .ignore)
            try bundle.create().ok()
            try bundle.start().ok()
            #expect(eventually { agent.calls.count == 1 })
            try bundle.kill("KILL").ok()
            #expect(bundle.waitForExit() == 137)
            try bundle.delete().ok()
            bundle.expectNothingLeft()
        }

        // MARK: Filters that cannot be

        @Test(arguments: ["sendmsg", "recvmsg"], ["SCMP_ACT_NOTIFY", "SCMP_ACT_ERRNO"])
        func `what the hand-over needs is neither asked about nor forbidden`(call: String, action: String) throws {
            let bundle = try Bundle.asking(["mkdir"]) {
                $0.script("true")
                $0.linux.seccomp.syscalls = .array(
                    $0.linux.seccomp.syscalls.items + [["names": [.string(call)], "action": .string(action)]])
            }
            let agent = try Agent(in: bundle.workspace)
            expectFailure(
                try bundle.create(), saying: "linux.seccomp", "handing the listener to the agent needs \(call)",
                "permit the call")
            bundle.expectNothingLeft()
            #expect(agent.lines.isEmpty)
        }
    }
}

extension Value {
    /// A filter that asks an agent about these calls and allows the others.
    fileprivate mutating func filter(_ calls: [String]) {
        self.linux.seccomp = [
            "defaultAction": "SCMP_ACT_ALLOW", "architectures": [Containers.SeccompTests.architecture],
            "syscalls": [["names": .array(calls.map { .string($0) }), "action": "SCMP_ACT_NOTIFY"]],
        ]
    }

    fileprivate mutating func script(_ script: String) {
        run("/bin/sh", "-c", script)
        self.process.env = ["PATH=/bin"]
        self.root.readonly = false
    }
}

extension Bundle {
    fileprivate static func asking(_ calls: [String], _ change: (inout Value) -> Void) throws -> Bundle {
        try minimal {
            $0.filter(calls)
            change(&$0)
            guard let workspace = Workspace.current else { return }
            $0.linux.seccomp.listenerPath = .string("\(workspace.directory)/agent")
        }
    }

    fileprivate func askAgent(_ mode: Agent.Mode = .answer) throws -> Agent {
        let agent = try Agent(in: workspace, mode)
        config.linux.seccomp.listenerPath = .string(agent.path)
        return agent
    }
}
