/// A value as D-Bus carries it (D-Bus specification, "Type System"); file descriptors are not among them.
public indirect enum BusValue: Sendable, Equatable {
    case byte(UInt8)
    case boolean(Bool)
    case int16(Int16)
    case uint16(UInt16)
    case int32(Int32)
    case uint32(UInt32)
    case int64(Int64)
    case uint64(UInt64)
    case double(Double)
    case string(String)
    case objectPath(String)
    case signature(String)
    /// `of` is the signature of each element.
    case array(of: String, [BusValue])
    case structure([BusValue])
    case variant(BusValue)
    /// Only as an element of an array; the key is of a basic type.
    case entry(key: BusValue, value: BusValue)

    /// The signature of the value's type, such as `a(sv)`.
    public var signature: String {
        switch self {
        case .byte: "y"
        case .boolean: "b"
        case .int16: "n"
        case .uint16: "q"
        case .int32: "i"
        case .uint32: "u"
        case .int64: "x"
        case .uint64: "t"
        case .double: "d"
        case .string: "s"
        case .objectPath: "o"
        case .signature: "g"
        case .array(let element, _): "a" + element
        case .structure(let members): "(" + members.map { $0.signature }.joined() + ")"
        case .variant: "v"
        case .entry(let key, let value): "{" + key.signature + value.signature + "}"
        }
    }

    /// An array of strings.
    public static func strings(_ texts: [String]) -> BusValue { .array(of: "s", texts.map { .string($0) }) }
}
