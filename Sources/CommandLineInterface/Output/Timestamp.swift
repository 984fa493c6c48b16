/// A moment in UTC.
public struct Timestamp: Equatable, Sendable {
    /// Seconds since 1970-01-01T00:00:00Z, without leap seconds; negative before.
    public let seconds: Int64
    /// 0 to 999 999 999, counted forward from `seconds`.
    public let nanoseconds: Int32

    public init(seconds: Int64, nanoseconds: Int32 = 0) {
        self.seconds = seconds
        self.nanoseconds = nanoseconds
    }

    /// `2026-11-22T04:56:38Z` (RFC 3339), for logs.
    public var rfc3339: String { civil + "Z" }

    /// `2026-11-22T04:56:39.50410807Z`: with a fraction without trailing zeros, and without one if it is zero, as
    /// runc writes the moment of a container's creation.
    public var rfc3339WithFraction: String {
        guard nanoseconds > 0 else { return rfc3339 }
        var digits = Self.padded(Int64(nanoseconds), 9)
        while digits.utf8.last == UInt8(ascii: "0") { digits.removeLast() }
        return "\(civil).\(digits)Z"
    }

    private var civil: String {
        let (day, second) = Self.floorDivision(seconds, 86_400)
        let (year, month, dayOfMonth) = Self.date(day: day)
        let date = "\(Self.padded(year, 4))-\(Self.padded(month, 2))-\(Self.padded(dayOfMonth, 2))"
        let minute = second / 60
        return "\(date)T\(Self.padded(minute / 60, 2)):\(Self.padded(minute % 60, 2)):\(Self.padded(second % 60, 2))"
    }

    /// The Gregorian date of a day counted from 1970-01-01. Years are counted from March, so that the leap day is the
    /// last of its year: months then start at days (153 m + 2) / 5, and 400 years are always 146 097 days.
    static func date(day: Int64) -> (year: Int64, month: Int64, day: Int64) {
        let daysFromYear0ToEpoch: Int64 = 719_468
        let (era, dayOfEra) = floorDivision(day + daysFromYear0ToEpoch, 146_097)
        let leapDays = dayOfEra / 1_460 - dayOfEra / 36_524 + dayOfEra / 146_096
        let yearOfEra = (dayOfEra - leapDays) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let monthFromMarch = (5 * dayOfYear + 2) / 153
        let dayOfMonth = dayOfYear - (153 * monthFromMarch + 2) / 5 + 1
        let isNextYear = monthFromMarch >= 10
        return (
            era * 400 + yearOfEra + (isNextYear ? 1 : 0), monthFromMarch + (isNextYear ? -9 : 3), dayOfMonth
        )
    }

    private static func floorDivision(_ value: Int64, _ divisor: Int64) -> (quotient: Int64, remainder: Int64) {
        let (quotient, remainder) = value.quotientAndRemainder(dividingBy: divisor)
        return remainder < 0 ? (quotient - 1, remainder + divisor) : (quotient, remainder)
    }

    private static func padded(_ value: Int64, _ width: Int) -> String {
        let digits = String(value)
        return String(repeating: "0", count: max(0, width - digits.utf8.count)) + digits
    }
}
