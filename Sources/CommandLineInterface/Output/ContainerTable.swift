internal import Spelling

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
        let counts = cells.map { line in line.map(characters) }
        let widths = (0..<5).map { column in counts.reduce(narrowest) { max($0, $1[column] + gap) } }
        // As bytes: a host may have thousands of containers.
        var text: [UInt8] = []
        for (line, counts) in zip(cells, counts) {
            for (column, width) in widths.enumerated() {
                text += line[column].utf8
                text += repeatElement(UInt8(ascii: " "), count: width - counts[column])
            }
            text += line[5].utf8
            text.append(UInt8(ascii: "\n"))
        }
        return String(decoding: text, as: UTF8.self)
    }

    /// How many characters of Unicode a text has: each has one byte that continues none.
    private static func characters(_ text: String) -> Int {
        text.utf8.reduce(0) { $1 & 0xc0 == 0x80 ? $0 : $0 + 1 }
    }

    /// `list --quiet`: the ids, one on a line.
    public static func ids(_ rows: [Row]) -> String { rows.map { $0.id + "\n" }.joined() }
}
