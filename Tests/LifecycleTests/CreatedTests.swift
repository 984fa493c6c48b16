import Glibc
import Harness
import Testing

extension Containers {
    /// A container that waits for `start`, and what becomes of it without one.
    @Suite struct CreatedTests {
        /// Whether it has a pid namespace decides whether it is process 1, which the kernel lets ignore signals.
        static let signals: [(Int32, Bool)] = [1, 2, 3, 6, 15, 16].flatMap { [($0, true), ($0, false)] }

        @Test(arguments: signals)
        func `a signal that ends a program ends what waits for start`(signal: Int32, hasOwnPids: Bool) throws {
            let bundle = try Bundle.minimal { if !hasOwnPids { $0.share("pid") } }
            try bundle.create().ok()
            try bundle.kill("\(signal)").ok()
            // It is so when kill returns.
            #expect(bundle.status == "stopped")
            #expect(bundle.waitForExit() == 128 + signal)
            expectFailure(try bundle.start(), saying: "cannot start a container that has stopped")
            try bundle.delete().ok()
        }

        /// In runc a signal that a program may use for anything has no effect before there is a program.
        @Test(arguments: [10, 12, 13, 14, 17, 18, 23, 26, 27, 28, 29, 30, 36, 64] as [Int32], [true, false])
        func `a signal that means something to the program does not end what waits for it`(
            signal: Int32, hasOwnPids: Bool
        ) throws {
            let bundle = try Bundle.sleeping { if !hasOwnPids { $0.share("pid") } }
            try bundle.create().ok()
            try bundle.kill("\(signal)").ok()
            #expect(bundle.status == "created")
            try bundle.start().ok()
            let seen = try bundle.line()
            // Every signal is the program's own again.
            #expect(seen.ignoredSignals == "0000000000000000")
            try bundle.kill("\(signal)").ok()
            #expect(bundle.hasReceived(Int(signal)))
        }

        @Test func `a terminal that hangs up ends what waits for start on it`() throws {
            let bundle = try Bundle.minimal { $0.process.terminal = true }
            let socket = try ConsoleSocket(in: bundle.workspace.directory)
            try bundle.create("--console-socket", socket.path).ok()
            Files.close(try socket.receiveDescriptor().number)
            #expect(eventually { bundle.status == "stopped" })
        }

        // MARK: Given up

        @Test(
            .beyondRunc("leaves it all behind"),
            arguments: [
                (["create"], "prestart"), (["create"], "createRuntime"), (["create"], "createContainer"),
                (["run", "--detach"], "createRuntime"), (["run", "--detach"], "startContainer"),
                (["run", "--detach"], "poststart"),
            ], [1, 2, 15] as [Int32])
        func `nothing is left when whoever makes it is told to end`(
            making: ([String], String), signal: Int32
        ) throws {
            let bundle = try Bundle.sleeping()
            let place = try bundle.hostDirectory("place", mode: 0o777)
            bundle.config.bind(place, to: place)
            try Files.makeDirectory("\(bundle.rootfs)\(place)")
            bundle.config.hook(
                making.1, "/bin/sh", args: ["sh", "-c", "echo > \(place)/in; while :; do sleep 1; done"])
            let command = try bundle.workspace.start(bundle.creating(making.0))
            #expect(eventually { Files.exists("\(place)/in") })
            command.kill(signal)
            #expect(command.wait().status == 128 + signal)
            #expect(bundle.status == nil)
            bundle.expectNothingLeft()
        }

        @Test func `a signal that its caller ignores does not stop create`() throws {
            let bundle = try Bundle.minimal()
            let place = try bundle.hostDirectory("place")
            bundle.config.hook(
                "createRuntime", "/bin/sh",
                args: ["sh", "-c", "echo > \(place)/in; while ! test -e \(place)/go; do :; done"])
            bundle.prepare("trap '' HUP")
            let command = try bundle.workspace.start(bundle.creating(["create"]))
            #expect(eventually { Files.exists("\(place)/in") })
            command.kill(1)
            try Files.write("", to: "\(place)/go")
            #expect(command.wait().status == 0)
            #expect(bundle.status == "created")
        }

        // MARK: Without a process

        @Test(.beyondRunc("refuses it, though the process is only needed by start"), arguments: [nil, "user"])
        func `a configuration without a process can be created, and not started`(namespace: String?) throws {
            let hooks = "createContainer"
            let bundle = try Bundle.minimal {
                $0.process = .null
                if namespace != nil { $0.mapUsers() }
            }
            let place = try bundle.hostDirectory("place", mode: 0o777)
            bundle.config.hook(hooks, "/bin/sh", args: ["sh", "-c", "echo \(hooks) > \(place)/order"])
            try bundle.create().ok()
            #expect(Files.line("\(place)/order") == hooks)
            #expect(bundle.status == "created")
            expectFailure(
                try bundle.start(), saying: "cannot start container \(bundle.id)", "has no process")
            // Nothing has happened to it.
            #expect(bundle.status == "created")
            try bundle.delete().ok()
            bundle.expectNothingLeft()
        }

        @Test(.beyondRunc("refuses to create it"))
        func `exec in a container without a process takes a whole one`() throws {
            let bundle = try Bundle.minimal { $0.process = .null }
            try bundle.create().ok()
            expectFailure(try bundle.exec("/bin/true"), saying: "no process", "--process")
            let path = try bundle.hostFile("process.json", #"{"args": ["/assert", "report"], "cwd": "/bin"}"#)
            let seen = try bundle.executing([], ["--process", path]).run().report
            #expect(seen.cwd == "/bin")
            #expect(seen.capabilities.effective == [])
        }

        @Test(arguments: [["run"], ["run", "--detach"]])
        func `run refuses a configuration without a process`(words: [String]) throws {
            let bundle = try Bundle.minimal { $0.process = .null }
            expectFailure(try bundle.creating(words).run(), saying: "process")
            bundle.expectNothingLeft()
        }
    }

    /// One command right after the other: the second one finds what the first one has done, however busy the machine is.
    @Suite struct AfterwardsTests {
        private static let rounds = 30

        /// Has both processors do something else all the time.
        private func busily(_ bundle: Bundle, _ body: () throws -> Void) throws {
            let others = try (0..<4).map { _ in
                try bundle.workspace.start(bundle.workspace.command(["/bin/sh", "-c", "while :; do :; done"]))
            }
            defer {
                for other in others {
                    other.kill()
                    other.wait(limit: 5)
                }
            }
            try body()
        }

        @Test(arguments: [nil, "pid"])
        func `kill KILL, delete`(shared: String?) throws {
            let bundle = try Bundle.sleeping { if let shared { $0.share(shared) } }
            try busily(bundle) {
                for round in 0..<Self.rounds {
                    try bundle.create().ok()
                    try bundle.start().ok()
                    try bundle.kill("KILL").ok()
                    #expect(bundle.status == "stopped", "round \(round)")
                    try bundle.delete().ok()
                    #expect(bundle.waitForExit() == 137)
                }
            }
        }

        @Test func `a process that is killed by somebody else, delete`() throws {
            let bundle = try Bundle.sleeping()
            try busily(bundle) {
                for _ in 0..<Self.rounds {
                    try bundle.create().ok()
                    try bundle.start().ok()
                    bundle.killFromOutside()
                    try bundle.delete().ok()
                    #expect(bundle.waitForExit() == 137)
                }
            }
        }

        @Test func `pause, kill KILL, delete`() throws {
            let bundle = try Bundle.sleeping()
            try busily(bundle) {
                for _ in 0..<Self.rounds {
                    try bundle.create().ok()
                    try bundle.start().ok()
                    try bundle.command(["pause", bundle.id]).run().ok()
                    try bundle.kill("KILL").ok()
                    try bundle.delete().ok()
                    #expect(bundle.waitForExit() == 137)
                }
            }
        }

        @Test func `create, kill TERM, delete`() throws {
            let bundle = try Bundle.minimal()
            try busily(bundle) {
                for _ in 0..<Self.rounds {
                    try bundle.create().ok()
                    try bundle.kill("TERM").ok()
                    #expect(bundle.status == "stopped")
                    try bundle.delete().ok()
                    #expect(bundle.waitForExit() == 143)
                }
            }
        }

        @Test(.beyondRunc("runs poststart hooks in create"))
        func `start with a failing poststart hook, state, delete`() throws {
            let bundle = try Bundle.sleeping {
                $0.hook("poststart", "/bin/false")
                $0.hook("poststop", "/bin/true")
            }
            try busily(bundle) {
                for _ in 0..<Self.rounds {
                    try bundle.create().ok()
                    expectFailure(try bundle.start(), saying: "hooks.poststart[0]")
                    #expect(bundle.status == "stopped")
                    try bundle.delete().ok()
                    #expect(bundle.waitForExit() == 137)
                }
            }
        }

        @Test func `a container that runs on is not deleted`() throws {
            let bundle = try Bundle.running()
            expectFailure(try bundle.delete(), saying: "that is not stopped: running")
            #expect(bundle.status == "running")
        }

        @Test(arguments: [true, false])
        func `kill --all of a stopped container is no error, kill is one`(hasCgroup: Bool) throws {
            let bundle = try Bundle.sleeping { if !hasCgroup { $0.linux.resources = [:] } }
            if !hasCgroup { bundle.globalFlags = ["--cgroup-manager", "disabled"] }
            try bundle.run("--detach").ok()
            _ = try bundle.line()
            try bundle.kill("KILL").ok()
            try bundle.command(["kill", "--all", bundle.id, "TERM"]).run().ok()
            try bundle.command(["kill", "-a", bundle.id, "KILL"]).run().ok()
            expectFailure(try bundle.kill("TERM"), saying: "container not running")
        }
    }
}
