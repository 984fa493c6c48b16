internal import OCI

/// The cpu controller of cgroup v2 (Documentation/admin-guide/cgroup-v2.rst). Microseconds.
enum CPUV2 {
    static func set(_ cpu: Resources.CPU, _ files: inout ControlFiles) throws(CgroupError) {
        try setWeight(cpu, files)
        try setBandwidth(cpu, files)
        if cpu.realtimeRuntime != nil { files.note("cpu.realtimeRuntime", "cgroup v2 has no real-time limits") }
        if cpu.realtimePeriod != nil { files.note("cpu.realtimePeriod", "cgroup v2 has no real-time limits") }
    }

    /// An idle group takes no weight, so it has to stop being idle before, or begin after.
    private static func setWeight(_ cpu: Resources.CPU, _ files: ControlFiles) throws(CgroupError) {
        if cpu.idle == 0, !files.isNew { try files.write("0", to: "cpu.idle", "cpu.idle") }
        if let shares = cpu.shares { try files.write("\(weight(ofShares: shares))", to: "cpu.weight", "cpu.shares") }
        if cpu.idle == 1 { try files.write("1", to: "cpu.idle", "cpu.idle") }
    }

    /// The weight (1...10000) for v1's shares (2...262144): the curve through 2 -> 1, 1024 -> 100 and 262144 -> 10000
    /// that is a parabola in logarithms. Both ends and both defaults keep their meaning; the field uses it since 2025.
    static func weight(ofShares shares: UInt64) -> UInt64 {
        if shares <= 2 { return 1 }
        if shares >= 262_144 { return 10_000 }
        let l = binaryLogarithm(of: shares)
        let exponent = (l * l + 125 * l) / 612 - 7.0 / 34
        return UInt64(powerOfTen(exponent).rounded(.up))
    }

    // Series, which for the few numbers that there are give what the C library's functions give: those would be linked
    // in three variants, with tables, fourteen kilobytes.

    /// The logarithm to the base 2 of a number from 1 on.
    private static func binaryLogarithm(of number: UInt64) -> Double {
        let whole = UInt64.bitWidth - 1 - number.leadingZeroBitCount
        let rest = Double(number) / Double(UInt64(1) << UInt64(whole))
        // ln x = 2 artanh((x - 1) / (x + 1)), at most a third for 1 to 2.
        let ratio = (rest - 1) / (rest + 1)
        var sum = 0.0
        var power = ratio
        for order in stride(from: 1.0, to: 37, by: 2) {
            sum += power / order
            power *= ratio * ratio
        }
        return Double(whole) + 2 * sum / 0.693147180559945309417
    }

    /// Ten to the power of a number that is not negative.
    private static func powerOfTen(_ exponent: Double) -> Double {
        let whole = exponent.rounded(.down)
        var result = 1.0
        for _ in 0..<Int(whole) { result *= 10 }
        let rest = (exponent - whole) * 2.302585092994045684
        var sum = 1.0
        var term = 1.0
        for order in stride(from: 1.0, to: 32, by: 1) {
            term *= rest / order
            sum += term
        }
        return result * sum
    }

    private static func setBandwidth(_ cpu: Resources.CPU, _ files: ControlFiles) throws(CgroupError) {
        var settings: [ControlFiles.Setting] = []
        if let maximum = maximum(cpu, files) {
            settings.append(ControlFiles.Setting("cpu.max", maximum, cpu.quota != nil ? "cpu.quota" : "cpu.period"))
        }
        if let burst = cpu.burst, burst > 0 || !files.isNew {
            settings.append(ControlFiles.Setting("cpu.max.burst", "\(burst)", "cpu.burst"))
        }
        try files.writeInFittingOrder(settings)
    }

    /// Quota and period in one file; the quota alone leaves the period as it is, but not the other way round.
    private static func maximum(_ cpu: Resources.CPU, _ files: ControlFiles) -> String? {
        let quota = cpu.quota.map { $0 < 0 ? "max" : "\($0)" }
        guard let period = cpu.period else { return quota }
        return "\(quota ?? currentQuota(files)) \(period)"
    }

    private static func currentQuota(_ files: ControlFiles) -> String {
        // A file that cannot be read will not be written either, and that will be the error.
        guard !files.isNew, let text = try? files.read("cpu.max", "cpu.period") else { return "max" }
        return String(decoding: text.utf8.prefix { $0 != UInt8(ascii: " ") }, as: UTF8.self)
    }
}
