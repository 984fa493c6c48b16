import Harness
import Testing

extension Containers {
    @Suite(.beyondRunc("keeps no timeline")) struct TimingTests {
        private func events(_ path: String) throws -> [Value] { try Value(parsing: Files.read(path) ?? "").items }

        @Test(.flag("--timing")) func `a run is a trace of complete events, one inside the other`() throws {
            let bundle = try Bundle.minimal {
                $0.linux.seccomp = ["defaultAction": "SCMP_ACT_ALLOW"]
                $0.hook("createRuntime", "/bin/true")
            }
            let path = "\(bundle.workspace.directory)/trace.json"
            bundle.globalFlags = ["--timing", path]
            try bundle.run().ok()
            let events = try events(path)
            let names = events.compactMap(\.name.text)
            for name in ["command", "parse", "host", "compile seccomp", "plan", "hook", "container runs"] {
                #expect(names.contains(name), "\(names)")
            }
            #expect(names.contains { $0.hasPrefix("cgroup") })
            #expect(names.contains { $0.hasPrefix("meeting: ") })
            #expect(names.contains { $0.contains("clone") } && names.contains { $0.contains("exec") })
            let whole = try #require(events.first)
            for event in events {
                #expect(event.ph == "X" && event.args.isNull)
                #expect(event.pid == whole.pid)
                #expect(number(event.ts) >= number(whole.ts) && number(event.dur) >= 0)
                #expect(number(event.ts) + number(event.dur) <= number(whole.ts) + number(whole.dur) + 0.001)
            }
            // The container's process is a thread of its own.
            #expect(Set(events.map { "\($0.tid)" }).count == 2)
        }

        @Test(.flag("--timing")) func `exec tells its parts too`() throws {
            let bundle = try Bundle.running()
            let path = "\(bundle.workspace.directory)/trace.json"
            bundle.globalFlags = ["--timing", path]
            try bundle.exec("/assert", "report").ok()
            let names = try events(path).compactMap(\.name.text)
            #expect(
                names == [
                    "command", "state", "parse", "host", "compile seccomp", "plan", "plan encoded, clone",
                    "last steps, exec", "process runs",
                ])
            bundle.globalFlags = []
        }

        private func number(_ value: Value) -> Double { Double("\(value)") ?? -1 }

        @Test(.flag("--timing"), arguments: ["create", "start", "delete", "state", "kill"])
        func `every command keeps one`(command: String) throws {
            let bundle = try Bundle.sleeping()
            if command != "create" { try bundle.create().ok() }
            let path = "\(bundle.workspace.directory)/trace.json"
            bundle.globalFlags = ["--timing", path]
            switch command {
            case "create": try bundle.create().ok()
            case "delete": try bundle.delete("--force").ok()
            default: try bundle.command([command, bundle.id]).run().ok()
            }
            #expect(try events(path).first?.name == "command")
            bundle.globalFlags = []
        }

        @Test(.flag("--timing")) func `a failure leaves one too, which shows what failed`() throws {
            let bundle = try Bundle.minimal { $0.hook("createRuntime", "/bin/false") }
            let path = "\(bundle.workspace.directory)/trace.json"
            bundle.globalFlags = ["--timing", path]
            expectFailure(try bundle.run(), saying: "hook")
            let failed = try events(path).filter { $0.args.failed == true }
            #expect(failed.first?.name == "command")
            bundle.expectNothingLeft()
        }

        @Test(.flag("--timing")) func `a dash is text on standard error`() throws {
            let bundle = try Bundle.minimal()
            bundle.globalFlags = ["--timing", "-"]
            let outcome = try bundle.run().ok()
            #expect(outcome.errors.hasPrefix("     start ms        ms  part\n"))
            #expect(outcome.errors.contains("  plan\n"))
        }

        @Test(.flag("--timing")) func `a file that cannot be written is told before anything is done`() throws {
            let bundle = try Bundle.minimal()
            bundle.globalFlags = ["--timing", "/absent/trace.json"]
            expectFailure(try bundle.run(), saying: "--timing", "/absent/trace.json", "no such file")
            #expect(bundle.output == "")
            bundle.globalFlags = []
        }

        /// A descriptor of apus must not be taken for one of the caller's.
        @Test(.flag("run --preserve-fds")) func `the file is not passed on to the container`() throws {
            let bundle = try Bundle.minimal { $0.run("/bin/ls", "/proc/self/fd") }
            bundle.globalFlags = ["--timing", "\(bundle.workspace.directory)/trace.json"]
            // The last one is the list's own.
            #expect(try bundle.run("--preserve-fds", "1").ok().output == "0\n1\n2\n3\n")
        }
    }
}
