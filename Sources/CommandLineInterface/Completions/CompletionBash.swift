extension Completion {
    /// For bash 4.4 or newer. Works without the bash-completion package. bash splits words at "=", so that
    /// `--format=json` arrives as three.
    static var bash: String {
        """
        # bash completion for \(programName)

        _\(programName)() {
            local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}
            local command='' place=0 root='' i=1
            if [[ $cur == = ]]; then
                cur=''
            elif [[ $prev == = ]]; then
                prev=${COMP_WORDS[COMP_CWORD-2]}
            fi
            while ((i < COMP_CWORD)); do
                case ${COMP_WORDS[i]} in
                    \(globalNamesWithValue.joined(separator: "|")))
                        if [[ -z $command ]]; then
                            [[ ${COMP_WORDS[i+1]} == = ]] && ((i++))
                            [[ ${COMP_WORDS[i]} == -*root || ${COMP_WORDS[i-1]} == -*root ]] && root=${COMP_WORDS[i+1]}
                            ((i++))
                        fi ;;
                    -* | =) ;;
                    *)
                        if [[ -z $command ]]; then
                            command=${COMP_WORDS[i]}
                        elif [[ ${COMP_WORDS[i-1]} != -* && ${COMP_WORDS[i-1]} != = ]]; then
                            ((place++))
                        else
                            _\(programName)_takes_value "$command" "${COMP_WORDS[i-1]}" || ((place++))
                        fi ;;
                esac
                ((i++))
            done

            COMPREPLY=()
            case "$command $prev" in
        \(bashValues)
            esac

            if [[ $cur == -* ]]; then
                local flags=''
                case $command in
        \(bashFlags)
                esac
                mapfile -t COMPREPLY < <(compgen -W "$flags" -- "$cur")
                return
            fi

            case "$command $place" in
        \(bashPositionals)
            esac
        }

        _\(programName)_takes_value() {
            [[ $2 != = ]] || return 0
            case "$1 $2" in
                \(bashNamesWithValue)) return 0 ;;
            esac
            return 1
        }

        _\(programName)_containers() {
            "${COMP_WORDS[0]}" ${1:+--root "$1"} list --quiet 2>/dev/null
        }

        complete -F _\(programName) \(programName)

        """
    }

    /// Every command with its flags, and the global flags with an empty command.
    private static var sections: [(command: String, flags: [Flag])] {
        [("", offered(Flag.global))] + commands.map { ($0.rawValue, offered($0.entry.flags)) }
    }

    private static func pattern(_ command: String, _ flag: Flag) -> String {
        dashed(flag).map { "'\(command) \($0)'" }.joined(separator: " | ")
    }

    private static var bashNamesWithValue: String {
        sections.flatMap { section in
            section.flags.filter { $0.value.name != nil }.map { pattern(section.command, $0) }
        }.joined(separator: " | ")
    }

    private static var bashValues: String {
        sections.flatMap { section in
            section.flags.compactMap { flag in
                bashAction(flag).map { "        \(pattern(section.command, flag))) \($0); return ;;" }
            }
        }.joined(separator: "\n")
    }

    private static func bashAction(_ flag: Flag) -> String? {
        switch flag.value {
        case .none: nil
        case .text, .number: ":"
        case .file: bashPaths("-f")
        case .directory: bashPaths("-d")
        case .choice: bashWords(words(flag))
        }
    }

    private static func bashPaths(_ kind: String) -> String {
        "compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen \(kind) -- \"$cur\")"
    }

    private static func bashWords(_ words: [String]) -> String {
        "mapfile -t COMPREPLY < <(compgen -W '\(words.joined(separator: " "))' -- \"$cur\")"
    }

    private static var bashFlags: String {
        sections.map { section in
            "            '\(section.command)') flags='\(section.flags.flatMap(dashed).joined(separator: " "))' ;;"
        }.joined(separator: "\n")
    }

    private static var bashPositionals: String {
        let perCommand = commands.flatMap { command in
            command.entry.positionals.kinds.enumerated().compactMap { place, kind in
                bashAction(kind).map { "        '\(command.rawValue) \(place)') \($0) ;;" }
            }
        }
        return (["        ' 0') \(bashWords(commandNames)) ;;"] + perCommand).joined(separator: "\n")
    }

    private static func bashAction(_ kind: ArgumentKind) -> String? {
        switch kind {
        case .newContainer, .other: nil
        case .container:
            "mapfile -t COMPREPLY < <(compgen -W \"$(_\(programName)_containers \"$root\")\" -- \"$cur\")"
        case .signal: bashWords(signals)
        case .bundle: bashPaths("-d")
        case .command: bashWords(commandNames)
        case .mountsAction: bashWords(MountsOptions.actionNames)
        case .file: bashPaths("-f")
        case .shell: bashWords(shellNames)
        case .page: bashWords(pageNames)
        }
    }
}
