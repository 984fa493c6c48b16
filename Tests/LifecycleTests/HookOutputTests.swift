import Glibc
import Harness
import Testing

extension Containers {
    /// What a hook writes is shown when it fails, and costs nobody anything.
    @Suite(.beyondRunc("does not bound it, and waits for whoever holds it")) struct HookOutputTests {
        static let kinds = ["prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"]

        /// A hook of a kind, which runs a script; what the command then says.
        private func said(by kind: String, _ script: String, _ limit: Double = 60) throws -> (Outcome, Bundle) {
            let bundle = try Bundle.minimal()
            let isInside = kind == "startContainer"
            let path = isInside ? "\(bundle.rootfs)/hook" : "\(bundle.workspace.directory)/hook"
            try Files.script(script, at: path)
            bundle.config.hook(
                kind, isInside ? "/hook" : path, env: ["PATH=/usr/bin:/bin"])
            return (try bundle.creating(["run"]).run(limit: limit), bundle)
        }

        @Test(arguments: kinds)
        func `output and errors of a failing hook are shown`(kind: String) throws {
            let (outcome, bundle) = try said(by: kind, "echo one; echo two >&2; exit 3")
            #expect((outcome.status == 0) == (kind == "poststop"))
            #expect(outcome.errors.contains("hooks.\(kind)[0]"), "\(outcome)")
            #expect(outcome.errors.contains("exit status 3, output: one; two"), "\(outcome)")
            bundle.expectNothingLeft()
        }

        @Test(arguments: kinds)
        func `of much output the end is shown`(kind: String) throws {
            let (outcome, _) = try said(
                by: kind,
                "i=0; while [ $i -lt 3000 ]; do echo 'much to say, and nothing in it'; i=$((i+1)); done; echo last; exit 3"
            )
            #expect(outcome.errors.contains("; last"), "\(outcome)")
            #expect(outcome.errors.utf8.count < 3000)
        }

        /// A daemon that a hook leaves behind holds its output open, and goes on writing.
        @Test(arguments: kinds.filter { $0 != "startContainer" })
        func `a process that a hook leaves behind is not waited for`(kind: String) throws {
            let writing = "i=0; while [ $i -lt 2000 ]; do echo more || exit; sleep 0.05; i=$((i+1)); done"
            let script = "(trap '' TERM; \(writing)) & exit 0"
            let (outcome, bundle) = try said(by: kind, script, 30)
            #expect(outcome.succeeded, "\(outcome)")
            // Its writes fail once the hook is over, so that it ends.
            #expect(bundle.leftovers().filter { !$0.hasPrefix("process") } == [])
            bundle.workspace.killHooks()
        }

        /// 600 MB in memory would show.
        @Test(arguments: ["createRuntime", "createContainer"])
        func `a hook that writes without end fills no memory`(kind: String) throws {
            let bundle = try Bundle.minimal()
            let path = "\(bundle.workspace.directory)/hook"
            try Files.script("dd if=/dev/zero bs=64k count=9600 2>/dev/null; echo last; exit 3", at: path)
            bundle.config.hook(kind, path, env: ["PATH=/usr/bin:/bin"])
            let before = sharedMemory()
            let run = try bundle.startRun()
            var most = 0
            while run.isRunning {
                most = max(most, sharedMemory() - before)
                usleep(2000)
            }
            let outcome = run.wait()
            #expect(outcome.errors.contains("last"), "\(outcome)")
            #expect(most < 400_000, "\(most) KB")
            bundle.expectNothingLeft()
        }

        /// `Shmem` of /proc/meminfo: memory files count there. In KB.
        private func sharedMemory() -> Int {
            let line = (Files.read("/proc/meminfo") ?? "").split(separator: "\n").first { $0.hasPrefix("Shmem:") }
            return line?.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0
        }
    }
}
