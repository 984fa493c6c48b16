/// The help, made from the table.
public enum Help {
    private static let width = 80
    /// Names longer than this have their explanation on the next line.
    private static let widestName = 30

    /// How the program is called.
    static let usageLine = "Usage: \(programName) [GLOBAL FLAGS] COMMAND [FLAGS] [ARGUMENTS]"

    /// How a command is called.
    static func usageLine(_ command: Command) -> String {
        let entry = command.entry
        return "Usage: \(programName) \(command.rawValue)" + (entry.ownFlags.isEmpty ? "" : " [FLAGS]")
            + (entry.positionals.usage.isEmpty ? "" : " " + entry.positionals.usage)
    }

    /// The help on the program: what it is, its commands by group, the global flags.
    /// - Parameter colour: whether headings stand out; for a terminal, and never with `NO_COLOR`.
    public static func program(colour: Bool) -> String {
        let style = Style(colour: colour)
        var text = "\(programName) runs containers from OCI bundles.\n\n\(usageLine)\n"
        for group in CommandGroup.allCases {
            let commands = commands(in: group)
            if !commands.isEmpty { text += "\n" + style.heading(group.title) }
            for command in commands { text += definition(command.rawValue, command.entry.summary, column: 14) }
        }
        text += "\n" + style.heading("Global flags, before the command")
        text += flags(Flag.global)
        text += "\nA flag may be written with one dash or two, its value after a space or a \"=\".\n"
        return text + "'\(programName) help COMMAND' says more about one command.\n"
    }

    /// The help on one command.
    /// - Parameters:
    ///   - command: which one.
    ///   - colour: whether headings stand out; for a terminal, and never with `NO_COLOR`.
    public static func command(_ command: Command, colour: Bool) -> String {
        let entry = command.entry
        let style = Style(colour: colour)
        var text = "\(programName) \(command.rawValue): \(entry.summary)\n\n\(usageLine(command))\n"
        for paragraph in entry.details { text += "\n" + wrapped(paragraph, indent: 0) }
        for group in FlagGroup.allCases {
            let members = entry.flags.filter { $0.group == group }
            if !members.isEmpty { text += "\n" + style.heading(group.title) + flags(members) }
        }
        if !entry.examples.isEmpty { text += "\n" + style.heading("Examples") }
        for example in entry.examples { text += "  \(example.line)\n" + wrapped(example.meaning, indent: 6) }
        return text
    }

    static func commands(in group: CommandGroup) -> [Command] {
        Command.allCases.filter { $0.entry.group == group }
    }

    /// `-b, --bundle DIR`
    static func names(_ flag: Flag) -> String {
        let short = flag.short.map { "-\($0), " }.joined()
        let indent = short.isEmpty ? "    " : short
        return "\(indent)--\(flag.name)" + (flag.value.name.map { " " + $0 } ?? "")
    }

    /// The explanation of a flag, with its default and its limits.
    static func explanation(_ flag: Flag) -> String {
        var remarks: [String] = []
        if let initial = flag.initial { remarks.append("default: \(initial)") }
        if flag.repeatable { remarks.append("may be repeated") }
        if flag.standing == .obsolete { remarks.append("obsolete") }
        return remarks.isEmpty ? flag.help : "\(flag.help) (\(remarks.joined(separator: "; ")))"
    }

    private static func flags(_ flags: [Flag]) -> String {
        let widths = flags.map { names($0).utf8.count + 4 }.filter { $0 <= widestName }
        let column = widths.max() ?? widestName
        return flags.map { definition(names($0), explanation($0), column: column) }.joined()
    }

    /// A term at two spaces and its explanation at `column`.
    private static func definition(_ term: String, _ explanation: String, column: Int) -> String {
        let body = wrapped(explanation, indent: column)
        let start = "  " + term
        let missing = column - start.utf8.count
        if missing < 2 { return start + "\n" + body }
        return start + String(repeating: " ", count: missing) + body.dropFirst(column)
    }

    /// `text` in lines of at most 80 columns, every one indented and ended.
    static func wrapped(_ text: String, indent: Int) -> String {
        let margin = String(repeating: " ", count: indent)
        var result = ""
        var line = ""
        for word in text.split(separator: " ") {
            if !line.isEmpty, indent + line.utf8.count + 1 + word.utf8.count > width {
                result += margin + line + "\n"
                line = ""
            }
            line += (line.isEmpty ? "" : " ") + word
        }
        return result + margin + line + "\n"
    }

    private struct Style {
        let colour: Bool

        func heading(_ title: String) -> String { colour ? "\u{1B}[1m\(title)\u{1B}[0m\n" : "\(title):\n" }
    }
}
