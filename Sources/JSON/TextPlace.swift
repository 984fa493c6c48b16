/// A place in a text, as editors count.
public struct TextPlace: Sendable, Equatable, CustomStringConvertible {
    /// Counted from 1.
    public let line: Int
    /// In bytes, counted from 1.
    public let column: Int

    public init(line: Int, column: Int) {
        self.line = line
        self.column = column
    }

    /// `line 3, column 12`.
    public var description: String { "line \(line), column \(column)" }
}

/// Where the values of a document are in its text. For messages: a parsed document does not know, so the text is read once
/// more, and only after something was found to be wrong. The text is JSON.
public enum TextPlaces {
    /// The places of values, by their paths (`mounts[3].options[0]`). For one that is not there it is the place of the
    /// nearest one around it; nil for the document as a whole.
    public static func find(_ paths: [String], in bytes: [UInt8]) -> [TextPlace?] {
        let chains = paths.map { ancestry(of: Array($0.utf8)) }
        var places: [[UInt8]: TextPlace?] = [:]
        for path in chains.joined() { places[path] = .some(nil) }
        let longest = paths.reduce(0) { max($0, $1.utf8.count) }
        var counter = LineCounter(bytes)
        var walk = TextWalk(bytes)
        while let value = walk.next() {
            // Of two members of one name the last one counts, here as in the parser.
            guard walk.path.count <= longest, places[walk.path] != nil else { continue }
            places[walk.path] = counter.place(of: value.offset)
        }
        return chains.map { chain in chain.lazy.compactMap { places[$0] ?? nil }.first }
    }

    /// The members whose name an earlier member of the same object has too.
    public static func repeatedNames(in bytes: [UInt8], atMost most: Int) -> [(path: String, place: TextPlace)] {
        var repeated: [(path: String, place: TextPlace)] = []
        var counter = LineCounter(bytes)
        var walk = TextWalk(bytes, collectsNames: true)
        while repeated.count < most, let value = walk.next() {
            guard value.isRepeated else { continue }
            repeated.append((String(decoding: walk.path, as: UTF8.self), counter.place(of: value.offset)))
        }
        return repeated
    }

    /// A path and those of everything around it, the document itself left out: `a.b[2]`, `a.b`, `a`.
    private static func ancestry(of path: [UInt8]) -> [[UInt8]] {
        var chain: [[UInt8]] = []
        var rest = path[...]
        while !rest.isEmpty {
            chain.append(Array(rest))
            rest = rest.prefix(beginOfLastPart(of: rest))
        }
        return chain
    }

    /// How many bytes come before `.name`, `[3]` or `["a.b"]`.
    private static func beginOfLastPart(of path: ArraySlice<UInt8>) -> Int {
        guard path.last == UInt8(ascii: "]") else { return path.lastIndex(of: UInt8(ascii: ".")) ?? 0 }
        guard path.dropLast().last == UInt8(ascii: "\"") else { return path.lastIndex(of: UInt8(ascii: "[")) ?? 0 }
        var index = path.count - 2
        while index > 1, !(path[index - 1] == UInt8(ascii: "\"") && path[index - 2] == UInt8(ascii: "[")) { index -= 1 }
        return max(0, index - 2)
    }
}

/// Counts lines up to places that come one after the other.
private struct LineCounter {
    private let bytes: [UInt8]
    private var counted = 0
    private var line = 1
    private var begin = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    mutating func place(of offset: Int) -> TextPlace {
        while counted < offset {
            if bytes[counted] == 0x0A { (line, begin) = (line + 1, counted + 1) }
            counted += 1
        }
        return TextPlace(line: line, column: offset - begin + 1)
    }
}

/// One value of a text after the other, in the order of their beginnings.
private struct TextWalk {
    struct Value {
        let offset: Int
        /// A member whose name an earlier one has; always false unless names are collected.
        let isRepeated: Bool
    }

    private struct Level {
        let isObject: Bool
        /// Bytes of the path of the array or object itself.
        let length: Int
        var index = 0
        var names: Set<[UInt8]> = []
    }

    private let bytes: [UInt8]
    private let collectsNames: Bool
    private var position = 0
    private var levels: [Level] = []
    private var expectsName = false
    private var isRepeated = false
    /// An array was found last: what comes next is its first element.
    private var isInNewArray = false
    /// The path of the value that was found last.
    private(set) var path: [UInt8] = []

    init(_ bytes: [UInt8], collectsNames: Bool = false) {
        self.bytes = bytes
        self.collectsNames = collectsNames
    }

    mutating func next() -> Value? {
        if isInNewArray { PathBytes.append(index: 0, to: &path) }
        isInNewArray = false
        while position < bytes.count {
            let start = position
            let byte = bytes[position]
            position += 1
            switch byte {
            case UInt8(ascii: "{"): return open(isObject: true, at: start)
            case UInt8(ascii: "["): return open(isObject: false, at: start)
            case UInt8(ascii: "}"), UInt8(ascii: "]"): close()
            case UInt8(ascii: ","): goOn()
            case UInt8(ascii: "\""):
                let text = takeString()
                if !expectsName { return value(at: start) }
                take(name: text)
            case UInt8(ascii: ":"): break
            case _ where isSpace(byte): break
            default:
                while position < bytes.count, !Self.endsScalar(bytes[position]) { position += 1 }
                return value(at: start)
            }
        }
        return nil
    }

    private mutating func value(at offset: Int) -> Value {
        defer { isRepeated = false }
        return Value(offset: offset, isRepeated: isRepeated)
    }

    private mutating func open(isObject: Bool, at offset: Int) -> Value {
        levels.append(Level(isObject: isObject, length: path.count))
        expectsName = isObject
        isInNewArray = !isObject
        return value(at: offset)
    }

    private mutating func close() {
        if let level = levels.popLast() { path.removeLast(path.count - level.length) }
        expectsName = false
    }

    private mutating func goOn() {
        guard let level = levels.last else { return }
        path.removeLast(path.count - level.length)
        expectsName = level.isObject
        if level.isObject { return }
        levels[levels.count - 1].index += 1
        PathBytes.append(index: level.index + 1, to: &path)
    }

    private mutating func take(name: ArraySlice<UInt8>) {
        expectsName = false
        if levels.isEmpty { return }
        if collectsNames { isRepeated = !levels[levels.count - 1].names.insert(Array(name)).inserted }
        PathBytes.append(name: name, isEscaped: true, to: &path)
    }

    /// What is between the quotes; moves from behind the opening one behind the closing one.
    private mutating func takeString() -> ArraySlice<UInt8> {
        let start = position
        while position < bytes.count, bytes[position] != UInt8(ascii: "\"") {
            position += bytes[position] == UInt8(ascii: "\\") ? 2 : 1
        }
        defer { position += 1 }
        return bytes[start..<min(position, bytes.count)]
    }

    private static func endsScalar(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: ","), UInt8(ascii: "}"), UInt8(ascii: "]"), UInt8(ascii: ":"): true
        default: isSpace(byte)
        }
    }
}
