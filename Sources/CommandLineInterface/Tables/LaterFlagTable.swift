/// The flags of the commands that a later version has. They feed the help today and the parser then.
extension Flag {
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
