/// What `update` was asked for.
public struct UpdateOptions: Equatable, Sendable {
    /// Where the new limits are.
    public enum Source: Equatable, Sendable {
        case flags(LimitFlags)
        /// The path of a JSON document.
        case file(String)
        case standardInput
    }

    public var id: String
    public var source: Source
    /// Names of flags that were given, and do not count beside a document.
    public var ignored: [String]
    /// Intel RDT schemas, such as `L3:0=f` and `MB:0=20`; also beside a document.
    public var l3CacheSchema: String?
    public var memBwSchema: String?

    public init(id: String, source: Source, ignored: [String] = []) {
        self.id = id
        self.source = source
        self.ignored = ignored
    }
}

/// Limits from the command line; nil: not given. Memory in bytes, -1 for no limit; times in microseconds.
public struct LimitFlags: Equatable, Sendable {
    public var memory: Int64?
    public var memoryReservation: Int64?
    public var memorySwap: Int64?
    public var kernelMemory: Int64?
    public var kernelMemoryTCP: Int64?
    public var cpuPeriod: UInt64?
    public var cpuQuota: Int64?
    public var cpuBurst: UInt64?
    public var cpuShares: UInt64?
    public var cpuRealtimePeriod: UInt64?
    public var cpuRealtimeRuntime: Int64?
    /// 0 or 1.
    public var cpuIdle: Int64?
    public var cpus: String?
    public var mems: String?
    public var pids: Int64?
    public var blockIOWeight: UInt16?

    public init() {}
}

/// What `ps` was asked for.
public struct PsOptions: Equatable, Sendable {
    public enum Format: Equatable, Sendable {
        case table, json
    }

    public var id: String
    public var format = Format.table
    /// Options for ps(1); empty for its usual ones.
    public var arguments: [String] = []

    public init(id: String) { self.id = id }
}

/// What `events` was asked for.
public struct EventsOptions: Equatable, Sendable {
    public enum Format: Equatable, Sendable {
        case table, json
    }

    public var id: String
    public var format = Format.json
    /// Nanoseconds between two statistics, above 0.
    public var interval: Int64 = 5_000_000_000
    /// Whether the statistics are written once, and nothing else.
    public var stats = false

    public init(id: String) { self.id = id }
}
