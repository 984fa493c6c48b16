import Harness
import Testing

extension Containers {
    /// Whatever a configuration has in its texts, what is printed of it are our own lines, and no commands to a terminal.
    @Suite(.beyondRunc("has no such commands")) struct ForgedTextTests {
        /// What would be lines of its own, and colours; and so many blanks that a line is broken at one.
        private static let text =
            "v\nFORGED \u{1b}[31mFORGED \u{9b}31m\u{202e}\r\nFORGED" + String(repeating: " FORGED", count: 20)
        private static let short = "v\nFORGED \u{1b}[31m\u{9b}\r\nFORGED"

        /// A configuration with them in every place that takes a text.
        private static func forge(_ config: inout Value) {
            let text = Value(text)
            let path = Value("/" + self.text)
            config.process.args = [text, text]
            config.process.env = [Value("N=" + self.text), Value("PATH=/" + self.text), Value(self.text + "=x")]
            config.process.cwd = path
            config.hostname = Value(short)
            config.domainname = Value(short)
            let hook: Value = ["path": path, "args": [text, text], "env": [Value("A=" + self.text)], "timeout": 3]
            for kind in ["prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"] {
                config.hooks[kind] = [hook]
            }
            config.mounts.append(contentsOf: [
                ["destination": path, "type": text, "source": text, "options": [Value("x=" + self.text), "nodev"]],
                ["destination": Value("/b" + self.text), "source": path, "options": ["bind", "ro"]],
                ["destination": Value("/r" + self.text), "source": path, "options": ["rbind"]],
            ])
            config.annotations[self.text] = text
            config.linux.cgroupsPath = Value("/" + self.text.replacing("\r\n", with: "").replacing("\n", with: ""))
            config.linux.devices = [["path": Value("/dev/" + self.text), "type": "c", "major": 1, "minor": 3]]
            config.linux.maskedPaths = [path]
            config.linux.readonlyPaths = [path]
            config.linux.sysctl["net.ipv4." + self.text] = text
            config.linux.resources.unified["memory." + self.text] = text
            config.linux.resources.rdma[self.text] = ["hcaHandles": 1]
            config.linux.seccomp = [
                "defaultAction": "SCMP_ACT_ALLOW",
                "syscalls": [["names": [Value("call" + self.text)], "action": "SCMP_ACT_ERRNO"]],
            ]
            config.linux.namespaces = .array(
                config.linux.namespaces.items.map {
                    var namespace = $0
                    if namespace.type == "ipc" { namespace.path = path }
                    return namespace
                })
            config["unknown" + self.text] = text
            config.process["unknown" + self.text] = text
        }

        /// - Parameter mayContinue: whether a line with blanks before it goes on with the text of the one before.
        private func expectOwnLines(
            _ text: String, mayContinue: Bool = false, sourceLocation: SourceLocation = #_sourceLocation
        ) {
            #expect(!text.isEmpty, sourceLocation: sourceLocation)
            // What turns the direction of writing around is no control character, and JSON need not escape it.
            let isJSON = text.hasPrefix("{") || text.hasPrefix("[")
            for line in text.unicodeScalars.split(separator: "\n") {
                #expect(
                    !String(mayContinue ? line : line.drop { $0 == " " }).hasPrefix("FORGED"),
                    "\(String(line).debugDescription)",
                    sourceLocation: sourceLocation)
                let controls = line.filter {
                    let kind = $0.properties.generalCategory
                    return kind == .control && $0 != "\t" || kind == .format && !isJSON
                }
                #expect(controls.isEmpty, "\(String(line).debugDescription)", sourceLocation: sourceLocation)
            }
        }

        @Test(arguments: [["plan"], ["plan", "--summary"], ["plan", "--format", "json"]])
        func `of a plan`(words: [String]) throws {
            let bundle = try Bundle.minimal(Self.forge)
            try bundle.save()
            let outcome = try bundle.command(words + [bundle.directory]).run().ok()
            #expect(outcome.output.contains("FORGED"))
            expectOwnLines(outcome.output)
            expectOwnLines(outcome.errors + " ")
        }

        @Test(arguments: [["check"], ["check", "--format", "json"]]) func `of a check`(words: [String]) throws {
            let bundle = try Bundle.minimal(Self.forge)
            try bundle.save()
            let outcome = try bundle.command(words + [bundle.directory]).run()
            #expect(outcome.status == 1 && outcome.output.contains("FORGED"))
            expectOwnLines(outcome.output)
        }

        /// What goes to a log, and beside it to standard error.
        @Test(.flag("--log", "--debug"), arguments: [false, true]) func `of an error`(hasLog: Bool) throws {
            let changes: [(inout Value) -> Void] = [
                Self.forge, { $0.bind("/" + Self.text, to: "/data") }, { $0.process.args = [Value("/" + Self.text)] },
                { $0.hook("prestart", "/" + Self.text) }, { $0.process.cwd = Value(Self.text) },
                {
                    $0.hook(
                        "createContainer", "/bin/sh", args: ["sh", "-c", "printf 'v\\nFORGED \\033[31m' >&2; exit 1"])
                },
            ]
            for change in changes {
                let bundle = try Bundle.minimal(change)
                let log = "\(bundle.workspace.directory)/log"
                bundle.globalFlags = hasLog ? ["--debug", "--log", log] : ["--debug"]
                let outcome = try bundle.creating(["run"]).run()
                #expect(outcome.status != 0)
                expectOwnLines(outcome.errors, mayContinue: true)
                if hasLog { expectOwnLines(Files.read(log) ?? "") }
                bundle.globalFlags = []
            }
        }

        @Test func `of a state and a list`() throws {
            let bundle = try Bundle.sleeping { $0.annotations[Self.text] = Value(Self.text) }
            try bundle.create().ok()
            for words in [
                ["state", bundle.id], ["list"], ["list", "--format", "json"], ["state", "--cgroup", bundle.id],
            ] {
                expectOwnLines(try bundle.command(words).run().ok().output)
            }
        }
    }
}
