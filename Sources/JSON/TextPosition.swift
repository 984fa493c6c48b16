/// Where an offset lies in the text of a document: line, column, and the path of the value there.
///
/// Only for error messages: reads the text up to the offset once more, and needs no more than that it is JSON so far.
struct TextPosition {
    private(set) var line = 1
    private(set) var column = 1
    private var levels: [Level] = []

    private enum Level {
        /// Inside an object, with the name of the current member once it is known.
        case object(name: String?)
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
        var path = ""
        for level in levels {
            switch level {
            case .object(name: let name?): appendMember(name, to: &path)
            case .object(name: nil): break
            case .array(let index): appendIndex(index, to: &path)
            }
        }
        return path
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
        levels[levels.count - 1] = .object(name: String(decoding: bytes[start..<position], as: UTF8.self))
    }
}

/// Appends the name of an object's member to a path: `.name`, or `["a.b"]` where the name is no plain word.
func appendMember(_ name: String, to path: inout String) {
    let isPlain =
        !name.isEmpty
        && name.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"): true
            case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"): true
            default: false
            }
        }
    if isPlain {
        if !path.isEmpty { path += "." }
        path += name
    } else {
        path += "[" + JSONWriter.quoted(name) + "]"
    }
}

/// Appends an array's index to a path: `[3]`.
func appendIndex(_ index: Int, to path: inout String) {
    path += "[\(index)]"
}
