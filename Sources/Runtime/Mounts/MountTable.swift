internal import Kernel
internal import OCI

/// What a process sees mounted (/proc/PID/mountinfo, proc_pid_mountinfo(5)).
struct MountTable {
    struct Line {
        let id: UInt64
        let parent: UInt64
        /// `MAJOR:MINOR` of the file system.
        let device: String
        /// What of the file system is mounted.
        let root: String
        let point: String
        /// Whether the mount is; its file system may be, too.
        let isReadOnly: Bool
        let type: String
        let source: String
        /// Options of the file system.
        let options: String
    }

    private(set) var lines: [Line] = []
    private var index: [UInt64: Int] = [:]
    /// By what they are attached to.
    private var attached: [Attachment: Int] = [:]

    /// A place in a mount: paths are bytes.
    private struct Attachment: Hashable {
        let parent: UInt64
        let point: [UInt8]
    }

    /// - Parameter pid: of a process that is in the container's mount namespace, and at its root.
    init(of pid: Int32) throws(SystemError) {
        self.init(try Files.read("/proc/\(pid)/mountinfo", limit: 128 << 20))
    }

    init(_ bytes: [UInt8]) {
        for text in bytes.split(separator: UInt8(ascii: "\n")) {
            guard let line = Line(text) else { continue }
            index[line.id] = lines.count
            let attachment = Attachment(parent: line.parent, point: Array(line.point.utf8))
            if line.parent != line.id, attached[attachment] == nil { attached[attachment] = lines.count }
            lines.append(line)
        }
    }

    subscript(id: UInt64) -> Line? { index[id].map { lines[$0] } }

    /// The mounts at a path, the one that is seen last.
    func mounts(at point: String) -> [Line] { lines.filter { $0.point.hasBytes(of: point) } }

    /// The mount that is seen at a path, if something is mounted at just that: links on the way are not known here.
    func mount(seenAt path: String) -> Line? {
        // The first mount of a namespace is its own parent; that of another root is not listed.
        guard
            var seen = lines.first(where: { $0.point == "/" && (self[$0.parent] == nil || $0.parent == $0.id) })
        else { return nil }
        func cover(_ point: some Sequence<UInt8>) {
            let point = Array(point)
            for _ in lines {
                guard let above = attached[Attachment(parent: seen.id, point: point)] else { return }
                seen = lines[above]
            }
        }
        cover("/".utf8)
        for (index, byte) in path.utf8.enumerated() where byte == UInt8(ascii: "/") && index > 0 {
            cover(path.utf8.prefix(index))
        }
        cover(path.utf8)
        return seen.point.hasBytes(of: path) ? seen : nil
    }

    /// Every mount that lies below a mount, and would go with it.
    func descendants(of id: UInt64) -> [Line] {
        // A mount is listed after its parent, unless it was moved: then it takes one more pass.
        var found: Set<UInt64> = [id]
        var below: [Line] = []
        var count = 0
        repeat {
            count = below.count
            for line in lines where found.contains(line.parent) && found.insert(line.id).inserted { below.append(line) }
        } while below.count != count
        return below
    }

    /// Whether a mount protects something of the container: a mask, or a part of a file system that is mounted onto
    /// itself.
    func isProtection(_ line: Line) -> Bool {
        if line.mask != nil { return true }
        guard let parent = self[line.parent], parent.device == line.device else { return false }
        let rest = parent.point == "/" ? line.point : Self.rest(of: line.point, behind: parent.point)
        let below = parent.root == "/" ? rest : parent.root + rest
        return line.root.hasBytes(of: below.isEmpty ? "/" : below)
    }

    private static func rest(of path: String, behind prefix: String) -> String {
        String(decoding: path.utf8.dropFirst(prefix.utf8.count), as: UTF8.self)
    }
}

extension MountTable.Line {
    /// What masks a path.
    enum Mask {
        case file, directory
    }

    /// What of the file system with the masks this is; nil: it is none.
    var mask: Mask? {
        guard type == "tmpfs", root == "/file" || root == "/directory",
            options.components(between: ",").contains(where: { $0 == "nr_inodes=3" })
        else { return nil }
        return root == "/file" ? .file : .directory
    }

    /// `36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue`
    fileprivate init?(_ text: ArraySlice<UInt8>) {
        let fields = text.split(separator: UInt8(ascii: " "))
        guard let dash = fields.firstIndex(where: { $0.elementsEqual("-".utf8) }), dash >= 6, fields.count > dash + 2,
            let id = Self.number(fields[0]), let parent = Self.number(fields[1])
        else { return nil }
        self.id = id
        self.parent = parent
        device = String(decoding: fields[2], as: UTF8.self)
        root = Self.plain(fields[3])
        point = Self.plain(fields[4])
        isReadOnly = fields[5].split(separator: UInt8(ascii: ",")).contains { $0.elementsEqual("ro".utf8) }
        type = Self.plain(fields[dash + 1])
        // An empty source leaves nothing between two blanks.
        let hasSource = fields.count > dash + 3
        source = hasSource ? Self.plain(fields[dash + 2]) : ""
        options = Self.plain(fields[fields.count - 1])
    }

    private static func number(_ digits: ArraySlice<UInt8>) -> UInt64? {
        UInt64(String(decoding: digits, as: UTF8.self))
    }

    /// Blanks and the like are written as a backslash and three octal digits.
    private static func plain(_ field: ArraySlice<UInt8>) -> String {
        guard field.contains(UInt8(ascii: "\\")) else { return String(decoding: field, as: UTF8.self) }
        var bytes: [UInt8] = []
        var index = field.startIndex
        while index < field.endIndex {
            let rest = field[index...].dropFirst().prefix(3)
            if field[index] == UInt8(ascii: "\\"), rest.count == 3, rest.allSatisfy({ (48...55).contains($0) }) {
                bytes.append(rest.reduce(0) { $0 &* 8 &+ ($1 - 48) })
                index += 4
            } else {
                bytes.append(field[index])
                index += 1
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
