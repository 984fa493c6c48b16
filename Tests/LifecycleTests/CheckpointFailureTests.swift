import Glibc
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

        /// What CRIU itself says of it is as long as its list of capabilities (CRIU 4.2.1).
        @Test(.needs("setpriv"))
        func `an ordinary user's container cannot be saved, and the error says why and what to do`() throws {
            let bundle = try Bundle.rootless { $0.run("/assert", "sleep") }
            if let program = Criu.program { bundle.globalFlags += ["--criu", program] }
            try bundle.create().ok()
            try bundle.byUser("start").ok()
            _ = try bundle.line()
            let images = try bundle.userDirectory("images")
            let outcome = try bundle.commandByUser(["checkpoint", "--image-path", images, bundle.id]).run()
            expectFailure(
                outcome, saying: "checkpoint: ", "an ordinary user", "CAP_CHECKPOINT_RESTORE", "as root")
            #expect(try bundle.byUser("state").ok().output.contains("\"running\""))
            try bundle.commandByUser(["delete", "--force", bundle.id]).run().ok()
            // Nor brought back, whoever has saved it.
            let source = try Bundle.counting()
            try source.startSaved()
            try source.checkpoint().ok()
            let copy = try bundle.userDirectory("copy")
            for name in Files.list(source.images) {
                try Files.copy("\(source.images)/\(name)", to: "\(copy)/\(name)", mode: 0o644)
            }
            expectFailure(
                try bundle.commandByUser([
                    "restore", "--detach", "--bundle", bundle.directory, "--image-path", copy, "--work-path", images,
                    bundle.id,
                ]).run(), saying: "restore: ", "an ordinary user", "as root")
            #expect(bundle.status == nil)
        }

        // MARK: Several at once

        @Test func `of two checkpoints at once one is too late`() throws {
            let bundle = try Bundle.counting()
            try bundle.startSaved()
            let running = try (0..<2).map { number in
                try bundle.workspace.start(
                    bundle.command(["checkpoint", "--image-path", "\(bundle.images)/\(number)", bundle.id]))
            }
            let outcomes = running.map { $0.wait() }
            let winner = try #require(outcomes.firstIndex { $0.succeeded })
            expectFailure(outcomes[1 - winner], saying: "container does not exist")
            let images = "\(bundle.images)/\(winner)"
            try bundle.creating(["restore", "--detach", "--image-path", images]).run().ok()
            bundle.countsOn(from: 0)
        }

        @Test func `of two restores at once one gets the id`() throws {
            let bundle = try saved()
            let command = try bundle.creating(["restore", "--detach", "--image-path", bundle.images])
            let outcomes = try (0..<2).map { _ in try bundle.workspace.start(command) }.map { $0.wait() }
            let winner = try #require(outcomes.firstIndex { $0.succeeded })
            expectFailure(outcomes[1 - winner], saying: "already exists")
            bundle.countsOn(from: 0)
        }

        // MARK: Room for the images

        @Test(arguments: ["4k", "64k", "200k"]) func `a file system that is full`(size: String) throws {
            let bundle = try Bundle.counting()
            try bundle.startSaved()
            let images = try bundle.workspace.makeDirectory("images")
            var command = bundle.command(["checkpoint", "--image-path", images, bundle.id])
            let script = "mount -t tmpfs -o size=\(size) tmpfs \(images); exec \"$@\""
            command.arguments =
                [try #require(Host.path(of: "unshare")), "-m", "/bin/sh", "-ec", script, "sh"]
                + command.arguments
            expectFailure(try command.run(), saying: "no space left", "\(images)/dump.log")
            #expect(bundle.status == "running")
            bundle.countsOn(from: try #require(bundle.number))
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

        @Test func `images that are no files, or lead in a circle`() throws {
            let bundle = try saved()
            let image = "\(bundle.images)/core-1.img"
            try Files.rename(image, to: "\(bundle.images)/kept")
            try Files.makeFIFO(image)
            try expectNoRestore(bundle, saying: "--image-path", image, "it is no regular file")
            Files.removeTree(image)
            try Files.symlink(to: "/dev/zero", at: image)
            try expectNoRestore(bundle, saying: "--image-path", image, "it is no regular file")
            Files.removeTree(image)
            try Files.rename("\(bundle.images)/kept", to: image)
            try Files.symlink(to: ".", at: "\(bundle.images)/parent")
            try expectNoRestore(bundle, saying: "--image-path", "\(bundle.images)/parent", "in a circle")
            Files.removeTree("\(bundle.images)/parent")
            try bundle.restore().ok()
        }

        @Test func `pages that are cut off`() throws {
            let bundle = try saved()
            let pages = "\(bundle.images)/pages-1.img"
            let content = try #require(Files.bytes(pages))
            truncate(pages, 4096)
            try expectNoRestore(bundle, saying: "restore:", "\(pages) is cut off", "\(content.count / 4096) pages")
        }

        /// A FIFO that is no image, in a place that CRIU opens nevertheless.
        @Test func `a restore that waits for ever is given up`() throws {
            let bundle = try saved()
            let fifo = try bundle.workspace.makeDirectory("waiting") + "/fifo"
            try Files.makeFIFO(fifo)
            let script = "\(bundle.workspace.directory)/script"
            try Files.script("[ \"$CRTOOLS_SCRIPT_ACTION\" != post-restore ] || read line < \(fifo)", at: script)
            bundle.config.annotations["org.criu.config"] = .string(
                try bundle.hostFile("criu.conf", "action-script \(script)\n"))
            let running = try bundle.workspace.start(
                bundle.creating(["restore", "--detach", "--image-path", bundle.images]))
            try #require(eventually { bundle.log("restore").contains("Running post-restore scripts") })
            running.kill(15)
            #expect(running.wait().status == 128 + 15)
            #expect(bundle.status == nil)
            // Who waits in the script is nobody's.
            let descriptor = open(fifo, O_RDWR | O_NONBLOCK)
            _ = write(descriptor, "x\n", 2)
            close(descriptor)
            bundle.expectNothingLeft()
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

        // MARK: Page servers, and a CRIU that dies

        @Test func `no page server is there`() throws {
            let bundle = try Bundle.counting()
            try bundle.startSaved()
            for address in ["127.0.0.1:1", "[::1]:1"] {
                expectFailure(
                    try bundle.checkpoint("--page-server", address), saying: "--page-server", "connect", "refused")
                #expect(bundle.status == "running")
            }
        }

        /// A checkpoint whose page server takes connections and says nothing: the container stands still.
        private func stuck(
            _ bundle: Bundle, lock: String
        ) throws -> (checkpoint: RunningCommand, server: RunningCommand) {
            let port = UInt16.random(in: 20_000..<30_000)
            let server = try bundle.workspace.start(
                bundle.workspace.command(["\(bundle.rootfs)/assert", "listen", "\(port)"]))
            try #require(eventually { (try? LocalConnection(toPort: port)) != nil })
            let checkpoint = try bundle.workspace.start(
                bundle.command([
                    "checkpoint", "--image-path", bundle.images, "--network-lock", lock, "--page-server",
                    "127.0.0.1:\(port)", bundle.id,
                ]))
            try #require(eventually { bundle.log("dump").contains("Create page pipe") || !checkpoint.isRunning })
            return (checkpoint, server)
        }

        private func rules(_ bundle: Bundle) throws -> String {
            let list = ["iptables -S", "ip6tables -S", "nft list tables"].joined(separator: "; ")
            let pid = try #require(bundle.pid)
            let enter = try #require(Host.path(of: "nsenter"))
            return try bundle.workspace.command([enter, "--net=/proc/\(pid)/ns/net", "/bin/sh", "-c", list]).run()
                .output
        }

        @Test(.needs("iptables"), .needs("nft"), arguments: ["iptables", "nftables", "skip"])
        func `a page server that does not answer is given up`(lock: String) throws {
            let bundle = try Bundle.counting()
            try bundle.startSaved()
            let (checkpoint, server) = try stuck(bundle, lock: lock)
            #expect(try rules(bundle).contains("CRIU") == (lock != "skip"))
            checkpoint.kill(15)
            #expect(checkpoint.wait().status == 128 + 15)
            bundle.countsOn(from: try #require(bundle.number))
            #expect(try !rules(bundle).contains("CRIU"))
            server.kill()
            server.wait()
        }

        @Test(.needs("iptables"), .needs("nft"), arguments: ["iptables", "nftables"])
        func `a CRIU that is killed leaves the container running, with its network`(lock: String) throws {
            let bundle = try Bundle.counting()
            try bundle.startSaved()
            let (checkpoint, server) = try stuck(bundle, lock: lock)
            let children = Files.read("/proc/\(checkpoint.pid)/task/\(checkpoint.pid)/children") ?? ""
            let criu = try #require(children.split(separator: " ").compactMap { pid_t($0) }.first)
            #expect(kill(criu, SIGKILL) == 0)
            expectFailure(checkpoint.wait(), saying: "CRIU has ended without an answer")
            #expect(bundle.status == "running")
            bundle.countsOn(from: try #require(bundle.number))
            #expect(try !rules(bundle).contains("CRIU"))
            server.kill()
            server.wait()
            // And everything can be done once more.
            try bundle.checkpoint().ok()
            try bundle.restore().ok()
        }

        /// Of a paused container's processes the kernel does not say which one a signal has stopped: CRIU waits for it.
        @Test(.enabled(if: Host.cgroupLayout != .v2, "the freezer of cgroup v2 keeps nobody from ptrace(2)"))
        func `a paused container with a stopped process is paused after a checkpoint that is given up`() throws {
            let bundle = try Bundle.counting {
                $0.shell("sleep 1000 & kill -STOP $!; exec /assert count /work/number")
            }
            try bundle.startSaved()
            try bundle.pause().ok()
            let before = try #require(bundle.number)
            let saving = try bundle.workspace.start(
                bundle.command(["checkpoint", "--image-path", bundle.images, bundle.id]))
            try #require(eventually { bundle.log("dump").contains("SEIZE") })
            saving.kill(15)
            #expect(saving.wait().status == 128 + 15)
            #expect(bundle.status == "paused")
            try bundle.resume().ok()
            bundle.countsOn(from: before)
            try bundle.checkpoint().ok()
            try bundle.restore().ok()
        }

        // MARK: An end at any moment

        /// CRIU calls a script at each stage, which kills who started it.
        private func killing(at stage: String, _ bundle: Bundle) throws {
            let script = "\(bundle.workspace.directory)/kill"
            try Files.script(
                """
                [ "$CRTOOLS_SCRIPT_ACTION" = \(stage) ] || exit 0
                pid=$(cat \(bundle.workspace.directory)/victim) || exit 0
                kill -9 $pid
                while grep -q 'State:.[^Z]' /proc/$pid/status 2> /dev/null; do :; done
                """, at: script)
            bundle.config.annotations["org.criu.config"] = .string(
                try bundle.hostFile("criu.conf", "action-script \(script)\n"))
        }

        /// Runs a command that is killed at its stage, and lets the next ones live.
        private func runKilled(_ bundle: Bundle, log: String, _ command: Command) throws {
            let victim = "\(bundle.workspace.directory)/victim"
            var command = command
            command.arguments = ["/bin/sh", "-ec", "echo $$ > \(victim); exec \"$@\"", "sh"] + command.arguments
            #expect(try command.run().status == 128 + 9)
            Files.removeTree(victim)
            // CRIU goes on to its own end.
            #expect(eventually { ["FAILED", "finished successfully"].contains { bundle.log(log).contains($0) } })
        }

        @Test(arguments: ["pre-dump", "network-lock", "post-dump", "network-unlock"])
        func `a checkpoint that is killed leaves the container running`(stage: String) throws {
            let bundle = try Bundle.counting()
            try killing(at: stage, bundle)
            try bundle.startSaved()
            let save = ["checkpoint", "--leave-running", "--image-path", bundle.images, bundle.id]
            try runKilled(bundle, log: "dump", bundle.command(save))
            #expect(bundle.status == "running")
            bundle.countsOn(from: try #require(bundle.number))
            try bundle.checkpoint().ok()
            try bundle.restore().ok()
            bundle.countsOn(from: try #require(bundle.number))
        }

        @Test(
            arguments: [
                "pre-restore", "setup-namespaces", "post-setup-namespaces", "post-restore", "pre-resume", "post-resume",
            ])
        func `a restore that is killed leaves what delete removes`(stage: String) throws {
            let bundle = try Bundle.counting()
            try killing(at: stage, bundle)
            try bundle.startSaved()
            try bundle.checkpoint().ok()
            let before = try #require(bundle.number)
            try runKilled(
                bundle, log: "restore", bundle.creating(["restore", "--detach", "--image-path", bundle.images]))
            if stage.hasSuffix("resume") {
                // What has not been compared with the configuration does not run, and nobody gets in.
                Harness.pause(0.1)
                #expect(bundle.number == before)
                #expect(bundle.status == "creating")
                expectFailure(try bundle.command(["exec", bundle.id, "/bin/true"]).run())
            }
            try bundle.delete("--force").ok()
            #expect(bundle.status == nil)
            bundle.expectNothingLeft()
            try bundle.restore().ok()
            bundle.countsOn(from: try #require(bundle.number))
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
