import Harness
import Testing

extension Containers {
    @Suite(.beyondRunc("has no such command")) struct WaitTests {
        private func startWait(_ bundle: Bundle) throws -> RunningCommand {
            try bundle.workspace.start(bundle.command(["wait", bundle.id]))
        }

        /// Whether a command has a descriptor of a process.
        private func holdsProcess(_ pid: Int32) -> Bool {
            Files.list("/proc/\(pid)/fd").contains {
                Files.target(ofLink: "/proc/\(pid)/fd/\($0)")?.hasSuffix("[pidfd]") == true
            }
        }

        /// A created container whose program waits for a file and then ends as the script says.
        private func waiting(_ end: String) throws -> (Bundle, String) {
            let bundle = try Bundle.minimal()
            let directory = try bundle.hostDirectory("go")
            bundle.config.bind(directory, to: "/go")
            try bundle.putDirectory("go")
            bundle.config.shell("until [ -e /go/now ]; do /bin/busybox sleep 0.01; done; \(end)")
            try bundle.create().ok()
            return (bundle, "\(directory)/now")
        }

        @Test(arguments: [("exit 0", 0), ("exit 7", 7), ("kill -9 $$; kill -9 1", 137), ("exit 255", 255)])
        func `wait ends with the container's exit code`(script: String, code: Int) throws {
            // Nobody can kill an init process from inside its own pid namespace.
            let isKilled = code == 137
            let (bundle, file) = try waiting(isKilled ? "while :; do /bin/busybox sleep 1; done" : script)
            let wait = try startWait(bundle)
            try bundle.start().ok()
            try Files.write("", to: file)
            if isKilled { try bundle.kill("KILL").ok() }
            let outcome = wait.wait()
            #expect(outcome.status == Int32(code) && !outcome.isLate, "\(outcome)")
            #expect(outcome.output == "" && outcome.errors == "")
        }

        @Test func `a created container is waited for, by several at a time`() throws {
            let (bundle, file) = try waiting("exit 5")
            let waits = try (0..<4).map { _ in try startWait(bundle) }
            #expect(!eventually(within: 0.3) { waits.contains { !$0.isRunning } })
            try bundle.start().ok()
            #expect(!eventually(within: 0.3) { waits.contains { !$0.isRunning } })
            try Files.write("", to: file)
            for wait in waits { #expect(wait.wait().status == 5) }
        }

        @Test func `a created container that is deleted was killed`() throws {
            let (bundle, _) = try waiting("exit 5")
            let wait = try startWait(bundle)
            // Whoever comes later finds no such container: it has to hold the process already.
            try #require(eventually { holdsProcess(wait.pid) })
            #expect(!eventually(within: 0.2) { !wait.isRunning })
            try bundle.delete("--force").ok()
            #expect(wait.wait().status == 137)
        }

        @Test func `a process that has ended and is not reaped tells its code`() throws {
            let (bundle, file) = try waiting("exit 9")
            try bundle.start().ok()
            try Files.write("", to: file)
            #expect(eventually { bundle.status == "stopped" })
            #expect(try bundle.command(["wait", bundle.id]).run().status == 9)
        }

        @Test func `a code that nobody has kept is not invented`() throws {
            let (bundle, file) = try waiting("exit 9")
            try bundle.start().ok()
            try Files.write("", to: file)
            #expect(bundle.waitForExit() == 9)
            let outcome = try bundle.command(["wait", bundle.id]).run()
            #expect(outcome.status == 254)
            #expect(outcome.errors.contains("its exit code is not known"))
        }

        @Test(.flag("run --keep")) func `run keep records the code`() throws {
            let bundle = try Bundle.minimal { $0.shell("exit 6") }
            #expect(try bundle.run("--keep").status == 6)
            #expect(bundle.status == "stopped")
            #expect(try bundle.command(["wait", bundle.id]).run().status == 6)
        }

        @Test func `an unknown id is a failure of its own`() throws {
            let bundle = try Bundle.minimal()
            let outcome = try bundle.command(["wait", "nobody"]).run()
            #expect(outcome.status == 255)
            expectFailure(outcome, saying: "container does not exist")
        }
    }
}
