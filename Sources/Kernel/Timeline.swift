/// When the parts of a command began and ended (`--timing`). While nobody asked for it, a part costs one comparison.
///
/// A command has one thread; nothing here is for more.
public enum Timeline {
    /// A part of a command.
    public struct Span: Sendable {
        public let name: String
        /// The process that did it.
        public let pid: Int32
        /// Nanoseconds of CLOCK_MONOTONIC.
        public let start: Int64
        /// Nil for what an error ended.
        public fileprivate(set) var end: Int64?
    }

    /// Names a span that was begun; nothing while no timeline is kept.
    public struct Mark: Sendable {
        fileprivate let index: Int
    }

    // One thread: whoever reads or writes them is the only one.
    nonisolated(unsafe) private static var kept: [Span]?
    nonisolated(unsafe) private static var follower: ((Span) -> Void)?

    /// Keeps a timeline from now on.
    public static func begin() { unsafe kept = [] }

    /// Keeps a timeline from now on, if there is none yet, and tells of each part when it has ended.
    public static func follow(_ tell: @escaping (Span) -> Void) {
        if unsafe kept == nil { begin() }
        unsafe follower = tell
    }

    /// What was kept, in the order in which it began.
    public static var spans: [Span] { unsafe kept ?? [] }

    /// A part begins.
    @inline(__always)
    public static func begin(_ name: StaticString) -> Mark {
        if unsafe kept == nil { return Mark(index: -1) }
        return begin(named: "\(name)", ThisProcess.pid)
    }

    /// The part has ended.
    @inline(__always)
    public static func end(_ mark: Mark) {
        if mark.index >= 0 { finish(mark) }
    }

    /// What another process did since `start`, a moment of ``now``.
    public static func add(_ name: @autoclosure () -> String, since start: Int64, pid: Int32) {
        if unsafe kept == nil { return }
        let span = Span(name: name(), pid: pid, start: start, end: Clock.monotonic)
        unsafe kept?.append(span)
        unsafe follower?(span)
    }

    /// The moment for ``add(_:since:pid:)``; 0 while no timeline is kept.
    @inline(__always)
    public static var now: Int64 { unsafe kept == nil ? 0 : Clock.monotonic }

    @inline(never)
    private static func begin(named name: String, _ pid: Int32) -> Mark {
        let span = Span(name: name, pid: pid, start: Clock.monotonic, end: nil)
        unsafe kept?.append(span)
        return Mark(index: (unsafe kept?.count ?? 1) - 1)
    }

    @inline(never)
    private static func finish(_ mark: Mark) {
        unsafe kept?[mark.index].end = Clock.monotonic
        if let span = unsafe kept?[mark.index] { unsafe follower?(span) }
    }
}
