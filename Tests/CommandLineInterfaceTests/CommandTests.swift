import Testing

@testable import CommandLineInterface

@Suite struct CommandTests {
    @Test(arguments: [
        (
            "run -d --keep --no-subreaper c",
            Action.run(run("c") { ($0.detach, $0.keep, $0.create.noSubreaper) = (true, true, true) })
        ),
        (
            "run c -b b -f x.json --preserve-fds=2",
            .run(run("c") { ($0.create.bundle, $0.create.config, $0.create.preserveFds) = ("b", "x.json", 2) })
        ),
        ("kill c", .kill(kill(.id("c")))),
        ("kill c ''", .kill(kill(.id("c")))),
        ("kill c --all KILL", .kill(kill(.id("c")) { ($0.signal, $0.all) = (9, true) })),
        ("kill c KILL -a", .kill(kill(.id("c")) { ($0.signal, $0.all) = (9, true) })),
        ("kill --regex ^a INT", .kill(kill(.pattern("^a")) { $0.signal = 2 })),
        ("delete --regex -f a.*", .delete(delete(.pattern("a.*"), force: true))),
        (
            "exec -e A=B -env=C=D -u 1:2 -g 3 -g 4 -c CAP_KILL --cgroup a --cgroup cpu:b --no-new-privs=false c ls -l",
            .exec(
                exec("c", ["ls", "-l"]) {
                    ($0.environment, $0.user, $0.additionalGroups) = (["A=B", "C=D"], "1:2", [3, 4])
                    ($0.capabilities, $0.cgroups, $0.noNewPrivileges) = (["CAP_KILL"], ["a", "cpu:b"], false)
                })
        ),
        (
            "exec c -t -d --cwd /w --process-label l --apparmor p --ignore-paused --no-new-privs --pidfd-socket s ls",
            .exec(
                exec("c", ["ls"]) {
                    ($0.terminal, $0.detach, $0.cwd, $0.processLabel, $0.apparmor) = (true, true, "/w", "l", "p")
                    ($0.ignorePaused, $0.noNewPrivileges, $0.pidfdSocket) = (true, true, "s")
                })
        ),
        ("create c --pidfd-socket s", .create(create("c") { $0.pidfdSocket = "s" })),
        ("mounts add c /f", .mounts(MountsOptions(.add, id: "c", file: "/f"))),
        ("mounts remove c f.json", .mounts(MountsOptions(.remove, id: "c", file: "f.json"))),
        ("list", .list(list())), ("list -f json -q", .list(list(.json, quiet: true))),
        ("list --format=json --format=table", .list(list())),
        ("spec", .spec(SpecOptions())), ("plan", .plan(PlanOptions())),
        ("help", .help(nil)), ("h", .help(nil)), ("help kill", .help(.kill)), ("help exec", .help(.exec)),
        ("-h", .help(nil)), ("--help", .help(nil)), ("--help create", .help(nil)), ("", .help(nil)),
        ("--root /r", .help(nil)), ("create -h", .help(.create)), ("create c --help", .help(.create)),
        ("create --help --pidfd-socket s", .help(.create)), ("exec --help", .help(.exec)),
        ("--version", .version), ("-v", .version), ("--v", .version), ("-version", .version), ("version", .version),
        ("--version create --bogus", .version), ("--help --version", .help(nil)),
        ("--log-format xml --version", .version), ("--version=false list", .list(list())),
        ("completion fish", .completion(.fish)), ("man", .manual(.program)),
        ("man run", .manual(.command(.run))), ("man apus-run", .manual(.command(.run))),
        ("man apus-run.8", .manual(.command(.run))), ("man check", .manual(.command(.check))),
        ("man check.7", .manual(.subject(.check))), ("man errors", .manual(.subject(.errors))),
        ("man --pages", .manualPages),
        ("spec -- sh -c x", .spec(CommandTests.spec { $0.command = ["sh", "-c", "x"] })),
        (
            "spec --no-terminal -- -x -- --no-terminal",
            .spec(
                CommandTests.spec { ($0.hasTerminal, $0.command) = (false, ["-x", "--", "--no-terminal"]) })
        ),
        (
            "spec --rootfs /r --from-image-config - -b b",
            .spec(CommandTests.spec { ($0.rootfs, $0.imageConfig, $0.bundle) = ("/r", "-", "b") })
        ),
        ("spec --", .spec(SpecOptions())), ("plan --summary b", .plan(CommandTests.summary("b"))),
    ])
    func understood(line: String, expected: Action) throws {
        #expect(try action(line) == expected)
    }

    private static func spec(_ change: (inout SpecOptions) -> Void) -> SpecOptions {
        var options = SpecOptions()
        change(&options)
        return options
    }

    private static func summary(_ bundle: String) -> PlanOptions {
        var options = PlanOptions()
        (options.bundle, options.summary) = (bundle, true)
        return options
    }

    @Test func specAndPlanOptions() throws {
        var spec = SpecOptions()
        (spec.bundle, spec.rootless, spec.file) = ("/b", true, "f.json")
        #expect(try action("spec --rootless -b /b -f f.json") == .spec(spec))
        var plan = PlanOptions()
        (plan.bundle, plan.format) = ("/b", .json)
        #expect(try action("plan /b --format json") == .plan(plan))
    }

    /// No flag is accepted and then forgotten: it changes the result.
    @Test(arguments: Command.allCases)
    func everyFlagCounts(command: Command) throws {
        let kinds = command.entry.positionals
        let arguments =
            switch command {
            case .completion: "bash"
            case .mounts: "add c f"
            default: kinds.minimum == 0 ? "" : "c"
            }
        let plain = try action("\(command.rawValue) \(arguments)")
        for flag in command.entry.flags {
            let line = "\(command.rawValue) \(Self.given(flag)) \(arguments)"
            #expect(try action(line) != plain, "\(line)")
        }
    }

    @Test(arguments: Flag.global)
    func everyGlobalFlagCounts(flag: Flag) throws {
        let line = Self.given(flag) + " list"
        #expect(try Invocation(parsing: words(line)) != Invocation(parsing: ["list"]), "\(line)")
    }

    /// The flag with a value that is not its default.
    private static func given(_ flag: Flag) -> String {
        switch flag.value {
        case .none: "--\(flag.name)"
        case .text("DURATION"): "--\(flag.name) 7s"
        case .text("BYTES"), .text("MICROSECONDS"), .text("SHARES"), .text("WEIGHT"), .text("N"): "--\(flag.name) 70"
        case .text("ADDRESS:PORT"): "--\(flag.name) 127.0.0.1:27"
        case .text, .file, .directory: "--\(flag.name) other"
        case .number: "--\(flag.name) 7"
        case .choice(let choices): "--\(flag.name) \(choices.last?.name ?? "")"
        }
    }

    @Test func tableIsConsistent() {
        for command in Command.allCases {
            let names = command.entry.flags.flatMap { [$0.name] + $0.short }
            #expect(Set(names).count == names.count, "\(command) has two flags of one name")
            #expect(!command.entry.summary.isEmpty)
            #expect(!command.entry.summary.hasSuffix("."))
        }
        let used = Command.allCases.flatMap { $0.entry.flags.map(\.key) } + Flag.global.map(\.key)
        #expect(Set(used) == Set(FlagKey.allCases))
    }

    /// For exec, everything from COMMAND on belongs to the process; for ps, everything after ID to ps(1).
    @Test(
        arguments: [
            (Command.exec, "-t c ls -l --help", ["c", "ls", "-l", "--help"], [FlagKey.tty]),
            (
                .exec, "c --tty --env A=B --env C=D sh -c x -- y", ["c", "sh", "-c", "x", "--", "y"],
                [.tty, .env, .env]
            ),
            (.exec, "-- c -t ls", ["c", "-t", "ls"], []),
            (.ps, "-f json c -ef --format x", ["c", "-ef", "--format", "x"], [.format]),
        ] as [(Command, String, [String], [FlagKey])])
    func flagsEnd(command: Command, line: String, positionals: [String], keys: [FlagKey]) {
        let entry = command.entry
        let scan = Grammar(flags: entry.flags, flagsEndAfter: entry.positionals.flagsEndAfter, command: command)
            .scan(words(line)[...])
        #expect(scan.problem == nil)
        #expect(scan.positionals == positionals)
        #expect(scan.matches.map(\.flag.key) == keys)
    }
}
