/// Scheduling of a process (sched_setattr(2)).
public struct Scheduler: Sendable, Equatable {
    public var policy: SchedulerPolicy
    /// Nice value, -20...19; 0 when the document leaves it out.
    public var nice: Int32
    /// Static priority of the real-time policies; 0 for the others.
    public var priority: Int32
    public var flags: SchedulerFlags
    /// Nanoseconds, `SCHED_DEADLINE` only; 0 when left out.
    public var runtime: UInt64
    /// Nanoseconds, `SCHED_DEADLINE` only; 0 when left out.
    public var deadline: UInt64
    /// Nanoseconds, `SCHED_DEADLINE` only; 0 when left out.
    public var period: UInt64

    public init(
        policy: SchedulerPolicy, nice: Int32 = 0, priority: Int32 = 0, flags: SchedulerFlags = [],
        runtime: UInt64 = 0, deadline: UInt64 = 0, period: UInt64 = 0
    ) {
        self.policy = policy
        self.nice = nice
        self.priority = priority
        self.flags = flags
        self.runtime = runtime
        self.deadline = deadline
        self.period = period
    }
}

/// Scheduling policies, with their kernel numbers (`linux/sched.h`).
public enum SchedulerPolicy: UInt32, CaseIterable, Sendable {
    case other = 0
    case fifo = 1
    case roundRobin = 2
    case batch = 3
    case iso = 4
    case idle = 5
    case deadline = 6

    /// The name in `config.json`, such as `SCHED_OTHER`.
    public var name: String {
        switch self {
        case .other: "SCHED_OTHER"
        case .fifo: "SCHED_FIFO"
        case .roundRobin: "SCHED_RR"
        case .batch: "SCHED_BATCH"
        case .iso: "SCHED_ISO"
        case .idle: "SCHED_IDLE"
        case .deadline: "SCHED_DEADLINE"
        }
    }
}

/// One scheduling flag, with its kernel bit (`linux/sched.h`).
public enum SchedulerFlag: UInt64, CaseIterable, Sendable {
    case resetOnFork = 0x01
    case reclaim = 0x02
    case deadlineOverrun = 0x04
    case keepPolicy = 0x08
    case keepParams = 0x10
    case utilClampMin = 0x20
    case utilClampMax = 0x40

    /// The name in `config.json`, such as `SCHED_FLAG_RESET_ON_FORK`.
    public var name: String {
        switch self {
        case .resetOnFork: "SCHED_FLAG_RESET_ON_FORK"
        case .reclaim: "SCHED_FLAG_RECLAIM"
        case .deadlineOverrun: "SCHED_FLAG_DL_OVERRUN"
        case .keepPolicy: "SCHED_FLAG_KEEP_POLICY"
        case .keepParams: "SCHED_FLAG_KEEP_PARAMS"
        case .utilClampMin: "SCHED_FLAG_UTIL_CLAMP_MIN"
        case .utilClampMax: "SCHED_FLAG_UTIL_CLAMP_MAX"
        }
    }
}

/// The flags of `struct sched_attr`, as kernel bits.
public struct SchedulerFlags: OptionSet, Sendable {
    public let rawValue: UInt64
    public init(rawValue: UInt64) { self.rawValue = rawValue }
}

/// I/O priority of a process (ioprio_set(2)).
public struct IOPriority: Sendable, Equatable {
    public var ioClass: IOPriorityClass
    /// Level inside the class, 0 (highest) to 7.
    public var priority: UInt8

    public init(_ ioClass: IOPriorityClass, priority: UInt8 = 0) {
        self.ioClass = ioClass
        self.priority = priority
    }
}

/// I/O scheduling classes, with their kernel numbers (`linux/ioprio.h`).
public enum IOPriorityClass: UInt16, CaseIterable, Sendable {
    case realTime = 1
    case bestEffort = 2
    case idle = 3

    /// The name in `config.json`, such as `IOPRIO_CLASS_BE`.
    public var name: String {
        switch self {
        case .realTime: "IOPRIO_CLASS_RT"
        case .bestEffort: "IOPRIO_CLASS_BE"
        case .idle: "IOPRIO_CLASS_IDLE"
        }
    }
}
