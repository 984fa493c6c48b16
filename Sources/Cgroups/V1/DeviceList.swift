internal import OCI

/// The list that the devices controller of cgroup v1 keeps: what it does with every device, and the exceptions from it
/// (Documentation/admin-guide/cgroup-v1/devices.rst). A container begins with nothing being allowed.
struct DeviceList: Equatable {
    /// One exception. The kernel knows no "b or c" here.
    struct Entry: Equatable {
        let kind: Resources.DeviceRuleKind
        let major: UInt32?
        let minor: UInt32?
        var access: Resources.DeviceAccess

        /// `c 1:3 rwm`, `b *:* m`.
        var line: String {
            let major = major.map { "\($0)" } ?? "*"
            let minor = minor.map { "\($0)" } ?? "*"
            return "\(kind.rawValue) \(major):\(minor) \(access.letters)"
        }

        func isSameDevice(as other: Entry) -> Bool {
            kind == other.kind && major == other.major && minor == other.minor
        }

        /// Whether every device of `other` is one of this entry.
        func covers(_ other: Entry) -> Bool {
            kind == other.kind && (major == nil || major == other.major) && (minor == nil || minor == other.minor)
        }

        /// Whether there may be a device that is one of both.
        func meets(_ other: Entry) -> Bool {
            kind == other.kind && (major == nil || other.major == nil || major == other.major)
                && (minor == nil || other.minor == nil || minor == other.minor)
        }
    }

    var allowsByDefault = false
    var exceptions: [Entry] = []

    /// Why a rule cannot be written down in such a list: it excepts a part of an exception.
    struct Inexpressible: Error, Equatable {
        let rule: String
        let exception: String
    }

    // MARK: Rules

    /// Applies a rule after all those before it.
    mutating func apply(_ rule: Resources.DeviceRule) throws(Inexpressible) {
        if rule.isTotal {
            allowsByDefault = rule.allow
            exceptions = []
            return
        }
        if rule.kind == .all {
            try apply(rule, to: .block)
            try apply(rule, to: .character)
        } else {
            try apply(rule, to: rule.kind)
        }
    }

    private mutating func apply(
        _ rule: Resources.DeviceRule, to kind: Resources.DeviceRuleKind
    ) throws(Inexpressible) {
        let entry = Entry(kind: kind, major: rule.major, minor: rule.minor, access: rule.access)
        if rule.allow == allowsByDefault { try take(entry) } else { add(entry) }
    }

    private mutating func add(_ entry: Entry) {
        if let index = exceptions.firstIndex(where: { $0.isSameDevice(as: entry) }) {
            exceptions[index].access.formUnion(entry.access)
        } else {
            exceptions.append(entry)
        }
    }

    /// Takes an access away from the exceptions.
    private mutating func take(_ entry: Entry) throws(Inexpressible) {
        for index in exceptions.indices where !exceptions[index].access.isDisjoint(with: entry.access) {
            if entry.covers(exceptions[index]) {
                exceptions[index].access.subtract(entry.access)
            } else if exceptions[index].meets(entry) {
                throw Inexpressible(rule: entry.line, exception: exceptions[index].line)
            }
        }
        exceptions.removeAll { $0.access.isEmpty }
    }

    /// The list with which the kernel decides as the rules say. It wants one exception to grant all of an access, so
    /// reading and writing that two exceptions grant a device together have to be in the narrower one as well.
    var decisive: DeviceList {
        if allowsByDefault { return self }
        var list = self
        for index in list.exceptions.indices {
            for wider in exceptions where wider.covers(list.exceptions[index]) {
                list.exceptions[index].access.formUnion(wider.access.intersection([.read, .write]))
            }
        }
        return list
    }

    // MARK: The kernel's files

    /// Reads `devices.list`. A list that allows by default shows no exceptions.
    init(text: String) {
        for line in text.split(separator: "\n") {
            let words = line.split(separator: " ")
            guard words.count == 3 else { continue }
            if words[0] == "a" {
                allowsByDefault = true
                continue
            }
            let numbers = words[1].split(separator: ":")
            guard let kind = Resources.DeviceRuleKind(rawValue: String(words[0])), numbers.count == 2 else { continue }
            exceptions.append(
                Entry(
                    kind: kind, major: UInt32(numbers[0]), minor: UInt32(numbers[1]),
                    access: Self.access(of: words[2])))
        }
    }

    init() {}

    private static func access(of letters: Substring) -> Resources.DeviceAccess {
        var access: Resources.DeviceAccess = []
        for letter in letters.utf8 {
            switch letter {
            case UInt8(ascii: "r"): access.insert(.read)
            case UInt8(ascii: "w"): access.insert(.write)
            case UInt8(ascii: "m"): access.insert(.mknod)
            default: break  // The kernel writes no other letter.
            }
        }
        return access
    }

    /// One line for `devices.allow` or `devices.deny`.
    struct Change: Equatable {
        let allow: Bool
        let line: String

        /// The line without making devices (`m`), if it is about more than that.
        var withoutMaking: String? {
            let rest = line.utf8.dropLast()
            guard line.utf8.last == UInt8(ascii: "m"), rest.last != UInt8(ascii: " ") else { return nil }
            return String(decoding: rest, as: UTF8.self)
        }
    }

    /// What makes this list out of another one. Between two lists that deny by default nothing is denied in passing
    /// that both allow: a process that runs notices nothing.
    func changes(from current: DeviceList?) -> [Change] {
        guard let current, !current.allowsByDefault, !allowsByDefault else {
            return [Change(allow: allowsByDefault, line: "a")]
                + exceptions.map { Change(allow: !allowsByDefault, line: $0.line) }
        }
        return differences(of: current, from: self, allow: false) + differences(of: self, from: current, allow: true)
    }

    /// What of the exceptions of one list another one does not have.
    private func differences(of list: DeviceList, from other: DeviceList, allow: Bool) -> [Change] {
        list.exceptions.compactMap { entry in
            var entry = entry
            if let same = other.exceptions.first(where: { $0.isSameDevice(as: entry) }) {
                entry.access.subtract(same.access)
            }
            return entry.access.isEmpty ? nil : Change(allow: allow, line: entry.line)
        }
    }
}
