internal import Spelling

/// Signal names and numbers of Linux on x86-64 and aarch64 (signal(7)).
public enum SignalTable {
    /// SIGTERM.
    public static let terminate: Int32 = 15
    /// The first real-time signal that a program can use; glibc keeps 32 and 33 for itself.
    static let firstRealTime: Int32 = 34
    static let lastRealTime: Int32 = 64

    static let names: [(name: String, number: Int32)] = [
        ("HUP", 1), ("INT", 2), ("QUIT", 3), ("ILL", 4), ("TRAP", 5), ("ABRT", 6), ("BUS", 7), ("FPE", 8),
        ("KILL", 9), ("USR1", 10), ("SEGV", 11), ("USR2", 12), ("PIPE", 13), ("ALRM", 14), ("TERM", 15),
        ("STKFLT", 16), ("CHLD", 17), ("CONT", 18), ("STOP", 19), ("TSTP", 20), ("TTIN", 21), ("TTOU", 22),
        ("URG", 23), ("XCPU", 24), ("XFSZ", 25), ("VTALRM", 26), ("PROF", 27), ("WINCH", 28), ("IO", 29),
        ("PWR", 30), ("SYS", 31),
        // Older names of the same.
        ("IOT", 6), ("CLD", 17), ("POLL", 29), ("UNUSED", 31),
    ]

    /// The number of a signal given by number (0 to 64) or by name: in capitals or not, with `SIG` in front or not,
    /// real-time signals as `RTMIN`, `RTMIN+n`, `RTMAX-n` or `RTMAX`.
    /// - Throws: ``UsageError`` with runc's words for an unknown signal.
    public static func number(of text: String) throws(UsageError) -> Int32 {
        if let number = Int32(text), number >= 0, number <= lastRealTime { return number }
        var name = text.asciiUppercased
        if name.hasPrefix("SIG") { name.removeFirst(3) }
        if let known = names.first(where: { $0.name == name }) { return known.number }
        if let realTime = realTime(name) { return realTime }
        let guess = Suggestion.nearest(to: name, among: names.map { $0.name })
        throw UsageError(
            .grammar, "unknown signal \"\(text)\"" + (guess.map { "; did you mean \($0)?" } ?? ""), in: .kill)
    }

    private static func realTime(_ name: String) -> Int32? {
        if name == "RTMIN" { return firstRealTime }
        if name == "RTMAX" { return lastRealTime }
        let digits = name.dropFirst(6)
        guard let first = digits.utf8.first, first >= UInt8(ascii: "0"), first <= UInt8(ascii: "9") else { return nil }
        guard let offset = Int32(digits), offset <= lastRealTime - firstRealTime else { return nil }
        if name.hasPrefix("RTMIN+") { return firstRealTime + offset }
        if name.hasPrefix("RTMAX-") { return lastRealTime - offset }
        return nil
    }
}
