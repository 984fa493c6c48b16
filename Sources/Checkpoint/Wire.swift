/// The encoding of protocol buffers (protobuf.dev, "Encoding"), as much of it as CRIU's messages need: numbers, texts,
/// and messages in messages.
///
/// There is libprotobuf-c, which CRIU's own library uses. Its descriptors of all of CRIU's messages, and the code that
/// reads them, take more room in the program than everything else about checkpoints, and what it returns is memory to
/// be freed by hand. What is needed of it fits on this page, and can be fuzzed as a whole.
public struct WireWriter: Sendable {
    public private(set) var bytes: [UInt8] = []

    public init() {}

    /// A number, a flag (0 or 1), or a value of an enumeration. A negative number is its two's complement in 64 bits.
    public mutating func number(_ field: UInt32, _ value: UInt64) {
        varint(UInt64(field) << 3)
        varint(value)
    }

    public mutating func text(_ field: UInt32, _ text: String) { content(field, Array(text.utf8)) }

    public mutating func message(_ field: UInt32, _ message: WireWriter) { content(field, message.bytes) }

    private mutating func content(_ field: UInt32, _ content: [UInt8]) {
        varint(UInt64(field) << 3 | 2)
        varint(UInt64(content.count))
        bytes += content
    }

    @inline(never)  // Not copied to each of the fields.
    private mutating func varint(_ value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(truncatingIfNeeded: rest))
    }
}

/// A message that is none.
public enum WireError: Error, Sendable, Equatable {
    /// It ends in the middle of a field.
    case truncated
    /// A number has more than 64 bits.
    case overlong
    /// A field of number 0, or of a kind that there is not.
    case invalidField
}

/// The value of a field.
public enum WireValue: Sendable, Equatable {
    case number(UInt64)
    case content([UInt8])
    /// Eight or four bytes, which no message of CRIU's has.
    case fixed

    public var number: UInt64? { if case .number(let value) = self { value } else { nil } }
    public var content: [UInt8]? { if case .content(let bytes) = self { bytes } else { nil } }
    /// A content as text; what is no text in UTF-8 shows as such.
    public var text: String? { content.map { String(decoding: $0, as: UTF8.self) } }
}

/// Reads the fields of a message one after the other. Nothing is believed: no length leads out of the message.
public struct WireReader: Sendable {
    private let bytes: [UInt8]
    private var position = 0

    public init(_ bytes: [UInt8]) { self.bytes = bytes }

    /// The next field; nil at the end of the message.
    public mutating func next() throws(WireError) -> (field: UInt32, value: WireValue)? {
        if position == bytes.count { return nil }
        let key = try varint()
        guard key >> 3 > 0, key >> 3 <= 0x1fff_ffff else { throw .invalidField }
        let field = UInt32(key >> 3)
        switch key & 7 {
        case 0: return (field, .number(try varint()))
        case 1:
            try skip(8)
            return (field, .fixed)
        case 2:
            let length = try varint()
            guard length <= UInt64(bytes.count - position) else { throw .truncated }
            let start = position
            position += Int(length)
            return (field, .content(Array(bytes[start..<position])))
        case 5:
            try skip(4)
            return (field, .fixed)
        default: throw .invalidField
        }
    }

    private mutating func skip(_ count: Int) throws(WireError) {
        guard count <= bytes.count - position else { throw .truncated }
        position += count
    }

    private mutating func varint() throws(WireError) -> UInt64 {
        var value: UInt64 = 0
        for shift in stride(from: UInt64(0), to: 70, by: 7) {
            guard position < bytes.count else { throw .truncated }
            let byte = bytes[position]
            position += 1
            if shift == 63, byte > 1 { throw .overlong }
            value |= UInt64(byte & 0x7f) << shift
            if byte < 0x80 { return value }
        }
        throw .overlong
    }
}
