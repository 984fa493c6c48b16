// Names in tables, of signals, processors and fields, are ASCII: the tables of Unicode stay out of the program.
extension StringProtocol {
    /// The text with ASCII letters as capitals; every other character stays.
    public var asciiUppercased: String {
        String(
            decoding: utf8.map { $0 >= UInt8(ascii: "a") && $0 <= UInt8(ascii: "z") ? $0 ^ 0x20 : $0 }, as: UTF8.self)
    }

    /// The text with ASCII letters as small ones; every other character stays.
    public var asciiLowercased: String {
        String(
            decoding: utf8.map { $0 >= UInt8(ascii: "A") && $0 <= UInt8(ascii: "Z") ? $0 ^ 0x20 : $0 }, as: UTF8.self)
    }
}
