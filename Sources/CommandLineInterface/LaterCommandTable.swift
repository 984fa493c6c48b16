/// The rows of the commands that a later version has. They answer with one clear error.
extension CommandEntry {
    private static let later: Availability = .later("not available in this version")

    static let exec = CommandEntry(
        .running, "run one more process in a container", .containerAndCommand,
        flags: Flag.exec,
        details: [
            """
            Flags may stand before or after ID. COMMAND and everything after it belong to the process. With \
            --process there is no COMMAND.
            """
        ],
        examples: [Example("apus exec -t web sh", "a shell in the container \"web\"")], availability: later)

    static let pause = CommandEntry(
        .running, "stop all processes of a container for a while", .container, availability: later)

    static let resume = CommandEntry(
        .running, "let a paused container run again", .container, availability: later)

    static let update = CommandEntry(
        .running, "change the limits of a container", .container, flags: Flag.update,
        examples: [
            Example("apus update --memory 268435456 --pids-limit 100 web", "256 MiB and 100 processes"),
            Example("apus update --resources - web < resources.json", "limits as JSON"),
        ], availability: later)

    static let ps = CommandEntry(
        .watching, "list the processes of a container", .containerAndOptions,
        flags: Flag.ps,
        details: ["Flags stand before ID; what follows ID is passed to ps(1)."], availability: later)

    static let events = CommandEntry(
        .watching, "show statistics and out-of-memory events of a container", .container,
        flags: Flag.events, availability: later)

    static let checkpoint = CommandEntry(
        .freezing, "save a running container to disk with CRIU", .container, flags: Flag.checkpoint,
        availability: later)

    static let restore = CommandEntry(
        .freezing, "bring a saved container back", .newContainer, flags: Flag.restore, availability: later)
}
