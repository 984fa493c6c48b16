// From flags to the options of the commands that work on a container's control group.

extension StateOptions {
    init(id: String, _ matches: [Match]) {
        self.init(id: id)
        cgroup = matches.isOn(.cgroup)
    }
}

extension PsOptions {
    init(_ scan: Scan) {
        self.init(id: scan.positionals.first ?? "")
        format = scan.matches.text(.format) == "json" ? .json : .table
        arguments = Array(scan.positionals.dropFirst())
    }
}

extension EventsOptions {
    init(id: String, _ matches: [Match]) throws(UsageError) {
        self.init(id: id)
        stats = matches.isOn(.stats)
        format = matches.text(.format) == "table" ? .table : .json
        guard let text = matches.text(.interval) else { return }
        guard let interval = GoDuration.nanoseconds(text) else {
            throw UsageError(.grammar, "invalid value \"\(text)\" for flag -interval: parse error", in: .events)
        }
        if interval <= 0 { throw UsageError(.grammar, "duration interval must be greater than 0", in: .events) }
        // Added to the time of day it still has to be a time.
        self.interval = min(interval, .max / 4)
    }
}

extension UpdateOptions {
    init(id: String, _ matches: [Match]) throws(UsageError) {
        if let path = matches.text(.resources) {
            let source = path == "-" ? Source.standardInput : .file(path)
            self.init(id: id, source: source, ignored: Self.ignored(matches))
        } else {
            self.init(id: id, source: .flags(try LimitFlags(matches)))
        }
        l3CacheSchema = matches.text(.l3CacheSchema)
        memBwSchema = matches.text(.memBwSchema)
    }

    /// What a document has in place of flags.
    private static func ignored(_ matches: [Match]) -> [String] {
        let others: [FlagKey] = [.resources, .l3CacheSchema, .memBwSchema]
        var names: [String] = []
        for match in matches where !others.contains(match.flag.key) && !names.contains(match.flag.name) {
            names.append(match.flag.name)
        }
        return names
    }
}

extension LimitFlags {
    fileprivate init(_ matches: [Match]) throws(UsageError) {
        memory = try matches.bytes(.memory)
        memoryReservation = try matches.bytes(.memoryReservation)
        memorySwap = try matches.bytes(.memorySwap)
        kernelMemory = try matches.bytes(.kernelMemory)
        kernelMemoryTCP = try matches.bytes(.kernelMemoryTCP)
        cpuPeriod = try matches.integer(.cpuPeriod)
        cpuQuota = try matches.integer(.cpuQuota, from: -1)
        cpuBurst = try matches.integer(.cpuBurst)
        cpuShares = try matches.integer(.cpuShare)
        cpuRealtimePeriod = try matches.integer(.cpuRealtimePeriod)
        cpuRealtimeRuntime = try matches.integer(.cpuRealtimeRuntime, from: -1)
        cpuIdle = try matches.integer(.cpuIdle)
        cpus = matches.text(.cpusetCpus)
        mems = matches.text(.cpusetMems)
        pids = try matches.integer(.pidsLimit, from: -1)
        blockIOWeight = try matches.integer(.blkioWeight)
        if let weight = blockIOWeight, weight != 0, !(10...1000).contains(weight) {
            throw [Match].invalid(.blkioWeight, "out of range 10...1000: \(weight)")
        }
    }
}

extension [Match] {
    /// An amount of memory, with a unit or without; -1 for no limit.
    fileprivate func bytes(_ key: FlagKey) throws(UsageError) -> Int64? {
        guard let text = text(key) else { return nil }
        if text == "-1" { return -1 }
        guard let bytes = ByteCount.bytes(text) else { throw Self.invalid(key, "invalid size: '\(text)'") }
        return bytes
    }

    /// A whole number, not below `least`.
    fileprivate func integer<Number: FixedWidthInteger>(
        _ key: FlagKey, from least: Number = 0
    ) throws(UsageError) -> Number? {
        guard let text = text(key) else { return nil }
        guard let number = Number(text) else {
            throw Self.invalid(key, Int(text) == nil ? "not a whole number: \"\(text)\"" : "out of range: \(text)")
        }
        if number < least { throw Self.invalid(key, "below \(least): \(number)") }
        return number
    }

    /// runc's words for a value that cannot be read.
    fileprivate static func invalid(_ key: FlagKey, _ reason: String) -> UsageError {
        UsageError(.grammar, "invalid value for \(key.rawValue): \(reason)", in: .update)
    }
}
