/// What the pids controller counts, the same in both versions.
enum PidsStatistics {
    static func read(_ files: StatisticsFiles) -> Statistics.Pids {
        let limit = files.number("pids.max")
        return Statistics.Pids(current: files.number("pids.current"), limit: limit == .max ? 0 : limit)
    }
}
