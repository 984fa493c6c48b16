import CommandLineInterface
import Testing

@Suite struct GrammarTests {
    @Test(arguments: [
        "delete --force c", "delete -force c", "delete -f c", "delete --f c", "delete --force=true c",
        "delete --force=T c", "delete --force=1 c", "delete -f=TRUE c", "delete --force --force c",
        "delete --force=false --force c", "delete c --force", "delete c -f", "delete --force c --force",
        "delete --force -- c", "delete c --force --",
    ])
    func booleanFlag(line: String) throws {
        #expect(try action(line) == .delete(delete(.id("c"), force: true)))
    }

    @Test(arguments: ["delete c", "delete --force=false c", "delete -f=0 c", "delete --force --force=F c"])
    func booleanFlagThatIsOff(line: String) throws {
        #expect(try action(line) == .delete(delete(.id("c"))))
    }

    @Test(arguments: [
        "create --bundle b c", "create -bundle b c", "create -b b c", "create --b b c", "create --bundle=b c",
        "create -bundle=b c", "create -b=b c", "create c --bundle b", "create c -b=b", "create --bundle x -b b c",
    ])
    func flagWithValue(line: String) throws {
        #expect(try action(line) == .create(create("c") { $0.bundle = "b" }))
    }

    @Test func nextArgumentIsTheValueWhateverItLooksLike() throws {
        #expect(try action("create --bundle --no-pivot c") == .create(create("c") { $0.bundle = "--no-pivot" }))
        #expect(try action("create --bundle -- c") == .create(create("c") { $0.bundle = "--" }))
        #expect(try action("create --bundle - c") == .create(create("c") { $0.bundle = "-" }))
    }

    @Test func valueMayHoldEqualsSigns() throws {
        #expect(try action("create --bundle=a=b c") == .create(create("c") { $0.bundle = "a=b" }))
        #expect(try action("create --pid-file==x c") == .create(create("c") { $0.pidFile = "=x" }))
    }

    @Test func combiningCharactersDoNotHideTheGrammar() throws {
        #expect(try action("create --bundle=\u{301}b c") == .create(create("c") { $0.bundle = "\u{301}b" }))
        #expect(mistake("create -\u{301} c")?.message == "flag provided but not defined: -\u{301}")
    }

    @Test func emptyValueIsAsGoodAsNone() throws {
        #expect(
            try action("create --bundle '' --pid-file= --config '' --console-socket= c") == .create(create("c")))
        #expect(try Invocation(parsing: words("--log= state c")).options == GlobalOptions())
    }

    @Test func twoDashesEndTheFlags() throws {
        #expect(try action("delete -- --force") == .delete(delete(.id("--force"))))
        #expect(try action("delete -- --") == .delete(delete(.id("--"))))
        #expect(
            mistake("delete c -- --force")?.message
                == "apus: \"delete\" requires exactly 1 argument(s); one container at a time")
        #expect(try action("-- delete c") == .delete(delete(.id("c"))))
    }

    @Test func loneDashIsAnArgument() throws {
        #expect(try action("delete -") == .delete(delete(.id("-"))))
    }

    @Test func emptyIdIsPassedOn() throws {
        #expect(try action("start ''") == .start(StartOptions(id: "")))
    }

    @Test func globalFlagsStandBeforeTheCommand() throws {
        let invocation = try Invocation(
            parsing: words("--root /r -log=/l --log-format json --log-level=warning list --quiet"))
        #expect(invocation.options.root == "/r")
        #expect(invocation.options.log.destination == .file("/l"))
        #expect(invocation.options.log.format == .json)
        #expect(invocation.options.log.level == .warning)
        #expect(invocation.action == .list(list(quiet: true)))
    }

    @Test(arguments: [
        ("--debug", LogLevel.debug), ("--debug --log-level error", .debug), ("--debug=false", .info),
        ("--log-level error", .error), ("--log-level warning", .warning), ("--log-level warn", .warning),
        ("--log-level info", .info), ("--log-level debug", .debug),
    ])
    func logLevels(flags: String, level: LogLevel) throws {
        #expect(try Invocation(parsing: words(flags + " list")).options.log.level == level)
    }

    @Test(arguments: [
        ("journald:web", LogDestination.journal(identifier: "web")), ("journald:", .journal(identifier: "apus")),
        ("syslog:web", .systemLog(identifier: "web")),
        ("file:/var/log/x", LogDestination.file("/var/log/x")), ("relative", .file("relative")),
        ("/dev/stderr", .standardError), ("file:", .standardError),
    ])
    func logDestinations(text: String, destination: LogDestination) throws {
        #expect(try Invocation(parsing: words("--log \(text) list")).options.log.destination == destination)
    }

    @Test(arguments: [
        ("", CgroupManagerChoice.cgroupfs), ("--cgroup-manager cgroupfs", .cgroupfs), ("--systemd-cgroup", .systemd),
        ("--cgroup-manager=systemd", .systemd), ("--systemd-cgroup --cgroup-manager systemd", .systemd),
        ("--systemd-cgroup=false --cgroup-manager=disabled", .disabled),
    ])
    func cgroupManagers(flags: String, manager: CgroupManagerChoice) throws {
        #expect(try Invocation(parsing: words("\(flags) list")).options.cgroupManager == manager)
    }

    @Test(arguments: ["cgroupfs", "disabled"]) func contradictingCgroupManagers(name: String) {
        let error = mistake("--systemd-cgroup --cgroup-manager=\(name) list")
        #expect(error?.message == "--systemd-cgroup and --cgroup-manager=\(name) contradict each other")
    }

    @Test(arguments: [
        "--systemd-cgroup=false", "--cgroup-manager=cgroupfs", "--rootless auto",
    ])
    func settingsThatAskForWhatThereIs(flag: String) throws {
        #expect(try Invocation(parsing: words(flag + " list")).options == GlobalOptions())
    }

    @Test(arguments: [
        ("--rootless=false", RootlessOption.no), ("--rootless 0", .no), ("--rootless=true", .yes),
        ("--rootless=1", .yes),
        ("--rootless=auto", .auto),
    ])
    func rootlessHasThreeAnswers(flag: String, option: RootlessOption) throws {
        #expect(try Invocation(parsing: words(flag + " list")).options.rootless == option)
    }
}
