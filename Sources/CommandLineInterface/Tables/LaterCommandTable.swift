/// The rows of the commands that a later version has. They answer with one clear error.
extension CommandEntry {
    private static let later: Availability = .later("not available in this version")

    static let checkpoint = CommandEntry(
        .freezing, "save a running container to disk with CRIU", .container, flags: Flag.checkpoint,
        availability: later)

    static let restore = CommandEntry(
        .freezing, "bring a saved container back", .newContainer, flags: Flag.restore, availability: later)
}
