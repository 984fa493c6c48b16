/// What json-c lets pass although it is no JSON, or although json-c does not keep it: one look at the text that it has
/// accepted.
///
/// - strings in single quotes, `NaN` and `Infinity` (json-c 0.16, also when told to be strict)
/// - control characters in strings
/// - integers beyond 64 bits, which json-c replaces by the nearest that fits
/// - an escaped NUL in a member's name, where json-c cuts the name
enum Strictness {
    typealias Offence = (reason: JSONSyntaxError.Reason, offset: Int)

    /// The first offence in a text, or `nil`.
    static func firstOffence(in bytes: [UInt8]) -> Offence? {
        let text = bytes.span
        var position = 0
        while position < text.count {
            let byte = text[position]
            // Most of an indented document is white space.
            guard byte > 0x20 else {
                position += 1
                continue
            }
            switch byte {
            case UInt8(ascii: "\""):
                if let offence = checkString(text, from: &position) { return offence }
            case UInt8(ascii: "0")...UInt8(ascii: "9"):
                if let offence = checkNumber(text, from: &position) { return offence }
            case UInt8(ascii: "'"), UInt8(ascii: "N"), UInt8(ascii: "I"), UInt8(ascii: "i"):
                return (reason: .unexpectedCharacter, offset: position)
            default: position += 1
            }
        }
        return nil
    }

    /// Moves from the opening quote behind the closing one.
    private static func checkString(_ text: Span<UInt8>, from position: inout Int) -> Offence? {
        var nul: Int?
        position += 1
        while position < text.count {
            let byte = text[position]
            guard byte != UInt8(ascii: "\"") else { break }
            if byte < 0x20 { return (reason: .badString, offset: position) }
            if byte == UInt8(ascii: "\\") {
                if isEscapedNUL(text, at: position) { nul = nul ?? position }
                position += 1
            }
            position += 1
        }
        position += 1
        guard let nul, isColonNext(text, from: position) else { return nil }
        return (reason: .nulInName, offset: nul)
    }

    /// Whether a backslash begins `\u0000`.
    private static func isEscapedNUL(_ text: Span<UInt8>, at position: Int) -> Bool {
        guard position + 5 < text.count, text[position + 1] == UInt8(ascii: "u") else { return false }
        return (2...5).allSatisfy { text[position + $0] == UInt8(ascii: "0") }
    }

    private static func isColonNext(_ text: Span<UInt8>, from start: Int) -> Bool {
        var position = start
        while position < text.count, isSpace(text[position]) { position += 1 }
        return position < text.count && text[position] == UInt8(ascii: ":")
    }

    /// Moves from the first digit behind the number, sign and fraction not looked at.
    private static func checkNumber(_ text: Span<UInt8>, from position: inout Int) -> Offence? {
        let start = position
        // Digits that fit into 64 bits and are no fraction's; `nil` after that.
        var magnitude: UInt64? = 0
        while position < text.count, isDigit(text[position]) {
            magnitude = magnitude.flatMap { appended(text[position], to: $0) }
            position += 1
        }
        let end = position
        skipFraction(text, from: &position)
        guard position == end else { return nil }
        let isNegative = start > 0 && text[start - 1] == UInt8(ascii: "-")
        let fits = magnitude.map { !isNegative || $0 <= Int64.min.magnitude } ?? false
        return fits ? nil : (reason: .badNumber, offset: start)
    }

    private static func appended(_ digit: UInt8, to number: UInt64) -> UInt64? {
        let (product, isTooLarge) = number.multipliedReportingOverflow(by: 10)
        let (sum, overflows) = product.addingReportingOverflow(UInt64(digit - UInt8(ascii: "0")))
        return isTooLarge || overflows ? nil : sum
    }

    private static func skipFraction(_ text: Span<UInt8>, from position: inout Int) {
        while position < text.count {
            switch text[position] {
            case UInt8(ascii: "."), UInt8(ascii: "e"), UInt8(ascii: "E"), UInt8(ascii: "+"), UInt8(ascii: "-"): break
            default: guard isDigit(text[position]) else { return }
            }
            position += 1
        }
    }

    private static func isDigit(_ byte: UInt8) -> Bool {
        byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9")
    }
}
