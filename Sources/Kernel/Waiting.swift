internal import CKernel

/// Events of poll(2).
public enum Events {
    public static let readable: Int16 = 0x1
    public static let writable: Int16 = 0x4
    public static let failed: Int16 = 0x8
    public static let hungUp: Int16 = 0x10
    /// The number is no open descriptor.
    public static let invalid: Int16 = 0x20
}

/// Waiting for descriptors and time.
public enum Wait {
    /// Which of the borrowed descriptors are readable or at their end; empty: the time is over (-1: no limit).
    public static func readable(_ descriptors: [Int32], milliseconds: Int32) throws(SystemError) -> [Int32] {
        try occurred(descriptors.map { ($0, Events.readable) }, milliseconds: milliseconds).map { $0.0 }
    }

    /// The same for two descriptors at most, without lists of them.
    public static func readable(
        _ first: Int32, or second: Int32?, milliseconds: Int32
    ) throws(SystemError) -> (first: Bool, second: Bool) {
        var entries = (
            ck_poll(fd: first, events: Events.readable, occurred: 0),
            ck_poll(fd: second ?? -1, events: Events.readable, occurred: 0)
        )
        try unsafe withUnsafeMutablePointer(to: &entries) { entries throws(SystemError) in
            // A tuple of one type is laid out as an array of it.
            try unsafe entries.withMemoryRebound(to: ck_poll.self, capacity: 2) { entries throws(SystemError) in
                try unsafe poll(entries, 2, milliseconds)
            }
        }
        return (entries.0.occurred != 0, entries.1.occurred != 0)
    }

    /// poll(2), again where a signal came in between.
    private static func poll(
        _ entries: UnsafeMutablePointer<ck_poll>?, _ count: Int, _ milliseconds: Int32
    ) throws(SystemError) {
        let deadline = milliseconds > 0 ? Clock.monotonic + Int64(milliseconds) * 1_000_000 : 0
        var rest = milliseconds
        while true {
            let result = unsafe ck_poll(entries, count, rest)
            if result != -Errno.interrupted.rawValue {
                _ = try check(result, "poll")
                return
            }
            if rest > 0 { rest = Int32(clamping: max(0, deadline - Clock.monotonic) / 1_000_000) }
        }
    }

    /// poll(2) for any events: the descriptors at which one occurred, with the events.
    public static func occurred(
        _ interests: [(Int32, Int16)], milliseconds: Int32
    ) throws(SystemError) -> [(Int32, Int16)] {
        var entries = interests.map { ck_poll(fd: $0.0, events: $0.1, occurred: 0) }
        try unsafe entries.withUnsafeMutableBufferPointer { entries throws(SystemError) in
            try unsafe poll(entries.baseAddress, entries.count, milliseconds)
        }
        return entries.filter { $0.occurred != 0 }.map { ($0.fd, $0.occurred) }
    }

    /// Sleeps; a signal may end it early.
    public static func sleep(milliseconds: Int) { _ = ck_sleep(Int64(milliseconds) * 1_000_000) }
}

/// What the clocks say.
public enum Clock {
    /// Nanoseconds since 1970 (CLOCK_REALTIME).
    public static var now: Int64 { ck_realtime() }
    /// Nanoseconds since some point, never set back (CLOCK_MONOTONIC).
    public static var monotonic: Int64 { ck_monotonic() }
}

/// Signals, read from a descriptor instead of caught by handlers.
public struct SignalQueue: ~Copyable {
    public let descriptor: Descriptor

    /// Blocks every signal, and queues them here from now on.
    public init() throws(SystemError) {
        descriptor = Descriptor(owning: try check(ck_signalfd_all(), "signalfd"))
    }

    /// The next signal; nil if none is pending. A SIGPIPE that this process has raised is no news: its write said
    /// EPIPE.
    public borrowing func next() throws(SystemError) -> Int32? {
        while true {
            var sender: Int32 = 0
            let signal = try check(unsafe ck_signalfd_read(descriptor.number, &sender), "read", "signalfd")
            if signal == Self.brokenPipe, sender == ThisProcess.pid { continue }
            return signal == 0 ? nil : signal
        }
    }

    private static let brokenPipe: Int32 = 13
}

/// Signals by which somebody asks for the end: HUP, INT, QUIT and TERM.
public final class TerminationSignals {
    public let descriptor: Descriptor

    /// Blocks those that this process does not ignore, and queues them here from now on.
    public init(blocking _: Void) throws(SystemError) {
        descriptor = Descriptor(owning: try check(ck_signalfd_heeded(), "signalfd"))
    }

    /// Queues them here from now on: whoever reads one takes it from every other queue. They have to be blocked already.
    public init() throws(SystemError) {
        descriptor = Descriptor(owning: try check(ck_signalfd_termination(), "signalfd"))
    }

    /// The one that came; nil: none did.
    public func next() -> Int32? {
        var sender: Int32 = 0
        let signal = unsafe ck_signalfd_read(descriptor.number, &sender)
        return signal > 0 ? signal : nil
    }
}

/// The real-time signals that programs may use; the first ones belong to the C library.
public enum RealTimeSignals {
    public static var range: ClosedRange<Int32> { ck_realtime_minimum()...ck_realtime_maximum() }
}

/// A watch on changes (inotify(7)).
public struct Watch: ~Copyable {
    public let descriptor: Descriptor

    /// Wakes when the content of the file at `path` is modified: cgroup.events and the like.
    public init(modificationsOf path: String) throws(SystemError) {
        descriptor = Descriptor(owning: try check(unsafe ck_inotify(path, 2), "inotify_add_watch", path))
    }

    /// Forgets what was seen up to now.
    public borrowing func drain() { _ = try? descriptor.read(atMost: 4096) }  // EAGAIN: nothing was seen
}
