internal import Cgroups
internal import Kernel
internal import OCI

extension Lifecycle {
    /// The statistics of a container that has not stopped, as one line of JSON.
    public func statistics(_ id: String) throws(RuntimeError) -> [UInt8] {
        try watched(id).statisticsLine()
    }

    /// Follows a container to its end: hands out lines of JSON, statistics in every interval, and an event when it runs
    /// out of memory. Sleeps in between.
    ///
    /// - Parameter interval: nanoseconds, above 0.
    public func events(_ id: String, interval: Int64, _ emit: ([UInt8]) throws -> Void) throws {
        let container = try watched(id)
        guard let process = try container.process() else { throw Self.notRunning(id) }
        var watch = try OutOfMemoryWatch.start(container.cgroup)
        var next = Clock.monotonic + interval
        while true {
            var interests = [(process.descriptor.number, Events.readable)]
            if let interest = watch.interest { interests.append(interest) }
            let left = max(0, next - Clock.monotonic)
            // Rounded up: waking too early would mean to wait again.
            let milliseconds = Int32(clamping: (left + 999_999) / 1_000_000)
            let occurred = try Wait.occurred(interests, milliseconds: milliseconds)
            let hasEnded = occurred.contains { $0.0 == process.descriptor.number }
            // Also at the end: running out of memory may be what ended it.
            if !occurred.isEmpty, try watch.hasOccurred() { try emit(EventDocument.outOfMemory(id)) }
            if hasEnded { return }
            if Clock.monotonic >= next {
                try emit(container.statisticsLine())
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
    fileprivate func statisticsLine() -> [UInt8] {
        EventDocument.statistics(cgroup.statistics(), NetworkInterface.all(of: record.pid), of: record.id)
    }
}
