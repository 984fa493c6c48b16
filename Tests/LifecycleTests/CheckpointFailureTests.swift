import Harness
import Testing

extension Containers {
    /// Checkpoints and restores that come to nothing: the cause is told, and everything is as before.
    @Suite(.enabled(if: Criu.program != nil, "\(Criu.absence)"))
    struct CheckpointFailureTests {
        /// A container, saved.
        private func saved(_ change: (inout Value) throws -> Void = { _ in }) throws -> Bundle {
            let bundle = try Bundle.counting(change)
            try bundle.startSaved()
            try bundle.checkpoint().ok()
            return bundle
        }

        private func expectNoRestore(_ bundle: Bundle, saying words: String...) throws {
            expectFailure(try bundle.restore(), saying: words)
            #expect(bundle.status == nil)
            bundle.expectNothingLeft()
        }

        @Test func `a container in the wrong state`() throws {
            let bundle = try Bundle.counting()
            expectFailure(try bundle.checkpoint(), saying: "container does not exist")
            try bundle.create().ok()
            expectFailure(try bundle.checkpoint(), saying: "cannot be checkpointed in created state")
            try bundle.start().ok()
            try bundle.kill("KILL").ok()
            expectFailure(try bundle.checkpoint(), saying: "cannot be checkpointed in stopped state")
        }

        @Test func `an id that is taken`() throws {
            let bundle = try Bundle.counting()
            try bundle.startSaved()
            try bundle.checkpoint("--leave-running").ok()
            expectFailure(try bundle.restore(), saying: "container with given ID already exists")
            #expect(bundle.status == "running")
        }

        @Test func `no images`() throws {
            let bundle = try Bundle.counting()
            try expectNoRestore(bundle, saying: "--image-path", "no such file")
            try Files.makeDirectory(bundle.images)
            try expectNoRestore(bundle, saying: "there is no checkpoint in this directory")
        }

        @Test func `damaged images`() throws {
            let bundle = try saved()
            try Files.write("nonsense", to: "\(bundle.images)/pstree.img")
            try expectNoRestore(bundle, saying: "restore:", "restore.log")
        }

        @Test func `a program that is no CRIU`() throws {
            let bundle = try Bundle.counting()
            try bundle.startSaved()
            for (program, message) in [("/bin/true", "ended without an answer"), ("/nowhere/criu", "no such file")] {
                bundle.globalFlags = ["--criu", program]
                expectFailure(try bundle.checkpoint(), saying: message)
                #expect(bundle.status == "running")
            }
            bundle.globalFlags = ["--criu", "no-such-criu"]
            expectFailure(try bundle.checkpoint(), saying: "no-such-criu is not installed")
        }

        @Test func `processes that exec has added are not forgotten without a word`() throws {
            let bundle = try Bundle.counting()
            try bundle.startSaved()
            let added = try bundle.workspace.start(bundle.command(["exec", bundle.id, "/bin/sleep", "1000"]))
            try #require(eventually { bundle.members.count == 2 })
            defer { added.wait() }
            #expect(try bundle.checkpoint().ok().errors.contains("added by exec and is not saved"))
        }

        // MARK: An image that goes beyond the configuration

        @Test func `more rights than the configuration gives`() throws {
            // With a child, which its parent's end has to wait for.
            let bundle = try saved { $0.shell("/assert count /work/number & wait") }
            bundle.config.grant(["CAP_KILL"])
            try expectNoRestore(bundle, saying: "process.capabilities", "CAP_AUDIT_WRITE")
            #expect(!Files.list(bundle.images).contains { $0.hasPrefix(".criu") })
        }

        @Test func `no filter where the configuration has one`() throws {
            let bundle = try saved()
            bundle.config.linux.seccomp = ["defaultAction": "SCMP_ACT_ALLOW"]
            try expectNoRestore(bundle, saying: "linux.seccomp", "no filter")
        }

        @Test func `new rights where the configuration forbids them`() throws {
            let bundle = try saved { $0.process.noNewPrivileges = false }
            bundle.config.process.noNewPrivileges = true
            try expectNoRestore(bundle, saying: "process.noNewPrivileges")
        }

        @Test func `a namespace that is missing`() throws {
            let bundle = try saved { $0.share("ipc") }
            bundle.config.unshare("ipc")
            try expectNoRestore(bundle, saying: "no ipc namespace of its own")
        }

        @Test func `a path that is not masked, one that is not read-only, a mount that is missing`() throws {
            let bundle = try saved {
                $0.linux.maskedPaths = []
                $0.linux.readonlyPaths = []
            }
            let config = bundle.config
            bundle.config.linux.maskedPaths = ["/proc/keys"]
            try expectNoRestore(bundle, saying: "linux.maskedPaths[0]")
            bundle.config = config
            bundle.config.linux.readonlyPaths = ["/proc/sys"]
            try expectNoRestore(bundle, saying: "linux.readonlyPaths[0]")
            bundle.config = config
            bundle.config.mount("bind", at: "/more", source: try bundle.hostDirectory("more"), "bind")
            try expectNoRestore(bundle, saying: "nothing is mounted at /more")
        }

        @Test func `a mount of the image that the configuration has not`() throws {
            let source = try Bundle.counting()
            let more = try source.hostDirectory("more")
            source.config.mount("bind", at: "/more", source: more, "bind")
            try source.startSaved()
            try source.checkpoint().ok()
            source.config.mounts.removeAll { $0.destination == "/more" }
            try expectNoRestore(source, saying: "the image has a mount that config.json has not")
        }

        // MARK: What the container or the images have in the way

        /// A file system of the container's own, of which nobody ever says anything.
        @Test(.enabled(if: Files.exists("/dev/fuse"), "this kernel has no FUSE"), arguments: [true, false])
        func `a server of the container's that does not answer holds up nobody`(isOnTheWay: Bool) throws {
            let bundle = try Bundle.saved {
                $0.serveInSilence(at: "/own")
            }
            let index = bundle.config.mounts.items.count
            if isOnTheWay {
                bundle.config.mount("bind", at: "/own/below", source: try bundle.hostDirectory("below"), "bind")
            }
            try bundle.run("--detach").ok()
            try #require(eventually { bundle.output.contains("mounted") })
            let failure = try bundle.checkpoint()
            if isOnTheWay {
                expectFailure(failure, saying: "mounts[\(index)].destination", "no answer within 10 s")
            } else {
                expectFailure(failure, saying: "checkpoint:", "10:229")
            }
            #expect(bundle.status == "running")
            // Nobody holds the lock.
            try bundle.command(["pause", bundle.id]).run().ok()
            try bundle.command(["resume", bundle.id]).run().ok()
            try bundle.command(["delete", "--force", bundle.id]).run().ok()
        }

        @Test func `private images of a user namespace that follow earlier ones`() throws {
            let bundle = try saved { $0.mapUsers() }
            try Files.symlink(to: "../earlier", at: "\(bundle.images)/parent")
            try expectNoRestore(bundle, saying: "--image-path", "chmod o+x \(bundle.images)")
        }

        @Test func `a link in the images that leads to a file of the host`() throws {
            let bundle = try saved()
            let canary = try bundle.hostFile("canary", "untouched")
            for name in ["restore.log", "stats-restore"] {
                try Files.symlink(to: canary, at: "\(bundle.images)/\(name)")
            }
            try bundle.restore().ok()
            #expect(Files.read(canary) == "untouched")
        }

        @Test func `a root file system whose links lead out of it`() throws {
            let source = try Bundle.counting()
            let outside = try source.hostDirectory("outside", mode: 0o777)
            source.config.mount("bind", at: "/srv/deep/data", source: outside, "bind")
            try source.startSaved()
            try source.checkpoint().ok()
            let copy = try Bundle.counting()
            copy.config.mount("bind", at: "/srv/deep/data", source: outside, "bind")
            let canary = try copy.hostDirectory("canary")
            try copy.putLink("srv", to: canary)
            _ = try copy.creating(["restore", "--detach", "--image-path", source.images]).run()
            #expect(Files.list(canary).isEmpty)
        }

        @Test func `a pid file that cannot be written takes everything back`() throws {
            let bundle = try saved()
            try bundle.save()
            let command = bundle.command([
                "restore", "--detach", "--image-path", bundle.images, "--bundle", bundle.directory, "--pid-file",
                "/nowhere/pid", bundle.id,
            ])
            expectFailure(try command.run(), saying: "--pid-file", "/nowhere")
            #expect(bundle.status == nil)
            bundle.expectNothingLeft()
        }

        @Test func `a checkpoint that is given up leaves the container running`() throws {
            let bundle = try Bundle.counting()
            try bundle.startSaved()
            let running = try bundle.workspace.start(
                bundle.command(["checkpoint", "--image-path", bundle.images, bundle.id]))
            _ = eventually { Files.exists("\(bundle.images)/dump.log") || !running.isRunning }
            running.kill(15)
            let outcome = running.wait()
            if outcome.succeeded {
                #expect(bundle.status == nil)
            } else {
                #expect(outcome.status == 128 + 15)
                bundle.countsOn(from: bundle.number ?? 0)
            }
        }
    }
}
