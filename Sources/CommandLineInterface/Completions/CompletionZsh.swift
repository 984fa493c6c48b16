extension Completion {
    /// A function file for zsh's `$fpath`, or to be sourced after `compinit`.
    static var zsh: String {
        """
        #compdef \(programName)

        _\(programName)() {
            local curcontext=$curcontext state line root
            local -A opt_args
            _arguments -C \\
        \(zshFlags(Flag.global, indent: 8)) \\
                '1: :->command' \\
                '*:: :->arguments'
            case $state in
                command)
                    local -a commands=(
        \(zshCommands)
                    )
                    _describe command commands ;;
                arguments)
                    root=${(Q)opt_args[--root]}
                    case $words[1] in
        \(commands.map(zshCase).joined(separator: "\n"))
                    esac ;;
            esac
        }

        _\(programName)_containers() {
            local -a containers
            containers=(${(f)"$(\(programName) ${root:+--root=$root} list --quiet 2>/dev/null)"})
            compadd -a containers
        }

        if [[ $funcstack[1] == _\(programName) ]]; then
            _\(programName) "$@"
        else
            compdef _\(programName) \(programName)
        fi

        """
    }

    private static var zshCommands: String {
        commands.map { "                '\($0.rawValue):\(zshEscaped($0.entry.summary))'" }.joined(separator: "\n")
    }

    private static func zshCase(_ command: Command) -> String {
        let entry = command.entry
        let positionals = entry.positionals.kinds.enumerated().compactMap { place, kind in
            zshAction(kind).map { "                    '\(place + 1): :\($0)'" }
        }
        let specifications = ([zshFlags(entry.flags, indent: 20)] + positionals).joined(separator: " \\\n")
        return "                \(command.rawValue)) _arguments \\\n\(specifications) ;;"
    }

    private static func zshFlags(_ flags: [Flag], indent: Int) -> String {
        offered(flags).map { String(repeating: " ", count: indent) + zshSpecification($0) }
            .joined(separator: " \\\n")
    }

    /// `'(-b --bundle)'{-b,--bundle=}'[help]:DIR:_files -/'`, where the "=" allows both ways to give a value.
    private static func zshSpecification(_ flag: Flag) -> String {
        let names = dashed(flag)
        let last = "--\(flag.name)" + (flag.value.name == nil ? "" : "=")
        let list = names.count > 1 ? "{\((names.dropLast() + [last]).joined(separator: ","))}" : last
        let exclusive = flag.repeatable ? "'*'" : "'(\(names.joined(separator: " ")))'"
        var rest = "[\(zshEscaped(flag.help))]"
        if let value = flag.value.name { rest += ":\(zshEscaped(value)):\(zshAction(flag))" }
        return "\(exclusive)\(list)'\(rest)'"
    }

    private static func zshAction(_ flag: Flag) -> String {
        switch flag.value {
        case .none, .text, .number: " "
        case .file: "_files"
        case .directory: "_files -/"
        case .choice: "(\(words(flag).joined(separator: " ")))"
        }
    }

    private static func zshAction(_ kind: ArgumentKind) -> String? {
        switch kind {
        case .newContainer, .other: nil
        case .container: "_\(programName)_containers"
        case .signal: "(\(signals.joined(separator: " ")))"
        case .bundle: "_files -/"
        case .command: "(\(commandNames.joined(separator: " ")))"
        case .mountsAction: "(\(MountsOptions.actionNames.joined(separator: " ")))"
        case .file: "_files"
        case .shell: "(\(shellNames.joined(separator: " ")))"
        case .page: "(\(pageNames.joined(separator: " ")))"
        }
    }

    /// For a text inside single quotes, where brackets and colons have a meaning.
    private static func zshEscaped(_ text: String) -> String {
        var result = ""
        for character in text {
            switch character {
            case "[", "]", ":", "\\": result += "\\\(character)"
            case "'": result += "'\\''"
            default: result.append(character)
            }
        }
        return result
    }
}
