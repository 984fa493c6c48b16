/// `mounts`: its row in the command table, and what its arguments mean.
extension CommandEntry {
    static let mounts = CommandEntry(
        .running, "add mounts to a running container, or remove them", .mounts,
        details: [
            """
            FILE holds an array of mounts as in "mounts" of config.json. All of them are mounted, or none; of a remove only \
            the destinations count. What is mounted is made on the host, with all its options, before it gets to its place, \
            so the container never sees half of it. The container has to have a mount namespace of its own, and to run or be \
            paused.
            """,
            """
            Nothing is mounted on the root, on /dev, in /proc and /sys, or on a masked or read-only path; remount, \
            tmpcopyup and copy-symlink are refused. Removed is only what was added, or what config.json has mounted, \
            and only if it is still what is there.
            """,
        ],
        examples: [
            Example("apus mounts add web volumes.json", "mount what volumes.json says in \"web\""),
            Example("apus mounts remove web volumes.json", "unmount it again"),
        ])
}

/// What `mounts` was asked for.
public struct MountsOptions: Equatable, Sendable {
    public enum Action: String, CaseIterable, Equatable, Sendable {
        case add, remove
    }

    public var action: Action
    public var id: String
    /// The path of an array of mounts in JSON.
    public var file: String

    public init(_ action: Action, id: String, file: String) {
        self.action = action
        self.id = id
        self.file = file
    }

    init(_ scan: Scan) throws(UsageError) {
        guard let action = Action(rawValue: scan.positionals[0]) else {
            let names = Self.actionNames.joined(separator: " or ")
            throw UsageError(.grammar, "mounts: not \(names): \"\(scan.positionals[0])\"", in: .mounts)
        }
        self.init(action, id: scan.positionals[1], file: scan.positionals[2])
    }

    static var actionNames: [String] { Action.allCases.map { $0.rawValue } }
}
