/// What cgroup v2 counts of block I/O (Documentation/admin-guide/cgroup-v2.rst, "IO"), under the names of cgroup v1.
enum IOStatisticsV2 {
    static func read(_ files: StatisticsFiles) -> Statistics.BlockIO {
        var blockIO = Statistics.BlockIO()
        // `254:0 rbytes=0 wbytes=4096 rios=0 wios=1 dbytes=0 dios=0`; what cgroup v1 does not count is left out.
        for words in files.lines("io.stat") {
            guard let number = words.first.flatMap(DeviceNumber.init) else { continue }
            for word in words.dropFirst() {
                let parts = word.split(separator: "=")
                guard parts.count == 2, let value = UInt64(parts[1]) else { continue }
                let counter = { (operation: String) in
                    Statistics.DeviceCounter(
                        major: number.major, minor: number.minor, operation: operation, value: value)
                }
                switch parts[0] {
                case "rbytes": blockIO.serviceBytes.append(counter("Read"))
                case "wbytes": blockIO.serviceBytes.append(counter("Write"))
                case "rios": blockIO.serviced.append(counter("Read"))
                case "wios": blockIO.serviced.append(counter("Write"))
                default: continue
                }
            }
        }
        return blockIO
    }
}
