import Harness
import Testing

extension Containers {
    @Suite struct LifecycleTests {
        // MARK: States

        @Test func `a created container has a process but has not run its program`() throws {
            let bundle = try Bundle.sleeping()
            let outcome = try bundle.create().ok()
            #expect(bundle.status == "created")
            #expect(outcome.output == "")
            #expect(bundle.output == "")
            #expect(bundle.pid.map { Files.exists("/proc/\($0)") } == true)
        }

        @Test func `start runs the program, its end stops the container, delete forgets it`() throws {
            let bundle = try Bundle.sleeping()
            try bundle.create().ok()
            #expect(try bundle.start().ok().output == "")
            #expect(bundle.status == "running")
            #expect(try bundle.line().pid == 1)
            try bundle.kill("TERM").ok()
            #expect(bundle.waitForExit() == 0)
            #expect(bundle.status == "stopped")
            try bundle.delete().ok()
            #expect(bundle.status == nil)
            bundle.expectNothingLeft()
        }

        @Test func `a stopped container is stopped before anybody has collected its process`() throws {
            let bundle = try Bundle.sleeping()
            try bundle.create().ok()
            try bundle.start().ok()
            _ = try bundle.line()
            try bundle.kill("TERM").ok()
            #expect(eventually { bundle.status == "stopped" })
            try bundle.delete().ok()
        }

        @Test func `state says what the specification asks for and what engines read`() throws {
            let bundle = try Bundle.sleeping { $0.annotations = ["org.example.key": "value", "empty": ""] }
            try bundle.create().ok()
            let state = try bundle.state()
            #expect(state.ociVersion.text?.hasPrefix("1.") == true)
            #expect(state.id == .string(bundle.id))
            #expect(state.status == "created")
            #expect(state.pid.integer.map(Int32.init) == bundle.pid)
            #expect(state.bundle == .string(bundle.directory))
            #expect(state.rootfs == .string(bundle.rootfs))
            #expect(state.annotations == ["org.example.key": "value", "empty": ""])
            #expect(state.owner.text != nil)
            #expect(state.created.text?.hasPrefix("20") == true)
            #expect(state.created.text?.hasSuffix("Z") == true)
        }

        @Test func `the state of a stopped container has no process`() throws {
            let bundle = try Bundle.minimal()
            try bundle.create().ok()
            try bundle.start().ok()
            #expect(bundle.waitForExit() == 0)
            #expect(try bundle.state().pid == 0)
        }

        @Test func `state of an unknown container fails`() throws {
            expectFailure(try Bundle.minimal().command(["state", "absent"]).run(), saying: "does not exist")
        }

        @Test func `changes to config json after create have no effect`() throws {
            let bundle = try Bundle.sleeping { $0.hostname = "before" }
            try bundle.create().ok()
            bundle.config.hostname = "after"
            bundle.config.process.args = ["/bin/false"]
            try bundle.save()
            try bundle.start().ok()
            #expect(try bundle.line().hostname == "before")
        }

        @Test func `the bundle may be gone after start`() throws {
            let bundle = try Bundle.sleeping()
            try bundle.create().ok()
            try bundle.start().ok()
            _ = try bundle.line()
            try Files.rename("\(bundle.directory)/config.json", to: "\(bundle.directory)/gone.json")
            #expect(bundle.status == "running")
            try bundle.kill("KILL").ok()
            #expect(bundle.waitForExit() == 137)
            try bundle.delete().ok()
        }

        // MARK: Exit statuses

        @Test(arguments: [0, 1, 7, 126, 127, 255])
        func `run exits with the program's status`(status: Int) throws {
            let outcome = try Bundle.minimal { $0.run("/assert", "exit", "\(status)") }.run()
            #expect(outcome.status == Int32(status))
            #expect(outcome.errors == "")
        }

        @Test(arguments: [("11", 139), ("4", 132)])
        func `run exits with 128 and the signal that killed the program`(signal: String, status: Int32) throws {
            #expect(try Bundle.minimal { $0.run("/assert", "signal", signal) }.run().status == status)
        }

        @Test func `run exits with 137 when the container is killed`() throws {
            let bundle = try Bundle.sleeping()
            let running = try bundle.startRun()
            try bundle.awaitRunning()
            try bundle.kill("KILL").ok()
            #expect(running.wait().status == 137)
            bundle.expectNothingLeft()
        }

        @Test(arguments: [(Int32(15), "TERM"), (2, "INT"), (1, "HUP"), (10, "USR1")])
        func `run passes signals on to the container`(signal: Int32, name: String) throws {
            let bundle = try Bundle.sleeping()
            let running = try bundle.startRun()
            try bundle.awaitRunning()
            running.kill(signal)
            #expect(bundle.hasReceived(Int(signal)))
            try bundle.kill("KILL")
            running.wait()
        }

        @Test(arguments: [0, 42])
        func `the parent of a detached container learns its exit status`(status: Int32) throws {
            let bundle = try Bundle.minimal { $0.run("/assert", "exit", "\(status)") }
            try bundle.create().ok()
            try bundle.start().ok()
            #expect(bundle.waitForExit() == status)
        }

        @Test func `run connects standard input, output and error`() throws {
            let bundle = try Bundle.minimal { $0.shell("head -c 5; echo problem >&2") }
            var command = try bundle.creating(["run"])
            command.input = try bundle.hostFile("input", "12345678")
            let outcome = try command.run().ok()
            #expect(outcome.output == "12345")
            #expect(outcome.errors == "problem\n")
        }

        // MARK: run

        @Test func `run leaves nothing behind`() throws {
            let bundle = try Bundle.minimal()
            try bundle.run().ok()
            #expect(bundle.status == nil)
            bundle.expectNothingLeft()
        }

        @Test(.flag("run --detach")) func `run with detach returns while the container runs`() throws {
            let bundle = try Bundle.sleeping()
            try bundle.run("--detach").ok()
            #expect(bundle.status == "running")
            _ = try bundle.line()
        }

        @Test(.flag("run --keep")) func `run with keep leaves the stopped container`() throws {
            let bundle = try Bundle.minimal()
            try bundle.run("--keep").ok()
            #expect(bundle.status == "stopped")
            try bundle.delete().ok()
        }

        @Test func `processes that the program leaves behind end with it`() throws {
            let bundle = try Bundle.minimal { $0.shell("sleep 100 & sleep 100 & exit 3") }
            #expect(try bundle.run().status == 3)
            bundle.expectNothingLeft()
        }

        @Test func `processes left behind without a pid namespace end with run`() throws {
            let bundle = try Bundle.minimal {
                $0.share("pid")
                $0.shell("sleep 100 & exit 3")
            }
            #expect(try bundle.run().status == 3)
            bundle.expectNothingLeft()
        }

        // MARK: kill

        @Test(arguments: [
            ("HUP", 1), ("SIGINT", 2), ("3", 3), ("usr1", 10), ("SIGUSR2", 12), ("WINCH", 28), ("40", 40),
        ])
        func `kill sends the named or numbered signal`(name: String, number: Int) throws {
            let bundle = try Bundle.sleeping()
            try bundle.create().ok()
            try bundle.start().ok()
            _ = try bundle.line()
            try bundle.kill(name).ok()
            #expect(bundle.hasReceived(number))
        }

        @Test func `kill sends TERM when nothing else is said`() throws {
            let bundle = try Bundle.sleeping()
            try bundle.create().ok()
            try bundle.start().ok()
            _ = try bundle.line()
            try bundle.kill().ok()
            #expect(bundle.hasReceived(15))
        }

        @Test(arguments: ["SIGFUN", "-1", "4096"])
        func `kill refuses what is no signal`(signal: String) throws {
            let bundle = try Bundle.sleeping()
            try bundle.create().ok()
            expectFailure(try bundle.kill(signal))
            #expect(bundle.status == "created")
        }

        @Test(.flag("kill --all")) func `kill with all reaches every process of the container`() throws {
            let bundle = try Bundle.minimal { $0.shell("sleep 100 & sleep 100 & echo '{}'; wait") }
            try bundle.create().ok()
            try bundle.start().ok()
            _ = try bundle.line()
            try bundle.command(["kill", "--all", bundle.id, "KILL"]).run().ok()
            #expect(bundle.waitForExit() == 137)
            #expect(bundle.status == "stopped")
        }

        @Test func `a created container can be killed and is stopped then`() throws {
            let bundle = try Bundle.sleeping()
            try bundle.create().ok()
            try bundle.kill("KILL").ok()
            #expect(bundle.waitForExit() == 137)
            #expect(bundle.status == "stopped")
            expectFailure(try bundle.start(), saying: "stopped")
            try bundle.delete().ok()
        }

        @Test func `kill of a stopped container fails`() throws {
            let bundle = try Bundle.minimal()
            try bundle.create().ok()
            try bundle.start().ok()
            #expect(bundle.waitForExit() == 0)
            expectFailure(try bundle.kill("KILL"), saying: "not running")
        }

        @Test func `kill of an unknown container fails`() throws {
            expectFailure(try Bundle.minimal().kill("KILL"), saying: "does not exist")
        }

        // MARK: start

        @Test func `start twice is refused and does not disturb the container`() throws {
            let bundle = try Bundle.sleeping()
            try bundle.create().ok()
            try bundle.start().ok()
            _ = try bundle.line()
            expectFailure(try bundle.start(), saying: "running")
            #expect(bundle.status == "running")
        }

        @Test func `start of a stopped container is refused`() throws {
            let bundle = try Bundle.minimal()
            try bundle.create().ok()
            try bundle.start().ok()
            #expect(bundle.waitForExit() == 0)
            expectFailure(try bundle.start(), saying: "stopped")
        }

        @Test func `start of an unknown container fails`() throws {
            expectFailure(try Bundle.minimal().start(), saying: "does not exist")
        }

        @Test(.beyondRunc("start cannot see that exec failed"))
        func `start reports that the program cannot be executed`() throws {
            let bundle = try Bundle.minimal { $0.run("/noise") }
            try bundle.put("noise", "neither ELF nor script", mode: 0o755)
            try bundle.create().ok()
            expectFailure(try bundle.start(), saying: "/noise", "exec format error")
        }

        // MARK: delete

        @Test func `delete of a running container is refused`() throws {
            let bundle = try Bundle.sleeping()
            try bundle.create().ok()
            try bundle.start().ok()
            _ = try bundle.line()
            expectFailure(try bundle.delete(), saying: "running")
            #expect(bundle.status == "running")
        }

        @Test func `delete of a created container kills it`() throws {
            let bundle = try Bundle.sleeping()
            try bundle.create().ok()
            try bundle.delete().ok()
            #expect(bundle.status == nil)
            bundle.expectNothingLeft()
        }

        @Test func `delete with force ends a running container`() throws {
            let bundle = try Bundle.sleeping()
            try bundle.create().ok()
            try bundle.start().ok()
            _ = try bundle.line()
            try bundle.delete("--force").ok()
            bundle.expectNothingLeft()
        }

        @Test(.flag("delete --force")) func `delete of an unknown container fails, with force it succeeds`() throws {
            let bundle = try Bundle.minimal()
            expectFailure(try bundle.delete(), saying: "does not exist")
            try bundle.delete("--force").ok()
        }

        @Test func `delete with force can be repeated`() throws {
            let bundle = try Bundle.sleeping()
            try bundle.create().ok()
            for _ in 0..<3 { try bundle.delete("--force").ok() }
        }

        @Test func `an id can be used again after delete`() throws {
            let bundle = try Bundle.minimal()
            for _ in 0..<2 {
                try bundle.create().ok()
                try bundle.start().ok()
                #expect(bundle.waitForExit() == 0)
                try bundle.delete().ok()
            }
        }

        // MARK: Several at a time

        @Test func `of many creates with one id exactly one succeeds`() throws {
            let bundles = try (0..<6).map { _ in try Bundle.sleeping() }
            for bundle in bundles { bundle.id = bundles[0].id }
            let running = try bundles.map { try $0.workspace.start($0.creating(["create"])) }
            let outcomes = running.map { $0.wait() }
            #expect(outcomes.count(where: \.succeeded) == 1)
            #expect(bundles[0].status == "created")
            try bundles[0].delete("--force").ok()
            bundles[0].expectNothingLeft()
        }

        @Test func `different containers are made at the same time`() throws {
            let bundles = try (0..<6).map { _ in try Bundle.sleeping() }
            let running = try bundles.map { try $0.workspace.start($0.creating(["run", "--detach"])) }
            for command in running { try command.wait().ok() }
            for bundle in bundles { #expect(bundle.status == "running") }
        }

        @Test func `of many starts exactly one succeeds`() throws {
            let bundle = try Bundle.sleeping()
            try bundle.create().ok()
            let running = try (0..<4).map { _ in try bundle.workspace.start(bundle.command(["start", bundle.id])) }
            #expect(running.map { $0.wait() }.count(where: \.succeeded) == 1)
            #expect(bundle.status == "running")
        }

        @Test func `state, kill and delete with force may all run at once`() throws {
            let bundle = try Bundle.sleeping()
            try bundle.create().ok()
            try bundle.start().ok()
            _ = try bundle.line()
            let commands = [
                ["state"], ["kill", "KILL"], ["delete", "--force"], ["delete", "--force"], ["state"],
                ["delete", "--force"],
            ]
            let running = try commands.map { words in
                try bundle.workspace.start(
                    bundle.command(
                        [words[0]] + words.dropFirst().filter { $0.hasPrefix("--") } + [bundle.id]
                            + words.dropFirst().filter { !$0.hasPrefix("--") }))
            }
            for command in running { #expect(!command.wait().isLate) }
            try bundle.delete("--force").ok()
            bundle.expectNothingLeft()
        }
    }
}
