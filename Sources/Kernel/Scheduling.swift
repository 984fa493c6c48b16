internal import CKernel

/// What sched_setattr(2) sets.
public struct SchedulingAttributes: Sendable {
    public var policy: UInt32
    public var nice: Int32
    public var priority: UInt32
    public var flags: UInt64
    /// Nanoseconds, for SCHED_DEADLINE.
    public var runtime: UInt64
    public var deadline: UInt64
    public var period: UInt64

    public init(
        policy: UInt32, nice: Int32, priority: UInt32, flags: UInt64, runtime: UInt64, deadline: UInt64, period: UInt64
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

extension Process {
    /// Sets the scheduling of another process, one of a single thread.
    public borrowing func setScheduling(_ attributes: SchedulingAttributes) throws(SystemError) {
        var raw = ck_scheduler()
        raw.size = UInt32(MemoryLayout<ck_scheduler>.size)
        raw.policy = attributes.policy
        raw.flags = attributes.flags
        raw.nice = attributes.nice
        raw.priority = attributes.priority
        raw.runtime = attributes.runtime
        raw.deadline = attributes.deadline
        raw.period = attributes.period
        _ = try check(unsafe ck_set_scheduler(pid, &raw), "sched_setattr", "\(pid)")
    }
}

extension ThisProcess {
    /// Runs this thread, and the processes that it makes from now on, on these CPUs (a bit mask; sched_setaffinity(2)).
    public static func setAffinity(_ cpus: [UInt8]) throws(SystemError) {
        _ = try check(unsafe ck_set_affinity(cpus, cpus.count), "sched_setaffinity")
    }
}
