internal import Spelling

/// What a flag was given.
enum MatchedValue: Sendable {
    case on(Bool)
    case text(String)
    case number(Int32)
}

/// A flag that was given, and its value.
struct Match: Sendable {
    let flag: Flag
    let value: MatchedValue
}

/// Arguments taken apart: flags, positional arguments, and the first mistake if there is one.
/// What stands before a mistake is kept, so that the error can be logged where the caller asked for.
struct Scan: Sendable {
    var matches: [Match] = []
    var positionals: [String] = []
    /// How many positional arguments stand before the first `--`; nil if there is none.
    var countBeforeDashes: Int?
    var problem: UsageError?
}

/// The grammar of Go's flag package, as runc's users and callers know it: one dash or two before any name,
/// `-name value` or `-name=value`, no value after a boolean name unless joined by `=`, `--` ends the flags, a lone `-`
/// is a positional argument. Unlike Go's, flags may follow positional arguments, as runc allows.
struct Grammar {
    let flags: [Flag]
    let flagsEndAfter: Int?
    /// The command whose flags these are; nil for those before the command.
    let command: Command?

    /// Takes `arguments` apart. Stops at the first mistake.
    func scan(_ arguments: ArraySlice<String>) -> Scan {
        var scan = Scan()
        var rest = arguments
        var onlyPositionals = false
        while let argument = rest.popFirst() {
            if onlyPositionals || argument == "-" || argument.utf8.first != UInt8(ascii: "-") {
                scan.positionals.append(argument)
                if scan.positionals.count == flagsEndAfter { onlyPositionals = true }
            } else if argument == "--" {
                onlyPositionals = true
                scan.countBeforeDashes = scan.positionals.count
            } else {
                do {
                    scan.matches.append(try match(argument, &rest))
                } catch {
                    scan.problem = error
                    return scan
                }
            }
        }
        return scan
    }

    /// Reads one flag, and its value from `rest` if it is not joined to the name.
    private func match(_ argument: String, _ rest: inout ArraySlice<String>) throws(UsageError) -> Match {
        // In bytes, since a combining character would hide a "-" or "=" that it follows.
        let text = argument.utf8.dropFirst(argument.utf8.starts(with: "--".utf8) ? 2 : 1)
        let equals = text.firstIndex(of: UInt8(ascii: "="))
        let name = String(Substring(text[..<(equals ?? text.endIndex)]))
        let joined = equals.map { String(Substring(text[text.index(after: $0)...])) }
        guard !name.isEmpty, !name.hasPrefix("-") else { throw mistake("bad flag syntax: \(argument)") }
        guard let flag = flags.first(where: { $0.isCalled(name) }) else { throw unknown(name) }

        if case .none = flag.value {
            guard let on = Self.boolean(joined ?? "true") else {
                throw mistake("invalid boolean value \"\(joined ?? "")\" for -\(name): parse error")
            }
            return Match(flag: flag, value: .on(on))
        }
        guard let value = joined ?? rest.popFirst() else { throw mistake("flag needs an argument: -\(name)") }
        guard case .number = flag.value else { return Match(flag: flag, value: .text(value)) }
        return Match(flag: flag, value: .number(try number(value, name)))
    }

    /// The spellings that Go's `strconv.ParseBool` accepts.
    static func boolean(_ text: String) -> Bool? {
        switch text {
        case "1", "t", "T", "true", "TRUE", "True": true
        case "0", "f", "F", "false", "FALSE", "False": false
        default: nil
        }
    }

    private func number(_ text: String, _ name: String) throws(UsageError) -> Int32 {
        guard let wide = Int(text) else {
            throw mistake("invalid value \"\(text)\" for flag -\(name): parse error")
        }
        guard let number = Int32(exactly: wide), number >= 0 else {
            throw mistake("invalid value \"\(text)\" for flag -\(name): value out of range")
        }
        return number
    }

    private func unknown(_ name: String) -> UsageError {
        let message = "flag provided but not defined: -\(name)"
        if let command, let hint = Habit.hint(flag: name, of: command) { return mistake("\(message); \(hint)") }
        if command != nil, let flag = Flag.global.first(where: { $0.isCalled(name) }) {
            return mistake("\(message); --\(flag.name) goes before the command")
        }
        let suggestion = Suggestion.phrase(for: name, among: flags.map { $0.name }, prefix: "--")
        if command == nil, suggestion.isEmpty, let owner = Self.owner(of: name) {
            return mistake("\(message); it goes after the command, as in \(programName) \(owner.rawValue) --\(name)")
        }
        return mistake(message + suggestion)
    }

    /// The first command that has a flag with this long name.
    private static func owner(of name: String) -> Command? {
        Command.allCases.first { $0.entry.ownFlags.contains { $0.name == name } }
    }

    private func mistake(_ message: String) -> UsageError { UsageError(.grammar, message, in: command) }
}
