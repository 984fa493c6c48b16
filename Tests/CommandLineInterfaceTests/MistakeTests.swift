import Testing

@testable import CommandLineInterface

/// Wording and exit codes: runc's, measured with 1.1.5, with what may have been meant behind it.
@Suite struct MistakeTests {
    @Test(arguments: [
        ("create", "apus: \"create\" requires exactly 1 argument(s)"),
        ("create a b", "apus: \"create\" requires exactly 1 argument(s)"),
        ("run", "apus: \"run\" requires exactly 1 argument(s)"),
        ("start a b", "apus: \"start\" requires exactly 1 argument(s)"),
        ("state", "apus: \"state\" requires exactly 1 argument(s)"),
        ("delete", "apus: \"delete\" requires exactly 1 argument(s)"),
        ("kill", "apus: \"kill\" requires a minimum of 1 argument(s)"),
        ("kill a 9 b", "apus: \"kill\" requires a maximum of 2 argument(s)"),
        ("list x", "apus: \"list\" requires exactly 0 argument(s)"),
        ("spec x", "apus: \"spec\" requires exactly 0 argument(s)"),
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
