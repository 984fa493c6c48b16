/// What cgroup v1 counts of block I/O (Documentation/admin-guide/cgroup-v1/blkio-controller.rst): by the scheduler, BFQ
/// or once CFQ, if it has seen any; else by the throttling layer, which sees everything.
enum BlockIOStatisticsV1 {
    static func read(_ files: StatisticsFiles) -> Statistics.BlockIO {
        for prefix in ["blkio.bfq.", "blkio."] {
            let blockIO = read(prefix, files)
            if !blockIO.serviced.isEmpty { return blockIO }
        }
        return Statistics.BlockIO(
            serviceBytes: counters("blkio.throttle.io_service_bytes_recursive", files),
            serviced: counters("blkio.throttle.io_serviced_recursive", files))
    }

    private static func read(_ prefix: String, _ files: StatisticsFiles) -> Statistics.BlockIO {
        Statistics.BlockIO(
            serviceBytes: counters("\(prefix)io_service_bytes_recursive", files),
            serviced: counters("\(prefix)io_serviced_recursive", files),
            queued: counters("\(prefix)io_queued_recursive", files),
            serviceTime: counters("\(prefix)io_service_time_recursive", files),
            waitTime: counters("\(prefix)io_wait_time_recursive", files),
            merged: counters("\(prefix)io_merged_recursive", files), time: counters("\(prefix)time_recursive", files),
            sectors: counters("\(prefix)sectors_recursive", files))
    }

    /// `8:0 Read 4096` or `8:0 4096`; the sum of all devices (`Total 4096`) is none.
    private static func counters(_ file: String, _ files: StatisticsFiles) -> [Statistics.DeviceCounter] {
        files.lines(file).compactMap { words in
            guard let number = words.first.flatMap(DeviceNumber.init), let value = words.last.flatMap({ UInt64($0) })
            else { return nil }
            let operation = words.count == 3 ? String(words[1]) : ""
            return Statistics.DeviceCounter(
                major: number.major, minor: number.minor, operation: operation, value: value)
        }
    }
}

/// `8:0`.
struct DeviceNumber {
    let major: UInt64
    let minor: UInt64

    init?(_ text: Substring) {
        let parts = text.split(separator: ":")
        guard parts.count == 2, let major = UInt64(parts[0]), let minor = UInt64(parts[1]) else { return nil }
        self.major = major
        self.minor = minor
    }
}
