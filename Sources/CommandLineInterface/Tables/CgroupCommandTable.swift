/// The rows of the commands that work on a container's control group. Flags are in `CgroupFlagTable.swift`.
extension CommandEntry {
    static let pause = CommandEntry(
        .running, "stop all processes of a container for a while", .container,
        details: [
            "They stay where they are, in memory, until \"apus resume ID\". A created container can be paused too."
        ],
        examples: [Example("apus pause web", "stop \"web\"")])

    static let resume = CommandEntry(
        .running, "let a paused container run again", .container,
        examples: [Example("apus resume web", "let \"web\" go on")])

    static let update = CommandEntry(
        .running, "change the limits of a container", .container, flags: Flag.update,
        details: [
            """
            What is not given stays as it is. BYTES may end in k, m, g, t or p, each 1024 times the one before. If a \
            limit cannot be set, those that were set before it get their old values again.
            """,
            """
            The JSON of --resources is linux.resources of a config.json: a list in it takes the place of the old one \
            where its entries have no name, such as device rules, and changes only the named ones where they have, \
            such as hugepageLimits.
            """,
        ],
        examples: [
            Example("apus update --memory 256m --pids-limit 100 web", "256 MiB and 100 processes"),
            Example("apus update --resources limits.json web", "limits as JSON"),
        ])

    static let ps = CommandEntry(
        .watching, "list the processes of a container", .containerAndOptions,
        flags: Flag.ps,
        details: [
            """
            Flags stand before ID; what follows ID is passed to ps(1) of the host, in place of -ef. Its output must \
            have a column PID.
            """
        ],
        examples: [
            Example("apus ps web", "a table"),
            Example("apus ps web -o pid,rss,comm", "with other columns"),
            Example("apus ps --format json web", "the process ids as the host has them"),
        ])

    static let events = CommandEntry(
        .watching, "show statistics and out-of-memory events of a container", .container,
        flags: Flag.events,
        details: [
            """
            Writes one JSON object on a line: statistics in every interval, and an event when the container runs out \
            of memory. Ends when the container does. A table has the numbers that are looked for most: processor \
            time, memory, its limit and the most that was used, tasks and their limit, what was read from and \
            written to block devices.
            """
        ],
        examples: [
            Example("apus events --format table --interval 1s web", "what \"web\" uses, second by second"),
            Example("apus events --stats web", "the statistics of now"),
            Example("apus events --interval 1m30s web", "from time to time, until \"web\" ends"),
        ])
}
