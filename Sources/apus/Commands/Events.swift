internal import CommandLineInterface
internal import Kernel
internal import Runtime

extension Command {
    /// `events`: statistics and out-of-memory events, a JSON object or a row of a table on each line.
    static func events(_ options: EventsOptions, _ lifecycle: Lifecycle) throws(RuntimeError) {
        let format: EventFormat = options.format == .table ? .table : .json
        if options.stats {
            try Output.standard(try lifecycle.statistics(options.id, format))
        } else {
            try lifecycle.events(options.id, interval: options.interval, format) { line throws(SystemError) in
                try Streams.writeAll(line, to: 1)
            }
        }
    }
}
