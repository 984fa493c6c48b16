/// Pressure stall information of a cgroup2 directory (Documentation/accounting/psi.rst).
enum PressureStatistics {
    /// Nil if the kernel does not gather it, or was told not to.
    static func read(_ file: String, _ files: StatisticsFiles) -> Statistics.Pressure? {
        let lines = files.lines(file)
        if lines.isEmpty { return nil }
        var pressure = Statistics.Pressure()
        for words in lines {
            switch words.first {
            case "some": pressure.some = share(words.dropFirst())
            case "full": pressure.full = share(words.dropFirst())
            default: continue
            }
        }
        return pressure
    }

    /// `avg10=0.00 avg60=0.12 avg300=0.03 total=177491`
    private static func share(_ words: ArraySlice<Substring>) -> Statistics.Pressure.Share {
        var share = Statistics.Pressure.Share()
        for word in words {
            let parts = word.split(separator: "=")
            guard parts.count == 2 else { continue }
            switch parts[0] {
            case "avg10": share.last10 = hundredths(parts[1])
            case "avg60": share.last60 = hundredths(parts[1])
            case "avg300": share.last300 = hundredths(parts[1])
            case "total": share.total = UInt64(parts[1]) ?? 0
            default: continue
            }
        }
        return share
    }

    /// The kernel writes two decimals.
    private static func hundredths(_ text: Substring) -> UInt64 {
        let parts = text.split(separator: ".")
        guard parts.count == 2, parts[1].utf8.count == 2, let whole = UInt64(parts[0]), let rest = UInt64(parts[1])
        else {
            return 0
        }
        return whole * 100 + rest
    }
}
