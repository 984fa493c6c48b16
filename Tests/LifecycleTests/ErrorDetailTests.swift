import Harness
import Testing

extension Containers {
    /// What programs read beside `msg` in JSON logs.
    @Suite(.beyondRunc("has no such members")) struct ErrorDetailTests {
        /// The last line of the log of a run that fails.
        private func logged(
            _ command: String = "run", _ change: (inout Value) throws -> Void = { _ in }
        ) throws -> Value {
            let bundle = try Bundle.minimal(change)
            let log = "\(bundle.workspace.directory)/log.json"
            bundle.globalFlags = ["--log", log, "--log-format", "json"]
            let outcome = try bundle.creating([command]).run()
            #expect(outcome.status != 0)
            let line = try Value(parsing: (Files.read(log) ?? "").split(separator: "\n").last ?? "")
            #expect(line.level == "error")
            bundle.globalFlags = []
            return line
        }

        @Test(.flag("--log", "--log-format")) func `of a step`() throws {
            let line = try logged { $0.bind("/absent", to: "/data") }
            #expect(line.field == "mounts[7].source")
            #expect(line.errno == "ENOENT" && line.path == "/absent")
            #expect(line.op.text?.contains("open") == true)
        }

        @Test(.flag("--log-format")) func `of a step with a hint`() throws {
            let line = try logged { $0.mount("nofs", at: "/n") }
            #expect(line.errno == "ENODEV")
            #expect(line.hint == "the kernel does not know this file system type")
        }

        @Test func `of a configuration with one problem`() throws {
            let line = try logged { $0.hostname = 7 }
            #expect(line.op == "validate")
            #expect(line.field == "hostname")
            #expect(line.path.text?.hasSuffix("/config.json") == true)
            #expect(line.problems.isNull)
        }

        @Test func `of a configuration with several problems, each`() throws {
            let line = try logged {
                $0.hostname = 7
                $0.process.cwd = "relative"
            }
            #expect(line.problems.items.map(\.field) == ["process.cwd", "hostname"])
            #expect(line.problems[1].message == "not a string: 7")
            #expect(line.field == line.problems[0].field)
        }

        @Test func `of a seccomp profile`() throws {
            let line = try logged {
                $0.linux.seccomp = ["defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_S390"]]
            }
            #expect(line.op == "compile")
            #expect(line.field == "linux.seccomp.architectures[0]")
            #expect(line.hint == "leave the architecture out")
        }

        @Test func `of a cgroup limit`() throws {
            let line = try logged { $0.linux.resources.unified = ["nosuch.max": "1"] }
            #expect(line.field.text?.hasPrefix("linux.resources.unified") == true)
            #expect(line.msg.text?.contains("nosuch") == true)
        }

        @Test func `of a cgroup that is in use`() throws {
            let first = try Bundle.sleeping()
            try first.create().ok()
            let line = try logged { $0.linux.cgroupsPath = first.config.linux.cgroupsPath }
            #expect(line.field == "linux.cgroupsPath")
            #expect(line.path.text?.hasSuffix("/c0") == true)
        }

        @Test(arguments: ["prestart", "createRuntime"]) func `of a hook`(kind: String) throws {
            let failed = try logged { $0.hook(kind, "/bin/false") }
            #expect(failed.op == "hook" && failed.path == "/bin/false" && failed.errno.isNull)
            #expect(failed.field == .string("hooks.\(kind)[0]"))
            let missing = try logged { $0.hook(kind, "/absent/hook") }
            #expect(missing.path == "/absent/hook" && missing.errno == "ENOENT")
        }

        @Test func `of a hook inside`() throws {
            let line = try logged { $0.hook("createContainer", "/bin/false") }
            #expect(line.field == "hooks.createContainer[0]" && line.path == "/bin/false")
            #expect(line.op.text?.contains("/bin/false") == true)
        }

        @Test func `of a call of the host's side`() throws {
            let line = try logged { $0.root.path = "absent" }
            #expect(line.op == "realpath" && line.errno == "ENOENT" && line.field == "root.path")
            #expect(line.path.text?.hasSuffix("/absent") == true)
        }
    }
}
