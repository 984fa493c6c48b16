/// The output of `list`, laid out as runc's.
public enum ContainerTable {
    /// One container.
    public struct Row: Equatable, Sendable {
        public var id: String
        /// 0 for a container that has stopped.
        public var pid: Int32
        /// `created`, `running`, `paused` or `stopped`.
        public var status: String
        public var bundle: String
        /// ``Timestamp/rfc3339WithFraction``.
        public var created: String
        /// The name of the user who created it, or the number where there is none.
        public var owner: String

        public init(id: String, pid: Int32, status: String, bundle: String, created: String, owner: String) {
            self.id = id
            self.pid = pid
            self.status = status
            self.bundle = bundle
            self.created = created
            self.owner = owner
        }
    }

    private static let narrowest = 12
    private static let gap = 3

    /// The table with its heading, every line ended. Columns are at least 12 wide and 3 apart; nothing follows the
    /// last one.
    public static func text(_ rows: [Row]) -> String {
        let cells =
            [["ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER"]]
            + rows.map { [$0.id, String($0.pid), $0.status, $0.bundle, $0.created, $0.owner].map(Quoting.plain) }
        let widths = (0..<5).map { column in
            cells.reduce(narrowest) { max($0, $1[column].unicodeScalars.count + gap) }
        }
        var text = ""
        for line in cells {
            for (column, width) in widths.enumerated() {
                let cell = line[column]
                text += cell + String(repeating: " ", count: width - cell.unicodeScalars.count)
            }
            text += line[5] + "\n"
        }
        return text
    }

    /// `list --quiet`: the ids, one on a line.
    public static func ids(_ rows: [Row]) -> String { rows.map { $0.id + "\n" }.joined() }
}
