/// The rows of the commands that runc and crun do not have: for people, and for who waits for a container.
extension CommandEntry {
    static let wait = CommandEntry(
        .watching, "wait until a container ends, and end with its exit code", .container,
        details: [
            """
            Blocks until the container's first process ends, and ends with that process's exit code (128 + n if signal \
            n killed it). A created container is waited for too, from before its start. Any number of waits may wait \
            for one container.
            """,
            """
            The code is known of every container on Linux 6.15 or newer; before that only as long as nobody has reaped \
            the process. Of a container that has stopped before, it is known if "run --keep" has recorded it, or if \
            nobody has reaped it. If the code is not known, wait says so and ends with 254; 255 is a failure of its \
            own, such as an id that does not exist.
            """,
        ],
        examples: [
            Example("apus wait web", "until \"web\" ends; then $? is its exit code")
        ])

    static let check = CommandEntry(
        .preparing, "say everything that is wrong with a bundle on this host", .bundle, flags: Flag.check,
        details: [
            """
            Checks config.json against the specification, and the bundle against this host: files, file systems, \
            namespaces, id mappings, cgroup controllers, kernel parameters, limits, seccomp, hooks. What can be tried \
            without a trace the kernel is asked, by a process that goes through the container's first steps: file systems \
            and their options, kernel parameters, limits, ids. Needs no privileges and changes nothing. Prints every \
            problem with its place and a remedy, and ends with 1 if there is one; warnings alone end with 0. BUNDLE is a \
            directory or a configuration in it, and defaults to the current directory.
            """,
            """
            With --format json the problems are an array of objects with field, severity (error or warning), message \
            and hint, and with line and column where the text of the configuration is wrong; it is empty if all is well.
            """,
        ],
        examples: [
            Example("apus check /srv/web", "whether the bundle would run here"),
            Example("apus check --format json | jq .", "the same for a program to read"),
        ])
}
