import Harness
import Testing

extension Containers {
    @Suite struct FailureTests {
        // MARK: create fails

        @Test(arguments: Flaw.all)
        func `a create that fails leaves nothing, without delete`(flaw: Flaw) throws {
            let bundle = try Bundle.minimal()
            try flaw.apply(to: bundle)
            expectFailure(try bundle.create(), saying: flaw.words)
            #expect(bundle.status == nil)
            bundle.expectNothingLeft()
        }

        @Test(arguments: Flaw.all)
        func `a run that fails leaves nothing`(flaw: Flaw) throws {
            let bundle = try Bundle.minimal()
            try flaw.apply(to: bundle)
            expectFailure(try bundle.run())
            bundle.expectNothingLeft()
        }

        @Test func `an error is said in one line`() throws {
            let errors = try Bundle.minimal { $0.run("/absent/program") }.create().errors
            #expect(errors.split(separator: "\n").count == 1, "\(errors)")
        }

        @Test func `after a failure the same id works`() throws {
            let bundle = try Bundle.minimal { $0.run("/absent/program") }
            expectFailure(try bundle.create())
            bundle.config.process.args = ["/assert", "report"]
            try bundle.run().ok()
        }

        @Test(.beyondRunc("says the first only"))
        func `all mistakes of a configuration are said at once, with their places`() throws {
            let outcome = try Bundle.minimal {
                $0.process.cwd = "relative"
                $0.process.user.uid = -1
                $0.linux.namespaces.append(["type": "moon"])
            }.create()
            expectFailure(outcome, saying: "process.cwd", "process.user.uid", "linux.namespaces[5].type")
        }

        // MARK: The runtime is killed

        @Test(
            .beyondRunc("writes its state after the hooks"),
            arguments: ["prestart", "createRuntime", "createContainer"])
        func `a runtime killed during a hook leaves what delete with force removes`(kind: String) throws {
            let bundle = try Bundle.minimal()
            let marker = "\(bundle.workspace.directory)/in-hook"
            let hook = "\(bundle.workspace.directory)/hook"
            try Files.script("echo > \(marker); exec sleep 100", at: hook)
            bundle.config.hook(kind, hook)
            let running = try bundle.workspace.start(bundle.creating(["create"]))
            #expect(eventually { Files.exists(marker) })
            running.kill()
            running.wait()
            try bundle.delete("--force").ok()
            // The hook is a process of its own; no runtime can end it after its own death.
            var left: [String] = []
            _ = eventually {
                left = bundle.workspace.leftovers(within: 0).filter { !$0.contains("(sleep)") }
                return left.isEmpty
            }
            #expect(left == [])
            bundle.workspace.killHooks()
        }

        @Test(
            .beyondRunc("killed early it leaves an init process that its delete does not know"),
            arguments: [
                0.0005, 0.001, 0.0015, 0.002, 0.0025, 0.003, 0.0035, 0.004, 0.005, 0.006, 0.008, 0.010, 0.015, 0.020,
                0.030, 0.040,
            ])
        func `a runtime killed at any moment of create leaves what delete with force removes`(seconds: Double) throws {
            let bundle = try Bundle.sleeping()
            let running = try bundle.workspace.start(bundle.creating(["create"]))
            pause(seconds)
            running.kill()
            running.wait()
            try bundle.delete("--force").ok()
            bundle.expectNothingLeft()
        }

        @Test(
            .beyondRunc("killed early it leaves an init process that its delete does not know"),
            arguments: [
                0.001, 0.002, 0.003, 0.004, 0.006, 0.010, 0.020, 0.040,
            ])
        func `the same id works after a runtime was killed in create and delete with force`(seconds: Double) throws {
            let bundle = try Bundle.minimal()
            let running = try bundle.workspace.start(bundle.creating(["create"]))
            pause(seconds)
            running.kill()
            running.wait()
            try bundle.delete("--force").ok()
            #expect(try bundle.report().pid == 1)
        }

        @Test(arguments: [0.001, 0.002, 0.004, 0.008, 0.016])
        func `a runtime killed during delete can be asked again`(seconds: Double) throws {
            let bundle = try Bundle.sleeping()
            try bundle.create().ok()
            let running = try bundle.workspace.start(bundle.command(["delete", "--force", bundle.id]))
            pause(seconds)
            running.kill()
            running.wait()
            try bundle.delete("--force").ok()
            bundle.expectNothingLeft()
        }

        @Test func `a container survives the death of its run command and can be deleted`() throws {
            let bundle = try Bundle.sleeping()
            let running = try bundle.startRun()
            try bundle.awaitRunning()
            running.kill()
            running.wait()
            #expect(bundle.status == "running")
            try bundle.delete("--force").ok()
            bundle.expectNothingLeft()
        }

        // MARK: The container is killed from outside

        @Test(arguments: [false, true])
        func `a container whose process was killed is stopped and can be deleted`(started: Bool) throws {
            let bundle = try Bundle.sleeping()
            try bundle.create().ok()
            if started {
                try bundle.start().ok()
                _ = try bundle.line()
            }
            bundle.killFromOutside()
            #expect(bundle.waitForExit() == 137)
            #expect(bundle.status == "stopped")
            try bundle.delete().ok()
            bundle.expectNothingLeft()
        }

        @Test func `a container whose cgroup is gone can be deleted`() throws {
            let bundle = try Bundle.sleeping()
            try bundle.create().ok()
            bundle.killFromOutside()
            #expect(bundle.waitForExit() == 137)
            #expect(eventually { Files.removeDirectory(bundle.cgroup("memory")) })
            try bundle.delete().ok()
            bundle.expectNothingLeft()
        }

        @Test func `a container whose bundle is gone can be deleted`() throws {
            let bundle = try Bundle.sleeping()
            try bundle.create().ok()
            try Files.rename(bundle.directory, to: "\(bundle.directory)-moved")
            try bundle.delete("--force").ok()
            try Files.rename("\(bundle.directory)-moved", to: bundle.directory)
            bundle.expectNothingLeft()
        }

        /// Where the container is nobody can know then; what says success must not leave it running.
        @Test(.beyondRunc("says success, and the container runs on"), arguments: ["", "{", "{}", #"{"version": 2}"#])
        func `delete with force keeps a state that cannot be read, and says so`(content: String) throws {
            let bundle = try Bundle.sleeping()
            try bundle.create().ok()
            let state = "\(bundle.workspace.root)/\(bundle.id)/state.json"
            let kept = try #require(Files.read(state))
            try Files.write(content, to: state)
            expectFailure(try bundle.delete("--force"), saying: state)
            #expect(Files.read(state) == content)
            try Files.write(kept, to: state)
            #expect(try bundle.state()["status"] == "created")
            try bundle.delete("--force").ok()
            bundle.expectNothingLeft()
        }

        @Test(.beyondRunc("removes it"), arguments: ["a directory", "a FIFO", "a link"])
        func `a state that is no file holds up nobody, and stays`(kind: String) throws {
            let bundle = try Bundle.sleeping()
            try bundle.create().ok()
            let state = "\(bundle.workspace.root)/\(bundle.id)/state.json"
            try Files.rename(state, to: "\(state).kept")
            switch kind {
            case "a directory": try Files.makeDirectory(state)
            case "a FIFO": try Files.makeFIFO(state)
            default: try Files.symlink(to: "\(state).kept", at: state)
            }
            expectFailure(try bundle.delete("--force"), saying: "no regular file")
            expectFailure(try bundle.command(["state", bundle.id]).run(), saying: "no regular file")
            Files.removeTree(state)
            try Files.rename("\(state).kept", to: state)
            try bundle.delete("--force").ok()
            bundle.expectNothingLeft()
        }

        @Test(.beyondRunc("has other files"))
        func `a state directory is removed at any depth`() throws {
            let bundle = try Bundle.sleeping()
            try bundle.create().ok()
            try Files.nest(1500, in: "\(bundle.workspace.root)/\(bundle.id)")
            try bundle.delete("--force").ok()
            bundle.expectNothingLeft()
        }

        @Test func `a damaged neighbour does not keep list from its work`() throws {
            let bundle = try Bundle.sleeping()
            try bundle.create().ok()
            try Files.makeDirectory("\(bundle.workspace.root)/damaged")
            #expect(try bundle.command(["list", "--quiet"]).run().output.contains(bundle.id))
            Files.removeTree("\(bundle.workspace.root)/damaged")
        }
    }
}

/// One way to make `create` fail, each at another step, and what the message must hold.
struct Flaw: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let words: [String]
    let apply: @Sendable (Bundle) throws -> Void

    init(_ name: String, saying words: String..., apply: @escaping @Sendable (Bundle) throws -> Void) {
        testDescription = name
        self.words = words
        self.apply = apply
    }

    func apply(to bundle: Bundle) throws { try apply(bundle) }

    static let all: [Flaw] = [
        Flaw("no JSON") { $0.configText = "{" },
        Flaw("a number for a text") { $0.config.hostname = 7 },
        Flaw("missing root", saying: "absent") { $0.config.root.path = "absent" },
        Flaw("missing program", saying: "/absent", "no such file or directory") { $0.config.run("/absent") },
        Flaw("missing mount source", saying: "/absent/source") { $0.config.bind("/absent/source", to: "/data") },
        Flaw("unknown file system", saying: "moonfs") { $0.config.mount("moonfs", at: "/data") },
        Flaw("file system refuses option", saying: "size=large") {
            $0.config.mount("tmpfs", at: "/data", "size=large")
        },
        Flaw("file on directory", saying: "/bin|mounts[7]") { $0.config.bind(try $0.hostFile("file", ""), to: "/bin") },
        Flaw("missing namespace", saying: "/absent/ns") { $0.config.join("network", "/absent/ns") },
        Flaw("foreign sysctl", saying: "vm.swappiness") { $0.config.linux.sysctl["vm.swappiness"] = "1" },
        Flaw("sysctl value", saying: "ip_forward") { $0.config.linux.sysctl["net.ipv4.ip_forward"] = "many" },
        Flaw("missing cpus", saying: "cpuset.cpus") { $0.config.linux.resources.cpu.cpus = "900" },
        Flaw("unknown limit", saying: "RLIMIT_FUN") {
            $0.config.process.rlimits = [["type": "RLIMIT_FUN", "soft": 1, "hard": 1]]
        },
        Flaw("soft limit above hard") { $0.config.process.rlimits = [["type": "RLIMIT_CORE", "soft": 2, "hard": 1]] },
        Flaw("failing prestart hook", saying: "hook") { $0.config.hook("prestart", "/bin/false") },
        Flaw("failing createRuntime hook", saying: "hook") { $0.config.hook("createRuntime", "/bin/false") },
        Flaw("failing createContainer hook", saying: "hook") { $0.config.hook("createContainer", "/bin/false") },
        Flaw("missing hook", saying: "/absent/hook") { $0.config.hook("createRuntime", "/absent/hook") },
        Flaw("user without mapping") {
            $0.config.mapUsers(size: 10)
            $0.config.process.user.uid = 1000
        },
        Flaw("unknown propagation", saying: "sideways") { $0.config.linux.rootfsPropagation = "sideways" },
        Flaw("directory as working directory", saying: "/assert|process.cwd") { $0.config.process.cwd = "/assert" },
        Flaw("unknown seccomp action", saying: "SCMP_ACT_FLY") {
            $0.config.linux.seccomp = ["defaultAction": "SCMP_ACT_FLY"]
        },
    ]
}
