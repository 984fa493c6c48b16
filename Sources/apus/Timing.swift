internal import CommandLineInterface
internal import Kernel
internal import Runtime

/// `--timing`: what it says when the command is over.
struct Timing {
    /// A file for a trace viewer, or `-` for text on standard error; nil: no timeline is kept.
    private let path: String?

    /// Begins a timeline if one was asked for. The file is opened once before anything is done, so that a mistake in it
    /// comes first, and closed again: descriptors of the caller may be meant for the container.
    init(_ path: String?) throws(RuntimeError) {
        self.path = path
        guard let path else { return }
        if path != "-" {
            do {
                _ = try Descriptor.open(path, [.writeOnly, .create, .noControllingTerminal], mode: 0o644)
            } catch {
                throw .system(error, field: "--timing")
            }
        }
        Timeline.begin()
    }

    /// Writes the timeline, also of a command that failed.
    func write() throws(SystemError) {
        guard let path else { return }
        let now = Clock.monotonic
        let spans = Timeline.spans.map {
            TimelineText.Span(name: $0.name, pid: $0.pid, start: $0.start, end: $0.end)
        }
        guard path != "-" else { return Output.standardError(TimelineText.table(spans, now: now)) }
        let file = try Descriptor.open(
            path, [.writeOnly, .create, .truncate, .noControllingTerminal], mode: 0o644)
        try file.write(Array(TimelineText.chrome(spans, now: now).utf8))
    }
}
