internal import CommandLineInterface
internal import Kernel
internal import Runtime

extension Command {
    /// `events`: statistics and out-of-memory events, a JSON object on each line.
    static func events(_ options: EventsOptions, _ lifecycle: Lifecycle) throws(RuntimeError) {
        if options.stats {
            try Output.standard(try lifecycle.statistics(options.id))
        } else {
            try lifecycle.events(options.id, interval: options.interval) { line throws(SystemError) in
                try Streams.writeAll(line, to: 1)
            }
        }
    }
}
