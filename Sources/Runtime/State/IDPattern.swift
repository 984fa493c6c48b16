/// What an id is compared with: a POSIX extended regular expression (regex(7)), in the "C" locale.
///
/// The C library's own compiler of expressions would be a fiftieth of the program, for a flag that few use. This one
/// follows every way through the text at once: an expression maps the places where a match can stand to the places where
/// it can stand afterwards. So no expression takes exponential time. What POSIX leaves undefined is refused: back references,
/// escaped letters and digits, collating elements, a repetition of nothing.
struct IDPattern {
    private let root: Node

    /// nil: `text` is no expression.
    init?(_ text: String) {
        var parser = Parser(bytes: Array(text.utf8))
        guard let root = parser.alternatives(depth: 0), parser.isAtEnd else { return nil }
        self.root = root
    }

    /// Whether a part of `text`, perhaps an empty one, is described by the expression.
    func occurs(in text: String) -> Bool {
        let bytes = Array(text.utf8)
        return root.after([Bool](repeating: true, count: bytes.count + 1), in: bytes).contains(true)
    }
}

/// A part of an expression.
private indirect enum Node {
    case byte(ByteSet)
    case start, end
    case sequence([Node])
    case alternatives([Node])
    /// `most`: nil for no limit.
    case repeated(Node, least: Int, most: Int?)

    /// The places of `bytes` where a match of this part can end that begins at one of `places`.
    func after(_ places: [Bool], in bytes: [UInt8]) -> [Bool] {
        switch self {
        case .byte(let set):
            var result = [Bool](repeating: false, count: places.count)
            for place in bytes.indices where places[place] { result[place + 1] = set.contains(bytes[place]) }
            return result
        case .start: return Node.only(0, of: places)
        case .end: return Node.only(bytes.count, of: places)
        case .sequence(let parts): return parts.reduce(places) { $1.after($0, in: bytes) }
        case .alternatives(let parts):
            return parts.reduce([Bool](repeating: false, count: places.count)) {
                Node.union($0, $1.after(places, in: bytes))
            }
        case .repeated(let part, let least, let most):
            return Node.afterRepeated(part, least, most, places, in: bytes)
        }
    }

    /// Each time either consumes a byte or leads where the last one led: whatever the limits are, as many times as there
    /// are places are enough.
    private static func afterRepeated(
        _ part: Node, _ least: Int, _ most: Int?, _ places: [Bool], in bytes: [UInt8]
    ) -> [Bool] {
        var current = places
        for _ in 0..<least {
            let next = part.after(current, in: bytes)
            if next == current { break }
            current = next
        }
        var result = current
        for _ in 0..<min(most.map { $0 - least } ?? .max, places.count) where current.contains(true) {
            current = part.after(current, in: bytes)
            result = union(result, current)
        }
        return result
    }

    private static func only(_ place: Int, of places: [Bool]) -> [Bool] {
        var result = [Bool](repeating: false, count: places.count)
        result[place] = places[place]
        return result
    }

    private static func union(_ one: [Bool], _ other: [Bool]) -> [Bool] { one.indices.map { one[$0] || other[$0] } }
}

/// A set of bytes.
private struct ByteSet {
    private var isMember = [Bool](repeating: false, count: 256)

    init(_ bytes: some Sequence<UInt8>) { for byte in bytes { insert(byte) } }

    static let any = ByteSet(0...255)

    var complement: ByteSet { ByteSet((0...255).filter { !contains($0) }) }

    mutating func insert(_ byte: UInt8) { isMember[Int(byte)] = true }

    func contains(_ byte: UInt8) -> Bool { isMember[Int(byte)] }

    /// The members of a class of characters, `[:alpha:]`; nil for an unknown name.
    static func named(_ name: String) -> ByteSet? {
        let digits: ClosedRange<UInt8> = 0x30...0x39
        let lower: ClosedRange<UInt8> = 0x61...0x7a
        let upper: ClosedRange<UInt8> = 0x41...0x5a
        let graphic: ClosedRange<UInt8> = 0x21...0x7e
        let letters = Array(lower) + Array(upper)
        switch name {
        case "alpha": return ByteSet(letters)
        case "digit": return ByteSet(digits)
        case "alnum": return ByteSet(letters + Array(digits))
        case "lower": return ByteSet(lower)
        case "upper": return ByteSet(upper)
        case "space": return ByteSet([0x20, 0x09, 0x0a, 0x0b, 0x0c, 0x0d])
        case "blank": return ByteSet([0x20, 0x09])
        case "punct": return ByteSet(graphic.filter { !letters.contains($0) && !digits.contains($0) })
        case "print": return ByteSet(0x20...0x7e)
        case "graph": return ByteSet(graphic)
        case "cntrl": return ByteSet(Array(0...0x1f) + [0x7f])
        case "xdigit": return ByteSet(Array(digits) + Array("abcdefABCDEF".utf8))
        default: return nil
        }
    }
}

/// The grammar of regex(7). nil anywhere: no expression.
private struct Parser {
    /// Parentheses in parentheses; no expression that a person writes has as many.
    private static let maximumDepth = 100
    /// RE_DUP_MAX of POSIX.
    private static let maximumRepetition = 255

    let bytes: [UInt8]
    private var position = 0

    init(bytes: [UInt8]) { self.bytes = bytes }

    var isAtEnd: Bool { position == bytes.count }

    private var next: UInt8? { isAtEnd ? nil : bytes[position] }

    private mutating func take(_ character: Unicode.Scalar) -> Bool {
        guard next == UInt8(ascii: character) else { return false }
        position += 1
        return true
    }

    mutating func alternatives(depth: Int) -> Node? {
        guard depth < Parser.maximumDepth else { return nil }
        var branches: [Node] = []
        repeat {
            guard let branch = branch(depth) else { return nil }
            branches.append(branch)
        } while take("|")
        return .alternatives(branches)
    }

    private mutating func branch(_ depth: Int) -> Node? {
        var parts: [Node] = []
        while let byte = next, byte != UInt8(ascii: "|"), byte != UInt8(ascii: ")") || depth == 0 {
            guard let atom = atom(depth), let part = repeated(atom) else { return nil }
            parts.append(part)
        }
        return .sequence(parts)
    }

    private mutating func atom(_ depth: Int) -> Node? {
        guard let byte = next else { return nil }
        position += 1
        switch Unicode.Scalar(byte) {
        case "(":
            guard let inner = alternatives(depth: depth + 1), take(")") else { return nil }
            return inner
        case "[": return bracket()
        case ".": return .byte(.any)
        case "^": return isRepeated ? nil : .start
        case "$": return isRepeated ? nil : .end
        case "*", "+", "?", "{": return nil
        case "\\":
            guard let escaped = next, !ByteSet.named("alnum")!.contains(escaped) else { return nil }
            // \<, \>, \` and \' mean places of words and texts in GNU's expressions, and themselves elsewhere.
            guard !"<>`'".utf8.contains(escaped) else { return nil }
            position += 1
            return .byte(ByteSet([escaped]))
        default: return .byte(ByteSet([byte]))
        }
    }

    /// Whether a repetition follows. That of a place is refused.
    private var isRepeated: Bool { next.map { "*+?{".utf8.contains($0) } ?? false }

    private mutating func repeated(_ atom: Node) -> Node? {
        var result = atom
        while true {
            if take("*") {
                result = .repeated(result, least: 0, most: nil)
            } else if take("+") {
                result = .repeated(result, least: 1, most: nil)
            } else if take("?") {
                result = .repeated(result, least: 0, most: 1)
            } else if take("{") {
                guard let least = number() else { return nil }
                var most: Int? = least
                if take(",") { most = number() }
                guard take("}"), most.map({ $0 >= least }) ?? true else { return nil }
                result = .repeated(result, least: least, most: most)
            } else {
                return result
            }
        }
    }

    /// Digits; nil if there are none, or the number is larger than POSIX asks for.
    private mutating func number() -> Int? {
        var value: Int?
        while let digit = next, (0x30...0x39).contains(digit), (value ?? 0) <= Parser.maximumRepetition {
            value = (value ?? 0) * 10 + Int(digit - 0x30)
            position += 1
        }
        return value.flatMap { $0 <= Parser.maximumRepetition ? $0 : nil }
    }

    /// What follows a `[`. A `]` that comes first and a `-` that comes first or last stand for themselves.
    private mutating func bracket() -> Node? {
        let isNegated = take("^")
        var set = ByteSet([])
        var isFirst = true
        while isFirst || next != UInt8(ascii: "]") {
            guard let byte = next else { return nil }
            isFirst = false
            position += 1
            if byte == UInt8(ascii: "["), let kind = next, ":.=".utf8.contains(kind) {
                guard kind == UInt8(ascii: ":"), let named = namedClass() else { return nil }
                for member in UInt8.min...UInt8.max where named.contains(member) { set.insert(member) }
                continue
            }
            guard next == UInt8(ascii: "-"), position + 1 < bytes.count, bytes[position + 1] != UInt8(ascii: "]") else {
                set.insert(byte)
                continue
            }
            let last = bytes[position + 1]
            guard last >= byte, last != UInt8(ascii: "[") else { return nil }
            position += 2
            for member in byte...last { set.insert(member) }
            // What ends one range begins no other.
            if next == UInt8(ascii: "-"), position + 1 < bytes.count, bytes[position + 1] != UInt8(ascii: "]") {
                return nil
            }
        }
        position += 1
        return .byte(isNegated ? set.complement : set)
    }

    /// `:alpha:]` of `[:alpha:]`.
    private mutating func namedClass() -> ByteSet? {
        position += 1
        let start = position
        while let byte = next, byte != UInt8(ascii: ":") { position += 1 }
        let name = String(decoding: bytes[start..<position], as: UTF8.self)
        guard take(":"), take("]") else { return nil }
        return ByteSet.named(name)
    }
}
