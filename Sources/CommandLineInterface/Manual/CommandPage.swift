/// The page of a command, made from its row in the table.
enum CommandPage {
    static func text(_ command: Command, version: String) -> String {
        let entry = command.entry
        let name = "\(programName)-\(command.rawValue)"
        let usage = [entry.ownFlags.isEmpty ? "" : "[FLAGS]", entry.positionals.usage].filter { !$0.isEmpty }
        var text = Roff.header(name, section: 8, version: version)
        text += Roff.heading("Name") + "\(Roff.escaped(name)) \\- \(Roff.escaped(entry.summary))\n"
        text += Roff.heading("Synopsis") + ".B \(programName)\n[GLOBAL FLAGS]\n.B \(command.rawValue)\n"
        if !usage.isEmpty { text += Roff.escaped(usage.joined(separator: " ")) + "\n" }
        text += Roff.heading("Description")
        if entry.details.isEmpty { text += Roff.paragraph("\(Roff.capitalised(entry.summary)).") }
        text += entry.details.map(Roff.paragraph).joined()
        if !entry.ownFlags.isEmpty {
            text += Roff.heading("Flags") + flags(entry.ownFlags.sorted { $0.group.rawValue < $1.group.rawValue })
        }
        text += Roff.heading("Exit status") + exitStatus(command)
        if !entry.examples.isEmpty { text += Roff.heading("Examples") }
        for example in entry.examples {
            text += Roff.term("`\(example.line)`", "\(Roff.capitalised(example.meaning)).")
        }
        return text + Roff.seeAlso(["\(programName).8"] + related(command))
    }

    static func flags(_ flags: [Flag]) -> String {
        flags.map { flag in
            let names = Completion.dashed(flag).map { "\\fB\(Roff.escaped($0))\\fR" }.joined(separator: ", ")
            let value = flag.value.name.map { " \\fI\(Roff.escaped($0))\\fR" } ?? ""
            return ".TP\n\(names)\(value)\n\(Roff.escaped(Help.explanation(flag))).\n"
        }.joined()
    }

    private static func exitStatus(_ command: Command) -> String {
        let ofProcess = "that of the container's process, or 128 + n if signal n killed it"
        switch command {
        case .run:
            return Roff.paragraph(
                "In the foreground \(ofProcess); 0 with `--detach`; 1 if it could not be run, 128 + n if a signal n to "
                    + "`\(programName)` gave its set-up up.")
        case .restore:
            return Roff.paragraph("In the foreground \(ofProcess); 0 with `--detach`; 1 if it could not be restored.")
        case .help: return Roff.paragraph("0; 3 if there is no such command.")
        case .exec:
            return Roff.paragraph("\(Roff.capitalised(ofProcess)); 0 with `--detach`; 255 if it could not be run.")
        case .wait:
            return Roff.paragraph(
                "\(Roff.capitalised(ofProcess)); \(WaitStatus.unknown) if nobody knows it; 255 for a failure of its own."
            )
        case .check: return Roff.paragraph("1 if there is an error, 0 if there are warnings or nothing at all.")
        default: return Roff.paragraph("0; 1 if it failed, and then the last line on standard error says why.")
        }
    }

    private static func related(_ command: Command) -> [String] {
        let name = "\(programName)-"
        return switch command {
        case .run, .create: ["\(name)spec.8", "\(name)check.8", "\(name)config.7", "\(name)errors.7"]
        case .spec: ["\(name)config.7", "\(name)rootless.7"]
        case .check: ["\(name)check.7", "\(name)plan.8", "\(name)errors.7"]
        case .plan: ["\(name)check.8", "\(name)config.7"]
        case .exec, .start, .kill, .delete: ["\(name)run.8", "\(name)errors.7"]
        case .update: ["\(name)state.8", "\(name)config.7"]
        case .ps: ["ps.1", "\(name)list.8"]
        case .checkpoint, .restore: ["\(name)checkpoint.7", "\(name)errors.7"]
        case .mounts: ["\(name)config.7", "\(name)errors.7"]
        default: ["\(name)errors.7"]
        }
    }
}

/// The page of the program.
enum ProgramPage {
    static func text(version: String) -> String {
        var text = Roff.header(programName, section: 8, version: version)
        text += Roff.heading("Name") + "\(programName) \\- run containers from OCI bundles\n"
        text += Roff.heading("Synopsis") + ".B \(programName)\n[GLOBAL FLAGS] COMMAND [FLAGS] [ARGUMENTS]\n"
        text += Roff.heading("Description")
        text += Roff.paragraph(
            """
            `\(programName)` is a container runtime as the Open Container Initiative specifies it, for Linux. It is \
            called by container managers such as Docker and Podman in the way of runc(8), or by hand.
            """)
        text += Roff.paragraph(
            """
            A flag may be written with one dash or two, its value after a space or a `=`. Global flags stand before \
            the command; the flags of a command stand before or after its arguments, but for `exec` and `ps`, which \
            hand on what follows. `--` ends the flags.
            """)
        text += Roff.heading("Commands")
        for group in CommandGroup.allCases {
            for command in Help.commands(in: group) {
                text += Roff.term(
                    "`\(programName)-\(command.rawValue)`(8)", "\(Roff.capitalised(command.entry.summary)).")
            }
        }
        text += Roff.heading("Subjects")
        for subject in ManualPage.Subject.allCases {
            text += Roff.term("`\(programName)-\(subject.rawValue)`(7)", "\(Roff.capitalised(subject.summary)).")
        }
        text += Roff.heading("Global flags") + CommandPage.flags(Flag.global)
        text += Roff.heading("Exit status") + terms(exitStatus)
        text += Roff.heading("Files") + terms(files)
        text += Roff.heading("Environment") + terms(environment)
        return text + Roff.seeAlso(["runc.8", "crun.1", "capabilities.7", "cgroups.7", "namespaces.7", "signal.7"])
    }

    private static func terms(_ terms: [(String, String)]) -> String {
        terms.map { Roff.term("`\($0.0)`", $0.1) }.joined()
    }

    private static var exitStatus: [(String, String)] {
        [
            ("0", "The command did what it was asked for."),
            (
                "1",
                "It did not; the last line on standard error says why. `check` ends with 1 if it has found an error."
            ),
            ("3", "There is no such command."),
            ("254", "`wait`: the container has ended, and nobody knows how."),
            ("255", "A failure of `exec` or `wait` itself."),
            (
                "other",
                "`run`, `restore`, `exec` and `wait` end with the exit status of the process, or with 128 + n if signal n "
                    + "killed it."
            ),
        ]
    }

    private static var files: [(String, String)] {
        [
            ("config.json", "The configuration in a bundle; see `\(programName)-config`(7)."),
            (
                "/run/\(programName)",
                """
                The state of the containers, unless `--root` says otherwise. Engines choose roots of their own, such \
                as /run/docker/runtime-\(programName)/moby, /run/containerd/runc/k8s.io and /run/\(programName) for \
                Podman: `\(programName) --root DIR list` shows what is in one.
                """
            ),
            (
                "$XDG_RUNTIME_DIR/\(programName)",
                "The same for an ordinary user, with the sticky bit that keeps it from being cleaned up."
            ),
        ]
    }

    private static var environment: [(String, String)] {
        [
            ("NO_COLOR", "If it is set, nothing is written in colour."),
            ("XDG_RUNTIME_DIR", "Where an ordinary user's state directory is, and the socket of the user's bus."),
            (
                "LISTEN_FDS, LISTEN_PID, LISTEN_FDNAMES",
                "Sockets of a service manager, which are passed on to the container's process."
            ),
            (
                "NOTIFY_SOCKET",
                "Where a service manager is told that the container is ready, and what its main process is."
            ),
            (
                "DBUS_SYSTEM_BUS_ADDRESS, DBUS_SESSION_BUS_ADDRESS",
                "Where systemd is asked for cgroups, if not at the usual socket. Sockets of this host only."
            ),
        ]
    }
}
