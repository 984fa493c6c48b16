import Harness
import Testing

extension Containers {
    /// What the commands take and print, apart from what they do to a container.
    @Suite struct CommandTests {
        // MARK: Ids, bundles, files

        @Test func `an id that exists is refused and its container stays as it is`() throws {
            let first = try Bundle.sleeping()
            let second = try Bundle.sleeping()
            try first.create().ok()
            second.id = first.id
            expectFailure(try second.create(), saying: "exist")
            #expect(first.status == "created")
            try first.start().ok()
            _ = try first.line()
            second.id = "other-\(first.id)"
        }

        @Test(arguments: ["a", "A-b_c.d+e", "0", "_x"])
        func `ids of the usual characters are fine`(id: String) throws {
            let bundle = try Bundle.minimal()
            bundle.id = id
            try bundle.run().ok()
        }

        @Test func `the bundle is the working directory when it is not given`() throws {
            let bundle = try Bundle.minimal()
            try bundle.save()
            var command = bundle.command(["run", bundle.id])
            command.directory = bundle.directory
            #expect(try command.run().report.pid == 1)
        }

        @Test func `a bundle without config json is refused`() throws {
            let bundle = try Bundle.minimal()
            let outcome = try bundle.command(["create", "--bundle", bundle.rootfs, bundle.id]).run()
            expectFailure(outcome, saying: "config.json")
        }

        @Test(.flag("create --bundle")) func `a missing bundle is refused and named`() throws {
            let bundle = try Bundle.minimal()
            expectFailure(
                try bundle.command(["create", "--bundle", "/absent/bundle", bundle.id]).run(), saying: "/absent/bundle")
        }

        @Test(arguments: ["", "{", "[]", "null", "{\"ociVersion\":\"1.0.2\"}", "{\"ociVersion\":3}"])
        func `a config json that says nothing useful is refused`(text: String) throws {
            let bundle = try Bundle.minimal()
            bundle.configText = text
            expectFailure(try bundle.create())
            bundle.expectNothingLeft()
        }

        @Test(.flag("create --pid-file")) func `the pid file holds the digits of the process id and nothing else`()
            throws
        {
            let bundle = try Bundle.sleeping()
            try bundle.create().ok()
            let pid = try bundle.state().pid
            #expect(Files.read(bundle.pidFile) == "\(pid)")
        }

        @Test func `a pid file that is a link is replaced, not followed`() throws {
            let bundle = try Bundle.sleeping()
            let victim = try bundle.hostFile("victim", "untouched")
            try Files.symlink(to: victim, at: bundle.pidFile)
            try bundle.create().ok()
            #expect(Files.read(victim) == "untouched")
            #expect(bundle.pid != nil)
        }

        // MARK: list

        @Test func `list shows every container with its status`() throws {
            let one = try Bundle.sleeping()
            let two = try Bundle.sleeping()
            try one.create().ok()
            try two.create().ok()
            try two.start().ok()
            _ = try two.line()
            let lines = try one.command(["list"]).run().ok().output.split(separator: "\n").map {
                $0.split(separator: " ").map(String.init)
            }
            #expect(lines.first == ["ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER"])
            #expect(
                lines.dropFirst().map { Array($0.prefix(4)) } == [
                    [one.id, "\(one.pid ?? 0)", "created", one.directory],
                    [two.id, "\(two.pid ?? 0)", "running", two.directory],
                ])
        }

        @Test(.flag("list --format")) func `list as JSON has the members of state`() throws {
            let bundle = try Bundle.sleeping { $0.annotations = ["key": "value"] }
            try bundle.create().ok()
            let list = try Value(parsing: bundle.command(["list", "--format", "json"]).run().ok().output)
            #expect(list.items.count == 1)
            #expect(list[0].id == .string(bundle.id))
            #expect(list[0].status == "created")
            #expect(list[0].pid.integer.map(Int32.init) == bundle.pid)
            #expect(list[0].bundle == .string(bundle.directory))
            #expect(list[0].annotations == ["key": "value"])
        }

        @Test(.flag("list --quiet")) func `list quietly has only the ids`() throws {
            let bundle = try Bundle.sleeping()
            try bundle.create().ok()
            #expect(try bundle.command(["list", "--quiet"]).run().ok().output == "\(bundle.id)\n")
        }

        @Test func `list of nothing is empty`() throws {
            let bundle = try Bundle.minimal()
            try Files.makeDirectory(bundle.workspace.root)
            #expect(try bundle.command(["list", "--quiet"]).run().ok().output == "")
            #expect(try bundle.command(["list", "--format", "json"]).run().ok().output.hasPrefix("null"))
        }

        @Test func `list has stopped containers too`() throws {
            let bundle = try Bundle.minimal()
            try bundle.create().ok()
            try bundle.start().ok()
            #expect(bundle.waitForExit() == 0)
            let list = try Value(parsing: bundle.command(["list", "-f", "json"]).run().ok().output)
            #expect(list[0].status == "stopped")
            #expect(list[0].pid == 0)
        }

        // MARK: The command line

        @Test func `the version is on the first line, the specification's below`() throws {
            let lines = try Bundle.minimal().command(["--version"]).run().ok().output.split(separator: "\n")
            #expect(lines.first?.contains("version") == true)
            #expect(lines.contains { $0.hasPrefix("spec: 1.") })
        }

        @Test(arguments: ["spec", "--help"])
        func `help is on standard output`(word: String) throws {
            let arguments = word == "spec" ? ["spec", "--help"] : [word]
            #expect(try Bundle.minimal().command(arguments).run().ok().output.lowercased().contains("usage"))
        }

        @Test(arguments: [
            ["fly"], ["create", "--fly", "x"], ["--fly", "list"], ["state"], ["state", "a", "b"], ["create"],
        ])
        func `what does not exist on the command line is refused`(arguments: [String]) throws {
            let outcome = try Bundle.minimal().command(arguments).run()
            #expect(outcome.status != 0)
        }

        @Test(.flag("man --pages"), .beyondRunc("has no such command")) func `every page of the manual can be written`()
            throws
        {
            let bundle = try Bundle.minimal()
            let names = try bundle.command(["man", "--pages"]).run().ok().output.split(separator: "\n").map(String.init)
            #expect(names.contains("apus.8") && names.contains("apus-run.8") && names.contains("apus-errors.7"))
            for name in names {
                let page = try bundle.command(["man", name]).run().ok().output
                #expect(page.hasPrefix(".TH APUS") && page.contains(".SH NAME\n"), "\(name)")
            }
        }

        @Test func `one dash is as good as two`() throws {
            let bundle = try Bundle.minimal()
            try bundle.save()
            try bundle.command(["run", "-bundle", bundle.directory, bundle.id]).run().ok()
        }

        @Test func `spec writes a config json that runs`() throws {
            let bundle = try Bundle.minimal()
            try bundle.command(["spec", "--bundle", bundle.directory]).run().ok()
            let written = try Value(parsing: Files.read("\(bundle.directory)/config.json") ?? "")
            #expect(written.process.args == ["sh"])
            #expect(written.process.terminal == true)
            #expect(written.root.readonly == true)
            #expect(written.process.capabilities.inheritable.items == [])
            expectFailure(
                try bundle.command(["spec", "--bundle", bundle.directory]).run(), saying: "config.json exists")
            bundle.config = written
            bundle.config.process.terminal = false
            bundle.config.process.args = ["/assert", "report"]
            #expect(try bundle.report().pid == 1)
        }

        @Test func `the default spec is the one that the tests start from`() throws {
            let bundle = try Bundle.minimal()
            try bundle.command(["spec", "--bundle", bundle.directory]).run().ok()
            var written = try Value(parsing: Files.read("\(bundle.directory)/config.json") ?? "")
            for changed in ["ociVersion", "hostname"] {
                #expect(!written[changed].isNull)
                written[changed] = bundle.config[changed]
            }
            written.process.terminal = false
            written.process.args = bundle.config.process.args
            written.process.capabilities.remove("ambient")
            bundle.config.linux.remove("cgroupsPath")
            // Left open: whether the default has namespaces and paths that came later.
            written.linux.namespaces = bundle.config.linux.namespaces
            written.linux.maskedPaths = bundle.config.linux.maskedPaths
            #expect(written.differences(from: bundle.config) == [])
        }

        @Test(.flag("spec --rootless", "spec --bundle")) func `a rootless spec has a user namespace and no limits`()
            throws
        {
            let bundle = try Bundle.minimal()
            try bundle.command(["spec", "--rootless", "--bundle", bundle.directory]).run().ok()
            let written = try Value(parsing: Files.read("\(bundle.directory)/config.json") ?? "")
            #expect(written.linux.namespaces.contains(["type": "user"]))
            #expect(!written.linux.namespaces.contains(["type": "network"]))
            #expect(written.linux.uidMappings[0].containerID == 0)
            #expect(written.linux.resources.isNull)
        }

        @Test(.flag("run --config", "run --bundle"), .beyondRunc("has no such flag"), arguments: ["--config", "-f"])
        func `the configuration may have another name`(flag: String) throws {
            let bundle = try Bundle.minimal { $0.hostname = "elsewhere" }
            try bundle.save()
            try Files.rename("\(bundle.directory)/config.json", to: "\(bundle.directory)/other.json")
            let outcome = try bundle.command(["run", "--bundle", bundle.directory, flag, "other.json", bundle.id]).run()
            #expect(try outcome.report.hostname == "elsewhere")
        }

        @Test(.flag("kill --regex", "delete --regex"), .beyondRunc("has no such flag"))
        func `kill and delete take all containers that match an expression`() throws {
            let bundles = try (0..<3).map { _ in try Bundle.sleeping() }
            for bundle in bundles { try bundle.run("--detach").ok() }
            for bundle in bundles { _ = try bundle.line() }
            let expression = "^\(bundles[0].workspace.tag)-c[01]$"
            try bundles[0].command(["kill", "--regex", expression, "KILL"]).run().ok()
            #expect(bundles[0].waitForExit() == 137)
            #expect(bundles[1].waitForExit() == 137)
            try bundles[0].command(["delete", "--regex", expression]).run().ok()
            #expect(bundles.map(\.status) == [nil, nil, "running"])
        }

        @Test func `features says what the runtime can do`() throws {
            let features = try Value(parsing: Bundle.minimal().command(["features"]).run().ok().output)
            #expect(features.ociVersionMin.text?.hasPrefix("1.") == true)
            #expect(features.ociVersionMax.text?.hasPrefix("1.") == true)
            for hook in ["prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"] {
                #expect(features.hooks.contains(.string(hook)), "\(hook)")
            }
            for option in ["rbind", "ro", "rro", "tmpcopyup", "nosuid"] {
                #expect(features.mountOptions.contains(.string(option)), "\(option)")
            }
            for kind in ["pid", "network", "mount", "ipc", "uts", "user", "cgroup"] {
                #expect(features.linux.namespaces.contains(.string(kind)), "\(kind)")
            }
            #expect(features.linux.capabilities.contains("CAP_CHOWN"))
            #expect(features.linux.seccomp.enabled == true)
            #expect(features.linux.cgroup.v1 == true && features.linux.cgroup.v2 == true)
        }

        @Test(
            .flag("plan --format"), .beyondRunc("has no such command"), .needs("setpriv"), arguments: ["text", "json"])
        func `plan says what would be done, to anybody, and does nothing`(format: String) throws {
            let bundle = try Bundle.minimal()
            try bundle.save()
            let before = Files.tree(bundle.directory)
            var command = bundle.command(["plan", "--format", format, bundle.directory])
            command.arguments =
                ["/usr/bin/setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"] + command.arguments
            let outcome = try command.run().ok()
            #expect(outcome.output.contains("mounts[0]"))
            if format == "json" { _ = try Value(parsing: outcome.output) }
            #expect(Files.tree(bundle.directory) == before)
            bundle.expectNothingLeft()
        }

        @Test(.beyondRunc("has no such command")) func `plan ends with what the host does, and a legend`() throws {
            let bundle = try Bundle.minimal {
                $0.linux.resources.memory.limit = Value(64 << 20)
                $0.linux.resources.pids.limit = 21
                $0.hook("createRuntime", "/bin/true")
            }
            try bundle.save()
            let text = try bundle.command(["plan", bundle.directory]).run().ok().output
            let host = try #require(text.split(separator: "---- the host: what it does beside\n").last)
            #expect(host.contains("/pids.max 21    [linux.resources.pids.limit]\n"), "\(host)")
            #expect(host.contains(" 67108864    [linux.resources.memory.limit]\n"), "\(host)")
            #expect(host.contains("device  allow c 1:3 rwm    [linux.resources.devices]\n"), "\(host)")
            #expect(host.contains("hook    /bin/true"), "\(host)")
            #expect(host.contains("[hooks.createRuntime[0]]\n---- legend\n"), "\(host)")
            let json = try Value(
                parsing: bundle.command(["plan", "--format", "json", bundle.directory]).run().ok().output)
            let files = json.host.writes.items.compactMap(\.path.text)
            #expect(files.contains { $0.hasSuffix("/\(bundle.workspace.tag)/\(bundle.name)/pids.max") }, "\(files)")
            #expect(json.host.hooks == [["path": "/bin/true", "args": [], "field": "hooks.createRuntime[0]"]])
            // What is foretold is what is written.
            try bundle.create().ok()
            for write in json.host.writes.items where write.field == "linux.resources.pids.limit" {
                #expect(Files.line(write.path.text ?? "") == "21")
            }
        }

        @Test(.flag("plan --summary"), .beyondRunc("has no such command"))
        func `a summary says on one screen what a container gets`() throws {
            let bundle = try Bundle.minimal {
                $0.linux.resources.pids.limit = 21
                $0.linux.maskedPaths = ["/proc/kcore", "/proc/keys"]
                $0.linux.readonlyPaths = ["/proc/sys"]
                $0.linux.seccomp = ["defaultAction": "SCMP_ACT_ALLOW"]
                $0.process.capabilities.bounding = ["CAP_CHOWN", "CAP_KILL"]
                $0.hook("poststop", "/bin/true")
            }
            try bundle.save()
            let text = try bundle.command(["plan", "--summary", bundle.directory]).run().ok().output
            for part in [
                "root          \(bundle.rootfs)", "namespaces    new: ", "/proc: proc", "bounding: CHOWN KILL",
                "pids.limit: ", "/pids.max 21", "masked        /proc/kcore /proc/keys\n", "read-only     /proc/sys\n",
                "seccomp       default SCMP_ACT_ALLOW", "hooks         poststop (host): /bin/true",
            ] {
                #expect(text.contains(part), "\(part) in \(text)")
            }
            let lines = text.split(separator: "\n")
            #expect(lines.count <= 60 && lines.allSatisfy { $0.count <= 200 }, "\(text)")
            bundle.expectNothingLeft()
        }

        // MARK: Logs

        @Test(.flag("--log", "--log-format"))
        func `an error is one JSON object in the log and is said on standard error too`() throws {
            let bundle = try Bundle.minimal { $0.run("/absent/program") }
            let log = "\(bundle.workspace.directory)/log.json"
            bundle.globalFlags = ["--log", log, "--log-format", "json"]
            let outcome = try bundle.create()
            let last = try Value(parsing: Files.read(log)?.split(separator: "\n").last ?? "")
            #expect(last.level == "error")
            #expect(last.msg.text?.contains("/absent/program") == true)
            #expect(last.msg.text?.contains("no such file or directory") == true)
            #expect(last.time.text?.hasPrefix("20") == true)
            #expect(outcome.errors.contains("no such file or directory"))
        }

        @Test func `a text log has level and message`() throws {
            let bundle = try Bundle.minimal { $0.run("/absent/program") }
            let log = "\(bundle.workspace.directory)/log.txt"
            bundle.globalFlags = ["--log", log]
            _ = try bundle.create()
            let text = Files.read(log) ?? ""
            #expect(text.contains("level=error") && text.contains("msg="))
        }

        @Test func `a command that succeeds is silent and leaves the log empty`() throws {
            let bundle = try Bundle.minimal()
            let log = "\(bundle.workspace.directory)/log.json"
            bundle.globalFlags = ["--log", log, "--log-format", "json"]
            #expect(try bundle.run().ok().errors == "")
            #expect(Files.read(log) ?? "" == "")
        }
    }
}
