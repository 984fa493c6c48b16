/// The rows of the commands that save containers and bring them back.
extension CommandEntry {
    static let checkpoint = CommandEntry(
        .freezing, "save a running container to disk with CRIU", .container, flags: Flag.checkpoint,
        details: [
            """
            Writes the container's processes, with their memory and all that they have open, to image files, ends them \
            and deletes the container; with --leave-running it goes on. The root file system and what is bind mounted \
            is not saved. CRIU (criu.org) has to be installed.
            """,
            """
            If that fails, the container runs on, and the error says what is in the way and which flag helps. Options \
            of CRIU's own come from the file that the annotation org.criu.config names, or from /etc/criu/apus.conf, \
            or /etc/criu/runc.conf.
            """,
        ],
        examples: [
            Example("apus checkpoint --image-path /srv/image web", "save \"web\", which is gone then"),
            Example(
                "apus checkpoint --leave-running --tcp-established web",
                "save it to ./checkpoint with its connections, and let it go on"),
            Example(
                "apus checkpoint --pre-dump --image-path /srv/image/1 web",
                "only its memory, so that the checkpoint that follows is short"),
            Example(
                "apus checkpoint --parent-path ../1 --image-path /srv/image/2 web",
                "that checkpoint: what was written to since"),
        ])

    static let restore = CommandEntry(
        .freezing, "bring a saved container back", .newContainer, flags: Flag.restore,
        details: [
            """
            Makes a container whose processes go on where the checkpoint has left them. The bundle's config.json says \
            what it may do, as at a start: limits, mounts, namespaces and hooks come from there. What the images have \
            beyond the configuration is an error.
            """,
            """
            ID names the container, and need not be what it was called before. Images can be restored more than once. \
            Without --detach the command waits for the container's end, as run does.
            """,
            """
            If this command is killed (SIGKILL), CRIU may go on alone: the processes then run without having been \
            compared with config.json, and the container's state is "creating". \
            `apus delete --force ID` ends and removes them.
            """,
        ],
        examples: [
            Example(
                "apus restore --bundle /srv/web --image-path /srv/image web", "bring \"web\" back, and wait for it"),
            Example("apus restore --bundle /srv/copy --image-path /srv/image --detach copy", "once more, elsewhere"),
        ])
}

extension Flag {
    /// What checkpoint and restore share.
    private static let image: [Flag] = [
        Flag(.imagePath, [], .directory("DIR"), .images, "Directory of the image files", initial: "checkpoint"),
        Flag(
            .workPath, [], .directory("DIR"), .images, "Directory of CRIU's work files and log",
            initial: "that of the images"),
        Flag(.tcpEstablished, [], .none, .criu, "Keep open TCP connections"),
        Flag(.extUnixSk, [], .none, .criu, "Allow Unix sockets that lead outside"),
        Flag(.shellJob, [], .none, .criu, "Allow a process that has its terminal or session from a shell"),
        Flag(.fileLocks, [], .none, .criu, "Keep file locks"),
        Flag(.lazyPages, [], .none, .criu, "Fetch memory pages when they are needed, from criu lazy-pages"),
        Flag(.autoDedup, [], .none, .criu, "Drop memory pages from images that are no longer needed"),
        Flag(
            .emptyNs, [], .choice([Choice("network")]), .criu, "Make this namespace anew, and leave it empty",
            repeatable: true),
        Flag(
            .manageCgroupsMode, [],
            .choice([Choice("soft"), Choice("full"), Choice("strict"), Choice("ignore")]), .criu,
            "What CRIU does about cgroups: see criu(8)", initial: "soft"),
        Flag(
            .networkLock, [], .choice([Choice("iptables"), Choice("nftables"), Choice("skip")]), .criu,
            "How the network is stopped meanwhile", initial: "iptables"),
    ]

    static let checkpoint: [Flag] =
        image + [
            Flag(
                .parentPath, [], .directory("DIR"), .images,
                "Images of an earlier --pre-dump, relative to --image-path"),
            Flag(.leaveRunning, [], .none, .lifecycle, "Leave the container running"),
            Flag(.preDump, [], .none, .lifecycle, "Write only the memory, and leave the container running"),
            Flag(.pageServer, [], .text("ADDRESS:PORT"), .images, "Send memory pages to the page server there"),
            Flag(
                .statusFd, [], .number("FD"), .images, "Descriptor that is sent a zero byte when lazy pages are ready"),
            Flag(.linkRemap, [], .none, .criu, "Give removed files that are open a name again"),
            Flag(.tcpSkipInFlight, [], .none, .criu, "Leave out connections that are not yet established"),
        ]

    static let restore: [Flag] =
        image + [
            bundle, consoleSocket, detach, pidFile, noSubreaper,
            Flag(
                .noPivot, [], .none, .isolation, "Has no effect: CRIU enters the root file system", standing: .obsolete),
            Flag(.tcpClose, [], .none, .criu, "Close the TCP connections that were open"),
            Flag(.lsmProfile, [], .text("TYPE:NAME"), .criu, "Security profile to restore with"),
            Flag(.lsmMountContext, [], .text("CONTEXT"), .criu, "SELinux context to mount with"),
        ]
}
