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
        Self.appendQuoted(value.utf8, to: &bytes)
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
        Self.appendQuoted(name.utf8, to: &bytes)
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
        begin(open)
        body(&self)
        end(close)
    }

    // Functions of their own: `nest` is copied to wherever an object is written.

    @inline(never)
    private mutating func begin(_ open: UInt8) {
        beginValue()
        bytes.append(open)
        depth += 1
        needsComma = false
    }

    @inline(never)
    private mutating func end(_ close: UInt8) {
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
        appendQuoted(text.utf8, to: &bytes)
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

    /// RFC 8259, section 7: `"`, `\` and what is below U+0020 is escaped; for the terminals DEL and U+0080 to U+009F too.
    ///
    /// - Parameters:
    ///   - text: UTF-8.
    ///   - isEscaped: whether the text is what stands between the quotes of a document: its escapes stay.
    ///   - bytes: what it is appended to.
    static func appendQuoted(_ text: some Collection<UInt8>, isEscaped: Bool = false, to bytes: inout [UInt8]) {
        bytes.append(UInt8(ascii: "\""))
        // Most texts are taken over as they are, and as a whole.
        let plain = text.allSatisfy { byte in
            byte >= 0x20 && byte != UInt8(ascii: "\"") && byte != UInt8(ascii: "\\") && byte != 0x7F
                && byte != leadOfControls
        }
        if plain { bytes.append(contentsOf: text) } else { appendEscaped(text, isEscaped, to: &bytes) }
        bytes.append(UInt8(ascii: "\""))
    }

    /// The first byte of U+0080 to U+00BF, of which the second byte says whether it is a control character.
    private static var leadOfControls: UInt8 { 0xC2 }

    private static func appendEscaped(_ text: some Collection<UInt8>, _ isEscaped: Bool, to bytes: inout [UInt8]) {
        for byte in text {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"):
                if !isEscaped { bytes.append(UInt8(ascii: "\\")) }
                bytes.append(byte)
            case 0x80..<0xA0 where bytes.last == leadOfControls:
                bytes.removeLast()
                appendEscape(byte, to: &bytes)
            case 0x0A: bytes += "\\n".utf8
            case 0x0D: bytes += "\\r".utf8
            case 0x09: bytes += "\\t".utf8
            case 0..<0x20, 0x7F: appendEscape(byte, to: &bytes)
            default: bytes.append(byte)
            }
        }
    }

    /// `\u001f`, of a code point up to U+00FF.
    private static func appendEscape(_ value: UInt8, to bytes: inout [UInt8]) {
        bytes += "\\u00".utf8
        bytes.append(hexDigit(value >> 4))
        bytes.append(hexDigit(value & 15))
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
