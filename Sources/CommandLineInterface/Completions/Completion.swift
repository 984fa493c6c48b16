/// Completions for shells, made from the table.
public enum Completion {
    /// The script that makes `shell` complete apus.
    public static func script(for shell: Shell) -> String {
        switch shell {
        case .bash: bash
        case .zsh: zsh
        case .fish: fish
        }
    }

    static var commands: [Command] {
        Command.allCases
    }

    static func offered(_ flags: [Flag]) -> [Flag] {
        flags.filter { $0.standing == .current }
    }

    /// The words that a flag offers as its value.
    static func words(_ flag: Flag) -> [String] {
        flag.value.choices.map { $0.name }
    }

    /// `-b` and `--bundle`.
    static func dashed(_ flag: Flag) -> [String] { flag.short.map { "-\($0)" } + ["--\(flag.name)"] }

    /// Those global flags whose next word is a value and not the command.
    static var globalNamesWithValue: [String] {
        Flag.global.filter { $0.value.name != nil }.flatMap { flag in
            dashed(flag) + ["-\(flag.name)"]
        }
    }

    static var signals: [String] { SignalTable.names.map { $0.name } }
    static var commandNames: [String] { commands.map { $0.rawValue } }
    static var pageNames: [String] { ManualPage.all.map { $0.name } }
    static var shellNames: [String] { Shell.allCases.map { $0.rawValue } }
}
