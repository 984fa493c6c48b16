import Foundation
import OCI
import SeccompLoader
import Testing

@testable import Seccomp

/// How much processor time things take with a profile of the usual size. The limits are for a debug build, many times
/// what it needs; the figures are printed.
@Suite(.serialized, .needsX86_64) struct SpeedTests {
    @Test func compilation() throws {
        let time = try best(of: 5) { _ = try SeccompFilter.compile(.container) }
        print("compile: \(time)")
        #expect(time < .milliseconds(100))
    }

    @Test func hit() throws {
        let path = NSTemporaryDirectory() + "seccomp-speed-" + UUID().uuidString
        defer { try? FileManager.default.removeItem(atPath: path) }
        let cache = SeccompCache(directory: path)
        _ = try cache.filter(for: .container)
        let key = best(of: 50) { _ = CacheEntry(for: .container) }
        let time = try best(of: 50) { _ = try cache.filter(for: .container) }
        print("key: \(key), hit: \(time)")
        #expect(time < .milliseconds(10))
    }

    @Test func loading() throws {
        let filter = try SeccompFilter.compile(.container)
        var times: [Int64] = []
        for _ in 0..<20 {
            var attempts: [attempt] = []
            var nanoseconds: Int64 = 0
            let status = try_under_filter(
                filter.program, filter.program.count, filter.flags, &attempts, 0, &nanoseconds)
            try #require(status == 0)
            times.append(nanoseconds)
        }
        print("load: \(Duration.nanoseconds(times.min() ?? 0)), \(filter.instructionCount) instructions")
    }

    /// A tree keeps every answer short, also that for a call which nothing names.
    @Test func answers() throws {
        let machine = FilterMachine(try SeccompFilter.compile(.container))
        for call in [Call(0), Call(231), Call(400), Call(303), Call(999), Call(4, on: .x86), Call(.x32Bit | 1)] {
            #expect(try machine.run(call).steps < 40, "\(call)")
        }
    }

    private func best(of count: Int, _ body: () throws -> Void) rethrows -> Duration {
        var best = Duration.seconds(1000)
        for _ in 0..<count {
            let start = Self.processorTime
            try body()
            best = min(best, Self.processorTime - start)
        }
        return best
    }

    /// What this thread has used: whatever else the machine has to do takes none of it.
    private static var processorTime: Duration {
        var time = timespec()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return .seconds(time.tv_sec) + .nanoseconds(time.tv_nsec)
    }
}
