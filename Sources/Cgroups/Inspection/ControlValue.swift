internal import Kernel
internal import OCI

/// What control files take, as the kernel decides it (Documentation/admin-guide/cgroup-v2.rst, cgroup-v1/, and
/// kernel/sched/core.c for the bandwidth of CPUs).
struct ControlValue {
    /// The container's directory, which need not be there yet, and where its hierarchy is mounted.
    let directory: CgroupDirectory

    /// Why a file does not take a value; nil: it does, as far as can be told.
    func problem(with setting: ControlFiles.Setting) -> String? {
        let value = setting.value
        let longest = Self.longestValue(of: setting.file)
        if value.utf8.count > longest { return "\(value.utf8.count) bytes, and the kernel takes \(longest)" }
        guard let form = Self.form(of: setting.file) else { return nil }
        return form.problem(with: value) ?? problem(above: setting)
    }

    /// How many bytes are taken at once (`atomic_write_len` in kernel/cgroup/cgroup.c, `max_write_len` in cpuset.c): the
    /// largest page of the architecture, but for lists.
    private static func longestValue(of file: String) -> Int {
        switch file {
        case "cpuset.cpus", "cpuset.cpus.exclusive":
            // NR_CPUS; where that cannot be read, more than any kernel is built for.
            let last = (try? Files.readText("/sys/devices/system/cpu/kernel_max")).flatMap { Int($0) } ?? 65_535
            return 100 + 6 * (last + 1)
        // MAX_NUMNODES is at most 1024, and nothing tells it.
        case "cpuset.mems": return 100 + 6 * 1024
        default:
            #if arch(arm64)
                return 65_536
            #else
                return 4096
            #endif
        }
    }

    // MARK: Forms

    enum Form {
        case integer(ClosedRange<Int64>)
        /// A number of bytes, perhaps with a unit; `max` where that is permitted.
        case bytes
        case numberOrMaximum(ClosedRange<Int64>)
        /// A share of a CPU in percent, with at most two digits behind the point.
        case percentage
        /// Microseconds of CPU time, or -1.
        case quota
        /// A quota and a period.
        case bandwidth
        case indices
        case words([String])
        /// A block device and a number.
        case device(ClosedRange<Int64>)
        /// A default, or a block device, and a weight.
        case weight(ClosedRange<Int64>)
        case rates
        case latency
        case networkInterface
        case readOnly

        func problem(with text: String) -> String? {
            let words = text.components(between: " ")
            switch self {
            case .integer(let range): return Self.number(text, in: range)
            case .bytes: return text == "max" || Self.isSize(text) ? nil : "\(Self.quoted(text)) is no number of bytes"
            case .numberOrMaximum(let range): return text == "max" ? nil : Self.number(text, in: range)
            case .percentage:
                let parts = text.components(between: ".")
                let isNumber =
                    !parts.isEmpty && parts.count <= 2 && parts.allSatisfy { Int64($0).map { $0 >= 0 } ?? false }
                return text == "max" || (isNumber && (Int64(parts[0]) ?? 101) <= 100)
                    ? nil : "\(Self.quoted(text)) is no percentage"
            case .quota:
                guard let quota = Int64(text), quota >= 0 else { return nil }
                return Self.shortQuota(quota)
            case .bandwidth: return Self.bandwidth(words, text)
            case .indices: return IndexText.isList(text) ? nil : "\(Self.quoted(text)) is no list such as 0-3,7"
            case .words(let known):
                return known.contains(text) ? nil : "\(Self.quoted(text)) is none of \(known.joined(separator: ", "))"
            case .device(let range):
                guard words.count == 2 else { return "\(Self.quoted(text)) is not a device and a number" }
                return BlockDeviceText.problem(with: words[0]) ?? Self.number(words[1], in: range)
            case .weight(let range): return Self.weight(words, range, text)
            case .rates: return Self.pairs(words, ["rbps", "wbps", "riops", "wiops"], text)
            case .latency: return Self.pairs(words, ["target"], text)
            case .networkInterface:
                let name = words.first ?? ""
                return Files.exists("/sys/class/net/\(name)") ? nil : "this host has no network device \(name)"
            case .readOnly: return "it can only be read"
            }
        }

        private static func quoted(_ text: String) -> String {
            text.utf8.count > 80 ? "\"\(String(decoding: text.utf8.prefix(80), as: UTF8.self))...\"" : "\"\(text)\""
        }

        private static func number(_ text: String, in range: ClosedRange<Int64>) -> String? {
            guard let number = Int64(text) else { return "\(quoted(text)) is no number" }
            if range.contains(number) { return nil }
            let upper = range.upperBound == .max ? "" : "\(range.upperBound)"
            return "\(number) is out of range \(range.lowerBound)...\(upper)"
        }

        /// memparse() of the kernel: decimal, or hexadecimal behind 0x, with a unit of 1024.
        private static func isSize(_ text: String) -> Bool {
            var bytes = Array(text.utf8)[...]
            if let last = bytes.last, "kKmMgGtTpPeE".utf8.contains(last), !bytes.starts(with: "0x".utf8) {
                bytes = bytes.dropLast()
            }
            let digits = String(decoding: bytes, as: UTF8.self)
            return digits.begins(with: "0x")
                ? UInt64(Substring(digits.utf8.dropFirst(2)), radix: 16) != nil : UInt64(digits) != nil
        }

        private static func shortQuota(_ quota: Int64) -> String? {
            quota < 1000 ? "\(quota) is below 1000 microseconds, which is the least" : nil
        }

        private static func bandwidth(_ words: [String], _ text: String) -> String? {
            guard words.count == 1 || words.count == 2 else { return "\(quoted(text)) is no quota with a period" }
            if words[0] != "max" {
                guard let quota = Int64(words[0]), quota >= 0 else { return "\(quoted(words[0])) is no quota" }
                if let problem = shortQuota(quota) { return problem }
            }
            return words.count == 2 ? number(words[1], in: 1000...1_000_000) : nil
        }

        private static func weight(_ words: [String], _ range: ClosedRange<Int64>, _ text: String) -> String? {
            guard words.count == 1 || words.count == 2 else { return "\(quoted(text)) is no weight" }
            if words.count == 2, words[0] != "default" {
                if let problem = BlockDeviceText.problem(with: words[0]) { return problem }
                if words[1] == "default" { return nil }
            }
            return number(words[words.count - 1], in: range)
        }

        private static func pairs(_ words: [String], _ keys: [String], _ text: String) -> String? {
            guard let device = words.first, words.count > 1 else { return "\(quoted(text)) is no device with limits" }
            if let problem = BlockDeviceText.problem(with: device) { return problem }
            for word in words.dropFirst() {
                let parts = word.components(between: "=")
                guard parts.count == 2, keys.contains(parts[0]) else {
                    return "\(quoted(word)) is none of \(keys.map { "\($0)=N" }.joined(separator: ", "))"
                }
                if parts[1] == "max" { continue }
                guard let rate = UInt64(parts[1]), rate > 0 else { return "\(quoted(parts[1])) is no limit above 0" }
            }
            return nil
        }
    }

    private static let anyNumber: ClosedRange<Int64> = 0...Int64.max

    /// By the name of the file; nil: whatever is written there is the kernel's affair.
    static func form(of file: String) -> Form? {
        switch file {
        case "cpu.cfs_period_us": return .integer(1000...1_000_000)
        case "cpu.cfs_quota_us": return .quota
        case "cpu.cfs_burst_us", "cpu.max.burst": return .integer(anyNumber)
        case "cpu.max": return .bandwidth
        case "cpu.weight": return .integer(1...10_000)
        case "cpu.weight.nice": return .integer(-20...19)
        case "cpu.idle", "memory.oom.group", "memory.zswap.writeback", "cgroup.pressure": return .integer(0...1)
        case "cpu.uclamp.min", "cpu.uclamp.max": return .percentage
        case "memory.max", "memory.high", "memory.low", "memory.min", "memory.swap.max", "memory.swap.high",
            "memory.zswap.max":
            return .bytes
        case "pids.max": return .numberOrMaximum(0...4_194_304)
        case "cgroup.max.depth", "cgroup.max.descendants": return .numberOrMaximum(0...Int64(Int32.max))
        case "cpuset.cpus", "cpuset.mems", "cpuset.cpus.exclusive": return .indices
        case "cpuset.cpus.partition": return .words(["member", "root", "isolated"])
        case "io.max": return .rates
        case "io.latency": return .latency
        case "io.weight": return .weight(1...10_000)
        case "io.bfq.weight": return .weight(1...1000)
        case "blkio.throttle.read_bps_device", "blkio.throttle.write_bps_device": return .device(anyNumber)
        case "blkio.throttle.read_iops_device", "blkio.throttle.write_iops_device":
            return .device(0...Int64(UInt32.max))
        case "net_prio.ifpriomap": return .networkInterface
        case "cgroup.controllers", "cgroup.events", "cgroup.stat": return .readOnly
        default:
            if file.begins(with: "hugetlb."), file.hasSuffix(".max") { return .bytes }
            let isMeasure = [
                ".current", ".stat", ".events", ".events.local", ".numa_stat", ".effective", ".stat.local",
            ]
            .contains { file.hasSuffix($0) }
            return isMeasure ? .readOnly : nil
        }
    }

    /// The files of cgroup v2 whose names are always the same.
    static let knownFiles = [
        "cgroup.max.depth", "cgroup.max.descendants", "cgroup.pressure", "cpu.idle", "cpu.max", "cpu.max.burst",
        "cpu.pressure", "cpu.uclamp.max", "cpu.uclamp.min", "cpu.weight", "cpu.weight.nice", "cpuset.cpus",
        "cpuset.cpus.exclusive", "cpuset.cpus.partition", "cpuset.mems", "io.bfq.weight", "io.latency", "io.max",
        "io.pressure", "io.prio.class", "io.weight", "irq.pressure", "memory.high", "memory.low", "memory.max",
        "memory.min", "memory.oom.group", "memory.peak", "memory.pressure", "memory.reclaim", "memory.swap.high",
        "memory.swap.max", "memory.swap.peak", "memory.zswap.max", "memory.zswap.writeback", "misc.max", "pids.max",
        "rdma.max",
    ]

    // MARK: What the cgroups above permit

    private func problem(above setting: ControlFiles.Setting) -> String? {
        // In cgroup v2 what is above limits what is below, without a word.
        if directory.isUnified { return nil }
        switch setting.file {
        case "cpuset.cpus", "cpuset.mems": return outside(setting)
        default: return nil
        }
    }

    /// A v1 cpuset is a part of the one above (cpusets.rst).
    private func outside(_ setting: ControlFiles.Setting) -> String? {
        for above in ancestors {
            guard let given = try? Files.readText("\(above)/\(setting.file)") else { return nil }
            if given.isEmpty { continue }
            let missing = IndexText.indices(of: setting.value).subtracting(IndexText.indices(of: given)).min()
            return missing.map { "\($0) is not in the cgroup above, which has \(given)" }
        }
        return nil
    }

    /// The directories above that are there, from the nearest on.
    private var ancestors: [String] {
        var found: [String] = []
        var path = parent(of: directory.path)
        while path.utf8.count >= directory.mountPoint.utf8.count, !directory.mountPoint.isEmpty {
            if Files.exists(path) { found.append(path) }
            path = parent(of: path)
        }
        return found
    }

    /// The share of time that the v1 groups above leave (`__cfs_schedulable`): the nearest that has a quota decides.
    func bandwidthProblem(quota: Int64, period: Int64) -> String? {
        if directory.isUnified || quota <= 0 || period <= 0 { return nil }
        for above in ancestors {
            guard let limit = number("\(above)/cpu.cfs_quota_us"), limit > 0,
                let whole = number("\(above)/cpu.cfs_period_us"), whole > 0
            else { continue }
            let (asked, isLarge) = quota.multipliedReportingOverflow(by: whole)
            let (left, isHuge) = limit.multipliedReportingOverflow(by: period)
            if isLarge || isHuge || asked <= left { return nil }
            return "\(quota) of \(period) is more than the cgroup above has: \(limit) of \(whole)"
        }
        return nil
    }

    /// The real time that the v1 groups above leave (`tg_rt_schedulable` in kernel/sched/rt.c). -1 is no limit, which only a
    /// group without one can give.
    func realTimeProblem(runtime: Int64, period: Int64) -> String? {
        if directory.isUnified || runtime == 0 { return nil }
        if runtime > period { return "\(runtime) is above the period, \(period)" }
        guard let above = ancestors.first else { return nil }
        // The directories between, which are made first, have none.
        let isDirect = above == parent(of: directory.path)
        let limit = isDirect ? number("\(above)/cpu.rt_runtime_us") ?? 0 : 0
        let whole = number("\(above)/cpu.rt_period_us") ?? 1_000_000
        let (asked, isLarge) = runtime.multipliedReportingOverflow(by: whole)
        let (left, isHuge) = limit.multipliedReportingOverflow(by: period)
        if limit < 0 || isLarge || isHuge || (runtime > 0 && asked <= left) { return nil }
        return "the cgroup above must have as much real time to give: it has \(limit) of \(whole)"
    }

    private func number(_ path: String) -> Int64? { (try? Files.readText(path)).flatMap { Int64($0) } }
}

/// Lists of processors and memory nodes in the syntax of the kernel's bitmaps (bitmap_parselist()): `0-3,7`, `0-31:2/8`.
enum IndexText {
    /// The kernel's own bound is lower on any machine.
    private static var most: UInt32 { 65_535 }

    static func isList(_ text: String) -> Bool {
        parts(of: text).allSatisfy { region($0) != nil }
    }

    static func indices(of text: String) -> Set<UInt32> {
        // Regions may overlap, and many of them: only where they begin and end is noted of each.
        var changes = [Int](repeating: 0, count: Int(most) + 2)
        for part in Set(parts(of: text)) {
            guard let (range, used, group) = region(part) else { continue }
            // Without a pattern a region is a single run.
            let step = Int(used >= group ? range.upperBound - range.lowerBound + 1 : group)
            let length = used >= group ? step : Int(used)
            for start in stride(from: Int(range.lowerBound), through: Int(range.upperBound), by: step) {
                changes[start] += 1
                changes[min(Int(range.upperBound) + 1, start + length)] -= 1
            }
        }
        var depth = 0
        return Set(
            (0...most).filter { index in
                depth += changes[Int(index)]
                return depth > 0
            })
    }

    private static func parts(of text: String) -> [String] {
        text.utf8.split { $0 == UInt8(ascii: ",") || isBlank($0) }.map { String(Substring($0)) }
    }

    private static func isBlank(_ byte: UInt8) -> Bool { byte == 32 || byte == 9 || byte == 10 }

    /// `2`, `2-5`, or `0-31:2/8`: of each 8 the first 2.
    private static func region(_ text: String) -> (range: ClosedRange<UInt32>, used: UInt32, group: UInt32)? {
        let halves = text.utf8.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
        guard halves.count <= 2, let first = halves.first, let range = range(String(Substring(first))) else {
            return nil
        }
        guard halves.count == 2 else { return (range, 1, 1) }
        let numbers = halves[1].split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
            .map { UInt32(Substring($0)) }
        guard numbers.count == 2, let used = numbers[0], let group = numbers[1], group > 0, used <= group else {
            return nil
        }
        return (range, used, group)
    }

    private static func range(_ text: String) -> ClosedRange<UInt32>? {
        let ends = text.utf8.split(separator: UInt8(ascii: "-"), omittingEmptySubsequences: false)
            .map { UInt32(Substring($0)) }
        guard ends.count == 1 || ends.count == 2, let first = ends[0], let last = ends[ends.count - 1], first <= last,
            last <= most
        else { return nil }
        return first...last
    }
}

/// A block device as the files of cgroups name it: `8:0`.
enum BlockDeviceText {
    /// Limits are for whole devices that are there (blkg_conf_open_bdev()).
    static func problem(with text: String) -> String? {
        let numbers = text.components(between: ":").map { UInt32($0) }
        guard numbers.count == 2, numbers[0] != nil, numbers[1] != nil else {
            return "\(text) is not a block device such as 8:0"
        }
        let path = "/sys/dev/block/\(text)"
        // Without sysfs the kernel decides.
        guard Files.exists("/sys/dev/block") else { return nil }
        if !Files.exists(path) { return "this host has no block device \(text) (see lsblk)" }
        return Files.exists("\(path)/partition") ? "\(text) is a partition, and limits are for whole devices" : nil
    }
}
