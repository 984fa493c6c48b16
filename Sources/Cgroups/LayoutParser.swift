internal import OCI

/// Finds the cgroup mounts among all mounts. It works on the bytes as they are read: a host may have thousands of
/// mounts, and this stands in the way of every `create`.
struct LayoutParser {
    /// A line of /proc/self/cgroup: `4:memory:/path`.
    private struct Membership {
        let label: Range<Int>
        let path: Range<Int>
        var hierarchy: Hierarchy?
        var mount = Mount()
        /// Whether the mount that was found shows the cgroup that the runtime is in.
        var isCovered = false
    }

    /// A mount as /proc/self/mountinfo has it.
    struct Mount: Equatable {
        var id: UInt64 = 0
        /// The mount that it is attached to.
        var parent: UInt64 = 0
        var mountPoint = ""
        /// Whether another one is mounted right over it, as far as the file was read.
        var isOverlaid = false
    }

    private var mountinfo: [UInt8] = []
    /// How much of it has been looked at; always at the beginning of a line.
    private var position = 0
    private let cgroup: [UInt8]
    /// Where a mount of cgroup2 does not count.
    private let hidden: String?
    /// Whether a path leads to a mount, and not to what was mounted over it.
    private let isReachable: (Mount) -> Bool
    private var memberships: [Membership] = []

    /// - Parameters:
    ///   - cgroup: the content of /proc/self/cgroup.
    ///   - hidden: a mount point where cgroup2 cannot be seen.
    ///   - isReachable: asked about each mount of a hierarchy; mounts that nobody can reach are none.
    init(cgroup: [UInt8], hidden: String? = nil, isReachable: @escaping (Mount) -> Bool = { _ in true }) {
        self.cgroup = cgroup
        self.hidden = hidden
        self.isReachable = isReachable
        readMemberships()
    }

    /// The mounts of the hierarchies that were found.
    var mounts: [Mount] { memberships.compactMap { $0.hierarchy == nil ? nil : $0.mount } }

    /// The mounted v1 hierarchies, in the order of /proc/self/cgroup.
    var hierarchies: [Hierarchy] { memberships.compactMap { $0.label.isEmpty ? nil : $0.hierarchy } }

    /// The mounted cgroup2 hierarchy.
    var unified: Hierarchy? { memberships.first { $0.label.isEmpty }?.hierarchy }

    /// The runtime's own cgroup in the cgroup2 hierarchy; empty for its root.
    var unifiedPath: String {
        guard let path = memberships.first(where: { $0.label.isEmpty })?.path else { return "" }
        return Self.below("/", String(decoding: cgroup[path], as: UTF8.self)) ?? ""
    }

    // MARK: /proc/self/cgroup

    private mutating func readMemberships() {
        memberships.reserveCapacity(16)
        var start = 0
        while start < cgroup.count {
            let end = Self.index(of: UInt8(ascii: "\n"), in: cgroup, from: start)
            let number = Self.index(of: UInt8(ascii: ":"), in: cgroup, from: start)
            let label = Self.index(of: UInt8(ascii: ":"), in: cgroup, from: number + 1)
            if label < end { memberships.append(Membership(label: (number + 1)..<label, path: (label + 1)..<end)) }
            start = end + 1
        }
    }

    // MARK: /proc/self/mountinfo

    /// Takes a part of the file; true when the rest has nothing more to tell. The mounts that are looked for are among
    /// the first that a host makes.
    mutating func append(_ part: [UInt8]) -> Bool {
        mountinfo += part
        readLines(to: (mountinfo.lastIndex(of: UInt8(ascii: "\n")) ?? -1) + 1)
        return memberships.allSatisfy { $0.isCovered }
    }

    /// Reads what has no newline at its end.
    mutating func finish() { readLines(to: mountinfo.count) }

    /// Looks for `" - cgroup"`: the separator and the beginning of the type.
    private mutating func readLines(to end: Int) {
        var line = position
        var lastRead = -1
        for index in position..<max(position, end) {
            let byte = mountinfo[index]
            if byte == UInt8(ascii: "\n") {
                if line != lastRead { noteOverlay(line..<index) }
                line = index + 1
            } else if byte == UInt8(ascii: "-"), line != lastRead, isCgroupType(at: index + 1) {
                readMount(line, separator: index)
                lastRead = line
            }
        }
        position = max(position, end)
    }

    private func isCgroupType(at start: Int) -> Bool {
        guard start >= 2, start + 7 <= mountinfo.count, mountinfo[start - 2] == UInt8(ascii: " ") else { return false }
        return mountinfo[start..<(start + 7)].elementsEqual(" cgroup".utf8)
    }

    /// A line such as `31 23 0:28 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu`.
    private mutating func readMount(_ line: Int, separator: Int) {
        let end = Self.index(of: UInt8(ascii: "\n"), in: mountinfo, from: separator)
        let root = word(3, in: line..<end)
        let mountPoint = word(4, in: line..<end)
        noteOverlay(line..<end)
        let afterSeparator = (separator + 2)..<end
        let options = word(2, in: afterSeparator)
        switch word(0, in: afterSeparator).count {
        case 6: record(line..<end, root, mountPoint) { parser, label in parser.has(label, options) }
        case 7:
            if let hidden, mountinfo[mountPoint].elementsEqual(hidden.utf8) { return }
            record(line..<end, root, mountPoint) { _, label in label.isEmpty }
        default: return
        }
    }

    /// Notes that the mount of a line is the root of one that was found before: paths lead no further.
    private mutating func noteOverlay(_ line: Range<Int>) {
        var parent: UInt64?
        for index in memberships.indices where memberships[index].mount.id != 0 {
            if parent == nil { parent = number(word(1, in: line)) }
            guard memberships[index].mount.id == parent else { continue }
            let isOver = mountinfo[word(4, in: line)].elementsEqual(memberships[index].mount.mountPoint.utf8)
            if isOver { memberships[index].mount.isOverlaid = true }
        }
    }

    private func number(_ digits: Range<Int>) -> UInt64 {
        mountinfo[digits].reduce(0) { $0 &* 10 &+ UInt64($1 &- UInt8(ascii: "0")) }
    }

    /// The nth word (from 0) of a part of a line; empty if there are not so many.
    private func word(_ number: Int, in part: Range<Int>) -> Range<Int> {
        var begin = part.lowerBound
        for _ in 0..<number {
            begin = min(Self.index(of: UInt8(ascii: " "), in: mountinfo, from: begin) + 1, part.upperBound)
        }
        return begin..<min(Self.index(of: UInt8(ascii: " "), in: mountinfo, from: begin), part.upperBound)
    }

    /// Whether the first controller (or the name) of a label is among the options of a mount. A controller is in one
    /// hierarchy only, so the first one tells.
    private func has(_ label: Range<Int>, _ options: Range<Int>) -> Bool {
        if label.isEmpty { return false }
        var length = 0
        while length < label.count, cgroup[label.lowerBound + length] != UInt8(ascii: ",") { length += 1 }
        var start = options.lowerBound
        while start < options.upperBound {
            var end = start
            while end < options.upperBound, mountinfo[end] != UInt8(ascii: ",") { end += 1 }
            if end - start == length,
                mountinfo[start..<end].elementsEqual(cgroup[label.lowerBound..<(label.lowerBound + length)])
            {
                return true
            }
            start = end + 1
        }
        return false
    }

    /// Notes a mount of the hierarchy that `isIts` recognises. A hierarchy can be listed twice: the first mount that
    /// shows the runtime's own cgroup counts, and only without such a one the first of all.
    private mutating func record(
        _ line: Range<Int>, _ root: Range<Int>, _ mountPoint: Range<Int>,
        isIts: (LayoutParser, Range<Int>) -> Bool
    ) {
        guard let index = memberships.firstIndex(where: { isIts(self, $0.label) }) else { return }
        if memberships[index].isCovered { return }
        let ownPath = Self.below(
            unescaped(root), String(decoding: cgroup[memberships[index].path], as: UTF8.self))
        if memberships[index].hierarchy != nil, ownPath == nil { return }
        let mount = Mount(
            id: number(word(0, in: line)), parent: number(word(1, in: line)), mountPoint: unescaped(mountPoint))
        guard isReachable(mount) else { return }
        memberships[index].mount = mount
        memberships[index].isCovered = ownPath != nil
        memberships[index].hierarchy = Hierarchy(
            label: String(decoding: cgroup[memberships[index].label], as: UTF8.self),
            mountPoint: mount.mountPoint, ownPath: ownPath ?? "")
    }

    /// What of an absolute cgroup path is left below the root of a mount: empty for the root itself, `/a/b` for a
    /// cgroup in it, nil for one that the mount does not show. A path such as `/../x` is that of a process outside its
    /// cgroup namespace.
    static func below(_ root: String, _ path: String) -> String? {
        if path.begins(with: "/..") { return nil }
        if root == "/" { return path == "/" ? "" : path }
        if path == root { return "" }
        if !path.begins(with: root + "/") { return nil }
        return String(decoding: path.utf8.dropFirst(root.utf8.count), as: UTF8.self)
    }

    /// The text of a field, with the octal escapes of blanks and backslashes (`\040`) undone.
    private func unescaped(_ range: Range<Int>) -> String { Self.unescaped(mountinfo[range]) }

    static func unescaped(_ field: ArraySlice<UInt8>) -> String {
        guard field.contains(UInt8(ascii: "\\")) else { return String(decoding: field, as: UTF8.self) }
        var bytes: [UInt8] = []
        var index = field.startIndex
        while index < field.endIndex {
            if field[index] == UInt8(ascii: "\\"), index + 3 < field.endIndex {
                let digits = field[(index + 1)...(index + 3)]
                bytes.append(digits.reduce(0) { $0 << 3 | ($1 & 7) })
                index += 4
            } else {
                bytes.append(field[index])
                index += 1
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    // MARK: Bytes

    /// The next place of a byte, or the end.
    private static func index(of byte: UInt8, in bytes: [UInt8], from start: Int) -> Int {
        var index = min(start, bytes.count)
        while index < bytes.count, bytes[index] != byte { index += 1 }
        return index
    }
}
