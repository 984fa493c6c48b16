/// Writes JSON text, value by value: no tree, no look-ahead.
///
/// ```
/// var writer = JSONWriter(.compact)
/// writer.object { writer in
///     writer.member("id", "box")
///     writer.member("args") { $0.array(["sh", "-c"]) }
/// }
/// ```
/// Layout is that of Go's `encoding/json`: `"a": 1` when indented, `[]` and `{}` on one line, no newline at the end.
public struct JSONWriter: Sendable {
    /// How the text is laid out.
    public enum Layout: Sendable, Equatable {
        case compact
        case spaces(Int)
        case tabs
    }

    /// The text so far, UTF-8.
    public private(set) var bytes: [UInt8] = []
    private let layout: Layout
    private var depth = 0
    /// Whether the innermost array or object has a value already.
    private var needsComma = false
    /// Whether a member's name was just written, so that the value follows on the same line.
    private var followsName = false

    public init(_ layout: Layout = .compact) {
        self.layout = layout
    }

    /// The text so far.
    public var text: String { String(decoding: bytes, as: UTF8.self) }

    // MARK: Values

    public mutating func string(_ value: String) {
        beginValue()
        Self.appendQuoted(value, to: &bytes)
    }

    public mutating func integer(_ value: some FixedWidthInteger) {
        beginValue()
        bytes += "\(value)".utf8
    }

    public mutating func boolean(_ value: Bool) { raw(value ? "true" : "false") }

    /// A value that is JSON already.
    private mutating func raw(_ text: String) {
        beginValue()
        bytes += text.utf8
    }

    public mutating func null() {
        beginValue()
        bytes += "null".utf8
    }

    /// An object, its members written by the body.
    public mutating func object(_ body: (inout JSONWriter) -> Void) {
        nest(UInt8(ascii: "{"), UInt8(ascii: "}"), body)
    }

    /// An array, its elements written by the body.
    public mutating func array(_ body: (inout JSONWriter) -> Void) {
        nest(UInt8(ascii: "["), UInt8(ascii: "]"), body)
    }

    public mutating func array(_ values: [String]) {
        array { writer in
            for value in values { writer.string(value) }
        }
    }

    // MARK: Members of an object

    /// The name of a member; exactly one value has to follow.
    public mutating func name(_ name: String) {
        beginValue()
        Self.appendQuoted(name, to: &bytes)
        bytes.append(UInt8(ascii: ":"))
        if layout != .compact { bytes.append(UInt8(ascii: " ")) }
        followsName = true
    }

    public mutating func member(_ name: String, _ value: String) {
        self.name(name)
        string(value)
    }

    public mutating func member(_ name: String, _ value: some FixedWidthInteger) {
        self.name(name)
        integer(value)
    }

    public mutating func member(_ name: String, _ value: Bool) {
        self.name(name)
        boolean(value)
    }

    public mutating func member(_ name: String, _ values: [String]) {
        self.name(name)
        array(values)
    }

    /// A member whose value is an object, its members written by the body.
    public mutating func member(_ name: String, object body: (inout JSONWriter) -> Void) {
        self.name(name)
        object(body)
    }

    /// A member whose value is an array, its elements written by the body.
    public mutating func member(_ name: String, array body: (inout JSONWriter) -> Void) {
        self.name(name)
        array(body)
    }

    // MARK: Layout

    private mutating func beginValue() {
        if followsName {
            followsName = false
            return
        }
        if needsComma { bytes.append(UInt8(ascii: ",")) }
        if depth > 0 { newLine() }
        needsComma = true
    }

    private mutating func nest(_ open: UInt8, _ close: UInt8, _ body: (inout JSONWriter) -> Void) {
        beginValue()
        bytes.append(open)
        depth += 1
        needsComma = false
        body(&self)
        depth -= 1
        if needsComma { newLine() }
        bytes.append(close)
        needsComma = true
    }

    private mutating func newLine() {
        switch layout {
        case .compact: return
        case .spaces(let count):
            bytes.append(UInt8(ascii: "\n"))
            bytes.append(contentsOf: repeatElement(UInt8(ascii: " "), count: count * depth))
        case .tabs:
            bytes.append(UInt8(ascii: "\n"))
            bytes.append(contentsOf: repeatElement(UInt8(ascii: "\t"), count: depth))
        }
    }

    // MARK: Strings

    /// A text as a JSON string, quotes included.
    public static func quoted(_ text: String) -> String {
        var bytes: [UInt8] = []
        appendQuoted(text, to: &bytes)
        return String(decoding: bytes, as: UTF8.self)
    }

    /// A text as a JSON string for a message: one line, and what exceeds 80 bytes is replaced by `...`.
    public static func excerpt(_ text: String) -> String {
        let limit = 80
        guard text.utf8.count > limit else { return quoted(text) }
        var cut = ""
        for character in text.unicodeScalars {
            guard cut.utf8.count + UTF8.width(character) <= limit else { break }
            cut.unicodeScalars.append(character)
        }
        return quoted(cut + "...")
    }

    /// RFC 8259, section 7: `"`, `\` and what is below U+0020 is escaped; DEL too, for the terminals.
    private static func appendQuoted(_ text: String, to bytes: inout [UInt8]) {
        bytes.append(UInt8(ascii: "\""))
        // Most texts are taken over as they are, and as a whole.
        let plain = text.utf8.allSatisfy { byte in
            byte >= 0x20 && byte != UInt8(ascii: "\"") && byte != UInt8(ascii: "\\") && byte != 0x7F
        }
        if plain { bytes.append(contentsOf: text.utf8) } else { appendEscaped(text, to: &bytes) }
        bytes.append(UInt8(ascii: "\""))
    }

    private static func appendEscaped(_ text: String, to bytes: inout [UInt8]) {
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"):
                bytes.append(UInt8(ascii: "\\"))
                bytes.append(byte)
            case 0x0A: bytes += "\\n".utf8
            case 0x0D: bytes += "\\r".utf8
            case 0x09: bytes += "\\t".utf8
            case 0..<0x20, 0x7F:
                bytes += "\\u00".utf8
                bytes.append(hexDigit(byte >> 4))
                bytes.append(hexDigit(byte & 15))
            default: bytes.append(byte)
            }
        }
    }

    private static func hexDigit(_ value: UInt8) -> UInt8 {
        value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "a") + value - 10
    }
}

extension JSONWriter {
    /// A number with up to two decimals, given in hundredths, as Go writes it: `0`, `1.5`, `0.07`.
    public mutating func decimal(hundredths value: UInt64) {
        let rest = value % 100
        var text = "\(value / 100)"
        if rest > 0 { text += rest % 10 == 0 ? ".\(rest / 10)" : rest < 10 ? ".0\(rest)" : ".\(rest)" }
        raw(text)
    }
}
