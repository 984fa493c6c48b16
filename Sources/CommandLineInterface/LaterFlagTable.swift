/// The flags of the commands that a later version has. They feed the help today and the parser then.
extension Flag {
    static let exec: [Flag] = [
        Flag(.process, ["p"], .file("FILE"), .process, "The process as JSON, in place of a command and flags"),
        Flag(.cwd, [], .directory("DIR"), .process, "Working directory in the container"),
        Flag(.env, ["e"], .text("NAME=VALUE"), .process, "Add a variable to the environment", repeatable: true),
        Flag(.user, ["u"], .text("UID[:GID]"), .process, "Run as this user and group, by number"),
        Flag(.additionalGids, ["g"], .number("GID"), .process, "Add a supplementary group", repeatable: true),
        Flag(.cap, ["c"], .text("CAP"), .process, "Add a capability; never to the inheritable set", repeatable: true),
        Flag(.noNewPrivs, [], .none, .process, "Set no_new_privs"),
        Flag(.apparmor, [], .text("PROFILE"), .process, "AppArmor profile of the process"),
        Flag(.processLabel, [], .text("LABEL"), .process, "SELinux label of the process"),
        Flag(
            .cgroup, [], .text("[CONTROLLER,..:]PATH"), .process,
            "Run in this existing cgroup below the container's", repeatable: true),
        Flag(.tty, ["t"], .none, .console, "Give the process a terminal"),
        consoleSocket, preserveFds,
        Flag(.pidfdSocket, [], .file("SOCKET"), .console, "Unix socket that is sent a pidfd of the process"),
        detach, pidFile,
        Flag(.ignorePaused, [], .none, .lifecycle, "Allow it in a paused container"),
    ]

    static let update: [Flag] = [
        Flag(
            .resources, ["r"], .file("FILE"), .resources,
            "Read linux.resources as JSON from FILE, or from standard input if it is -; other flags are then ignored"),
        Flag(.memory, [], .text("BYTES"), .memory, "Memory limit"),
        Flag(.memoryReservation, [], .text("BYTES"), .memory, "Memory that is reclaimed last"),
        Flag(.memorySwap, [], .text("BYTES"), .memory, "Limit of memory and swap together; -1 for no limit"),
        Flag(.kernelMemory, [], .text("BYTES"), .memory, "Has no effect", standing: .obsolete),
        Flag(.kernelMemoryTCP, [], .text("BYTES"), .memory, "Has no effect", standing: .obsolete),
        Flag(.cpuPeriod, [], .text("MICROSECONDS"), .cpu, "Period of the CPU quota; 0 for the kernel's default"),
        Flag(.cpuQuota, [], .text("MICROSECONDS"), .cpu, "CPU time allowed in a period"),
        Flag(.cpuBurst, [], .text("MICROSECONDS"), .cpu, "CPU time that may be saved up for a burst"),
        Flag(.cpuShare, [], .text("SHARES"), .cpu, "Weight relative to other containers"),
        Flag(.cpuRealtimePeriod, [], .text("MICROSECONDS"), .cpu, "Period of the real-time limit"),
        Flag(.cpuRealtimeRuntime, [], .text("MICROSECONDS"), .cpu, "Real-time CPU time allowed in a period"),
        Flag(.cpuIdle, [], .text("0|1"), .cpu, "1 to run only when nothing else does"),
        Flag(.cpusetCpus, [], .text("LIST"), .cpu, "CPUs that may be used, such as 0-2,5"),
        Flag(.cpusetMems, [], .text("LIST"), .cpu, "Memory nodes that may be used"),
        Flag(.pidsLimit, [], .text("N"), .resources, "Most processes and threads; -1 for no limit"),
        Flag(.blkioWeight, [], .text("WEIGHT"), .resources, "Weight of block I/O, 10 to 1000"),
        Flag(.l3CacheSchema, [], .text("SCHEMA"), .resources, "Intel RDT: schema of the L3 cache"),
        Flag(.memBwSchema, [], .text("SCHEMA"), .resources, "Intel RDT: schema of the memory bandwidth"),
    ]

    static let events: [Flag] = [
        Flag(.interval, [], .text("DURATION"), .output, "Time between two lines, such as 500ms", initial: "5s"),
        Flag(.stats, [], .none, .output, "Write the statistics once and end"),
    ]

    static let ps: [Flag] = [tableFormat]

    /// What checkpoint and restore share.
    private static let image: [Flag] = [
        Flag(.imagePath, [], .directory("DIR"), .images, "Directory of CRIU's image files"),
        Flag(.workPath, [], .directory("DIR"), .images, "Directory of CRIU's work files and log"),
        Flag(.tcpEstablished, [], .none, .criu, "Allow open TCP connections"),
        Flag(.extUnixSk, [], .none, .criu, "Allow Unix sockets that lead outside"),
        Flag(.shellJob, [], .none, .criu, "Allow a process that has its terminal from a shell"),
        Flag(.fileLocks, [], .none, .criu, "Keep file locks"),
        Flag(.linkRemap, [], .none, .criu, "Allow links to files that were removed"),
        Flag(.tcpSkipInFlight, [], .none, .criu, "Leave out connections that are not yet established"),
        Flag(.lazyPages, [], .none, .criu, "Restore memory pages when they are needed"),
        Flag(.autoDedup, [], .none, .criu, "Drop memory pages from images that are no longer needed"),
        Flag(.emptyNs, [], .text("NAMESPACE"), .criu, "Make this namespace, but leave it empty", repeatable: true),
        Flag(
            .manageCgroupsMode, [],
            .choice([Choice("soft"), Choice("full"), Choice("strict"), Choice("ignore")]), .criu,
            "What is done about cgroups", initial: "soft"),
        Flag(.networkLock, [], .text("METHOD"), .criu, "How the network is stopped meanwhile"),
    ]

    static let checkpoint: [Flag] =
        image + [
            Flag(.parentPath, [], .directory("DIR"), .images, "Images of an earlier --pre-dump, below --image-path"),
            Flag(.leaveRunning, [], .none, .lifecycle, "Leave the container running"),
            Flag(.preDump, [], .none, .lifecycle, "Write only the memory, and leave the container running"),
            Flag(.pageServer, [], .text("ADDRESS:PORT"), .images, "Send memory pages to this page server"),
            Flag(.statusFd, [], .text("FD"), .criu, "Descriptor that is sent a zero byte when lazy pages are ready"),
        ]

    static let restore: [Flag] =
        image + [
            bundle, consoleSocket, preserveFds, detach, pidFile, noSubreaper, noPivot,
            Flag(.tcpClose, [], .none, .criu, "Close the TCP connections that were open"),
            Flag(.lsmProfile, [], .text("TYPE:NAME"), .criu, "Security profile to restore with"),
            Flag(.lsmMountContext, [], .text("CONTEXT"), .criu, "SELinux context to mount with"),
        ]
}
