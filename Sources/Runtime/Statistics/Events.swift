internal import Cgroups
public import Kernel
internal import OCI

/// How events are written.
public enum EventFormat: Sendable {
    /// A JSON object on each line, as runc has it.
    case json
    /// A table for people.
    case table
}

extension Lifecycle {
    /// The statistics of a container that has not stopped, once.
    public func statistics(_ id: String, _ format: EventFormat) throws(RuntimeError) -> [UInt8] {
        let container = try watched(id)
        return (format == .table ? StatisticsTable.heading : []) + container.statisticsLine(format)
    }

    /// Follows a container to its end: hands out lines, statistics in every interval, and an event when it runs out of
    /// memory. Sleeps in between.
    ///
    /// - Parameters:
    ///   - id: the container's.
    ///   - interval: nanoseconds, above 0.
    ///   - format: how they are written.
    ///   - emit: takes one line, with its end.
    public func events(
        _ id: String, interval: Int64, _ format: EventFormat, _ emit: ([UInt8]) throws(SystemError) -> Void
    ) throws(RuntimeError) {
        let container = try watched(id)
        guard let process = try container.process() else { throw Self.notRunning(id) }
        var watch: OutOfMemoryWatch
        do { watch = try OutOfMemoryWatch.start(container.cgroup) } catch { throw .cgroup(error) }
        func tell(_ line: [UInt8]) throws(RuntimeError) {
            do { try emit(line) } catch { throw .system(error, field: "") }
        }
        if format == .table { try tell(StatisticsTable.heading) }
        var next = Clock.monotonic + interval
        while true {
            var interests = [(process.descriptor.number, Events.readable)]
            if let interest = watch.interest { interests.append(interest) }
            let left = max(0, next - Clock.monotonic)
            // Rounded up: waking too early would mean to wait again.
            let milliseconds = Int32(clamping: (left + 999_999) / 1_000_000)
            let occurred: [(Int32, Int16)]
            do { occurred = try Wait.occurred(interests, milliseconds: milliseconds) } catch {
                throw .system(error, field: "")
            }
            let hasEnded = occurred.contains { $0.0 == process.descriptor.number }
            // Also at the end: running out of memory may be what ended it.
            if !occurred.isEmpty {
                let hasRunOut: Bool
                do { hasRunOut = try watch.hasOccurred() } catch { throw .cgroup(error) }
                if hasRunOut {
                    try tell(format == .table ? StatisticsTable.outOfMemory() : EventDocument.outOfMemory(id))
                }
            }
            if hasEnded { return }
            if Clock.monotonic >= next {
                try tell(container.statisticsLine(format))
                // Who was held up does not make up for it.
                next = max(next + interval, Clock.monotonic)
            }
        }
    }

    /// A container that can be watched.
    private func watched(_ id: String) throws(RuntimeError) -> Container {
        let container = try Container(try Self.checked(id), in: store)
        switch try container.status() {
        case .created, .running, .paused: return container
        case .creating, .stopped: throw Self.notRunning(id)
        }
    }

    private static func notRunning(_ id: String) -> RuntimeError { .status("container with id \(id) is not running") }
}

extension Container {
    fileprivate func statisticsLine(_ format: EventFormat) -> [UInt8] {
        format == .table
            ? StatisticsTable.row(cgroup.statistics())
            : EventDocument.statistics(cgroup.statistics(), NetworkInterface.all(of: record.pid), of: record.id)
    }
}
