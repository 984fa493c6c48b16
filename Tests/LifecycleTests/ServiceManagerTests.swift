import Harness
import Testing

extension Containers {
    @Suite struct ServiceManagerTests {
        // MARK: Readiness, detached

        @Test func `run with detach lasts until the container is ready and the manager knows it`() throws {
            let bundle = try Bundle.saying("STATUS=x", "READY=1,STATUS=y")
            let manager = try bundle.manager()
            let running = try bundle.startRun("--detach")
            let pid = try #require(
                manager.message().flatMap { text in
                    text.hasSuffix(",READY=1") ? text.dropLast(8).split(separator: "=").last : nil
                })
            #expect(bundle.pid.map { "\($0)" } == String(pid))
            #expect(manager.message() == "BARRIER=1")
            #expect(manager.heldDescriptors == 1)
            // It is still there to be asked who it is.
            #expect(running.isRunning)
            manager.release()
            try running.wait().ok()
            #expect(manager.message(within: 0.2) == nil)
            #expect(bundle.status == "running")
        }

        @Test func `nothing but readiness is passed on`() throws {
            let bundle = try Bundle.saying(
                "MAINPID=1", "FDSTORE=1", "STATUS=READY=1", "READY=0", "XREADY=1", "READY=11", "STOPPING=1",
                "MAINPID=1,FDSTORE=1,ERRNO=2,READY=1,WATCHDOG=trigger")
            let manager = try bundle.manager()
            let running = try bundle.startRun("--detach")
            let message = try #require(manager.message())
            #expect(message == "MAINPID=\(try #require(bundle.pid)),READY=1")
            #expect(manager.message() == "BARRIER=1")
            manager.release()
            try running.wait().ok()
            // All the others had come to where they were let go. The last line is written after its message was sent.
            #expect(eventually { bundle.output.split(separator: "\n").count == 8 })
        }

        @Test func `run with detach does not wait for a container that ends before it is ready`() throws {
            let bundle = try Bundle.minimal { $0.run("/assert", "exit", "3") }
            let manager = try bundle.manager()
            try bundle.run("--detach").ok()
            #expect(manager.message(within: 0.2) == nil)
            #expect(bundle.status == "stopped")
        }

        @Test func `readiness said right before the end counts`() throws {
            let bundle = try Bundle.minimal { $0.run("/assert", "notify", "READY=1") }
            let manager = try bundle.manager()
            let running = try bundle.startRun("--detach")
            #expect(manager.message()?.hasSuffix("READY=1") == true)
            _ = manager.message()
            manager.release()
            try running.wait().ok()
        }

        @Test(.beyondRunc("waits for ever"))
        func `a manager that does not know barriers does not hold the command up for ever`() throws {
            let bundle = try Bundle.saying("READY=1")
            let path = "\(bundle.workspace.directory)/notify.sock"
            var manager: Manager? = try Manager(at: path)
            bundle.environment = ["NOTIFY_SOCKET=\(path)"]
            let running = try bundle.startRun("--detach")
            _ = manager?.message()
            _ = manager?.message()
            manager = nil  // Its end closes the descriptor.
            try running.wait().ok()
        }

        // MARK: create and start

        @Test func `create does not wait, start does`() throws {
            let bundle = try Bundle.saying("READY=1")
            let manager = try bundle.manager()
            try bundle.create().ok()
            let starting = try bundle.workspace.start(bundle.command(["start", bundle.id]))
            #expect(manager.message() == "MAINPID=\(try #require(bundle.pid)),READY=1")
            #expect(manager.message() == "BARRIER=1")
            #expect(starting.isRunning)
            manager.release()
            try starting.wait().ok()
            #expect(bundle.status == "running")
        }

        @Test func `start does not wait for a container that ends before it is ready`() throws {
            let bundle = try Bundle.minimal { $0.run("/assert", "exit", "3") }
            let manager = try bundle.manager()
            try bundle.create().ok()
            try bundle.start().ok()
            #expect(manager.message(within: 0.2) == nil)
        }

        @Test func `start with a manager is refused if create had none`() throws {
            let bundle = try Bundle.sleeping()
            try bundle.create().ok()
            _ = try bundle.manager()
            expectFailure(try bundle.start(), saying: "notify")
            #expect(bundle.status == "created")
            bundle.environment = []
            try bundle.start().ok()
        }

        @Test func `start without a manager starts what was created with one`() throws {
            let bundle = try Bundle.sleeping()
            _ = try bundle.manager()
            try bundle.create().ok()
            bundle.environment = []
            try bundle.start().ok()
            #expect(bundle.status == "running")
            _ = try bundle.line()
        }

        // MARK: Readiness, in the foreground

        @Test func `run in the foreground passes readiness on once, and stays the main process`() throws {
            let bundle = try Bundle.minimal {
                $0.shell("/assert notify MAINPID=1 READY=1 READY=1 BARRIER=1 && exec /assert exit 7")
            }
            let manager = try bundle.manager()
            let outcome = try bundle.run()
            #expect(outcome.status == 7)
            #expect(manager.message() == "READY=1")
            #expect(manager.message(within: 0.2) == nil)
        }

        @Test(.beyondRunc("goes on for ever"))
        func `run in the foreground ends with a container that never was ready`() throws {
            let bundle = try Bundle.minimal { $0.run("/assert", "exit", "3") }
            let manager = try bundle.manager()
            #expect(try bundle.run().status == 3)
            #expect(manager.message(within: 0.2) == nil)
        }

        @Test func `a manager that is gone does not end the container`() throws {
            let bundle = try Bundle.minimal { $0.shell("/assert notify READY=1; exit 7") }
            bundle.environment = ["NOTIFY_SOCKET=\(bundle.workspace.directory)/absent.sock"]
            let outcome = try bundle.run()
            #expect(outcome.status == 7)
            #expect(outcome.errors.contains("absent.sock"))
        }

        @Test func `an abstract address is one too`() throws {
            let bundle = try Bundle.minimal { $0.run("/assert", "notify", "READY=1") }
            let manager = try bundle.manager(at: "@\(bundle.workspace.tag)")
            try bundle.run().ok()
            #expect(manager.message() == "READY=1")
        }

        @Test(.beyondRunc("takes it for a path"))
        func `what is no address is refused`() throws {
            let bundle = try Bundle.minimal()
            bundle.environment = ["NOTIFY_SOCKET=vsock:2:1234"]
            expectFailure(try bundle.run(), saying: "NOTIFY_SOCKET", "vsock:2:1234")
            bundle.expectNothingLeft()
        }

        // MARK: What the container gets

        @Test func `the container has a socket of its own and not the manager's`() throws {
            let bundle = try Bundle.minimal { $0.process.env = ["PATH=/bin", "NOTIFY_SOCKET=/of/somebody/else"] }
            _ = try bundle.manager()
            let seen = try bundle.report()
            let values = seen.env.items.compactMap(\.text).filter { $0.hasPrefix("NOTIFY_SOCKET=") }
            #expect(values == ["NOTIFY_SOCKET=/run/notify/notify.sock"])
            let mount = seen.mounted(at: "/run/notify")
            for option in ["ro", "nosuid", "nodev", "noexec"] { #expect(mount.options.contains(.string(option))) }
        }

        @Test func `without a manager there is neither variable nor mount`() throws {
            let seen = try Bundle.minimal().report()
            #expect(!seen.env.items.compactMap(\.text).contains { $0.hasPrefix("NOTIFY_SOCKET=") })
            #expect(seen.mounted(at: "/run/notify") == .null)
        }

        @Test func `the socket is there below a mount of the configuration`() throws {
            let bundle = try Bundle.minimal {
                $0.mounts.append(["destination": "/run", "type": "tmpfs", "source": "tmpfs"])
                $0.run("/assert", "notify", "READY=1")
            }
            let manager = try bundle.manager()
            try bundle.run().ok()
            #expect(manager.message() == "READY=1")
        }

        @Test func `every user may say that the container is ready`() throws {
            let bundle = try Bundle.minimal {
                $0.process.user = ["uid": 1000, "gid": 1000]
                $0.run("/assert", "notify", "READY=1")
            }
            let manager = try bundle.manager()
            try bundle.run().ok()
            #expect(manager.message() == "READY=1")
        }

        @Test func `readiness works in a user namespace`() throws {
            let bundle = try Bundle.minimal {
                $0.mapUsers()
                $0.run("/assert", "notify", "READY=1")
            }
            let manager = try bundle.manager()
            try bundle.run().ok()
            #expect(manager.message() == "READY=1")
        }

        @Test func `hooks do not get the manager's address`() throws {
            let bundle = try Bundle.minimal()
            let seen = try bundle.hostFile("seen", "")
            bundle.config.hooks.prestart = [["path": "/bin/sh", "args": ["sh", "-c", "env > \(seen)"]]]
            _ = try bundle.manager()
            try bundle.run().ok()
            #expect(Files.read(seen)?.contains("NOTIFY_SOCKET") == false)
        }

        @Test func `a link in the image leads the socket nowhere else`() throws {
            let bundle = try Bundle.minimal { $0.run("/assert", "notify", "READY=1") }
            let outside = try bundle.hostDirectory("outside")
            try bundle.putLink("run", to: outside)
            let manager = try bundle.manager()
            _ = try bundle.run()
            _ = manager.message(within: 0.2)
            #expect(Files.list(outside) == [])
        }

        // MARK: Passed sockets

        @Test func `passed sockets are for the process by its own number`() throws {
            let bundle = try Bundle.minimal { $0.share("pid") }
            let seen = try bundle.reportWithSockets("LISTEN_FDS=2 LISTEN_PID=$$ LISTEN_FDNAMES=web:admin")
            let pid = try #require(seen.pid.integer)
            #expect(seen.env.contains(.string("LISTEN_PID=\(pid)")))
            #expect(seen.env.contains("LISTEN_FDS=2"))
            #expect(seen.env.contains("LISTEN_FDNAMES=web:admin"))
            #expect(pid > 1)
            #expect(seen.descriptors.members.keys.sorted() == ["0", "1", "2", "3", "4"])
        }

        @Test func `passed sockets are for process 1 of a pid namespace`() throws {
            let bundle = try Bundle.minimal { $0.process.env = ["PATH=/bin", "LISTEN_PID=77", "LISTEN_FDNAMES=x"] }
            let seen = try bundle.reportWithSockets("LISTEN_FDS=2 LISTEN_PID=$$")
            let values = seen.env.items.compactMap(\.text).filter { $0.hasPrefix("LISTEN_") }.sorted()
            #expect(values == ["LISTEN_FDS=2", "LISTEN_PID=1"])
        }

        @Test func `passed sockets are for the process by its number in a joined pid namespace`() throws {
            let holder = try Bundle.sleeping()
            try holder.run("--detach").ok()
            _ = try holder.line()
            let path = "/proc/\(try #require(holder.pid))/ns/pid"
            let bundle = try Bundle.minimal { $0.join("pid", path) }
            let seen = try bundle.reportWithSockets("LISTEN_FDS=2 LISTEN_PID=$$")
            let pid = try #require(seen.pid.integer)
            #expect(pid > 1)
            #expect(seen.env.contains(.string("LISTEN_PID=\(pid)")))
        }

        @Test func `sockets that were passed to another process are not passed on`() throws {
            let seen = try Bundle.minimal().reportWithSockets("LISTEN_FDS=2 LISTEN_PID=1")
            #expect(!seen.env.items.compactMap(\.text).contains { $0.hasPrefix("LISTEN_") })
            #expect(seen.descriptors.members.keys.sorted() == ["0", "1", "2"])
        }

        // MARK: Subreaper

        @Test func `orphans of a container without a pid namespace do not change its exit status`() throws {
            let bundle = try Bundle.minimal {
                $0.share("pid")
                $0.shell("for i in 1 2 3 4 5; do (sleep 0.1; exit 9) & done; (sleep 0.05 & exit 8); sleep 0.4; exit 3")
            }
            #expect(try bundle.run().status == 3)
            bundle.expectNothingLeft()
        }

        @Test(arguments: [[], ["--no-subreaper"]])
        func `orphans become the children of run, or of somebody else`(flags: [String]) throws {
            let bundle = try Bundle.minimal {
                $0.share("pid")
                $0.root.readonly = false
                $0.shell("(sleep 100 & echo $! > /orphan); sleep 0.3; cat /proc/$(cat /orphan)/stat")
            }
            let running = try bundle.workspace.start(bundle.creating(["run"] + flags))
            let outcome = try running.wait().ok()
            // Field 4 of proc(5): the parent.
            let parent = outcome.output.split(separator: " ").dropFirst(3).first.flatMap { Int32($0) }
            #expect((parent == running.pid) == flags.isEmpty, "\(outcome)")
        }
    }
}

extension Bundle {
    /// A container that sends these to its manager, and then sleeps.
    fileprivate static func saying(_ messages: String...) throws -> Bundle {
        try minimal { $0.shell("/assert notify \(messages.map { "'\($0)'" }.joined(separator: " ")); exec sleep 100") }
    }

    /// A manager that waits for this container.
    fileprivate func manager(at address: String? = nil) throws -> Manager {
        let manager = try Manager(at: address ?? "\(workspace.directory)/\(name)-notify.sock")
        environment = ["NOTIFY_SOCKET=\(manager.address)"]
        return manager
    }

    /// What the process sees of two descriptors that come with this environment.
    fileprivate func reportWithSockets(_ variables: String) throws -> Value {
        let file = try hostFile("given", "content")
        descriptors = [try Files.open(file), try Files.open(file)]
        defer { descriptors.forEach(Files.close) }
        prepare("export \(variables)")
        return try report()
    }
}
