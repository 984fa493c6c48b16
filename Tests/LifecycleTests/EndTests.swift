import Glibc
import Harness
import Testing

extension Containers {
    /// `delete --force` ends and removes what there is, whatever state it is in.
    @Suite struct EndTests {
        @Test func `delete with force ends a paused container`() throws {
            let bundle = try Bundle.sleeping()
            try bundle.run("--detach").ok()
            _ = try bundle.line()
            try bundle.freeze()
            #expect(bundle.status == "paused")
            expectFailure(try bundle.delete(), saying: "not stopped: paused")
            try bundle.delete("--force").ok()
            bundle.expectNothingLeft()
        }

        @Test(arguments: [[], ["--all"]])
        func `kill with KILL ends a paused container`(flags: [String]) throws {
            let bundle = try Bundle.sleeping()
            try bundle.run("--detach").ok()
            _ = try bundle.line()
            try bundle.freeze()
            try bundle.command(["kill"] + flags + [bundle.id, "KILL"]).run().ok()
            #expect(bundle.waitForExit() == 137)
            #expect(bundle.status == "stopped")
        }

        @Test func `other signals reach a paused container when it goes on`() throws {
            let bundle = try Bundle.sleeping()
            try bundle.run("--detach").ok()
            _ = try bundle.line()
            try bundle.freeze()
            try bundle.kill("USR1").ok()
            #expect(bundle.status == "paused")
            try bundle.thaw()
            #expect(bundle.hasReceived(10))
        }

        @Test(.beyondRunc("gives up"), arguments: ["createRuntime", "createContainer"])
        func `delete with force ends a container that is being created`(kind: String) throws {
            let bundle = try Bundle.minimal()
            let marker = "\(bundle.workspace.directory)/in-hook"
            bundle.config.hooks = .object([
                kind: [["path": "/bin/sh", "args": ["sh", "-c", "touch \(marker); exec sleep 50"]]]
            ])
            let creating = try bundle.workspace.start(bundle.creating(["create"]))
            #expect(eventually { Files.exists(marker) })
            #expect(bundle.status == "creating")
            try bundle.delete("--force").ok()
            bundle.workspace.killHooks()
            #expect(creating.wait().status != 0)
            #expect(bundle.status == nil)
        }

        @Test(.beyondRunc("cannot delete it"), arguments: [[], ["gate.new"], [".state.json.1", "gate"]])
        func `delete with force removes what was begun and never written`(names: [String]) throws {
            let bundle = try Bundle.minimal()
            let directory = "\(bundle.workspace.root)/\(bundle.id)"
            try Files.makeDirectory(directory)
            for name in names { try Files.write("", to: "\(directory)/\(name)") }
            expectFailure(try bundle.delete(), saying: "does not exist")
            try bundle.delete("--force").ok()
            #expect(!Files.exists(directory))
            // And the id is free again.
            try bundle.run().ok()
        }

        @Test func `delete with force removes a stopped container`() throws {
            let bundle = try Bundle.minimal()
            try bundle.run("--keep").ok()
            try bundle.delete("--force").ok()
            bundle.expectNothingLeft()
        }

        @Test func `run with detach and keep is what detach alone is`() throws {
            let bundle = try Bundle.minimal { $0.run("/assert", "exit", "3") }
            try bundle.run("--detach", "--keep").ok()
            #expect(bundle.waitForExit() == 3)
            #expect(bundle.status == "stopped")
            expectFailure(try bundle.run(), saying: "already exists")
            try bundle.delete().ok()
        }

        @Test func `run with keep exits with the container's status`() throws {
            let bundle = try Bundle.minimal { $0.run("/assert", "exit", "9") }
            #expect(try bundle.run("--keep").status == 9)
            #expect(bundle.status == "stopped")
        }

        @Test(arguments: ["RTMIN", "SIGRTMIN+3", "rtmax-1", "TERM", "sigterm", "15"])
        func `signals have names and numbers`(signal: String) throws {
            let bundle = try Bundle.sleeping()
            try bundle.run("--detach").ok()
            _ = try bundle.line()
            try bundle.kill(signal).ok()
            let numbers = ["RTMIN": 34, "SIGRTMIN+3": 37, "rtmax-1": 63]
            #expect(bundle.hasReceived(numbers[signal] ?? 15))
        }

        @Test(arguments: [
            ["delete", "ID", "--force"], ["delete", "--force", "ID"], ["delete", "-f", "ID"],
            ["delete", "ID", "-f=true"],
        ])
        func `flags stand before or after the id`(words: [String]) throws {
            let bundle = try Bundle.sleeping()
            try bundle.run("--detach").ok()
            try bundle.command(words.map { $0 == "ID" ? bundle.id : $0 }).run().ok()
            bundle.expectNothingLeft()
        }

        // MARK: What once was wrong

        @Test func `hooks of a container without a mount namespace have the host's paths`() throws {
            let bundle = try Bundle.minimal {
                $0.share("mount")
                $0.root.readonly = false
                $0.mounts = []
                $0.linux.maskedPaths = []
                $0.linux.readonlyPaths = []
                $0.run("/bin/true")
            }
            let marker = "\(bundle.workspace.directory)/marker"
            bundle.config.hooks.createContainer = [
                ["path": "/bin/sh", "args": ["sh", "-c", "echo hello > \(marker)"]]
            ]
            try bundle.run().ok()
            #expect(Files.line(marker) == "hello")
        }

        @Test(.beyondRunc("knows no scheduler"))
        func `hooks run before a scheduler that forbids forks is set`() throws {
            let bundle = try Bundle.minimal {
                $0.process.scheduler = [
                    "policy": "SCHED_DEADLINE", "runtime": 1_000_000, "deadline": 100_000_000, "period": 100_000_000,
                ]
                $0.process.capabilities = [:]
                $0.root.readonly = false
                $0.hooks.startContainer = [["path": "/bin/touch", "args": ["touch", "/marker"]]]
            }
            #expect(try bundle.report().scheduler.policy == "SCHED_DEADLINE")
            #expect(Files.exists("\(bundle.rootfs)/marker"))
        }

        @Test(
            .beyondRunc("knows no scheduler"), .enabled(if: Host.hierarchies["cpuset"] != nil, "cgroup v1's cpuset"),
            .enabled(if: sysconf(Int32(_SC_NPROCESSORS_ONLN)) > 1, "needs two processors"))
        func `a deadline on a part of the processors is refused with the reason`() throws {
            let bundle = try Bundle.minimal {
                $0.process.scheduler = [
                    "policy": "SCHED_DEADLINE", "runtime": 1_000_000, "deadline": 100_000_000, "period": 100_000_000,
                ]
                $0.linux.resources.cpu.cpus = "0"
            }
            expectFailure(try bundle.run(), saying: "process.scheduler", "linux.resources.cpu.cpus")
            bundle.expectNothingLeft()
        }

        @Test(.beyondRunc("knows no copied links"), arguments: [true, false])
        func `a copied link is there, and nothing else is taken for it`(isLink: Bool) throws {
            let bundle = try Bundle.minimal { $0.run("/bin/true") }
            let source = "\(bundle.workspace.directory)/link"
            try Files.symlink(to: "/some/where", at: source)
            bundle.config.mounts.append([
                "destination": "/given/link", "source": .string(source), "options": ["bind", "copy-symlink"],
            ])
            if isLink {
                try bundle.putLink("given/link", to: "/some/where")
                try bundle.run().ok()
            } else {
                try bundle.put("given/link", "a file")
                expectFailure(try bundle.run(), saying: "mounts[", "copy link", "file exists")
            }
        }
    }
}

extension Bundle {
    private var freezer: (path: String, frozen: String, thawed: String) {
        Host.hierarchies["freezer"] == nil
            ? ("\(cgroup("unified"))/cgroup.freeze", "1", "0")
            : ("\(cgroup("freezer"))/freezer.state", "FROZEN", "THAWED")
    }

    /// Freezes the container by hand, and waits until it stands still.
    fileprivate func freeze() throws {
        try Files.write(freezer.frozen, to: freezer.path)
        guard eventually({ status == "paused" }) else { throw HarnessError("it is not paused") }
    }

    fileprivate func thaw() throws { try Files.write(freezer.thawed, to: freezer.path) }
}
