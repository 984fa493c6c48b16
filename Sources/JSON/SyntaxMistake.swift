/// What somebody did who wrote a text that is no JSON. The parser says only where it could not go on: that is seldom where
/// the mistake is, and never what it is. Found in the text around that place, after a failure only.
struct SyntaxMistake {
    /// The place to show.
    let offset: Int
    let text: String

    private init(_ offset: Int, _ text: String) {
        self.offset = offset
        self.text = text
    }

    /// - Parameter offset: where the parser gave up.
    static func find(_ reason: JSONSyntaxError.Reason, at offset: Int, in bytes: [UInt8]) -> SyntaxMistake {
        switch reason {
        case .tooLong, .outOfMemory, .tooDeep, .nulInName: return SyntaxMistake(offset, reason.text)
        case .invalidUTF8:
            let isWide = bytes.starts(with: [0xFE, 0xFF]) || bytes.starts(with: [0xFF, 0xFE])
            return isWide ? SyntaxMistake(0, "UTF-16, and JSON is UTF-8") : SyntaxMistake(offset, reason.text)
        case .unexpectedEnd, .unexpectedCharacter, .textAfterEnd, .badLiteral, .badNumber, .badString, .missingKey,
            .missingColon, .missingComma:
            break
        }
        let scene = Scene(bytes, reason, min(offset, bytes.count))
        return scene.file ?? scene.string ?? scene.end ?? scene.punctuation ?? scene.foreign ?? scene.word
            ?? scene.number ?? scene.omission ?? SyntaxMistake(offset, reason.text)
    }

    /// The text around the place. Each property is a kind of mistake, nil if it is not that one.
    private struct Scene {
        let bytes: [UInt8]
        let reason: JSONSyntaxError.Reason
        let offset: Int
        /// What is open at the place, from outside to inside.
        private var open: [(byte: UInt8, offset: Int)] = []
        /// Where a string begins that is open at the place, or goes on over the end of its line.
        private var openString: Int?
        /// A single quote that is no part of a text: json-c takes some of them.
        private var singleQuote: Int?
        /// The last byte before the place that is no blank.
        private let before: Int?

        init(_ bytes: [UInt8], _ reason: JSONSyntaxError.Reason, _ offset: Int) {
            self.bytes = bytes
            self.reason = reason
            self.offset = offset
            before = bytes[..<offset].lastIndex { !isSpace($0) }
            follow()
        }

        private mutating func follow() {
            var position = 0
            while position < offset {
                switch bytes[position] {
                case UInt8(ascii: "{"), UInt8(ascii: "["): open.append((bytes[position], position))
                case UInt8(ascii: "}"), UInt8(ascii: "]"): _ = open.popLast()
                case UInt8(ascii: "'"): singleQuote = singleQuote ?? position
                case UInt8(ascii: "\""):
                    let start = position
                    position = Self.endOfString(in: bytes, from: start)
                    let isOpen = position >= bytes.count || bytes[start..<position].contains(0x0A)
                    if isOpen { return openString = start }
                default: break
                }
                position += 1
            }
        }

        /// The closing quote of a string, or the end of the text.
        private static func endOfString(in bytes: [UInt8], from start: Int) -> Int {
            var position = start + 1
            while position < bytes.count, bytes[position] != UInt8(ascii: "\"") {
                position += bytes[position] == UInt8(ascii: "\\") ? 2 : 1
            }
            return min(position, bytes.count)
        }

        private var byte: UInt8? { offset < bytes.count ? bytes[offset] : nil }
        private var previous: UInt8? { before.map { bytes[$0] } }

        private func line(of offset: Int) -> Int { 1 + bytes[..<offset].count { $0 == 0x0A } }

        // MARK: The file as a whole

        var file: SyntaxMistake? {
            if bytes.starts(with: [0xEF, 0xBB, 0xBF]), offset <= 3 {
                return SyntaxMistake(0, "a byte order mark: save the file as UTF-8 without one")
            }
            return bytes.allSatisfy(isSpace) ? SyntaxMistake(offset, "there is nothing in it") : nil
        }

        var string: SyntaxMistake? {
            if let openString { return SyntaxMistake(openString, "the closing quote of this text is missing") }
            guard reason == .badString, let byte else { return nil }
            switch byte {
            case 0x09: return SyntaxMistake(offset, "a tab inside of a text has to be written \\t")
            case 0..<0x20:
                return SyntaxMistake(offset, "a control character inside of a text has to be written \\u00..")
            default: return SyntaxMistake(offset, "not an escape: a backslash itself is written \\\\")
            }
        }

        /// The text is cut off.
        var end: SyntaxMistake? {
            guard reason == .unexpectedEnd, let last = open.last else { return nil }
            let bracket = Character(UnicodeScalar(last.byte))
            return SyntaxMistake(
                offset, "the text ends here, and \"\(bracket)\" of line \(line(of: last.offset)) is not closed")
        }

        // MARK: Between values

        var punctuation: SyntaxMistake? {
            guard let byte else { return nil }
            switch byte {
            case UInt8(ascii: "}"), UInt8(ascii: "]"): return closing(byte)
            case UInt8(ascii: ","):
                switch previous {
                case UInt8(ascii: ":"): return SyntaxMistake(offset, "a value is missing before this comma")
                case UInt8(ascii: ","), UInt8(ascii: "{"), UInt8(ascii: "["):
                    return SyntaxMistake(offset, "a comma too many")
                default: break
                }
                return reason == .missingColon ? SyntaxMistake(offset, "a name without a value") : nil
            case UInt8(ascii: "="):
                return reason == .missingColon ? SyntaxMistake(offset, "\"=\", where \":\" belongs") : nil
            case UInt8(ascii: ":"):
                guard open.last?.byte == UInt8(ascii: "[") else { return nil }
                return SyntaxMistake(offset, "a name with a value in an array: that takes an object, {...}")
            default: return nil
            }
        }

        private func closing(_ byte: UInt8) -> SyntaxMistake? {
            let bracket = Character(UnicodeScalar(byte))
            if reason == .textAfterEnd { return SyntaxMistake(offset, "a \"\(bracket)\" too many") }
            switch previous {
            case UInt8(ascii: ","):
                return SyntaxMistake(
                    before ?? offset, "a comma before \"\(bracket)\": JSON has none behind the last entry")
            case UInt8(ascii: ":"): return SyntaxMistake(offset, "a value is missing before this \"\(bracket)\"")
            default: break
            }
            let opening = byte == UInt8(ascii: "}") ? UInt8(ascii: "{") : UInt8(ascii: "[")
            if let last = open.last, last.byte != opening {
                let (other, fitting) = last.byte == UInt8(ascii: "{") ? ("{", "}") : ("[", "]")
                return SyntaxMistake(
                    offset,
                    "\"\(bracket)\", where \"\(fitting)\" belongs: \"\(other)\" of line \(line(of: last.offset)) is open"
                )
            }
            return reason == .missingColon ? SyntaxMistake(offset, "a name without a value") : nil
        }

        // MARK: What other languages have

        var foreign: SyntaxMistake? {
            let rest = bytes[offset...]
            if rest.first == UInt8(ascii: "#") || rest.starts(with: "//".utf8) || rest.starts(with: "/*".utf8) {
                return SyntaxMistake(offset, "a comment: JSON has none")
            }
            if let quote = singleQuote ?? (rest.first == UInt8(ascii: "'") ? offset : nil) {
                return SyntaxMistake(quote, "a text in single quotes: JSON takes double ones")
            }
            let quotes: [[UInt8]] = [
                [0xE2, 0x80, 0x9C], [0xE2, 0x80, 0x9D], [0xE2, 0x80, 0x98], [0xE2, 0x80, 0x99],
            ]
            if quotes.contains(where: { rest.starts(with: $0) }) {
                return SyntaxMistake(offset, "a typographic quote: JSON takes the plain one, \"")
            }
            let blanks: [[UInt8]] = [[0xC2, 0xA0], [0xE3, 0x80, 0x80], [0xE2, 0x80, 0x8B], [0xEF, 0xBB, 0xBF]]
            if blanks.contains(where: { rest.starts(with: $0) }) {
                return SyntaxMistake(offset, "a blank that is none of JSON's, such as a no-break space")
            }
            return nil
        }

        // MARK: Words and numbers

        /// The word or number around the place: `nope`, `10m`, `0x1f`.
        private var token: Range<Int>? {
            func belongs(_ index: Int) -> Bool {
                switch bytes[index] {
                case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"),
                    UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "_"), UInt8(ascii: "."), UInt8(ascii: "-"),
                    UInt8(ascii: "+"):
                    true
                default: false
                }
            }
            var start = offset
            while start > 0, belongs(start - 1) { start -= 1 }
            var end = offset
            while end < bytes.count, belongs(end) { end += 1 }
            return start < end ? start..<end : nil
        }

        /// As much of it as can be read at a glance.
        private func excerpt(_ token: Range<Int>) -> String {
            String(decoding: bytes[token.prefix(40)], as: UTF8.self) + (token.count > 40 ? "..." : "")
        }

        private static func isLetter(_ byte: UInt8) -> Bool {
            (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20) || byte == UInt8(ascii: "_")
        }

        var word: SyntaxMistake? {
            guard let token, Self.isLetter(bytes[token.lowerBound]) else { return nil }
            if token.lowerBound > 0, bytes[token.lowerBound - 1] == UInt8(ascii: "\""), reason == .missingComma {
                return SyntaxMistake(token.lowerBound - 1, "a quote inside of a text has to be written \\\"")
            }
            if token.upperBound < bytes.count, bytes[token.upperBound] == UInt8(ascii: "\"") {
                return SyntaxMistake(token.lowerBound, "the opening quote of this text is missing")
            }
            let text = excerpt(token)
            if reason == .missingKey {
                return SyntaxMistake(token.lowerBound, "a name without quotes: write \"\(text)\"")
            }
            if reason == .missingComma || reason == .missingColon || reason == .textAfterEnd { return nil }
            return SyntaxMistake(token.lowerBound, Self.meaning(of: text))
        }

        private static func meaning(of word: String) -> String {
            let bytes = word.utf8.drop { $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: "+") }
            let lower = String(
                decoding: bytes.map { (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0) ? $0 | 0x20 : $0 },
                as: UTF8.self)
            return switch lower {
            case "true", "false", "null": "\(word): JSON writes \(lower)"
            case "none", "nil", "undefined": "\(word): JSON writes null"
            case "yes", "on": "\(word): JSON writes true"
            case "no", "off": "\(word): JSON writes false"
            case "nan", "inf", "infinity": "\(word): JSON has no such number"
            default: "\(word) is neither true, false nor null, and a text needs quotes"
            }
        }

        var number: SyntaxMistake? {
            guard let token, !Self.isLetter(bytes[token.lowerBound]) else { return nil }
            let digits = bytes[token].drop { $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: "+") }
            let text = excerpt(token)
            let start = token.lowerBound
            if let first = digits.first, Self.isLetter(first) {
                return SyntaxMistake(start, Self.meaning(of: text))
            }
            if bytes[start] == UInt8(ascii: "+") { return SyntaxMistake(start, "\(text): a number has no plus sign") }
            if digits.first == UInt8(ascii: ".") || bytes[token].last == UInt8(ascii: ".") {
                return SyntaxMistake(start, "\(text): a number has digits before and behind its point")
            }
            let isDecimal = digits.allSatisfy { !Self.isLetter($0) }
            if digits.count(where: { $0 == UInt8(ascii: ".") }) > 1 {
                return SyntaxMistake(start, "\(text) is no number, and a text needs quotes")
            }
            if digits.first == UInt8(ascii: "0"), digits.count > 1, digits.dropFirst().first != UInt8(ascii: ".") {
                return SyntaxMistake(
                    start,
                    isDecimal
                        ? "\(text): a number has no leading zeros, and JSON no octal numbers"
                        : "\(text): JSON has decimal numbers only")
            }
            // Where the parser went on behind a number that is whole, it is the next thing that is wrong.
            guard !isDecimal || reason == .badNumber else { return nil }
            return isDecimal ? nil : SyntaxMistake(start, "\(text) is no number: JSON has no units")
        }

        // MARK: What is not there

        var omission: SyntaxMistake? {
            guard let byte, let before, !open.isEmpty else { return nil }
            if lacksComma, byte != UInt8(ascii: "}"), byte != UInt8(ascii: "]") {
                return wrong(instead: ",") ?? SyntaxMistake(before + 1, "a comma is missing here")
            }
            if reason == .missingKey { return SyntaxMistake(offset, "a name in quotes belongs here") }
            if reason == .missingColon {
                return wrong(instead: ":")
                    ?? SyntaxMistake(before + 1, "a colon is missing between the name and its value")
            }
            return nil
        }

        /// Whether a value is followed by something else than a comma or an end. Behind a number the parser calls that a bad
        /// number.
        private var lacksComma: Bool {
            if reason == .missingComma { return true }
            return reason == .badNumber && token?.upperBound == offset
        }

        /// The character at the place, if it begins no value: it was written instead of a comma or a colon.
        private func wrong(instead wanted: Character) -> SyntaxMistake? {
            guard let byte else { return nil }
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "'"), UInt8(ascii: "{"), UInt8(ascii: "["), UInt8(ascii: "-"),
                UInt8(ascii: "0")...UInt8(ascii: "9"):
                return nil
            default: if Self.isLetter(byte) { return nil }
            }
            let length = 1 + bytes[(offset + 1)...].prefix(3).prefix { $0 & 0xC0 == 0x80 }.count
            let found = String(decoding: bytes[offset..<(offset + length)], as: UTF8.self)
            return SyntaxMistake(offset, "\(JSONWriter.quoted(found)), where \"\(wanted)\" belongs")
        }
    }
}

/// The line of a place, and a mark below the place.
enum MarkedLine {
    /// How much of a long line is shown before and behind the place.
    private static var reach: Int { 48 }

    /// Two lines: `   12 | "a": 1,}`, and a caret below the place.
    static func text(of offset: Int, line: Int, in bytes: [UInt8]) -> String {
        let offset = min(offset, bytes.count)
        let begin = bytes[..<offset].lastIndex(of: 0x0A).map { $0 + 1 } ?? 0
        let end = bytes[offset...].firstIndex(of: 0x0A) ?? bytes.count
        let indented = bytes[begin..<end].firstIndex { !isSpace($0) } ?? begin
        var first = max(min(indented, offset), offset - reach)
        var last = min(end, offset + reach)
        // Not in the middle of a character.
        while first > begin, bytes[first] & 0xC0 == 0x80 { first -= 1 }
        while last < end, bytes[last] & 0xC0 == 0x80 { last += 1 }
        let head = plain(bytes[first..<offset])
        let cut = first > indented ? "..." : ""
        let text = cut + head + plain(bytes[offset..<last]) + (last < end ? "..." : "")
        let margin = String(repeating: " ", count: max(0, 5 - "\(line)".utf8.count)) + "\(line)"
        let space = String(repeating: " ", count: cut.unicodeScalars.count + head.unicodeScalars.count)
        return "\(margin) | \(text)\n      | \(space)^"
    }

    /// One column for each character.
    private static func plain(_ bytes: ArraySlice<UInt8>) -> String {
        String(decoding: bytes.map { $0 < 0x20 || $0 == 0x7F ? 0x20 : $0 }, as: UTF8.self)
    }
}
