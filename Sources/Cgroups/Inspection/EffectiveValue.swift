/// What a control file says about one limit.
enum EffectiveValue {
    /// The line, or the part of it, that the limit went into; nil if there is none.
    static func text(of setting: ControlFiles.Setting, in content: String) -> String? {
        let former = FormerValue(of: setting)
        let lines = content.split(separator: "\n").map(String.init)
        if setting.file == "memory.oom_control" { return former.value(in: content) }
        if former.key.isEmpty { return lines.joined(separator: "\n") }
        return lines.first { $0.split(separator: " ").first.map(String.init) == former.key }
    }

    /// What is to be said if the kernel has something else than was set; nil if it has the same.
    static func difference(of value: String, from setting: ControlFiles.Setting) -> String? {
        if isSame(value, setting) { return nil }
        if let set = UInt64(setting.value), let now = UInt64(value), now < set, set - now < granularity(setting.file) {
            return "the kernel rounds it down"
        }
        return "the kernel has another value: \(value)"
    }

    private static func isSame(_ value: String, _ setting: ControlFiles.Setting) -> Bool {
        if value == setting.value { return true }
        if setting.file.hasPrefix("cpuset.") {
            return NumberList.numbers(value) == NumberList.numbers(setting.value)
        }
        // No limit in bytes: the largest number of whole pages.
        if setting.value == "-1", let now = UInt64(value), now > UInt64(Int64.max) - 65_536 { return true }
        // A file may have more on the line: the period after the quota, the other rates of a device.
        let words = value.split(separator: " ")
        return setting.value.split(separator: " ").allSatisfy { words.contains($0) }
    }

    /// What values of a file are multiples of.
    private static func granularity(_ file: String) -> UInt64 {
        if file.hasPrefix("hugetlb.") { return 1 << 30 }
        return file.hasPrefix("memory.") ? 65_536 : 0
    }
}

/// Where a limit becomes something else on its way into a file.
enum Translation {
    /// A word on it; nil where the file takes the limit as it is.
    static func remark(on setting: ControlFiles.Setting, _ asked: AskedSetting) -> String? {
        switch setting.file {
        case "cpu.weight": "shares (2 to 262144) became a weight (1 to 10000)"
        case "memory.swap.max": "cgroup v2 limits swap alone: memory and swap together, less memory.max"
        case "memory.low": "cgroup v2 protects this much from being reclaimed"
        case "io.weight": "the weight (10 to 1000) was spread over 1 to 10000"
        case "pids.max": asked.value == .integer(0) ? "the first process is there already: 1" : nil
        default: nil
        }
    }
}
