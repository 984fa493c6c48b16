/// The manual page, made from the table.
public enum ManualPage {
    /// apus(8) in the man(7) macros.
    /// - Parameter version: shown in the page's footer.
    public static func text(version: String) -> String {
        var text = """
            .TH \(programName.uppercased()) 8 "" "\(escaped("\(programName) \(version)"))" "System administration"
            .SH NAME
            \(programName) \\- run containers from OCI bundles
            .SH SYNOPSIS
            .B \(programName)
            [GLOBAL FLAGS] COMMAND [FLAGS] [ARGUMENTS]
            .SH DESCRIPTION
            .B \(programName)
            is a container runtime as the Open Container Initiative specifies it, for Linux. It is called by container
            managers such as Docker and Podman in the way of runc(8), or by hand.
            .PP
            A flag may be written with one dash or two, its value after a space or a \\(dq=\\(dq. Global flags stand
            before the command; the flags of a command stand before or after its arguments. \\(dq\\-\\-\\(dq ends the
            flags.
            .SH GLOBAL FLAGS

            """
        text += flags(Flag.global)
        for group in CommandGroup.allCases {
            let commands = Help.commands(in: group)
            if !commands.isEmpty { text += ".SH \(escaped(group.title.uppercased()))\n" }
            text += commands.map(section).joined()
        }
        return text + exitStatus + files
    }

    private static func section(_ command: Command) -> String {
        let entry = command.entry
        let usage = [entry.ownFlags.isEmpty ? "" : "[FLAGS]", entry.positionals.usage].filter { !$0.isEmpty }
        var text = ".SS \(programName) \(command.rawValue) \(escaped(usage.joined(separator: " ")))\n"
        text += escaped(capitalised(entry.summary)) + ".\n"
        for paragraph in entry.details { text += ".PP\n\(escaped(paragraph))\n" }
        text += flags(entry.ownFlags.sorted { $0.group.rawValue < $1.group.rawValue })
        if !entry.examples.isEmpty { text += ".PP\nExamples:\n" }
        for example in entry.examples {
            text += ".TP\n.B \(escaped(example.line))\n\(escaped(capitalised(example.meaning))).\n"
        }
        return text
    }

    private static func flags(_ flags: [Flag]) -> String {
        flags.filter { $0.standing != .hidden }.map { flag in
            let names = Completion.dashed(flag).map { "\\fB\(escaped($0))\\fR" }.joined(separator: ", ")
            let value = flag.value.name.map { " \\fI\(escaped($0))\\fR" } ?? ""
            return ".TP\n\(names)\(value)\n\(escaped(Help.explanation(flag))).\n"
        }.joined()
    }

    private static let exitStatus = """
        .SH EXIT STATUS
        .TP
        .B 0
        The command did what it was asked for.
        .TP
        .B 1
        It did not; the last line on standard error says why.
        .TP
        .B 3
        There is no such command.
        .PP
        .B \(programName) run
        ends with the exit status of the container's process, or with 128 + n if signal n killed it. So do
        .B \(programName) exec
        and
        .BR "\(programName) wait" ,
        whose own failures are 255; wait ends with \(WaitStatus.unknown) if the container has ended and \
        nobody knows how.
        .B \(programName) check
        ends with 1 if it has found an error.

        """

    private static let files = """
        .SH FILES
        .TP
        .I config.json
        The configuration in a bundle.
        .TP
        .I /run/\(programName)
        The state of the containers, unless \\-\\-root says otherwise.
        .SH ENVIRONMENT
        .TP
        .B NO_COLOR
        If it is set, nothing is written in colour.
        .TP
        .B XDG_RUNTIME_DIR
        Where an ordinary user's state directory is, and the socket of the user's bus.
        .TP
        .B LISTEN_FDS, LISTEN_PID, LISTEN_FDNAMES
        Sockets of a service manager, which are passed on to the container's process.
        .TP
        .B NOTIFY_SOCKET
        Where a service manager is told that the container is ready, and what its main process is.
        .TP
        .B DBUS_SYSTEM_BUS_ADDRESS, DBUS_SESSION_BUS_ADDRESS
        Where systemd is asked for cgroups, if not at the usual socket. Sockets of this host only.
        .SH SEE ALSO
        .BR runc (8),
        .BR crun (1),
        .BR signal (7)

        """

    private static func capitalised(_ text: String) -> String { text.prefix(1).uppercased() + text.dropFirst() }

    /// Text in roff: backslashes, dashes and quotes as themselves, and no line that looks like a request.
    static func escaped(_ text: String) -> String {
        var result = text.hasPrefix(".") || text.hasPrefix("'") ? "\\&" : ""
        for character in text {
            switch character {
            case "\\": result += "\\e"
            case "-": result += "\\-"
            case "\"": result += "\\(dq"
            case "'": result += "\\(aq"
            case "^": result += "\\(ha"
            case "~": result += "\\(ti"
            default: result.append(character)
            }
        }
        return result
    }
}
