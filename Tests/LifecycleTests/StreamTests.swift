import Glibc
import Harness
import Testing

extension Containers {
    /// The caller's standard streams, as a container finds them in the foreground.
    @Suite struct StreamTests {
        /// The runtime between two `cat`s, so that its streams are pipes; what came out at the end.
        private func throughPipes(_ command: Command, _ input: String = "said") throws -> String {
            var command = command
            command.arguments = ["/bin/sh", "-c", "printf \(input) | { \"$@\"; } 2>&1 | cat", "sh"] + command.arguments
            return try command.run().ok().output
        }

        private static let script = "cat /dev/stdin; echo out >/dev/stdout; echo err >/dev/stderr"

        @Test(arguments: [[], ["user"]], [0, 1000])
        func `a user who is not root opens the pipes that he has got`(namespaces: [String], uid: Int) throws {
            let bundle = try Bundle.minimal {
                $0.shell(Self.script)
                $0.process.user = ["uid": Value(uid), "gid": Value(uid)]
                if !namespaces.isEmpty { $0.mapUsers() }
            }
            #expect(try throughPipes(bundle.creating(["run"])) == "saidout\nerr\n")
        }

        @Test func `exec as a user who is not root opens the pipes too`() throws {
            let bundle = try Bundle.running()
            let command = bundle.executing(["/bin/sh", "-c", Self.script], ["-u", "1000"])
            #expect(try throughPipes(command) == "saidout\nerr\n")
        }

        @Test(.beyondRunc("copies, so it has pipes of its own"))
        func `a pipe stays its owner's, and nobody gets more of it than its direction`() throws {
            let bundle = try Bundle.minimal {
                $0.process.user = ["uid": 1000, "gid": 1000]
                $0.ask("--stat", "/proc/self/fd/0/", "--stat", "/proc/self/fd/1/")
            }
            let seen = try Value(parsing: throughPipes(bundle.creating(["run"])).split(separator: "\n").first ?? "")
            #expect(seen.paths["/proc/self/fd/0/"].uid == 0)
            #expect(seen.paths["/proc/self/fd/0/"].mode == "0644")
            #expect(seen.paths["/proc/self/fd/1/"].mode == "0622")
        }

        /// What has a name is a file of the host's.
        @Test(.beyondRunc("copies, so it has pipes of its own"), arguments: ["file", "fifo"])
        func `a file and a named pipe of the caller are left as they are`(kind: String) throws {
            let bundle = try Bundle.minimal {
                $0.run("/bin/echo", "hello")
                $0.process.user = ["uid": 1000, "gid": 1000]
            }
            let path = "\(bundle.workspace.directory)/stream"
            if kind == "fifo" { try Files.makeFIFO(path) } else { try Files.write("", to: path, mode: 0o600) }
            let before = try #require(Files.status(path))
            bundle.prepare("exec 1<>\(path)")
            try bundle.run().ok()
            let after = try #require(Files.status(path))
            #expect(after.st_uid == before.st_uid && after.st_mode == before.st_mode)
        }

        @Test(arguments: [false, true])
        func `output that goes to no terminal has no carriage returns`(inExec: Bool) throws {
            let bundle = try Bundle.sleeping()
            if inExec {
                try bundle.begin()
            } else {
                bundle.config.process.terminal = true
                bundle.config.run("/bin/echo", "hi")
            }
            let words = inExec ? bundle.executing(["/bin/echo", "hi"], ["--tty"]) : try bundle.creating(["run"])
            let terminal = try Terminal()
            var command = words
            command.arguments = ["/bin/sh", "-c", "exec <\(terminal.name); \"$@\" | cat", "sh"] + command.arguments
            let outcome = try command.run().ok()
            #expect(outcome.output == "hi\n")
        }
    }

    /// What is named wrongly or said twice is told, and not passed over.
    @Suite struct StatementTests {
        @Test(arguments: [230, 250, 255])
        func `an id may be as long as the name of a directory`(length: Int) throws {
            let bundle = try Bundle.minimal()
            bundle.id += String(repeating: "x", count: length - bundle.id.utf8.count)
            let seen = try bundle.report()
            #expect(seen.sessionKeyring.name.text?.hasSuffix("_ses.\(bundle.id)") == true)
            try bundle.create().ok()
            try bundle.start().ok()
            #expect(eventually { bundle.status == "stopped" })
            try bundle.delete().ok()
        }

        @Test func `a longer id is refused with its length`() throws {
            let bundle = try Bundle.minimal()
            let id = bundle.id
            bundle.id += String(repeating: "x", count: 256 - bundle.id.utf8.count)
            expectFailure(try bundle.run(), saying: "file name too long")
            bundle.id = id
            bundle.expectNothingLeft()
        }

        @Test(.beyondRunc("sets the one and then the other"))
        func `a kernel parameter that contradicts domainname is refused`() throws {
            let bundle = try Bundle.minimal {
                $0.domainname = "one"
                $0.linux.sysctl = ["kernel.domainname": "other"]
            }
            expectFailure(try bundle.run(), saying: "linux.sysctl", "contradicts domainname, which is \"one\"")
            bundle.config.linux.sysctl = ["kernel/domainname": "one"]
            try bundle.run().ok()
        }

        @Test(.flag("--log"), arguments: ["missing/log", "log/under-a-file", "directory"])
        func `a log that cannot be written is an error before anything is done`(place: String) throws {
            let bundle = try Bundle.minimal()
            let directory = bundle.workspace.directory
            try Files.write("", to: "\(directory)/log")
            try Files.makeDirectory("\(directory)/directory")
            bundle.globalFlags = ["--log", "\(directory)/\(place)"]
            expectFailure(try bundle.create(), saying: "\(directory)/\(place)")
            bundle.globalFlags = []
            #expect(bundle.status == nil)
        }

        @Test func `an error that quotes much is an excerpt`() throws {
            let bundle = try Bundle.minimal()
            let arguments = (0..<5000).map { "\($0)" + String(repeating: "x", count: 100) }
            let outcome = try bundle.command(["exec", bundle.id, "--bogus"] + arguments).run()
            #expect(outcome.status != 0 && outcome.errors.utf8.count < 20_000, "\(outcome.errors.utf8.count)")
            let many = try bundle.command(["state"] + arguments).run()
            #expect(many.status != 0 && many.errors.utf8.count < 20_000, "\(many.errors.utf8.count)")
            bundle.config.process.args = Value(["/bin/nosuch"] + arguments)
            let failed = try bundle.run()
            #expect(failed.status != 0 && failed.errors.utf8.count < 20_000, "\(failed.errors.utf8.count)")
            bundle.config.hook("createRuntime", "/bin/sh", args: ["sh", "-c", "exit 1"] + arguments)
            bundle.config.hook("createContainer", "/bin/sh", args: ["sh", "-c", "exit 1"] + arguments)
            #expect(try bundle.run().errors.utf8.count < 20_000)
            bundle.config.hooks.createRuntime = []
            #expect(try bundle.run().errors.utf8.count < 20_000)
        }

        @Test(.enabled(if: Files.exists("/sys/fs/cgroup/memory/memory.kmem.tcp.limit_in_bytes"), "cgroup v1 has it"))
        func `a limit of TCP buffers is set where the kernel has one`() throws {
            let bundle = try Bundle.sleeping { $0.linux.resources.memory = ["kernelTCP": Value(8 << 20)] }
            try bundle.create().ok()
            #expect(bundle.limit("memory", "memory.kmem.tcp.limit_in_bytes") == "\(8 << 20)")
        }

        @Test func `a swappiness of minus one is none`() throws {
            let bundle = try Bundle.minimal {
                $0.linux.resources.memory = [
                    "limit": Value(64 << 20), "swappiness": .number("18446744073709551615"),
                ]
            }
            try bundle.run().ok()
        }

        @Test(.flag("--root")) func `list says that the directory it was given is not there`() throws {
            let bundle = try Bundle.minimal()
            var command = bundle.command(["list"])
            command.arguments = [bundle.runtime.path, "--root", "/nosuch/root", "list"]
            expectFailure(try command.run(), saying: "/nosuch/root", "no such file or directory")
        }

        @Test(.beyondRunc("is crun's"), .flag("spec --file"))
        func `spec writes to the file that is named`() throws {
            let bundle = try Bundle.minimal()
            try Files.makeDirectory(bundle.directory)
            for (file, place) in [
                ("other.json", "\(bundle.directory)/other.json"),
                ("\(bundle.directory)/third", "\(bundle.directory)/third"),
            ] {
                try bundle.command(["spec", "--bundle", bundle.directory, "--file", file]).run().ok()
                #expect(Files.read(place)?.contains("ociVersion") == true)
            }
            expectFailure(
                try bundle.command(["spec", "--bundle", bundle.directory, "-f", "other.json"]).run(),
                saying: "other.json exists")
        }

        @Test(.beyondRunc("is crun's"), .flag("create --no-subreaper"))
        func `create takes no-subreaper`() throws {
            let bundle = try Bundle.minimal()
            try bundle.create("--no-subreaper").ok()
            #expect(bundle.status == "created")
        }

        @Test func `engines are told that there are checkpoints`() throws {
            let bundle = try Bundle.minimal()
            for name in ["checkpoint", "restore"] {
                let text = try bundle.command([name, "--help"]).run().ok().output
                #expect(text.contains("--image-path"))
            }
            let features = try Value(parsing: bundle.command(["features"]).run().ok().output)
            #expect(features.annotations["org.opencontainers.runc.checkpoint.enabled"] == "true")
        }

        @Test(.enabled(if: !Files.exists("/sys/fs/resctrl/schemata"), "has resctrl"))
        func `a class of service without resctrl is refused`() throws {
            let bundle = try Bundle.minimal { $0.linux.intelRdt = ["closID": "some"] }
            expectFailure(try bundle.run(), saying: "linux.intelRdt", "resctrl is not mounted")
        }

        @Test(arguments: [nil, "/bin"])
        func `the environment is the configured one, with a PATH or without`(path: String?) throws {
            let bundle = try Bundle.minimal {
                $0.process.env = ["A=1"]
                if let path { $0.process.env.append(.string("PATH=\(path)")) }
                $0.run("/bin/env")
            }
            let seen = try bundle.run().ok().output.split(separator: "\n").map(String.init).sorted()
            #expect(seen == ["A=1", "HOME=/"] + (path.map { ["PATH=\($0)"] } ?? []))
        }
    }
}
