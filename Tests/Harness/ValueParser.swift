extension Value {
    /// Reads one JSON document. Anything behind it but white space is an error.
    public init(parsing text: some StringProtocol) throws(HarnessError) {
        var parser = ValueParser(bytes: Array(text.utf8))
        self = try parser.value()
        parser.skipSpace()
        guard parser.position == parser.bytes.count else { throw parser.unexpected() }
    }
}

/// A small recursive reader, so that the tests do not depend on what they test.
private struct ValueParser {
    let bytes: [UInt8]
    var position = 0

    init(bytes: [UInt8]) { self.bytes = bytes }

    private var next: UInt8? { position < bytes.count ? bytes[position] : nil }

    func unexpected() -> HarnessError {
        let rest = String(decoding: bytes[position...].prefix(40), as: UTF8.self)
        return HarnessError("not JSON at byte \(position): \(rest)")
    }

    mutating func skipSpace() {
        while let byte = next, byte == 0x20 || byte == 0x0a || byte == 0x0d || byte == 0x09 { position += 1 }
    }

    private mutating func take(_ byte: UInt8) -> Bool {
        skipSpace()
        guard next == byte else { return false }
        position += 1
        return true
    }

    mutating func value() throws(HarnessError) -> Value {
        skipSpace()
        switch next {
        case UInt8(ascii: "{"): return try object()
        case UInt8(ascii: "["): return try array()
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "t"): return try word("true", .bool(true))
        case UInt8(ascii: "f"): return try word("false", .bool(false))
        case UInt8(ascii: "n"): return try word("null", .null)
        default: return try number()
        }
    }

    private mutating func word(_ text: StaticString, _ value: Value) throws(HarnessError) -> Value {
        for byte in "\(text)".utf8 {
            guard next == byte else { throw unexpected() }
            position += 1
        }
        return value
    }

    private mutating func number() throws(HarnessError) -> Value {
        let start = position
        while let byte = next, (0x30...0x39).contains(byte) || "+-.eE".utf8.contains(byte) { position += 1 }
        guard position > start else { throw unexpected() }
        return .number(String(decoding: bytes[start..<position], as: UTF8.self))
    }

    private mutating func array() throws(HarnessError) -> Value {
        position += 1
        var items: [Value] = []
        if take(UInt8(ascii: "]")) { return .array(items) }
        repeat { items.append(try value()) } while take(UInt8(ascii: ","))
        guard take(UInt8(ascii: "]")) else { throw unexpected() }
        return .array(items)
    }

    private mutating func object() throws(HarnessError) -> Value {
        position += 1
        var members: [String: Value] = [:]
        if take(UInt8(ascii: "}")) { return .object(members) }
        repeat {
            skipSpace()
            guard next == UInt8(ascii: "\"") else { throw unexpected() }
            let key = try string()
            guard take(UInt8(ascii: ":")) else { throw unexpected() }
            members[key] = try value()
        } while take(UInt8(ascii: ","))
        guard take(UInt8(ascii: "}")) else { throw unexpected() }
        return .object(members)
    }

    private mutating func string() throws(HarnessError) -> String {
        position += 1
        var units: [UInt8] = []
        while let byte = next {
            position += 1
            switch byte {
            case UInt8(ascii: "\""): return String(decoding: units, as: UTF8.self)
            case UInt8(ascii: "\\"): units += try escape()
            default: units.append(byte)
            }
        }
        throw unexpected()
    }

    private mutating func escape() throws(HarnessError) -> [UInt8] {
        guard let byte = next else { throw unexpected() }
        position += 1
        switch byte {
        case UInt8(ascii: "n"): return [0x0a]
        case UInt8(ascii: "t"): return [0x09]
        case UInt8(ascii: "r"): return [0x0d]
        case UInt8(ascii: "b"): return [0x08]
        case UInt8(ascii: "f"): return [0x0c]
        case UInt8(ascii: "u"):
            var unit = try hexadecimal()
            if (0xd800..<0xdc00).contains(unit), bytes[position...].starts(with: "\\u".utf8) {
                position += 2
                unit = 0x10000 + (unit - 0xd800) << 10 + (try hexadecimal() - 0xdc00)
            }
            guard let scalar = Unicode.Scalar(unit) else { throw unexpected() }
            return Array(String(scalar).utf8)
        default: return [byte]
        }
    }

    private mutating func hexadecimal() throws(HarnessError) -> UInt32 {
        let digits = String(decoding: bytes[position...].prefix(4), as: UTF8.self)
        guard digits.utf8.count == 4, let unit = UInt32(digits, radix: 16) else { throw unexpected() }
        position += 4
        return unit
    }
}
