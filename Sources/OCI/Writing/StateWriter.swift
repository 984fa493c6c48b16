public import JSON

extension State {
    /// What `state` prints: members and layout as runc's, no newline at the end.
    public func json() -> [UInt8] {
        var writer = JSONWriter(.spaces(2))
        encode(to: &writer)
        return writer.bytes
    }

    /// Writes the state with all of runc's members, as `state` and `list --format json` print it.
    public func encode(to writer: inout JSONWriter) {
        writer.object { encodeMembers(to: &$0) }
    }

    /// The members alone, for an object that has more.
    public func encodeMembers(to writer: inout JSONWriter) {
        writer.member("ociVersion", ociVersion)
        writer.member("id", id)
        writer.member("pid", pid)
        writer.member("status", status.rawValue)
        writer.member("bundle", bundle)
        writer.member("rootfs", rootfs)
        writer.member("created", createdText)
        encodeAnnotations(to: &writer)
        writer.member("owner", owner)
    }

    /// What a hook reads on its standard input: the members that the spec names, and no more (runtime.md, "State").
    public func hookInput() -> [UInt8] {
        var writer = JSONWriter(.compact)
        encodeSpecified(to: &writer)
        return writer.bytes
    }

    /// The same, as part of another document.
    public func encodeSpecified(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.member("ociVersion", ociVersion)
            writer.member("id", id)
            writer.member("status", status.rawValue)
            if pid != 0 { writer.member("pid", pid) }
            writer.member("bundle", bundle)
            encodeAnnotations(to: &writer)
        }
    }

    private func encodeAnnotations(to writer: inout JSONWriter) {
        guard !annotations.isEmpty else { return }
        writer.name("annotations")
        Annotation.encode(annotations, to: &writer)
    }

    /// `created` as RFC 3339 in UTC, with as many decimals as are not zero: `2026-11-22T05:04:13.8367Z`.
    public var createdText: String {
        let seconds = created / 1_000_000_000
        let day = CivilDate(daysSinceEpoch: Int(seconds / 86400))
        let ofDay = Int(seconds % 86400)
        var text: [UInt8] = []
        for (number, width, next) in [
            (day.year, 4, UInt8(ascii: "-")), (day.month, 2, UInt8(ascii: "-")), (day.day, 2, UInt8(ascii: "T")),
            (ofDay / 3600, 2, UInt8(ascii: ":")), (ofDay / 60 % 60, 2, UInt8(ascii: ":")),
            (ofDay % 60, 2, UInt8(ascii: ".")),
            (Int(created % 1_000_000_000), 9, UInt8(ascii: "0")),
        ] {
            Self.append(number, width, to: &text)
            text.append(next)
        }
        while text.last == UInt8(ascii: "0") { text.removeLast() }
        if text.last == UInt8(ascii: ".") { text.removeLast() }
        text.append(UInt8(ascii: "Z"))
        return String(decoding: text, as: UTF8.self)
    }

    /// A number with at least `width` digits.
    private static func append(_ number: Int, _ width: Int, to text: inout [UInt8]) {
        if width > 1 || number > 9 { append(number / 10, width - 1, to: &text) }
        text.append(UInt8(ascii: "0") + UInt8(number % 10))
    }
}

/// A day of the proleptic Gregorian calendar.
private struct CivilDate {
    var year: Int
    var month: Int
    var day: Int

    /// From days since 1970-01-01: counts in years that begin on the 1st of March, so that a leap day is a year's last,
    /// and in cycles of 400 years, which are 146097 days.
    init(daysSinceEpoch: Int) {
        let days = daysSinceEpoch + 719_468
        let cycle = days / 146_097
        let dayOfCycle = days % 146_097
        let yearOfCycle = (dayOfCycle - dayOfCycle / 1460 + dayOfCycle / 36524 - dayOfCycle / 146_096) / 365
        let dayOfYear = dayOfCycle - (365 * yearOfCycle + yearOfCycle / 4 - yearOfCycle / 100)
        // Five months from March on have 153 days.
        let monthFromMarch = (5 * dayOfYear + 2) / 153
        day = dayOfYear - (153 * monthFromMarch + 2) / 5 + 1
        month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
        year = cycle * 400 + yearOfCycle + (month <= 2 ? 1 : 0)
    }
}
