internal import Cgroups
internal import OCI

/// Statistics for people: the numbers that are looked for most, one line each time.
enum StatisticsTable {
    private static var columns: [(title: String, width: Int)] {
        [
            ("CPU-TIME", 12), ("MEMORY", 11), ("LIMIT", 11), ("PEAK", 11), ("PIDS", 7), ("LIMIT", 7), ("READ", 11),
            ("WRITTEN", 0),
        ]
    }

    static var heading: [UInt8] { line(columns.map { $0.title }) }

    static func outOfMemory() -> [UInt8] { Array("out of memory\n".utf8) }

    /// Processor time in seconds, memory in units of 1024, tasks, and what went from and to block devices; `-` stands for
    /// what has no limit.
    static func row(_ statistics: Statistics) -> [UInt8] {
        let memory = statistics.memory.memory
        let milliseconds = statistics.cpu.total / 1_000_000
        let rest = String(1000 + milliseconds % 1000).dropFirst()
        return line([
            "\(milliseconds / 1000).\(rest) s", size(memory.usage), limit(memory.limit, size), size(memory.peak),
            "\(statistics.pids.current)", limit(statistics.pids.limit == 0 ? .max : statistics.pids.limit) { "\($0)" },
            size(moved("Read", statistics)), size(moved("Write", statistics)),
        ])
    }

    private static func moved(_ operation: String, _ statistics: Statistics) -> UInt64 {
        statistics.blockIO.serviceBytes.reduce(0) { $0 &+ ($1.operation.hasBytes(of: operation) ? $1.value : 0) }
    }

    /// cgroup v1 has the largest number of whole pages for no limit.
    private static func limit(_ value: UInt64, _ text: (UInt64) -> String) -> String {
        value > UInt64(Int64.max) - 65_536 ? "-" : text(value)
    }

    private static func size(_ bytes: UInt64) -> String { RuntimeError.size(Int64(clamping: bytes)) }

    private static func line(_ cells: [String]) -> [UInt8] {
        var text: [UInt8] = []
        for (cell, column) in zip(cells, columns) {
            text += cell.utf8
            // A number that is too wide still is told from the next one.
            if column.width > 0 {
                text += repeatElement(UInt8(ascii: " "), count: max(1, column.width - cell.utf8.count))
            }
        }
        return text + [UInt8(ascii: "\n")]
    }
}
