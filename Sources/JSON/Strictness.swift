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
        var position = 0
        while position < bytes.count {
            switch bytes[position] {
            case UInt8(ascii: "\""):
                if let offence = checkString(bytes, from: &position) { return offence }
            case UInt8(ascii: "0")...UInt8(ascii: "9"):
                if let offence = checkNumber(bytes, from: &position) { return offence }
            case UInt8(ascii: "'"), UInt8(ascii: "N"), UInt8(ascii: "I"), UInt8(ascii: "i"):
                return (reason: .unexpectedCharacter, offset: position)
            default: position += 1
            }
        }
        return nil
    }

    /// Moves from the opening quote behind the closing one.
    private static func checkString(_ bytes: [UInt8], from position: inout Int) -> Offence? {
        var nul: Int?
        position += 1
        while position < bytes.count, bytes[position] != UInt8(ascii: "\"") {
            if bytes[position] < 0x20 { return (reason: .badString, offset: position) }
            if bytes[position] == UInt8(ascii: "\\") {
                if bytes[position...].starts(with: "\\u0000".utf8) { nul = nul ?? position }
                position += 1
            }
            position += 1
        }
        position += 1
        guard let nul, let next = bytes.dropFirst(position).first(where: { !isSpace($0) }), next == UInt8(ascii: ":")
        else { return nil }
        return (reason: .nulInName, offset: nul)
    }

    /// Moves from the first digit behind the number, sign and fraction not looked at.
    private static func checkNumber(_ bytes: [UInt8], from position: inout Int) -> Offence? {
        let start = position
        while position < bytes.count, isDigit(bytes[position]) { position += 1 }
        let digits = position - start
        guard digits >= 19 else {
            skipFraction(bytes, from: &position)
            return nil
        }
        let end = position
        skipFraction(bytes, from: &position)
        guard position == end else { return nil }
        let isNegative = start > 0 && bytes[start - 1] == UInt8(ascii: "-")
        let text = String(decoding: bytes[start..<end], as: UTF8.self)
        let fits = isNegative ? Int64("-" + text) != nil : UInt64(text) != nil
        return fits ? nil : (reason: .badNumber, offset: start)
    }

    private static func skipFraction(_ bytes: [UInt8], from position: inout Int) {
        while position < bytes.count {
            switch bytes[position] {
            case UInt8(ascii: "."), UInt8(ascii: "e"), UInt8(ascii: "E"), UInt8(ascii: "+"), UInt8(ascii: "-"): break
            default: guard isDigit(bytes[position]) else { return }
            }
            position += 1
        }
    }

    private static func isDigit(_ byte: UInt8) -> Bool {
        byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9")
    }
}
