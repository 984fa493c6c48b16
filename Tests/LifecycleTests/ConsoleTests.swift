import Harness
import Testing

extension Containers {
    @Suite struct ConsoleTests {
        // MARK: Console socket

        @Test(.flag("create --console-socket")) func `the master of the terminal comes over the console socket`() throws
        {
            let bundle = try Bundle.terminal()
            let socket = try ConsoleSocket(in: bundle.workspace.directory)
            try bundle.create("--console-socket", socket.path).ok()
            let terminal = try socket.receive()
            try bundle.start().ok()
            terminal.readToEnd()
            let seen = try #require(terminal.reports.first)
            #expect(seen.terminal.isatty == [true, true, true])
            #expect(seen.terminal.controlling == true)
            #expect(seen.terminal.foregroundGroup == 1)
            #expect(seen.terminal.name == "/dev/pts/0")
            #expect(bundle.waitForExit() == 0)
        }

        @Test func `dev console is the terminal`() throws {
            let bundle = try Bundle.terminal()
            let seen = try bundle.reportOnConsole()
            #expect(seen.terminal.consoleIsInput == true)
            #expect(seen.terminal.console.type == "char")
            #expect(seen.terminal.console.major == 136)
            #expect(seen.mounted(at: "/dev/console").type == "devpts")
        }

        @Test func `the terminal is in the container's own devpts`() throws {
            let seen = try Bundle.terminal().reportOnConsole()
            #expect(seen.descriptors["0"] == "/dev/pts/0")
        }

        @Test func `only the terminal is open`() throws {
            let seen = try Bundle.terminal().reportOnConsole()
            #expect(seen.descriptors.members.keys.sorted() == ["0", "1", "2"])
        }

        @Test func `the terminal belongs to the container's user`() throws {
            let bundle = try Bundle.terminal { $0.process.user = ["uid": 1000, "gid": 1000] }
            let seen = try bundle.reportOnConsole()
            #expect(seen.terminal.input.uid == 1000)
            #expect(seen.terminal.input.mode == "0620")
        }

        @Test func `the terminal has the configured size`() throws {
            let seen = try Bundle.terminal { $0.process.consoleSize = ["height": 33, "width": 121] }.reportOnConsole()
            #expect(seen.terminal.size == ["rows": 33, "columns": 121])
        }

        @Test func `the terminal works in a user namespace`() throws {
            let seen = try Bundle.terminal { $0.mapUsers() }.reportOnConsole()
            #expect(seen.terminal.isatty == [true, true, true])
            #expect(seen.terminal.input.uid == 0)
        }

        @Test(.flag("run --console-socket", "run --detach")) func `run with detach sends the terminal too`() throws {
            let bundle = try Bundle.terminal()
            let socket = try ConsoleSocket(in: bundle.workspace.directory)
            try bundle.run("--detach", "--console-socket", socket.path).ok()
            let terminal = try socket.receive()
            terminal.readToEnd()
            #expect(terminal.reports.first?.pid == 1)
        }

        @Test func `it can be typed on`() throws {
            let bundle = try Bundle.terminal { $0.shell("read line; echo got $line") }
            let socket = try ConsoleSocket(in: bundle.workspace.directory)
            try bundle.create("--console-socket", socket.path).ok()
            let terminal = try socket.receive()
            try bundle.start().ok()
            terminal.write("hello\n")
            #expect(terminal.read(until: "got hello\r\n"))
        }

        @Test func `control C interrupts the program`() throws {
            let bundle = try Bundle.terminal { $0.run("/assert", "sleep") }
            let socket = try ConsoleSocket(in: bundle.workspace.directory)
            try bundle.create("--console-socket", socket.path).ok()
            let terminal = try socket.receive()
            try bundle.start().ok()
            #expect(terminal.read(until: "\n"))
            terminal.write("\u{3}")
            #expect(terminal.read(until: "\"signal\":2"))
        }

        @Test func `a new size is told to the program`() throws {
            let bundle = try Bundle.terminal { $0.run("/assert", "sleep") }
            let socket = try ConsoleSocket(in: bundle.workspace.directory)
            try bundle.create("--console-socket", socket.path).ok()
            let terminal = try socket.receive()
            try bundle.start().ok()
            #expect(terminal.read(until: "\n"))
            terminal.resize(rows: 50, columns: 150)
            #expect(terminal.read(until: "\"signal\":28,\"rows\":50,\"columns\":150"))
        }

        @Test(.beyondRunc("limited to the 107 bytes of an address"))
        func `a console socket may have a path longer than an address`() throws {
            let bundle = try Bundle.terminal()
            let directory = bundle.workspace.directory + String(repeating: "/a-long-name-of-a-directory", count: 6)
            let socket = try ConsoleSocket(in: directory)
            try bundle.create("--console-socket", socket.path).ok()
            _ = try socket.receive()
        }

        @Test func `create with a terminal needs a console socket`() throws {
            expectFailure(try Bundle.terminal().create(), saying: "console")
        }

        @Test func `a console socket without a terminal is refused`() throws {
            let bundle = try Bundle.minimal()
            let socket = try ConsoleSocket(in: bundle.workspace.directory)
            expectFailure(try bundle.create("--console-socket", socket.path), saying: "console")
        }

        @Test func `a console socket that nobody listens on is refused`() throws {
            let bundle = try Bundle.terminal()
            expectFailure(
                try bundle.create("--console-socket", "\(bundle.workspace.directory)/absent.sock"),
                saying: "absent.sock")
            bundle.expectNothingLeft()
        }

        // MARK: Foreground

        @Test func `run on a terminal gives the container one of its own`() throws {
            let bundle = try Bundle.terminal()
            let terminal = try Terminal()
            let running = try bundle.runOnTerminal(terminal)
            #expect(terminal.read(until: "\n"))
            #expect(running.wait().status == 0)
            let seen = try #require(terminal.reports.first)
            #expect(seen.terminal.isatty == [true, true, true])
            #expect(seen.terminal.name == "/dev/pts/0")
            bundle.expectNothingLeft()
        }

        @Test func `run on a terminal exits with the program's status`() throws {
            let bundle = try Bundle.terminal { $0.run("/assert", "exit", "9") }
            let terminal = try Terminal()
            #expect(try bundle.runOnTerminal(terminal).wait().status == 9)
        }

        @Test func `the caller's terminal is raw while run is there, and as before afterwards`() throws {
            let bundle = try Bundle.terminal { $0.shell("echo ready; read line; exit 0") }
            let terminal = try Terminal()
            #expect(terminal.isCooked)
            let running = try bundle.runOnTerminal(terminal)
            #expect(terminal.read(until: "ready"))
            #expect(!terminal.isCooked)
            terminal.write("\n")
            #expect(running.wait().status == 0)
            #expect(terminal.isCooked)
        }

        @Test func `the caller's terminal is restored when create fails`() throws {
            let bundle = try Bundle.terminal { $0.run("/absent/program") }
            let terminal = try Terminal()
            #expect(try bundle.runOnTerminal(terminal).wait().status != 0)
            #expect(terminal.isCooked)
        }

        @Test func `what is typed reaches the program once`() throws {
            let bundle = try Bundle.terminal { $0.shell("stty -echo; echo ready; read line; echo got $line") }
            let terminal = try Terminal()
            let running = try bundle.runOnTerminal(terminal)
            #expect(terminal.read(until: "ready"))
            terminal.write("hello\n")
            #expect(terminal.read(until: "got hello"))
            #expect(running.wait().status == 0)
            #expect(!terminal.output.contains("hello\r\nhello"))
        }

        @Test func `the last output is not lost`() throws {
            let bundle = try Bundle.terminal {
                $0.shell("i=0; while [ $i -lt 2000 ]; do echo line $i; i=$((i+1)); done; echo the end")
            }
            let terminal = try Terminal()
            let running = try bundle.runOnTerminal(terminal)
            #expect(terminal.read(until: "the end"))
            #expect(running.wait().status == 0)
            #expect(terminal.output.contains("line 1999"))
        }

        @Test func `the container's terminal starts with the size of the caller's and follows it`() throws {
            let bundle = try Bundle.terminal { $0.run("/assert", "sleep") }
            let terminal = try Terminal(rows: 31, columns: 101)
            let running = try bundle.runOnTerminal(terminal)
            #expect(terminal.read(until: "\n"))
            // The first size may come before or after the report.
            #expect(
                terminal.reports.first?.terminal.size.rows == 31 || terminal.read(until: "\"rows\":31,\"columns\":101"))
            terminal.resize(rows: 40, columns: 99)
            #expect(terminal.read(until: "\"rows\":40,\"columns\":99"))
            try bundle.kill("TERM").ok()
            #expect(running.wait().status == 0)
        }

        @Test func `control C reaches the program, not the runtime`() throws {
            let bundle = try Bundle.terminal { $0.run("/assert", "sleep") }
            let terminal = try Terminal()
            let running = try bundle.runOnTerminal(terminal)
            #expect(terminal.read(until: "\n"))
            terminal.write("\u{3}")
            #expect(terminal.read(until: "\"signal\":2"))
            #expect(running.isRunning)
            try bundle.kill("KILL").ok()
            #expect(running.wait().status == 137)
        }

        @Test func `run with a terminal works without one or is refused, and does not hang`() throws {
            #expect(try !Bundle.terminal().run().isLate)
        }
    }
}

extension Bundle {
    fileprivate static func terminal(_ change: (inout Value) -> Void = { _ in }) throws -> Bundle {
        try minimal {
            $0.process.terminal = true
            change(&$0)
        }
    }

    /// What the assert program saw on a terminal whose master came over a console socket.
    fileprivate func reportOnConsole() throws -> Value {
        let socket = try ConsoleSocket(in: workspace.directory)
        try create("--console-socket", socket.path).ok()
        let terminal = try socket.receive()
        try start().ok()
        terminal.readToEnd()
        guard let report = terminal.reports.first else { throw HarnessError("no report: \(terminal.output)") }
        return report
    }
}
