/// Reading the flags that were given. The last one of a name counts; an empty text is as good as none, as in runc.
extension [Match] {
    func isOn(_ key: FlagKey) -> Bool {
        guard case .on(let value) = value(of: key) else { return false }
        return value
    }

    func text(_ key: FlagKey) -> String? {
        guard case .text(let value) = value(of: key), !value.isEmpty else { return nil }
        return value
    }

    /// The name of the choice that was made, whichever of its spellings was given.
    func choice(_ key: FlagKey) -> String? {
        guard let match = last(where: { $0.flag.key == key }), let text = text(key),
            case .choice(let choices) = match.flag.value
        else { return nil }
        return choices.first { $0.name == text || $0.aliases.contains(text) }?.name
    }

    func number(_ key: FlagKey) -> Int32? {
        guard case .number(let value) = value(of: key) else { return nil }
        return value
    }

    /// Every text that was given, in order.
    func texts(_ key: FlagKey) -> [String] {
        compactMap { match in
            if match.flag.key == key, case .text(let value) = match.value { value } else { nil }
        }
    }

    /// Every number that was given, in order.
    func numbers(_ key: FlagKey) -> [Int32] {
        compactMap { match in
            if match.flag.key == key, case .number(let value) = match.value { value } else { nil }
        }
    }

    /// nil if the flag was not given.
    func switched(_ key: FlagKey) -> Bool? {
        if case .on(let value) = value(of: key) { value } else { nil }
    }

    private func value(of key: FlagKey) -> MatchedValue? { last { $0.flag.key == key }?.value }

    /// Refuses values that are not among a flag's choices.
    func check(in command: Command?) throws(UsageError) {
        for match in self {
            if case .text(let value) = match.value { try match.flag.check(value, in: command) }
        }
    }
}

extension Flag {
    fileprivate func check(_ value: String, in command: Command?) throws(UsageError) {
        guard case .choice(let choices) = self.value else { return }
        guard choices.contains(where: { $0.name == value || $0.aliases.contains(value) }) else {
            // runc's words, followed by what would have been right.
            let subject = key == .format ? "invalid format option" : "invalid \(name)"
            let names = choices.map { $0.name }.joined(separator: ", ")
            throw UsageError(.grammar, "\(subject): \(value) (one of \(names))", in: command)
        }
    }
}
