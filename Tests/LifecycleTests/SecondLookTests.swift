import Glibc
import Harness
import Testing

extension Containers {
    /// After a failure the files that the command was given are looked at once more. What can be read only once is not
    /// waited for, and nothing untrue is said of it.
    @Suite(.beyondRunc("gives no hints")) struct SecondLookTests {
        /// What is read from the path is the text, once: a second reader of a FIFO waits for ever.
        private func oneTime(_ text: String, _ bundle: Bundle) throws -> (path: String, writer: RunningCommand) {
            let path = "\(bundle.workspace.directory)/fifo"
            try Files.makeFIFO(path)
            let source = try bundle.hostFile("source", text)
            return (
                path,
                try bundle.workspace.start(bundle.workspace.command(["/bin/sh", "-c", "cat \(source) > \(path)"]))
            )
        }

        private func expectOneError(
            _ outcome: Outcome, saying words: String, sourceLocation: SourceLocation = #_sourceLocation
        ) {
            expectFailure(outcome, saying: words, sourceLocation: sourceLocation)
            #expect(
                outcome.errors.split(separator: "\n").count == 1 && !outcome.errors.contains("apus check"),
                "\(outcome)",
                sourceLocation: sourceLocation)
        }

        @Test(arguments: ["create", "run"]) func `a configuration from a FIFO`(command: String) throws {
            let bundle = try Bundle.minimal {
                $0.bind("/absent", to: "/data")
                $0.process.args = ["/absent"]
            }
            let (path, writer) = try oneTime("\(bundle.config)", bundle)
            defer { writer.kill() }
            expectOneError(try bundle.creating([command, "--config", path]).run(), saying: "mounts[7].source")
        }

        @Test(arguments: ["create", "run"]) func `a configuration from a pipe`(command: String) throws {
            let bundle = try Bundle.minimal { $0.bind("/absent", to: "/data") }
            let source = try bundle.hostFile("source", "\(bundle.config)")
            bundle.wrapper = ["/bin/sh", "-c", "cat \(source) | \"$@\"", "sh"]
            let outcome = try bundle.creating([command, "--config", "/dev/stdin"]).run()
            expectOneError(outcome, saying: "mounts[7].source: open_tree /absent clone")
        }

        /// The bundle of a failing command may be one as well.
        @Test func `a bundle that is a FIFO`() throws {
            let bundle = try Bundle.minimal()
            try Files.makeFIFO("\(bundle.workspace.directory)/fifo")
            let flags = ["--bundle", "\(bundle.workspace.directory)/fifo", bundle.id]
            expectOneError(try bundle.command(["create"] + flags).run(), saying: "fifo")
        }

        @Test func `a process from a FIFO, or from a pipe`() throws {
            let bundle = try Bundle.running()
            bundle.config.process.args = ["/absent"]
            let (path, writer) = try oneTime("\(bundle.config.process)", bundle)
            defer { writer.kill() }
            expectOneError(try bundle.executing([], ["--process", path]).run(), saying: "\"/absent\": stat /absent")
            let source = try bundle.hostFile("source", "\(bundle.config.process)")
            bundle.wrapper = ["/bin/sh", "-c", "cat \(source) | \"$@\"", "sh"]
            expectOneError(
                try bundle.executing([], ["--process", "/dev/stdin"]).run(), saying: "\"/absent\": stat /absent")
        }

        /// A regular file behind a link is one: what is known of it is told as ever.
        @Test func `a configuration behind a link is looked at again`() throws {
            let bundle = try Bundle.minimal {
                $0.bind("/absent", to: "/data")
                $0.process.args = ["/absent"]
            }
            let source = try bundle.hostFile("source", "\(bundle.config)")
            let link = "\(bundle.workspace.directory)/link"
            try Files.symlink(to: source, at: link)
            let outcome = try bundle.creating(["create", "--config", link]).run()
            expectFailure(outcome, saying: "mounts[7].source", "\"apus check\" names 1 more problem")
        }
    }
}
