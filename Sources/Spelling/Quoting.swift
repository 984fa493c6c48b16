/// Texts of others in lines of ours: of a log, of a plan, of a table. Whatever a configuration, a container or a file name
/// puts into one, a line stays one line and a terminal is not commanded by it.
public enum Quoting {
    /// As logrus writes a value: bare if it holds only letters, digits and `-._/@^+`, else quoted as Go does.
    public static func word(_ text: String) -> String {
        text.utf8.allSatisfy(isBare) ? text : quoted(text)
    }

    /// A JSON string (RFC 8259), control characters and line separators escaped.
    public static func json(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\r": result += "\\r"
            case "\t": result += "\\t"
            case "\u{0}"..."\u{1F}", "\u{7F}"..."\u{9F}", "\u{2028}", "\u{2029}":
                result += "\\u" + hexadecimal(scalar.value, digits: 4)
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }

    /// A text in quotes, as Go quotes it: everybody sees where it ends.
    public static func quoted(_ text: String) -> String { "\"" + escaped(text, quote: true) + "\"" }

    /// Bare text in which everything that is not printable is escaped as Go does; backslashes stay as they are.
    public static func plain(_ text: String) -> String {
        text.utf8.allSatisfy { 0x20..<0x7F ~= $0 } ? text : escaped(text, quote: false)
    }

    /// A line of output: the text with a line end behind it, and none in it.
    public static func line(_ text: String) -> String { plain(text) + "\n" }

    /// The same of a text whose lines stay lines. Those behind the first are indented: none of them looks like a message of
    /// its own.
    public static func lines(_ text: String) -> String {
        var result = ""
        for line in text.utf8.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false) {
            result += (result.isEmpty ? "" : "  ") + Self.line(String(Substring(line)))
        }
        return result
    }

    private static func escaped(_ text: String, quote: Bool) -> String {
        var result = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"" where quote: result += "\\\""
            case "\\" where quote: result += "\\\\"
            case "\u{07}": result += "\\a"
            case "\u{08}": result += "\\b"
            case "\u{0C}": result += "\\f"
            case "\n": result += "\\n"
            case "\r": result += "\\r"
            case "\t": result += "\\t"
            case "\u{0B}": result += "\\v"
            case _ where isPrintable(scalar): result.unicodeScalars.append(scalar)
            case _ where scalar.value < 0x80: result += "\\x" + hexadecimal(scalar.value, digits: 2)
            case _ where scalar.value < 0x10000: result += "\\u" + hexadecimal(scalar.value, digits: 4)
            default: result += "\\U" + hexadecimal(scalar.value, digits: 8)
            }
        }
        return result
    }

    private static func isBare(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
            UInt8(ascii: "/"), UInt8(ascii: "@"), UInt8(ascii: "^"), UInt8(ascii: "+"):
            true
        default: false
        }
    }

    /// False for controls, spaces other than " ", invisible format characters and private use: what could move the
    /// cursor, reorder the line or hide.
    private static func isPrintable(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x00...0x1F, 0x7F...0xA0, 0xAD, 0x600...0x605, 0x61C, 0x6DD, 0x70F, 0x1680, 0x180E, 0x2000...0x200F,
            0x2028...0x202F, 0x205F...0x206F, 0x3000, 0xE000...0xF8FF, 0xFEFF, 0xFFF0...0xFFFB, 0xFFFE...0xFFFF,
            0xE0000...0x10FFFF:
            false
        default: true
        }
    }

    private static func hexadecimal(_ value: UInt32, digits: Int) -> String {
        let text = String(value, radix: 16)
        return String(repeating: "0", count: max(0, digits - text.utf8.count)) + text
    }
}
