import Harness
import Testing

extension Containers {
    @Suite struct PauseTests {
        /// A container that writes a line every few milliseconds.
        private func busy() throws -> Bundle {
            let bundle = try Bundle.minimal { $0.shell("while :; do echo 1; sleep 0.005; done") }
            try bundle.create().ok()
            try bundle.start().ok()
            try #require(eventually { !bundle.output.isEmpty })
            return bundle
        }

        @Test func `a paused container makes no progress, a resumed one does`() throws {
            let bundle = try busy()
            try bundle.pause().ok()
            #expect(bundle.status == "paused")
            let before = bundle.output.count
            Harness.pause(0.3)
            #expect(bundle.output.count == before)
            try bundle.resume().ok()
            #expect(bundle.status == "running")
            #expect(eventually { bundle.output.count > before })
        }

        @Test func `wrong states give the field's errors`() throws {
            let bundle = try Bundle.sleeping()
            try bundle.create().ok()
            expectFailure(try bundle.resume(), saying: "container not paused")
            try bundle.start().ok()
            expectFailure(try bundle.resume(), saying: "container not paused")
            try bundle.pause().ok()
            expectFailure(try bundle.pause(), saying: "container not running")
            try bundle.resume().ok()
            try bundle.kill("KILL").ok()
            _ = bundle.waitForExit()
            expectFailure(try bundle.pause(), saying: "container not running")
            expectFailure(try bundle.resume(), saying: "container not paused")
        }

        @Test func `an unknown container cannot be paused`() throws {
            expectFailure(try Bundle.minimal().pause(), saying: "container does not exist")
            expectFailure(try Bundle.minimal().resume(), saying: "container does not exist")
        }

        @Test func `a created container can be paused, and is started only when it is resumed`() throws {
            let bundle = try Bundle.sleeping()
            try bundle.create().ok()
            try bundle.pause().ok()
            #expect(bundle.status == "paused")
            expectFailure(try bundle.start(), saying: "cannot start a container in the paused state")
            try bundle.resume().ok()
            #expect(bundle.status == "created")
            try bundle.start().ok()
            #expect(bundle.status == "running")
        }

        @Test func `a paused container is killed`() throws {
            let bundle = try busy()
            try bundle.pause().ok()
            try bundle.kill("KILL").ok()
            #expect(bundle.waitForExit() == 137)
            #expect(bundle.status == "stopped")
        }

        @Test func `another signal waits until it is resumed`() throws {
            let bundle = try Bundle.sleeping()
            try bundle.create().ok()
            try bundle.start().ok()
            _ = try bundle.line()
            try bundle.pause().ok()
            try bundle.kill("USR1").ok()
            Harness.pause(0.2)
            #expect(bundle.status == "paused")
            #expect(!bundle.output.contains("signal"))
            try bundle.resume().ok()
            #expect(bundle.hasReceived(10))
        }

        @Test func `a paused container is deleted with force only`() throws {
            let bundle = try busy()
            try bundle.pause().ok()
            expectFailure(try bundle.delete(), saying: "not stopped: paused")
            try bundle.delete("--force").ok()
            bundle.expectNothingLeft()
        }

        @Test func `a paused container is updated`() throws {
            let bundle = try busy()
            try bundle.pause().ok()
            try bundle.update(["--pids-limit", "12"]).ok()
            #expect(bundle.status == "paused")
            #expect(bundle.limit("pids", "pids.max") == "12")
        }

        @Test func `processes in cgroups below are paused too`() throws {
            let bundle = try busy()
            let below = "\(bundle.cgroup("freezer"))/below"
            try Files.makeDirectory(below)
            try Files.write("\(bundle.pid ?? 0)", to: "\(below)/cgroup.procs")
            try bundle.pause().ok()
            Harness.pause(0.05)
            let before = bundle.output.count
            Harness.pause(0.2)
            #expect(bundle.output.count == before)
        }
    }

    /// `kill --all`, and what SIGKILL to a container means whose processes do not end with the first one.
    @Suite struct KillAllTests {
        /// Three processes in the pid namespace of the host.
        private func shared() throws -> Bundle {
            let bundle = try Bundle.minimal {
                $0.share("pid")
                $0.shell("sleep 1000 & sleep 1000 & echo 1; exec sleep 1000")
            }
            try bundle.create().ok()
            try bundle.start().ok()
            try #require(eventually { bundle.members.count == 3 })
            return bundle
        }

        @Test func `all processes get the signal`() throws {
            let bundle = try shared()
            try bundle.kill("--all", "TERM").ok()
            #expect(eventually { bundle.members.isEmpty })
        }

        @Test func `also those in cgroups below`() throws {
            let bundle = try shared()
            let below = "\(bundle.cgroup("freezer"))/below"
            try Files.makeDirectory(below)
            try Files.write("\(bundle.members.last ?? 0)", to: "\(below)/cgroup.procs")
            try bundle.kill("--all", "KILL").ok()
            #expect(eventually { bundle.members.isEmpty })
            #expect(eventually { Files.line("\(below)/cgroup.procs") == "" })
        }

        @Test func `also when the first process is gone`() throws {
            let bundle = try shared()
            bundle.killFromOutside()
            _ = bundle.waitForExit()
            #expect(bundle.status == "stopped")
            #expect(bundle.members.count == 2)
            expectFailure(try bundle.kill("TERM"), saying: "container not running")
            try bundle.kill("--all", "TERM").ok()
            #expect(eventually { bundle.members.isEmpty })
            expectFailure(try bundle.kill("KILL"), saying: "container not running")
        }

        @Test func `with nobody left it succeeds`() throws {
            let bundle = try Bundle.minimal { $0.run("/assert", "exit", "0") }
            try bundle.create().ok()
            try bundle.start().ok()
            _ = bundle.waitForExit()
            try bundle.kill("--all", "KILL").ok()
        }

        @Test(.beyondRunc("kills the first process alone")) func `SIGKILL leaves nobody, whatever the namespaces`()
            throws
        {
            let bundle = try shared()
            try bundle.kill("KILL").ok()
            #expect(eventually { bundle.members.isEmpty })
        }

        @Test func `another signal is for the first process alone`() throws {
            let bundle = try shared()
            try bundle.kill("TERM").ok()
            _ = bundle.waitForExit()
            #expect(bundle.members.count == 2)
        }
    }
}

extension Bundle {
    func pause() throws -> Outcome { try command(["pause", id]).run() }

    func resume() throws -> Outcome { try command(["resume", id]).run() }

    /// The processes in the container's cgroup itself.
    var members: [Int] {
        (Files.line("\(cgroup("freezer"))/cgroup.procs") ?? "").split(separator: "\n").compactMap { Int($0) }
    }
}
