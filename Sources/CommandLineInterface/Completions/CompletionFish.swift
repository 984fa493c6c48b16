extension Completion {
    /// For fish 3 or newer.
    static var fish: String {
        """
        # fish completion for \(programName)

        # The command on the line, if there is one yet.
        function __\(programName)_command
            set -l words (commandline -opc)
            set -e words[1]
            while set -q words[1]
                switch $words[1]
                    case \(globalNamesWithValue.joined(separator: " "))
                        set -e words[1]
                        set -q words[1]; and set -e words[1]
                    case '-*'
                        set -e words[1]
                    case '*'
                        echo $words[1]
                        return 0
                end
            end
            return 1
        end

        function __\(programName)_is
            set -l command (__\(programName)_command); or return 1
            contains -- $command $argv
        end

        function __\(programName)_containers
            set -l words (commandline -opc)
            set -l root
            for i in (seq (count $words))
                switch $words[$i]
                    case --root -root
                        set -q words[(math $i + 1)]; and set root --root $words[(math $i + 1)]
                    case '--root=*' '-root=*'
                        set root $words[$i]
                end
            end
            \(programName) $root list --quiet 2>/dev/null
        end

        complete -c \(programName) -f
        \((fishCommands + fishGlobal + commands.flatMap(fishLines)).joined(separator: "\n"))

        """
    }

    private static let fishNoCommand = "-n 'not __\(programName)_command >/dev/null'"

    private static var fishCommands: [String] {
        commands.map { command in
            "complete -c \(programName) \(fishNoCommand) -a \(command.rawValue) -d \(fishQuoted(command.entry.summary))"
        }
    }

    private static var fishGlobal: [String] {
        offered(Flag.global).map { "complete -c \(programName) \(fishNoCommand) \(fishFlag($0))" }
    }

    private static func fishLines(_ command: Command) -> [String] {
        let condition = "complete -c \(programName) -n '__\(programName)_is \(command.rawValue)'"
        let flags = offered(command.entry.flags).map { "\(condition) \(fishFlag($0))" }
        return flags
            + command.entry.positionals.kinds.compactMap { kind in
                fishAction(kind).map { "\(condition) \($0)" }
            }
    }

    private static func fishFlag(_ flag: Flag) -> String {
        let short = flag.short.map { " -s \($0)" }.joined()
        let value =
            switch flag.value {
            case .none: ""
            case .text, .number: " -x"
            case .file: " -r -F"
            case .directory: " -x -a '(__fish_complete_directories)'"
            case .choice: " -x -a '\(words(flag).joined(separator: " "))'"
            }
        return "-l \(flag.name)\(short)\(value) -d \(fishQuoted(flag.help))"
    }

    private static func fishAction(_ kind: ArgumentKind) -> String? {
        switch kind {
        case .newContainer, .other: nil
        case .container: "-a '(__\(programName)_containers)'"
        case .signal: "-a '\(signals.joined(separator: " "))'"
        case .bundle: "-a '(__fish_complete_directories)'"
        case .command: "-a '\(commandNames.joined(separator: " "))'"
        case .mountsAction: "-a '\(MountsOptions.actionNames.joined(separator: " "))'"
        case .file: "-F"
        case .shell: "-a '\(shellNames.joined(separator: " "))'"
        case .page: "-a '\(pageNames.joined(separator: " "))'"
        }
    }

    private static func fishQuoted(_ text: String) -> String {
        var result = "'"
        for character in text {
            if character == "'" || character == "\\" { result += "\\" }
            result.append(character)
        }
        return result + "'"
    }
}
