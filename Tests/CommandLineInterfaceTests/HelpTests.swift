import Testing

@testable import CommandLineInterface

@Suite struct HelpTests {
    @Test func versionInTheShapeOfRunc() {
        #expect(
            VersionText(version: "0.1.0", specification: "1.3.0", libseccomp: "2.5.4").text
                == "apus version 0.1.0\nspec: 1.3.0\nlibseccomp: 2.5.4\n")
        #expect(
            VersionText(version: "0.1.0", commit: "abc", specification: "1.3.0", libseccomp: nil).text
                == "apus version 0.1.0\ncommit: abc\nspec: 1.3.0\n")
    }

    @Test func programHelpNamesEverything() {
        let text = Help.program(colour: false)
        for command in Command.allCases { #expect(text.contains(command.rawValue)) }
        for flag in Flag.global { #expect(text.contains("--\(flag.name)")) }
    }

    @Test(arguments: Command.allCases)
    func commandHelpNamesEveryFlag(command: Command) {
        let text = Help.command(command, colour: false)
        for flag in command.entry.flags { #expect(text.contains("--\(flag.name)")) }
        for example in command.entry.examples { #expect(text.contains(example.line)) }
    }

    @Test(arguments: [true, false])
    func fitsATerminal(colour: Bool) {
        let texts = Command.allCases.map { Help.command($0, colour: colour) } + [Help.program(colour: colour)]
        for line in texts.joined().split(separator: "\n") {
            #expect(line.utf8.count <= 80 + (colour ? 8 : 0), "\(line)")
            #expect(!line.hasSuffix(" "))
        }
    }

    @Test func colourOnlyWhenAsked() {
        for command in Command.allCases {
            #expect(!Help.command(command, colour: false).contains("\u{1B}"))
            #expect(Help.command(command, colour: true).contains("\u{1B}[1mGeneral\u{1B}[0m\n"))
        }
        #expect(!Help.program(colour: false).contains("\u{1B}"))
    }

    /// Every example is a command line that is understood.
    @Test(arguments: Command.allCases)
    func examplesAreTrue(command: Command) throws {
        for example in command.entry.examples {
            var line = example.line[...]
            if let bracket = line.firstIndex(of: "(") { line = line[line.index(after: bracket)...].dropLast() }
            let arguments = line.split { $0 == "|" || $0 == ">" }[0].split(separator: " ").dropFirst().map(String.init)
            _ = try Invocation(parsing: arguments)
        }
    }

    @Test func commandHelpInFull() {
        #expect(
            Help.command(.delete, colour: false) == """
                apus delete: delete a container and what it holds

                Usage: apus delete [FLAGS] ID

                Removes the cgroup, the state and, with --force, the processes. The bundle is
                left alone.

                Life cycle:
                  -f, --force  Kill the container first if it still runs; an id that does not
                               exist is no error

                Which containers:
                  -r, --regex  The id is a POSIX extended regular expression: every match is
                               meant

                General:
                  -h, --help  Show this help

                Examples:
                  apus delete web
                      delete a stopped container
                  apus delete --force web
                      delete it in whatever state it is

                """)
    }
}
