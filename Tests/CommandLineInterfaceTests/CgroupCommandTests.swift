import Testing

@testable import CommandLineInterface

@Suite struct CgroupCommandTests {
    @Test(
        arguments: [
            ("pause c", Action.pause("c")), ("resume c", .resume("c")),
            ("ps c", .ps(PsOptions(id: "c"))), ("ps -f table c", .ps(PsOptions(id: "c"))),
            ("ps --format json c", .ps(ps { $0.format = .json })),
            ("ps c -o pid --format x", .ps(ps { $0.arguments = ["-o", "pid", "--format", "x"] })),
            ("events c", .events(EventsOptions(id: "c"))), ("events --stats c", .events(events { $0.stats = true })),
            ("events -f table c", .events(events { $0.format = .table })),
            ("events --format json c", .events(EventsOptions(id: "c"))),
            ("events --interval 1m30s c", .events(events { $0.interval = 90_000_000_000 })),
            ("events c --interval=250ms", .events(events { $0.interval = 250_000_000 })),
            ("update c", .update(update { _ in })),
            (
                "update --memory 64m --memory-swap -1 --memory-reservation 8000000 c",
                .update(update { ($0.memory, $0.memorySwap, $0.memoryReservation) = (64 << 20, -1, 8_000_000) })
            ),
            (
                "update c --cpu-quota -1 --cpu-period 100000 --cpu-share 512 --cpu-burst 0 --cpu-idle 1",
                .update(
                    update {
                        ($0.cpuQuota, $0.cpuPeriod, $0.cpuShares, $0.cpuBurst, $0.cpuIdle) = (-1, 100_000, 512, 0, 1)
                    })
            ),
            (
                "update --cpu-rt-period 1000000 --cpu-rt-runtime -1 --cpuset-cpus 0-1 --cpuset-mems 0 c",
                .update(
                    update {
                        ($0.cpuRealtimePeriod, $0.cpuRealtimeRuntime, $0.cpus, $0.mems) = (1_000_000, -1, "0-1", "0")
                    })
            ),
            (
                "update --pids-limit -1 --blkio-weight 10 --kernel-memory 1 --kernel-memory-tcp 2 c",
                .update(update { ($0.pids, $0.blockIOWeight, $0.kernelMemory, $0.kernelMemoryTCP) = (-1, 10, 1, 2) })
            ),
            ("update -r - c", .update(UpdateOptions(id: "c", source: .standardInput))),
            ("update --resources /f c", .update(UpdateOptions(id: "c", source: .file("/f")))),
            (
                "update --memory 1 -r /f --memory 2 --pids-limit 3 c",
                .update(UpdateOptions(id: "c", source: .file("/f"), ignored: ["memory", "pids-limit"]))
            ),
            (
                "update -r - --l3-cache-schema L3:0=f --mem-bw-schema MB:0=20 c",
                .update(
                    {
                        var options = UpdateOptions(id: "c", source: .standardInput)
                        (options.l3CacheSchema, options.memBwSchema) = ("L3:0=f", "MB:0=20")
                        return options
                    }())
            ),
            ("state c", .state(StateOptions(id: "c"))), ("state --cgroup c", .state(state { $0.cgroup = true })),
        ] as [(String, Action)])
    func understood(line: String, expected: Action) throws { #expect(try action(line) == expected) }

    @Test(arguments: [
        ("events --interval x c", "invalid value \"x\" for flag -interval: parse error"),
        ("events --interval 0s c", "duration interval must be greater than 0"),
        ("events --interval -5s c", "duration interval must be greater than 0"),
        ("update --memory 1e8 c", "invalid value for memory: invalid size: '1e8'"),
        ("update --memory-swap -2 c", "invalid value for memory-swap: invalid size: '-2'"),
        ("update --cpu-share x c", "invalid value for cpu-share: not a whole number: \"x\""),
        ("update --cpu-quota -2 c", "invalid value for cpu-quota: below -1: -2"),
        ("update --blkio-weight 5 c", "invalid value for blkio-weight: out of range 10...1000: 5"),
        ("update --blkio-weight 65536 c", "invalid value for blkio-weight: out of range: 65536"),
        ("update", "apus: \"update\" requires exactly 1 argument(s)"),
        ("events --format xml c", "invalid format option: xml (one of json, table)"),
        ("ps -f xml c", "invalid format option: xml (one of table, json)"),
        ("pause", "apus: \"pause\" requires exactly 1 argument(s)"),
    ])
    func refused(line: String, message: String) {
        #expect(mistake(line)?.message == message)
        #expect(mistake(line)?.exitCode == 1)
    }

    // The values are those that Go's time.ParseDuration gives.
    @Test(
        arguments: [
            ("5s", 5_000_000_000), ("1m30s", 90_000_000_000), ("1.5h", 5_400_000_000_000), (".5s", 500_000_000),
            ("3.s", 3_000_000_000), ("300ms", 300_000_000), ("2us", 2000), ("2\u{B5}s", 2000), ("2\u{3BC}s", 2000),
            ("7ns", 7), ("1h1m1s1ms1us1ns", 3_661_001_001_001), ("0", 0), ("+0", 0), ("-0", 0),
            ("-1.5s", -1_500_000_000),
            ("0.3333333333333333333h", 1_199_999_999_999), ("0.100000000000000000000s", 100_000_000),
            ("+1m", 60_000_000_000),
        ] as [(String, Int64)])
    func durations(text: String, nanoseconds: Int64) throws {
        let found = try #require(GoDuration.nanoseconds(text))
        #expect(abs(found - nanoseconds) <= 1)
    }

    @Test(arguments: [
        "", "5", "s", ".s", "1.2.3s", "1d", "1 s", " 1s", "1s ", "--1s", "1sm", "99999999999h", "1e3s", "-",
    ])
    func noDurations(text: String) { #expect(GoDuration.nanoseconds(text) == nil) }

    @Test(
        arguments: [
            ("0", 0), ("1", 1), ("70000000b", 70_000_000), ("1k", 1024), ("1K", 1024), ("1kb", 1024), ("1KiB", 1024),
            ("64m", 64 << 20), ("64 m", 64 << 20), ("64mi", 64 << 20), ("64MIB", 64 << 20), ("1.5m", 1_572_864),
            ("2g", 2 << 30), ("3t", 3 << 40), ("1p", 1 << 50), ("9223372036854775807", Int64.max),
        ] as [(String, Int64)])
    func amounts(text: String, bytes: Int64) { #expect(ByteCount.bytes(text) == bytes) }

    @Test(arguments: [
        "", "m", "-1", "-2", "+1", " 1", "1m ", "1  m", "1mm", "1x", "1e8", "0x10", ".1g", "1.m", "1.2.3m", "128m64",
        "9223372036854775808", "8192p", "1bb", "1ib",
    ])
    func noAmounts(text: String) { #expect(ByteCount.bytes(text) == nil) }
}

private func ps(_ change: (inout PsOptions) -> Void) -> PsOptions {
    var options = PsOptions(id: "c")
    change(&options)
    return options
}

private func events(_ change: (inout EventsOptions) -> Void) -> EventsOptions {
    var options = EventsOptions(id: "c")
    change(&options)
    return options
}

private func state(_ change: (inout StateOptions) -> Void) -> StateOptions {
    var options = StateOptions(id: "c")
    change(&options)
    return options
}

private func update(_ change: (inout LimitFlags) -> Void) -> UpdateOptions {
    var limits = LimitFlags()
    change(&limits)
    return UpdateOptions(id: "c", source: .flags(limits))
}
