/// Times as Go's `time.ParseDuration` reads them: `300ms`, `1m30s`, `1.5h`.
enum GoDuration {
    private static let units: [(name: String, nanoseconds: Int64)] = [
        ("ns", 1), ("us", 1000), ("\u{B5}s", 1000), ("\u{3BC}s", 1000), ("ms", 1_000_000), ("s", 1_000_000_000),
        ("m", 60_000_000_000), ("h", 3_600_000_000_000),
    ]

    /// The nanoseconds of a time, negative with a `-` in front; nil if it is none, or too long for 64 bits.
    static func nanoseconds(_ text: String) -> Int64? {
        var rest = text.unicodeScalars[...]
        let isNegative = rest.first == "-"
        if isNegative || rest.first == "+" { rest.removeFirst() }
        if rest.elementsEqual("0".unicodeScalars) { return 0 }
        if rest.isEmpty { return nil }
        var total: Int64 = 0
        while !rest.isEmpty {
            guard let part = nextPart(&rest) else { return nil }
            let (sum, overflows) = total.addingReportingOverflow(part)
            if overflows { return nil }
            total = sum
        }
        return isNegative ? -total : total
    }

    /// One number with its unit.
    private static func nextPart(_ text: inout Substring.UnicodeScalarView) -> Int64? {
        let whole = digits(&text)
        var fraction = ""
        if text.first == "." {
            text.removeFirst()
            fraction = digits(&text)
        }
        if whole.isEmpty && fraction.isEmpty { return nil }
        let name = String(text.prefix { $0 != "." && !isDigit($0) })
        guard let unit = units.first(where: { $0.name.unicodeScalars.elementsEqual(name.unicodeScalars) }) else {
            return nil
        }
        text = text.dropFirst(name.unicodeScalars.count)
        guard let count = whole.isEmpty ? 0 : Int64(whole) else { return nil }
        let (product, overflows) = count.multipliedReportingOverflow(by: unit.nanoseconds)
        if overflows { return nil }
        // What is less than a nanosecond does not count.
        var part = unit.nanoseconds
        var ofFraction: Int64 = 0
        for digit in fraction.utf8 {
            ofFraction += part * Int64(digit - UInt8(ascii: "0")) / 10
            part /= 10
        }
        let (sum, exceeds) = product.addingReportingOverflow(ofFraction)
        return exceeds ? nil : sum
    }

    private static func digits(_ text: inout Substring.UnicodeScalarView) -> String {
        let digits = String(text.prefix(while: isDigit))
        text = text.dropFirst(digits.unicodeScalars.count)
        return digits
    }

    private static func isDigit(_ character: Unicode.Scalar) -> Bool { character >= "0" && character <= "9" }
}

/// Amounts of memory as runc's users write them: `268435456`, `256m`, `1.5 GiB`. Units are powers of 1024.
enum ByteCount {
    /// The bytes of an amount; nil if it is none, or too large for 64 bits.
    static func bytes(_ text: String) -> Int64? {
        let bytes = Array(text.utf8)
        let number = bytes.prefix { isDigit($0) || $0 == UInt8(ascii: ".") }
        var unit = bytes.dropFirst(number.count)
        if unit.first == UInt8(ascii: " ") { unit = unit.dropFirst() }
        guard let shift = shift(of: unit.map { $0 | 0x20 }) else { return nil }
        let parts = number.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard parts.count <= 2, !parts[0].isEmpty, parts.last?.isEmpty == false else { return nil }
        guard let whole = Int64(String(decoding: parts[0], as: UTF8.self)), whole <= Int64.max >> shift else {
            return nil
        }
        guard parts.count == 2 else { return whole << shift }
        guard let fraction = Double("0." + String(decoding: parts[1], as: UTF8.self)) else { return nil }
        let (sum, overflows) = (whole << shift).addingReportingOverflow(Int64(fraction * Double(Int64(1) << shift)))
        return overflows ? nil : sum
    }

    /// The power of two that a unit in small letters stands for: nothing, `b`, `k`, `ki`, `kb`, `kib` and so on.
    private static func shift(of unit: [UInt8]) -> Int64? {
        guard let first = unit.first else { return 0 }
        if first == UInt8(ascii: "b") { return unit.count == 1 ? 0 : nil }
        let prefixes = Array("kmgtp".utf8)
        guard let index = prefixes.firstIndex(of: first) else { return nil }
        let rest = String(decoding: unit.dropFirst(), as: UTF8.self)
        return rest.isEmpty || rest == "b" || rest == "i" || rest == "ib" ? Int64(index + 1) * 10 : nil
    }

    private static func isDigit(_ byte: UInt8) -> Bool { byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9") }
}
