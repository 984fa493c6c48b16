/// Where an offset lies in the text of a document: line, column, and the path of the value there.
///
/// Only for error messages: reads the text up to the offset once more, and needs no more than that it is JSON so far.
struct TextPosition {
    private(set) var line = 1
    private(set) var column = 1
    private var levels: [Level] = []

    private enum Level {
        /// Inside an object, with the name of the current member once it is known.
        case object(name: ArraySlice<UInt8>?)
        case array(index: Int)
    }

    init(of offset: Int, in bytes: [UInt8]) {
        let before = bytes[..<min(offset, bytes.count)]
        line += before.count { $0 == 0x0A }
        column = before.count - (before.lastIndex(of: 0x0A).map { $0 + 1 } ?? 0) + 1
        follow(before)
    }

    /// `linux.namespaces[2].type`; empty at the top.
    var path: String {
        var path: [UInt8] = []
        for level in levels {
            switch level {
            case .object(name: let name?): PathBytes.append(name: name, isEscaped: true, to: &path)
            case .object(name: nil): break
            case .array(let index): PathBytes.append(index: index, to: &path)
            }
        }
        return String(decoding: path, as: UTF8.self)
    }

    private mutating func follow(_ bytes: ArraySlice<UInt8>) {
        var position = bytes.startIndex
        while position < bytes.endIndex {
            switch bytes[position] {
            case UInt8(ascii: "{"): levels.append(.object(name: nil))
            case UInt8(ascii: "["): levels.append(.array(index: 0))
            case UInt8(ascii: "}"), UInt8(ascii: "]"): _ = levels.popLast()
            case UInt8(ascii: ","): nextElement()
            case UInt8(ascii: "\""): skipString(in: bytes, from: &position)
            default: break
            }
            position += 1
        }
    }

    private mutating func nextElement() {
        switch levels.popLast() {
        case .object: levels.append(.object(name: nil))
        case .array(let index): levels.append(.array(index: index + 1))
        case nil: break
        }
    }

    /// Moves from the opening quote to the closing one, and takes a member's name.
    private mutating func skipString(in bytes: ArraySlice<UInt8>, from position: inout Int) {
        let start = position + 1
        position = start
        while position < bytes.endIndex, bytes[position] != UInt8(ascii: "\"") {
            position += bytes[position] == UInt8(ascii: "\\") ? 2 : 1
        }
        guard position < bytes.endIndex, case .object(name: nil) = levels.last else { return }
        levels[levels.count - 1] = .object(name: bytes[start..<position])
    }
}

/// Paths as bytes: what is appended to one costs what it is long, whatever stands before it.
enum PathBytes {
    /// Of a longer name (bytes) a path has the beginning only. A document with one name of a megabyte around thousands of
    /// members would be thousands of megabytes of paths.
    private static var longestName: Int { 256 }

    /// Appends the name of an object's member to a path: `.name`, or `["a.b"]` where the name is no plain word.
    ///
    /// - Parameters:
    ///   - name: the name, or what stands between the quotes in a text.
    ///   - isEscaped: whether it is the latter.
    ///   - path: the path so far.
    static func append(name: some BidirectionalCollection<UInt8>, isEscaped: Bool = false, to path: inout [UInt8]) {
        let end = end(of: name)
        if end == name.endIndex, !name.isEmpty, name.allSatisfy(isWord) {
            if !path.isEmpty { path.append(UInt8(ascii: ".")) }
            path += name
            return
        }
        var shown = Array(name[..<end])
        if end != name.endIndex { shown += "...".utf8 }
        path.append(UInt8(ascii: "["))
        JSONWriter.appendQuoted(shown, isEscaped: isEscaped, to: &path)
        path.append(UInt8(ascii: "]"))
    }

    /// Appends an array's index to a path: `[3]`.
    static func append(index: Int, to path: inout [UInt8]) {
        path += "[\(index)]".utf8
    }

    /// The end of what is shown of a name: not in the middle of a character, nor behind a lone backslash.
    private static func end<Name: BidirectionalCollection<UInt8>>(of name: Name) -> Name.Index {
        guard var end = name.index(name.startIndex, offsetBy: longestName, limitedBy: name.endIndex),
            end != name.endIndex
        else { return name.endIndex }
        while end > name.startIndex, name[end] & 0xC0 == 0x80 || name[name.index(before: end)] == UInt8(ascii: "\\") {
            name.formIndex(before: &end)
        }
        return end
    }

    private static func isWord(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"): true
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"): true
        default: false
        }
    }
}
