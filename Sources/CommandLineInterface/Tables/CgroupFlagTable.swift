/// The flags of the commands that work on a container's control group.
extension Flag {
    static let update: [Flag] = [
        Flag(
            .resources, ["r"], .file("FILE"), .resources,
            "Read linux.resources as JSON from FILE, or from standard input if it is -; "
                + "flags for the same are then ignored"),
        Flag(.memory, [], .text("BYTES"), .memory, "Memory limit; -1 for no limit"),
        Flag(.memoryReservation, [], .text("BYTES"), .memory, "Memory that is reclaimed last"),
        Flag(.memorySwap, [], .text("BYTES"), .memory, "Limit of memory and swap together; -1 for no limit"),
        Flag(.kernelMemory, [], .text("BYTES"), .memory, "Has no effect", standing: .obsolete),
        Flag(.kernelMemoryTCP, [], .text("BYTES"), .memory, "Has no effect", standing: .obsolete),
        Flag(.cpuPeriod, [], .text("MICROSECONDS"), .cpu, "Period of the CPU quota; 0 leaves it as it is"),
        Flag(.cpuQuota, [], .text("MICROSECONDS"), .cpu, "CPU time allowed in a period; -1 for no limit"),
        Flag(.cpuBurst, [], .text("MICROSECONDS"), .cpu, "CPU time that may be saved up for a burst"),
        Flag(.cpuShare, [], .text("SHARES"), .cpu, "Weight relative to other containers"),
        Flag(.cpuRealtimePeriod, [], .text("MICROSECONDS"), .cpu, "Period of the real-time limit"),
        Flag(.cpuRealtimeRuntime, [], .text("MICROSECONDS"), .cpu, "Real-time CPU time allowed in a period"),
        Flag(
            .cpuIdle, [], .choice([Choice("0"), Choice("1")]), .cpu, "1 to run only when nothing else does"),
        Flag(.cpusetCpus, [], .text("LIST"), .cpu, "CPUs that may be used, such as 0-2,5"),
        Flag(.cpusetMems, [], .text("LIST"), .cpu, "Memory nodes that may be used"),
        Flag(.pidsLimit, [], .text("N"), .resources, "Most processes and threads; -1 for no limit"),
        Flag(.blkioWeight, [], .text("WEIGHT"), .resources, "Weight of block I/O, 10 to 1000"),
        Flag(.l3CacheSchema, [], .text("SCHEMA"), .resources, "Intel RDT: schema of the L3 cache"),
        Flag(.memBwSchema, [], .text("SCHEMA"), .resources, "Intel RDT: schema of the memory bandwidth"),
    ]

    static let events: [Flag] = [
        Flag(.interval, [], .text("DURATION"), .output, "Time between two statistics, such as 500ms", initial: "5s"),
        Flag(.stats, [], .none, .output, "Write the statistics once and end"),
        Flag(
            .format, ["f"], .choice([Choice("json"), Choice("table")]), .output, "How they are written",
            initial: "json"),
    ]

    static let ps: [Flag] = [tableFormat]

    static let state: [Flag] = [
        Flag(
            .cgroup, [], .none, .output,
            "Add the limits: what was asked for, the files that hold them, and the kernel's values now")
    ]
}
