internal import DBus

/// Reads values in GVariant's text form ("GVariant Text Format", GLib): `true`, `'text'`, `uint64 5`, `['a', 'b']`,
/// `@as []`, `(1, 'x')`, `<5>`, `{'key': <1>}`, `b'bytes'`. Types that D-Bus does not have (`maybe`) and descriptors
/// are refused.
struct VariantText {
    /// What is wrong, for people to read.
    struct Problem: Error, Equatable {
        let message: String
    }

    private let bytes: [UInt8]
    private var position = 0
    private var depth = 0

    static func parse(_ text: String) throws(Problem) -> BusValue {
        var parser = VariantText(bytes: Array(text.utf8))
        let value = try parser.value(nil)
        parser.skipSpaces()
        if parser.position != parser.bytes.count { throw parser.unexpected() }
        return value
    }

    private init(bytes: [UInt8]) { self.bytes = bytes }

    /// Deeper than anything that systemd takes.
    private static let mostLevels = 8

    // MARK: Values

    /// - Parameter type: the signature that the value has to have; nil: its own.
    private mutating func value(_ type: String?) throws(Problem) -> BusValue {
        skipSpaces()
        guard let byte = peek else { throw Problem(message: "a value is missing at the end") }
        switch byte {
        case UInt8(ascii: "@"): return try annotated(type)
        case UInt8(ascii: "'"), UInt8(ascii: "\""): return try string(type)
        case UInt8(ascii: "["), UInt8(ascii: "("), UInt8(ascii: "<"), UInt8(ascii: "{"):
            if depth == Self.mostLevels { throw Problem(message: "more than \(Self.mostLevels) levels") }
            depth += 1
            defer { depth -= 1 }
            return try container(byte, type)
        case UInt8(ascii: "b") where next == UInt8(ascii: "'") || next == UInt8(ascii: "\""):
            position += 1
            let text = try quoted()
            return try check(.array(of: "y", (text + [0]).map { .byte($0) }), type)
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "+"), UInt8(ascii: "-"), UInt8(ascii: "."):
            return try VariantNumber.parse(word(), type)
        case UInt8(ascii: "a")...UInt8(ascii: "z"): return try keyword(type)
        default: throw unexpected()
        }
    }

    /// `@type value`.
    private mutating func annotated(_ type: String?) throws(Problem) -> BusValue {
        position += 1
        let start = position
        while let byte = peek, byte != UInt8(ascii: " ") { position += 1 }
        let text = String(decoding: bytes[start..<position], as: UTF8.self)
        // Each byte of a signature can be a level of its own.
        guard text.utf8.count <= Signature.longest else { throw Problem(message: "a type of more than 255 bytes") }
        var rest = Substring(text)
        guard let named = Signature.first(&rest), rest.isEmpty, type == nil || type == text else {
            throw Problem(message: "not the type of this value: @\(text)")
        }
        return try value(named)
    }

    private mutating func keyword(_ type: String?) throws(Problem) -> BusValue {
        let name = word()
        switch name {
        case "true": return try check(.boolean(true), type)
        case "false": return try check(.boolean(false), type)
        case "inf", "nan": return try VariantNumber.parse(name, type)
        default: break
        }
        guard let named = Signature.letter(ofKeyword: name) else {
            throw Problem(message: "\"\(name)\" is neither a value nor a type")
        }
        guard type == nil || type == named else { throw Problem(message: "\(name) is not the type of this value") }
        return try value(named)
    }

    private mutating func string(_ type: String?) throws(Problem) -> BusValue {
        let text = String(decoding: try quoted(), as: UTF8.self)
        switch type {
        case nil, "s": return .string(text)
        case "o": return .objectPath(text)
        case "g": return .signature(text)
        default: throw Problem(message: "a string is not of type \(type ?? "")")
        }
    }

    private func check(_ value: BusValue, _ type: String?) throws(Problem) -> BusValue {
        guard type == nil || type == value.signature else {
            throw Problem(message: "a value of type \(value.signature) is not of type \(type ?? "")")
        }
        return value
    }

    // MARK: Containers

    private mutating func container(_ opening: UInt8, _ type: String?) throws(Problem) -> BusValue {
        position += 1
        switch opening {
        case UInt8(ascii: "["): return try array(type)
        case UInt8(ascii: "("): return try structure(type)
        case UInt8(ascii: "{"): return try dictionary(type)
        default:
            let inner = try value(nil)
            try expect(UInt8(ascii: ">"))
            return try check(.variant(inner), type)
        }
    }

    private mutating func array(_ type: String?) throws(Problem) -> BusValue {
        var element = try type.map { type throws(Problem) in
            guard type.hasPrefix("a"), !type.hasPrefix("a{") else {
                throw Problem(message: "an array is not of type \(type)")
            }
            return String(type.dropFirst())
        }
        var elements: [BusValue] = []
        while !accept(UInt8(ascii: "]")) {
            if !elements.isEmpty { try expect(UInt8(ascii: ",")) }
            let next = try value(element)
            element = element ?? next.signature
            elements.append(next)
        }
        guard let element else { throw Problem(message: "an empty array needs its type, such as @as []") }
        return .array(of: element, elements)
    }

    private mutating func structure(_ type: String?) throws(Problem) -> BusValue {
        var types = type.map { Substring($0.hasPrefix("(") ? String($0.dropFirst().dropLast()) : "") }
        var members: [BusValue] = []
        while !accept(UInt8(ascii: ")")) {
            if !members.isEmpty {
                try expect(UInt8(ascii: ","))
                if members.count == 1, accept(UInt8(ascii: ")")) { break }
            }
            members.append(try value(Signature.take(&types)))
        }
        if members.isEmpty { throw Problem(message: "D-Bus has no empty structures") }
        return try check(.structure(members), type)
    }

    /// `{key: value, ...}`; the form with a comma, which is one entry alone, is of no use to D-Bus.
    private mutating func dictionary(_ type: String?) throws(Problem) -> BusValue {
        var types = type.map { Substring($0.hasPrefix("a{") ? String($0.dropFirst(2).dropLast()) : "") }
        var keyType = Signature.take(&types)
        var valueType = Signature.take(&types)
        var entries: [BusValue] = []
        while !accept(UInt8(ascii: "}")) {
            if !entries.isEmpty { try expect(UInt8(ascii: ",")) }
            let key = try value(keyType)
            keyType = key.signature
            if key.signature.utf8.count != 1 || key.signature == "v" {
                throw Problem(message: "a value of type \(key.signature) cannot be a key")
            }
            try expect(UInt8(ascii: ":"))
            let item = try value(valueType)
            valueType = item.signature
            entries.append(.entry(key: key, value: item))
        }
        guard let keyType, let valueType else {
            throw Problem(message: "an empty dictionary needs its type, such as @a{sv} {}")
        }
        return try check(.array(of: "{\(keyType)\(valueType)}", entries), type)
    }

    // MARK: Characters

    private var peek: UInt8? { position < bytes.count ? bytes[position] : nil }
    private var next: UInt8? { position + 1 < bytes.count ? bytes[position + 1] : nil }

    private mutating func skipSpaces() {
        while let byte = peek, byte == 0x20 || (0x09...0x0D).contains(byte) { position += 1 }
    }

    private mutating func accept(_ byte: UInt8) -> Bool {
        skipSpaces()
        guard peek == byte else { return false }
        position += 1
        return true
    }

    private mutating func expect(_ byte: UInt8) throws(Problem) {
        if !accept(byte) { throw unexpected() }
    }

    private func unexpected() -> Problem {
        guard let byte = peek else { return Problem(message: "it ends too early") }
        return Problem(message: "unexpected \"\(Character(Unicode.Scalar(byte)))\" at byte \(position)")
    }

    /// Letters, digits, and what numbers have besides.
    private mutating func word() -> String {
        let start = position
        while let byte = peek {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "+"), UInt8(ascii: "-"), UInt8(ascii: "."):
                position += 1
                continue
            default: break
            }
            break
        }
        return String(decoding: bytes[start..<position], as: UTF8.self)
    }

    /// A text between two quotes of a kind.
    private mutating func quoted() throws(Problem) -> [UInt8] {
        let quote = bytes[position]
        position += 1
        var text: [UInt8] = []
        while let byte = peek, byte != quote {
            position += 1
            if byte == UInt8(ascii: "\\") { try escape(into: &text) } else { text.append(byte) }
        }
        guard peek == quote else { throw Problem(message: "the quote at the end is missing") }
        position += 1
        return text
    }

    private mutating func escape(into text: inout [UInt8]) throws(Problem) {
        guard let byte = peek else { throw Problem(message: "it ends too early") }
        position += 1
        switch byte {
        case UInt8(ascii: "a"): text.append(0x07)
        case UInt8(ascii: "b"): text.append(0x08)
        case UInt8(ascii: "f"): text.append(0x0C)
        case UInt8(ascii: "n"): text.append(0x0A)
        case UInt8(ascii: "r"): text.append(0x0D)
        case UInt8(ascii: "t"): text.append(0x09)
        case UInt8(ascii: "v"): text.append(0x0B)
        case UInt8(ascii: "u"): try unicode(digits: 4, into: &text)
        case UInt8(ascii: "U"): try unicode(digits: 8, into: &text)
        default: text.append(byte)
        }
    }

    private mutating func unicode(digits: Int, into text: inout [UInt8]) throws(Problem) {
        let digitBytes = bytes[position..<min(position + digits, bytes.count)]
        guard digitBytes.count == digits,
            let number = UInt32(String(decoding: digitBytes, as: UTF8.self), radix: 16),
            let scalar = Unicode.Scalar(number), number != 0
        else { throw Problem(message: "not a character after \\u") }
        position += digits
        text += Array(String(scalar).utf8)
    }
}

/// Signatures of D-Bus types.
enum Signature {
    /// Bytes at most (D-Bus specification, "Valid Signatures").
    static let longest = 255

    /// Takes the first complete type away; nil if there is none.
    static func first(_ text: inout Substring) -> String? {
        guard let letter = text.popFirst() else { return nil }
        switch letter {
        case "y", "b", "n", "q", "i", "u", "x", "t", "d", "s", "o", "g", "v": return String(letter)
        case "a": return first(&text).map { "a\($0)" }
        case "(", "{":
            let end: Character = letter == "(" ? ")" : "}"
            var members = ""
            while text.first != end {
                guard let member = first(&text) else { return nil }
                members += member
            }
            text.removeFirst()
            return "\(letter)\(members)\(end)"
        default: return nil
        }
    }

    /// The same where nothing may be known of the type.
    static func take(_ text: inout Substring?) -> String? {
        guard var rest = text else { return nil }
        defer { text = rest }
        return first(&rest)
    }

    /// The names that GVariant has for basic types.
    static func letter(ofKeyword name: String) -> String? {
        switch name {
        case "boolean": "b"
        case "byte": "y"
        case "int16": "n"
        case "uint16": "q"
        case "int32": "i"
        case "uint32": "u"
        case "int64": "x"
        case "uint64": "t"
        case "double": "d"
        case "string": "s"
        case "objectpath": "o"
        case "signature": "g"
        default: nil
        }
    }
}

/// Numbers in GVariant's text form: decimal, `0x` and octal integers, which are int32 unless said otherwise, and
/// floating point.
enum VariantNumber {
    static func parse(_ text: String, _ type: String?) throws(VariantText.Problem) -> BusValue {
        let isHexadecimal = text.contains("x") || text.contains("X")
        let isFloating = !isHexadecimal && text.contains { $0 == "." || $0 == "e" || $0 == "E" || $0 == "n" }
        let type = type ?? (isFloating ? "d" : "i")
        guard let value = type == "d" && !isHexadecimal ? Double(text).map({ .double($0) }) : integer(text, type) else {
            throw VariantText.Problem(message: "not a number of type \(type): \(text)")
        }
        return value
    }

    private static func integer(_ text: String, _ type: String) -> BusValue? {
        var digits = Substring(text)
        let isNegative = digits.first == "-"
        if isNegative || digits.first == "+" { digits.removeFirst() }
        let isHexadecimal = digits.hasPrefix("0x") || digits.hasPrefix("0X")
        if isHexadecimal { digits = digits.dropFirst(2) }
        guard let first = digits.first, first.isHexDigit else { return nil }  // Not a second sign.
        let isOctal = !isHexadecimal && digits.count > 1 && first == "0"
        guard let size = UInt64(digits, radix: isHexadecimal ? 16 : isOctal ? 8 : 10) else { return nil }
        let number = isNegative ? -Int128(size) : Int128(size)
        switch type {
        case "y": return UInt8(exactly: number).map { .byte($0) }
        case "n": return Int16(exactly: number).map { .int16($0) }
        case "q": return UInt16(exactly: number).map { .uint16($0) }
        case "i": return Int32(exactly: number).map { .int32($0) }
        case "u": return UInt32(exactly: number).map { .uint32($0) }
        case "x": return Int64(exactly: number).map { .int64($0) }
        case "t": return UInt64(exactly: number).map { .uint64($0) }
        case "d": return .double(Double(number))
        default: return nil
        }
    }
}
