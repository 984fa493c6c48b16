import Testing

@testable import CommandLineInterface

/// Wording and exit codes: runc's, measured with 1.1.5, with what may have been meant behind it.
@Suite struct MistakeTests {
    @Test(arguments: [
        ("create", "apus: \"create\" requires exactly 1 argument(s)"),
        (
            "create a b",
            "apus: \"create\" requires exactly 1 argument(s); the program is process.args of config.json: "
                + "\"apus spec -- COMMAND\" writes one"
        ),
        ("run", "apus: \"run\" requires exactly 1 argument(s)"),
        ("start a b", "apus: \"start\" requires exactly 1 argument(s); one container at a time"),
        ("state", "apus: \"state\" requires exactly 1 argument(s)"),
        ("delete", "apus: \"delete\" requires exactly 1 argument(s)"),
        ("kill", "apus: \"kill\" requires a minimum of 1 argument(s)"),
        ("kill a 9 b", "apus: \"kill\" requires a maximum of 2 argument(s)"),
        ("list x", "apus: \"list\" requires exactly 0 argument(s)"),
        (
            "spec x",
            "apus: \"spec\" requires exactly 0 argument(s) before --; a command goes behind it, as in apus spec -- x"
        ),
        (
            "spec x -- sh",
            "apus: \"spec\" requires exactly 0 argument(s) before --; a command goes behind it, as in apus spec -- x"
        ),
        ("man a b", "apus: \"man\" requires a maximum of 1 argument(s)"),
        ("features x", "apus: \"features\" requires exactly 0 argument(s)"),
        ("plan a b", "apus: \"plan\" requires a maximum of 1 argument(s)"),
        ("create --help=false", "apus: \"create\" requires exactly 1 argument(s)"),
    ])
    func numberOfArguments(line: String, message: String) {
        #expect(mistake(line)?.message == message)
        #expect(mistake(line)?.exitCode == 1)
    }

    @Test(arguments: [
        ("kill --zzzzz c", "flag provided but not defined: -zzzzz"),
        ("list -qf json", "flag provided but not defined: -qf"),
        ("list -fjson", "flag provided but not defined: -fjson"),
        ("create --bundel b c", "flag provided but not defined: -bundel; did you mean --bundle?"),
        ("create c --bundel b", "flag provided but not defined: -bundel; did you mean --bundle?"),
        ("create --no-piv c", "flag provided but not defined: -no-piv; did you mean --no-pivot?"),
        ("--log-fromat json list", "flag provided but not defined: -log-fromat; did you mean --log-format?"),
        ("create --debug c", "flag provided but not defined: -debug; --debug goes before the command"),
        (
            "--bundle b run c",
            "flag provided but not defined: -bundle; it goes after the command, as in apus run --bundle"
        ),
        ("create --bogus --help", "flag provided but not defined: -bogus"),
        ("create --help --bogus", "flag provided but not defined: -bogus"),
        ("delete ---force c", "bad flag syntax: ---force"),
        ("delete -=x c", "bad flag syntax: -=x"),
        ("delete --=x c", "bad flag syntax: --=x"),
        ("run --bundle", "flag needs an argument: -bundle"),
        ("run c --bundle", "flag needs an argument: -bundle"),
        ("create -b", "flag needs an argument: -b"),
        ("--root", "flag needs an argument: -root"),
        ("delete --force=yes c", "invalid boolean value \"yes\" for -force: parse error"),
        ("delete --force= c", "invalid boolean value \"\" for -force: parse error"),
        ("--debug=maybe list", "invalid boolean value \"maybe\" for -debug: parse error"),
        ("create --preserve-fds x c", "invalid value \"x\" for flag -preserve-fds: parse error"),
        ("create --preserve-fds=-1 c", "invalid value \"-1\" for flag -preserve-fds: value out of range"),
        (
            "create --preserve-fds=2147483648 c",
            "invalid value \"2147483648\" for flag -preserve-fds: value out of range"
        ),
        ("--log-format xml list", "invalid log-format: xml (one of text, json)"),
        ("--log-level loud list", "invalid log-level: loud (one of error, warning, info, debug)"),
        ("--rootless maybe list", "invalid rootless: maybe (one of auto, false, true)"),
        ("--root= list", "invalid value \"\" for flag -root: must not be empty"),
        (
            "--log=journald:tab\tbed list",
            "--log=journald:tab\tbed: an identifier has at most 64 letters, digits and signs, and no blanks"
        ),
        (
            "--log=syslog:\(String(repeating: "x", count: 65)) list",
            "--log=syslog:\(String(repeating: "x", count: 65)): an identifier has at most 64 letters, digits and signs, "
                + "and no blanks"
        ),
        ("check a b", "apus: \"check\" requires a maximum of 1 argument(s)"),
        ("wait", "apus: \"wait\" requires exactly 1 argument(s)"),
        ("check --format yaml", "invalid format option: yaml (one of text, json)"),
        ("list -f xml", "invalid format option: xml (one of table, json)"),
        ("list --format=", "invalid format option:  (one of table, json)"),
        ("plan --format table", "invalid format option: table (one of text, json)"),
        ("kill c BOGUS", "unknown signal \"BOGUS\""),
        ("kill c TREM", "unknown signal \"TREM\"; did you mean TERM?"),
        ("man bogus", "no manual page \"bogus\""), ("man error", "no manual page \"error\"; did you mean errors?"),
        ("plan --summary --format json", "--summary is for people; --format json alone has all that it says, and more"),
        ("completion tcsh", "unknown shell \"tcsh\" (one of bash, zsh, fish)"),
    ])
    func grammar(line: String, message: String) {
        #expect(mistake(line)?.message == message)
        #expect(mistake(line)?.kind == .grammar)
        #expect(mistake(line)?.exitCode == 1)
    }

    @Test(arguments: [
        ("bogus", "No help topic for 'bogus'"), ("''", "No help topic for ''"),
        ("crate c", "No help topic for 'crate'; did you mean create?"),
        ("help strat", "No help topic for 'strat'; did you mean start?"),
        ("feat", "No help topic for 'feat'; did you mean features?"),
    ])
    func unknownCommand(line: String, message: String) {
        #expect(mistake(line)?.message == message)
        #expect(mistake(line)?.exitCode == 3)
    }

    @Test(arguments: [
        ("--page-server 27", "not ADDRESS:PORT: \"27\""), ("--page-server :27", "not ADDRESS:PORT: \":27\""),
        ("--page-server a:70000", "not ADDRESS:PORT: \"a:70000\""),
        ("--pre-dump --lazy-pages", "--pre-dump and --lazy-pages contradict each other"),
        ("--empty-ns pid", "invalid empty-ns: pid (one of network)"),
    ])
    func checkpoint(flags: String, message: String) {
        #expect(mistake("checkpoint \(flags) c")?.message.hasSuffix(message) == true)
    }

    /// Habits of Docker's users: an error that names what is meant here.
    @Test(arguments: [
        ("ls", "No help topic for 'ls'; \"apus list\" lists the containers"),
        (
            "rm c", "No help topic for 'rm'; \"apus delete ID\" deletes a container, with --force also one that runs"
        ),
        (
            "stop c",
            "No help topic for 'stop'; \"apus kill ID\" asks a container to end, \"apus wait ID\" waits until it has, and "
                + "\"apus delete ID\" removes it"
        ),
        (
            "inspect c",
            "No help topic for 'inspect'; \"apus state ID\" shows a container, with --cgroup also its limits; the rest is in "
                + "config.json in its bundle"
        ),
        ("top c", "No help topic for 'top'; \"apus ps ID\" lists the processes of a container"),
        (
            "logs c",
            "No help topic for 'logs'; nothing is kept: what a container writes goes to the standard output and error of "
                + "\"apus run\" or \"apus create\""
        ),
        (
            "run -it c",
            "flag provided but not defined: -it; process.terminal of config.json gives a container a terminal, as "
                + "\"apus spec\" writes it"
        ),
        (
            "run --rm c",
            "flag provided but not defined: -rm; run deletes the container when its process has ended, unless --detach or "
                + "--keep is given"
        ),
        ("run --name web", "flag provided but not defined: -name; the name is the argument: \"apus run NAME\""),
        ("run -v /a:/b c", "flag provided but not defined: -v; what is mounted is in mounts of config.json"),
        (
            "exec -it c sh",
            "flag provided but not defined: -it; -t gives the process a terminal, and standard input is the caller's anyway"
        ),
        (
            "kill -s TERM c",
            "flag provided but not defined: -s; the signal is the second argument: \"apus kill ID SIGNAL\""
        ),
        ("ps", "apus: \"ps\" requires a minimum of 1 argument(s); \"apus list\" lists the containers"),
        ("ps -a", "flag provided but not defined: -a; \"apus list\" lists the containers"),
        ("ps -ef c", "flag provided but not defined: -ef; options of ps(1) go behind the ID"),
        (
            "list --all-roots",
            "flag provided but not defined: -all-roots; a root is known to who chose it: --root DIR, before the command, "
                + "names another one"
        ),
        ("list -a", "flag provided but not defined: -a; all containers are listed anyway"),
        ("delete a b", "apus: \"delete\" requires exactly 1 argument(s); one container at a time"),
        (
            "update --cpus 2 c",
            "flag provided but not defined: -cpus; --cpu-period 100000 --cpu-quota 200000 are two CPUs"
        ),
    ])
    func habits(line: String, message: String) { #expect(mistake(line)?.message == message) }

    @Test(arguments: ["images", "pull", "build", "push", "rmi", "login", "save"])
    func imagesAreAnEnginesBusiness(command: String) {
        let message = mistake(command)?.message ?? ""
        #expect(message.hasPrefix("No help topic for '\(command)'; apus runs bundles and knows no images: an engine"))
        #expect(message.hasSuffix("\"apus spec --from-image-config FILE\" makes a configuration for an unpacked image"))
        #expect(mistake(command)?.exitCode == 3)
    }

    /// A hint that names a command or a flag of ours names one that is there.
    @Test func whatHintsNameIsThere() throws {
        let commands = Set(Command.allCases.map(\.rawValue))
        let names = [
            "ls", "rm", "stop", "restart", "inspect", "top", "stats", "logs", "attach", "unpause", "info", "init",
        ]
        for hint in names.compactMap({ Habit.hint(command: $0) }) {
            for part in hint.split(separator: "\"apus ").dropFirst() {
                let word = part.prefix { $0 != " " && $0 != "\"" }
                #expect(commands.contains(String(word)), "\(hint)")
            }
        }
        // What is there needs no hint, and would never show it.
        for command in Command.allCases {
            #expect(Habit.hint(command: command.rawValue) == nil)
            for flag in command.entry.flags where command != .ps {
                for name in flag.short + [flag.name] { #expect(Habit.hint(flag: name, of: command) == nil) }
            }
        }
    }

    @Test func mistakesAreLoggedWhereTheCallerLooks() {
        let inCommand = mistake("--log /l --log-format json --debug create --bogus c")
        #expect(inCommand?.log.destination == .file("/l"))
        #expect(inCommand?.log.format == .json)
        #expect(inCommand?.log.level == .debug)
        let inGlobalFlags = mistake("--log /l --log-format json --bogus create c")
        #expect(inGlobalFlags?.log.destination == .file("/l"))
        #expect(inGlobalFlags?.log.format == .json)
        #expect(mistake("--log /l --log-format xml list")?.log.destination == .file("/l"))
    }

    @Test func guidance() {
        #expect(mistake("create")?.guidance == "Usage: apus create [FLAGS] ID\nTry 'apus help create'.\n")
        #expect(mistake("crate")?.guidance == "Try 'apus help'.\n")
        #expect(mistake("--bogus")?.guidance?.hasPrefix("Usage: apus [GLOBAL FLAGS] COMMAND") == true)
    }
}
