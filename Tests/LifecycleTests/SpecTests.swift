import Harness
import Testing

extension Containers {
    /// `spec`: from nothing, or from an image's configuration, to a container that runs.
    @Suite(.beyondRunc("its spec takes no more than a directory")) struct SpecTests {
        /// An empty bundle beside a root file system that has programs, and users as an image has them.
        private func bundle(passwd: String = "", group: String = "") throws -> Bundle {
            let bundle = try Bundle.minimal()
            for (name, text) in [("passwd", passwd), ("group", group)] where !text.isEmpty {
                try Files.makeDirectory("\(bundle.rootfs)/etc")
                try Files.write(text, to: "\(bundle.rootfs)/etc/\(name)")
            }
            return bundle
        }

        private func spec(_ bundle: Bundle, _ arguments: [String]) throws -> Outcome {
            try bundle.command(["spec", "--bundle", bundle.directory] + arguments).run()
        }

        private func written(_ bundle: Bundle) throws -> Value {
            try Value(parsing: Files.read("\(bundle.directory)/config.json") ?? "")
        }

        private func image(_ bundle: Bundle, _ config: String) throws -> String {
            let path = "\(bundle.workspace.directory)/image.json"
            try Files.write("{\"os\": \"linux\", \"config\": \(config)}", to: path)
            return path
        }

        @Test(.flag("spec --no-terminal")) func `a command behind the dashes runs without a change by hand`() throws {
            let bundle = try bundle()
            try spec(bundle, ["--no-terminal", "--", "sh", "-c", "echo I am $$ in $(pwd)"]).ok()
            let outcome = try bundle.command(["run", "--bundle", bundle.directory, bundle.id]).run().ok()
            #expect(outcome.output == "I am 1 in /\n")
        }

        @Test(.flag("spec --rootfs")) func `the root file system is where it is said to be`() throws {
            let bundle = try bundle()
            try spec(bundle, ["--rootfs", "rootfs", "--no-terminal", "--", "true"]).ok()
            #expect(try written(bundle).root.path == "rootfs")
            Files.removeTree("\(bundle.directory)/config.json")
            try spec(bundle, ["--rootfs", bundle.rootfs]).ok()
            #expect(try written(bundle).root.path == .string(bundle.rootfs))
            Files.removeTree("\(bundle.directory)/config.json")
            let missing = try spec(bundle, ["--rootfs", "absent"])
            expectFailure(missing, saying: "--rootfs: ")
            #expect(
                missing.errors.contains(
                    "/absent: no such file or directory (it is relative to the bundle, as root.path is)"))
            #expect(!Files.exists("\(bundle.directory)/config.json"))
        }

        @Test(.flag("spec --from-image-config")) func `an image's configuration runs as its user in its directory`()
            throws
        {
            let bundle = try bundle(
                passwd: "root:x:0:0::/:/bin/sh\nweb:x:1000:1001::/srv:/bin/sh\n",
                group: "root:x:0:\nwww:x:1001:web\nlog:x:44:root,web\nother:x:45:webber\nagain:x:44:web\n")
            try Files.makeDirectory("\(bundle.rootfs)/srv")
            let image = try image(
                bundle,
                """
                {"Entrypoint": ["sh", "-c"], "Cmd": ["id; pwd; echo $WHO; touch /data/x && ls /data"], "User": "web",
                 "WorkingDir": "/srv", "Env": ["WHO=me"], "Volumes": {"/data": {}}, "Labels": {"a": "b"}}
                """)
            try spec(bundle, ["--no-terminal", "--rootfs", "rootfs", "--from-image-config", image]).ok()
            let config = try written(bundle)
            #expect(config.process.user == ["uid": 1000, "gid": 1001, "additionalGids": [44]])
            #expect(config.annotations == ["a": "b", "org.opencontainers.image.os": "linux"])
            #expect(config.root.readonly == false)
            let outcome = try bundle.command(["run", "--bundle", bundle.directory, bundle.id]).run()
            #expect(outcome.output.contains("uid=1000(web) gid=1001(www)"), "\(outcome)")
            #expect(outcome.output.contains("\n/srv\nme\n"), "\(outcome)")
        }

        @Test(
            .flag("spec --from-image-config"),
            arguments: [
                ("1000", ["uid": 1000, "gid": 1001]), ("1000:7", ["uid": 1000, "gid": 7]), ("5", ["uid": 5, "gid": 0]),
                ("web:log", ["uid": 1000, "gid": 44]), ("web:7", ["uid": 1000, "gid": 7]), ("0", ["uid": 0, "gid": 0]),
            ] as [(String, Value)])
        func `who the user is`(user: String, expected: Value) throws {
            let bundle = try bundle(passwd: "web:x:1000:1001::/srv:/bin/sh\n", group: "www:x:1001:\nlog:x:44:web\n")
            let image = try image(bundle, "{\"Cmd\": [\"true\"], \"User\": \"\(user)\"}")
            try spec(bundle, ["--rootfs", "rootfs", "--from-image-config", image]).ok()
            #expect(try written(bundle).process.user == expected)
        }

        @Test(
            .flag("spec --from-image-config"),
            arguments: [
                (
                    "{\"Cmd\": [\"true\"], \"User\": \"web\"}", [],
                    "config.User: the user \"web\" is a name: give --rootfs, in whose"
                ),
                (
                    "{\"Cmd\": [\"true\"], \"User\": \"3:www\"}", [],
                    "config.User: the group \"www\" is a name: give --rootfs, in whose"
                ),
                (
                    "{\"Cmd\": [\"true\"], \"User\": \"web\"}", ["--rootfs", "rootfs"],
                    "/etc/passwd has no user \"web\""
                ),
                (
                    "{\"Cmd\": [\"true\"], \"User\": \"3:www\"}", ["--rootfs", "rootfs"],
                    "/etc/group has no group \"www\""
                ),
                ("{\"Cmd\": [\"true\"], \"User\": \"4294967295\"}", [], "config.User: 4294967295 is no id"),
                ("{\"Cmd\": [\"true\"], \"User\": \"4294967296:0\"}", [], "config.User: 4294967296 is no id"),
                ("{\"Cmd\": [\"true\"], \"User\": \"0:4294967295\"}", [], "config.User: 4294967295 is no id"),
                (
                    "{\"Cmd\": [\"true\"], \"User\": \"+5\"}", [],
                    "config.User: the user \"+5\" is a name: give --rootfs"
                ),
                ("{\"Cmd\": [\"true\"], \"User\": \"5:-0\"}", [], "config.User: the group \"-0\" is a name"),
                (
                    "{\"Cmd\": [\"true\"], \"User\": \"+5\"}", ["--rootfs", "rootfs"],
                    "/etc/passwd has no user \"+5\""
                ),
                (
                    "{\"Cmd\": [\"true\"], \"User\": \"odd\"}", ["--rootfs", "rootfs"],
                    "/etc/passwd has no ids for \"odd\""
                ),
                (
                    "{\"Cmd\": [\"true\"], \"User\": \"joe\"}", ["--rootfs", "rootfs"],
                    "/etc/group has no id for \"all\""
                ),
                (
                    "{\"Cmd\": [\"true\"], \"Volumes\": {\"/proc\": {}}}", [],
                    "config.Volumes[\"/proc\"]: every container"
                ),
                ("{\"Cmd\": [\"\"]}", [], "config.Cmd[0]: empty: give a program behind --"),
                ("{\"Env\": [\"A=b\"]}", [], "the image names no program: give one behind --"),
                ("{\"Cmd\": \"true\"}", [], "config.Cmd: not an array: \"true\""),
            ] as [(String, [String], String)])
        func `what cannot be taken over is refused, and nothing is written`(
            config: String, flags: [String], message: String
        ) throws {
            let bundle = try bundle(
                passwd: "root:x:0:0::/:/bin/sh\nodd:x:+7:0:::\njoe:x:9:9:::\n", group: "all:x:4294967295:joe\n")
            let image = try image(bundle, config)
            expectFailure(try spec(bundle, flags + ["--from-image-config", image]), saying: message)
            #expect(!Files.exists("\(bundle.directory)/config.json"))
        }

        /// The image is not trusted: its list of users is found inside of it, and nothing but a regular file is read.
        @Test(
            .flag("spec --from-image-config"),
            arguments: ["link to the host's", "fifo", "directory", "link to itself"])
        func `a list of users that is something else does not count`(kind: String) throws {
            let bundle = try bundle(group: "root:x:0:\n")
            let passwd = "\(bundle.rootfs)/etc/passwd"
            switch kind {
            case "link to the host's": try Files.symlink(to: "/../../../../../../../etc/passwd", at: passwd)
            case "fifo": try bundle.workspace.command(["/usr/bin/mkfifo", passwd]).run().ok()
            case "directory": try Files.makeDirectory(passwd)
            default: try Files.symlink(to: "passwd", at: passwd)
            }
            let image = try image(bundle, "{\"Cmd\": [\"true\"], \"User\": \"root\"}")
            expectFailure(
                try spec(bundle, ["--rootfs", "rootfs", "--from-image-config", image]), saying: "/etc/passwd")
        }

        @Test(.flag("spec --from-image-config")) func `labels that mean something to the runtime are left out`() throws
        {
            let bundle = try bundle()
            let image = try image(
                bundle, "{\"Cmd\": [\"true\"], \"Labels\": {\"run.oci.hooks.stdout\": \"/etc/x\", \"a\": \"b\"}}")
            let outcome = try spec(bundle, ["--from-image-config", image]).ok()
            #expect(outcome.errors.contains("run.oci.hooks.stdout"))
            #expect(try written(bundle).annotations == ["a": "b", "org.opencontainers.image.os": "linux"])
        }
    }
}
