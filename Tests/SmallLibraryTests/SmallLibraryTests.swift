import Foundation
import RenamedSmallLibrary
import Testing

/// What the release has in place of parts of the C library does the same.
@Suite struct SmallLibraryTests {
    private var random = SystemRandomNumberGenerator()

    // MARK: Numbers

    private func decimal(_ text: String) -> (Double, Int, Double, Int) {
        text.withCString { start in
            var mine: UnsafeMutablePointer<CChar>?
            var theirs: UnsafeMutablePointer<CChar>?
            let small = small_strtod(start, &mine)
            let usual = strtod(start, &theirs)
            return (
                small, mine! - UnsafeMutablePointer(mutating: start), usual,
                theirs! - UnsafeMutablePointer(mutating: start)
            )
        }
    }

    private func requireSame(_ text: String) {
        let (small, end, usual, usualEnd) = decimal(text)
        #expect(small.bitPattern == usual.bitPattern || (small.isNaN && usual.isNaN), "\(text)")
        #expect(end == usualEnd, "\(text)")
    }

    @Test(arguments: [
        "", "-", ".", "1.", "-.5", "1e", "1e+", "1e5x", "9007199254740993", "9007199254740992.5", "1.2.3", " 12",
        "000000",
        "0e99999999", "4.9406564584124654e-324", "2.4703282292062327e-324", "2.4703282292062328e-324", "inf",
        "-infinity",
        "1.7976931348623157e308", "1.7976931348623159e308", "1e400", "1e-400", "nan", "2.2250738585072011e-308",
    ])
    func decimalNumbers(text: String) { requireSame(text) }

    /// Every bit pattern has a text, with more and with fewer digits than it needs; and numbers half-way between two.
    @Test mutating func decimalNumbersByChance() {
        for round in 0..<20_000 {
            let value = Double(bitPattern: random.next() as UInt64)
            guard value.isFinite else { continue }
            requireSame(String(format: "%.17g", value))
            requireSame(String(format: "%.*g", Int.random(in: 1...25, using: &random), value))
            guard round % 50 == 0 else { continue }
            requireSame(String(format: "%.800g", value))
            let subnormal = Double(bitPattern: UInt64.random(in: 0..<1 << 53, using: &random))
            requireSame(String(format: "%.1100g", subnormal))
        }
    }

    @Test(arguments: [
        "", "0", "-0", "12", "-12", "0x1f", "0x", "0xg", "077", "08", "9223372036854775807", "9223372036854775808",
        "+7",
        "-9223372036854775808", "-9223372036854775809", "18446744073709551615", "18446744073709551616", "-1", "+-7",
        "zz",
        "-18446744073709551615", "-18446744073709551616", "  42x",
    ])
    func wholeNumbers(text: String) {
        for base in [0, 2, 8, 10, 16, 36] as [Int32] {
            text.withCString { start in
                var mine: UnsafeMutablePointer<CChar>?
                var theirs: UnsafeMutablePointer<CChar>?
                errno = 0
                let small = small_strtol(start, &mine, base)
                let smallError = errno
                errno = 0
                #expect(small == strtol(start, &theirs, base))
                #expect(smallError == errno && mine == theirs)
                errno = 0
                let unsigned = small_strtoul(start, &mine, base)
                let unsignedError = errno
                errno = 0
                #expect(unsigned == strtoul(start, &theirs, base))
                #expect(unsignedError == errno && mine == theirs)
            }
        }
    }

    // MARK: Printing

    private func print(_ format: String, _ values: [any CVarArg], room: Int = 200) -> (String, Int32) {
        var bytes = [CChar](repeating: 1, count: room)
        let length = withVaList(values) { small_vsnprintf(&bytes, room, 1, room, format, $0) }
        return (String(decoding: bytes.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self), length)
    }

    private func usual(_ format: String, _ values: [any CVarArg], room: Int = 200) -> (String, Int32) {
        var bytes = [CChar](repeating: 1, count: room)
        let length = withVaList(values) { vsnprintf(&bytes, room, format, $0) }
        return (String(decoding: bytes.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self), length)
    }

    @Test mutating func numbersInAllForms() {
        for flags in ["", "-", "0", "+", " ", "#", "-0", "+0", "-+"] {
            for width in ["", "1", "12", "25"] {
                for precision in ["", ".0", ".3", ".22"] {
                    for (size, kind) in ["", "l", "ll", "h", "hh", "z"].flatMap({ size in "diuxX".map { (size, $0) } })
                    {
                        let format = "<%\(flags)\(width)\(precision)\(size)\(kind)|%s>"
                        let number =
                            Int.random(in: Int.min...Int.max, using: &random) >> Int.random(in: 0..<64, using: &random)
                        "tail".withCString { tail in
                            let values: [any CVarArg] = [number, tail]
                            #expect(print(format, values) == usual(format, values), "\(format) of \(number)")
                            #expect(print(format, values, room: 9) == usual(format, values, room: 9))
                        }
                    }
                }
            }
        }
    }

    @Test func texts() {
        "hello world".withCString { text in
            for width in Int32(-8)...12 {
                for precision in Int32(0)...13 {
                    let values: [any CVarArg] = [width, precision, text, Int32(65), text]
                    #expect(print("%*.*s%%%c%s", values) == usual("%*.*s%%%c%s", values))
                }
            }
        }
    }

    // MARK: Strings

    @Test mutating func strings() {
        for _ in 0..<5_000 {
            let a = text(), b = text(), size = Int.random(in: 0...6, using: &random)
            #expect(small_strcmp(a, b).signum() == strcmp(a, b).signum())
            #expect(small_strncmp(a, b, size).signum() == strncmp(a, b, size).signum())
            #expect(small_strncasecmp(a, b, size).signum() == strncasecmp(a, b, size).signum())
            #expect(small_strnlen(a, size) == strnlen(a, size))
            let byte = Int32(b.first.flatMap { $0.asciiValue } ?? 0)
            a.withCString { a in
                #expect(small_strchr(a, byte) == strchr(a, byte))
                #expect(small_strrchr(a, byte) == strrchr(a, byte))
                #expect(small_strstr(a, b) == strstr(a, b))
                #expect(small_memchr(a, byte, strlen(a)) == memchr(a, byte, strlen(a)))
            }
            var mine = [CChar](repeating: 7, count: 8), theirs = mine
            _ = small_strncpy(&mine, a, size)
            strncpy(&theirs, a, size)
            #expect(mine == theirs)
            _ = small_strcpy(&mine, a)
            strcpy(&theirs, a)
            #expect(mine == theirs)
            let end = theirs.firstIndex(of: 0)
            let found = theirs.withUnsafeBytes {
                small_rawmemchr($0.baseAddress, 0) - UnsafeMutableRawPointer(mutating: $0.baseAddress!)
            }
            #expect(found == end)
        }
    }

    private mutating func text() -> String {
        String(
            (0..<Int.random(in: 0...6, using: &random)).map { _ in
                ["a", "b", "A", "[", "~"].randomElement(using: &random)!
            })
    }

    @Test mutating func sorting() {
        for count in 0..<40 {
            var numbers = (0..<count).map { _ in Int32.random(in: -9...9, using: &random) }
            let sorted = numbers.sorted()
            small_qsort(&numbers, count, MemoryLayout<Int32>.size) { a, b in
                a!.load(as: Int32.self) < b!.load(as: Int32.self) ? -1 : 1
            }
            #expect(numbers == sorted)
        }
    }
}
