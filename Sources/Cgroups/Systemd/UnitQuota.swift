internal import OCI

/// The quota of CPU time as systemd keeps it: a whole percentage, rounded up, so that the container gets no less than
/// it was promised. The files get the same from the start: nothing jumps when systemd writes its own value.
enum UnitQuota {
    /// What systemd takes for a period that is not given, in microseconds.
    static let usualPeriod: UInt64 = 100_000

    /// Microseconds in each second (`CPUQuotaPerSecUSec`); nil: more than can be counted, which is no limit.
    static func perSecond(_ quota: UInt64, period: UInt64) -> UInt64? {
        let (product, overflows) = quota.multipliedReportingOverflow(by: 1_000_000)
        guard !overflows, period > 0 else { return nil }
        let percent: UInt64 = 10_000
        return max((product / period + percent - 1) / percent, 1) * percent
    }

    /// The quota that systemd makes of one, in microseconds: at least 1000, the kernel's minimum.
    static func rounded(_ quota: Int64, period: UInt64) -> Int64 {
        guard quota > 0, let perSecond = perSecond(UInt64(quota), period: period) else { return quota }
        let (product, overflows) = perSecond.multipliedReportingOverflow(by: period)
        return overflows ? quota : Int64(clamping: max(product / 1_000_000, 1000))
    }

    /// A line for `cpu.max`, `QUOTA [PERIOD]`, with the quota rounded.
    ///
    /// - Parameter period: the one that holds where the line gives none.
    static func rounded(line: String, period: UInt64) -> String {
        let words = line.split(separator: " ")
        guard let first = words.first, words.count <= 2, let quota = Int64(first) else { return line }
        let given = words.count == 2 ? UInt64(words[1]) : nil
        if words.count == 2, given == nil { return line }
        return "\(rounded(quota, period: given ?? period))" + (given.map { " \($0)" } ?? "")
    }
}

extension Limits {
    /// What of a section systemd would change by itself is changed at once.
    func asUnitHasIt(_ cpu: Resources.CPU) -> Resources.CPU {
        if cgroup.unit == nil || (cpu.quota == nil && cpu.period == nil) { return cpu }
        let now = currentBandwidth
        guard let quota = cpu.quota ?? now.quota, quota > 0 else { return cpu }
        var result = cpu
        result.quota = UnitQuota.rounded(quota, period: cpu.period ?? now.period ?? UnitQuota.usualPeriod)
        return result
    }

    func asUnitHasIt(_ entry: Resources.Unified) -> Resources.Unified {
        if cgroup.unit == nil || entry.file != "cpu.max" { return entry }
        let period = currentBandwidth.period ?? UnitQuota.usualPeriod
        return Resources.Unified(file: entry.file, value: UnitQuota.rounded(line: entry.value, period: period))
    }

    /// Quota and period of a cgroup that is there, in microseconds; no quota: no limit.
    private var currentBandwidth: (quota: Int64?, period: UInt64?) {
        if let directory = cgroup.v1("cpu") {
            let files = ControlFiles(directory: directory, controller: "cpu", isNew: false, origin: "", obstacle: "")
            let quota = files.number("cpu.cfs_quota_us").flatMap { $0 < 0 ? nil : $0 }
            return (quota, files.number("cpu.cfs_period_us").flatMap { UInt64(exactly: $0) })
        }
        guard let unified = cgroup.unified else { return (nil, nil) }
        let files = ControlFiles(directory: unified, controller: "cpu", isNew: false, origin: "", obstacle: "")
        let words = (try? files.read("cpu.max", "cpu"))?.split(separator: " ") ?? []  // Without it: no limit.
        return words.count == 2 ? (Int64(words[0]), UInt64(words[1])) : (nil, nil)
    }
}
