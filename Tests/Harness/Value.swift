/// A JSON value that tests build, change and compare without ceremony:
/// `config.linux.maskedPaths = ["/secret"]`, `#expect(seen.uid.real == 1000)`.
///
/// Reading what is not there gives `.null`; writing below `.null` makes the objects on the way.
@dynamicMemberLookup
public enum Value: Sendable, Hashable {
    case null
    case bool(Bool)
    /// The digits as written, so that 4294967296, -1 and 1e3 survive a round trip.
    case number(String)
    case string(String)
    case array([Value])
    case object([String: Value])

    public subscript(dynamicMember key: String) -> Value {
        get { self[key] }
        set { self[key] = newValue }
    }

    /// A member of an object. Storing `.null` keeps the member; use `remove` to drop it.
    public subscript(key: String) -> Value {
        get {
            if case .object(let members) = self { return members[key] ?? .null }
            return .null
        }
        set {
            var members = self.members
            members[key] = newValue
            self = .object(members)
        }
    }

    /// An element of an array; `.null` beyond its end. Storing there is allowed for existing elements only.
    public subscript(index: Int) -> Value {
        get { items.indices.contains(index) ? items[index] : .null }
        set {
            var items = self.items
            items[index] = newValue
            self = .array(items)
        }
    }

    public var text: String? { if case .string(let text) = self { text } else { nil } }
    public var flag: Bool? { if case .bool(let flag) = self { flag } else { nil } }
    public var integer: Int? { if case .number(let digits) = self { Int(digits) } else { nil } }
    public var items: [Value] { if case .array(let items) = self { items } else { [] } }
    public var members: [String: Value] { if case .object(let members) = self { members } else { [:] } }
    /// The texts of an array; other elements are left out.
    public var strings: [String] { items.compactMap(\.text) }
    public var isNull: Bool { self == .null }

    public mutating func append(_ value: Value) { self = .array(items + [value]) }
    public mutating func append(contentsOf values: [Value]) { self = .array(items + values) }
    public mutating func remove(_ key: String) {
        var members = self.members
        members[key] = nil
        self = .object(members)
    }
    public mutating func removeAll(where isUnwanted: (Value) -> Bool) {
        self = .array(items.filter { !isUnwanted($0) })
    }

    public func contains(_ value: Value) -> Bool { items.contains(value) }
    public func first(where isWanted: (Value) -> Bool) -> Value { items.first(where: isWanted) ?? .null }
}

extension Value: ExpressibleByStringInterpolation, ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral,
    ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral, ExpressibleByNilLiteral
{
    public init(stringLiteral value: String) { self = .string(value) }
    public init(integerLiteral value: Int) { self = .number(String(value)) }
    public init(booleanLiteral value: Bool) { self = .bool(value) }
    public init(arrayLiteral elements: Value...) { self = .array(elements) }
    public init(dictionaryLiteral elements: (String, Value)...) {
        self = .object(Dictionary(elements) { _, last in last })
    }
    public init(nilLiteral: ()) { self = .null }

    public init(_ text: String) { self = .string(text) }
    public init(_ integer: Int) { self = .number(String(integer)) }
    public init(_ texts: [String]) { self = .array(texts.map(Value.string)) }
}

extension Value: CustomStringConvertible {
    /// JSON on one line, members in alphabetical order.
    public var description: String {
        switch self {
        case .null: "null"
        case .bool(let flag): flag ? "true" : "false"
        case .number(let digits): digits
        case .string(let text): Value.quoted(text)
        case .array(let items): "[" + items.map(\.description).joined(separator: ",") + "]"
        case .object(let members):
            "{"
                + members.sorted { $0.key < $1.key }
                .map { Value.quoted($0.key) + ":" + $0.value.description }
                .joined(separator: ",") + "}"
        }
    }

    private static func quoted(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\u{0}"..<" ":
                let digits = String(scalar.value, radix: 16)
                result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }
}

extension Value {
    /// Every place where two values differ, as `path: this, not that`. Empty when they are equal.
    public func differences(from other: Value, at path: String = "") -> [String] {
        switch (self, other) {
        case (.object(let mine), .object(let theirs)):
            return Set(mine.keys).union(theirs.keys).sorted().flatMap { key in
                (mine[key] ?? .null).differences(from: theirs[key] ?? .null, at: path.isEmpty ? key : "\(path).\(key)")
            }
        case (.array(let mine), .array(let theirs)) where mine.count == theirs.count:
            return zip(mine, theirs).enumerated().flatMap { index, pair in
                pair.0.differences(from: pair.1, at: "\(path)[\(index)]")
            }
        default:
            return self == other ? [] : ["\(path): \(self), not \(other)"]
        }
    }
}
