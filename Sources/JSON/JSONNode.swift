import CJSON

/// The kinds of JSON values that a node can have; a number is an integer when it is written without `.` and exponent.
public enum JSONKind: Sendable {
    case boolean
    case integer
    case fraction
    case string
    case array
    case object
}

/// One value of a document, never `null`: a view, nothing is copied until it is asked for.
@safe public struct JSONNode {
    private let document: JSONDocument
    /// Belongs to the document's tree, which is not changed as long as the document lives.
    private let object: OpaquePointer

    init(document: JSONDocument, object: OpaquePointer) {
        self.document = document
        unsafe self.object = object
    }

    /// Lets a body read the object while the document is certainly alive.
    private func read<Result, Failure>(
        _ body: (OpaquePointer) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try withExtendedLifetime(document) { () throws(Failure) -> Result in
            try unsafe body(object)
        }
    }

    public var kind: JSONKind {
        unsafe read { object in
            switch unsafe json_object_get_type(object) {
            case json_type_boolean: .boolean
            case json_type_int: .integer
            case json_type_double: .fraction
            case json_type_string: .string
            case json_type_array: .array
            // Only json_type_object is left: json_type_null is the null pointer, which is no node.
            default: .object
            }
        }
    }

    // MARK: Scalars

    /// The value of a boolean.
    public func boolean() throws(JSONMismatch) -> Bool {
        guard kind == .boolean else { throw .notBoolean }
        return unsafe read { unsafe json_object_get_boolean($0) != 0 }
    }

    /// The value of an integer that fits into the wanted type. `1.0` and `1e3` are no integers.
    @inlinable
    public func integer<Value: FixedWidthInteger>(_: Value.Type = Value.self) throws(JSONMismatch) -> Value {
        let (value, negative) = try readInteger()
        guard let value = negative == 0 ? Value(exactly: value) : Value(exactly: negative) else {
            throw .outOfRange(lower: Value.min.description, upper: Value.max.description)
        }
        return value
    }

    /// An integer: its value from 0 on, or its value below 0; the other one is 0.
    @usableFromInline
    func readInteger() throws(JSONMismatch) -> (value: UInt64, negative: Int64) {
        guard kind == .integer else { throw .notInteger }
        // json-c keeps either kind; a negative number reads as 0 without a sign, a large one is cut with it.
        return unsafe read { object in
            unsafe (value: json_object_get_uint64(object), negative: min(0, json_object_get_int64(object)))
        }
    }

    /// The value of a string without NUL characters.
    public func string() throws(JSONMismatch) -> String {
        guard kind == .string else { throw .notString }
        let (text, holdsNUL) = readString()
        guard !holdsNUL else { throw .holdsNUL }
        return text
    }

    /// The text of a string.
    private func readString() -> (text: String, holdsNUL: Bool) {
        unsafe read { object in
            guard let start = unsafe json_object_get_string(object) else { return (text: "", holdsNUL: false) }
            // json-c's strings are `length` bytes and a NUL, and live as long as the tree.
            let length = unsafe Int(json_object_get_string_len(object))
            let bytes = unsafe UnsafeRawBufferPointer(start: start, count: length)
            return unsafe (text: String(decoding: bytes, as: UTF8.self), holdsNUL: strlen(start) != length)
        }
    }

    // MARK: Arrays and objects

    /// The number of an array's elements; 0 for everything else.
    public var count: Int {
        guard kind == .array else { return 0 }
        return unsafe read { unsafe Int(json_object_array_length($0)) }
    }

    /// An element of an array; `nil` where it is `null` or not there.
    public subscript(index: Int) -> JSONNode? {
        guard index >= 0, index < count else { return nil }
        let element = unsafe read { unsafe json_object_array_get_idx($0, size_t(index)) }
        return unsafe element.map { unsafe JSONNode(document: document, object: $0) }
    }

    /// A member of an object; `nil` where it is `null` or not there, and for everything that is no object.
    public subscript(name: StaticString) -> JSONNode? {
        guard kind == .object, name.hasPointerRepresentation else { return nil }
        // A StaticString's bytes end with a NUL and live for ever.
        let size = name.utf8CodeUnitCount + 1
        let member = unsafe name.utf8Start.withMemoryRebound(to: CChar.self, capacity: size) { key in
            unsafe read { object in
                var member: OpaquePointer?
                return unsafe json_object_object_get_ex(object, key, &member) != 0 ? member : nil
            }
        }
        return unsafe member.map { unsafe JSONNode(document: document, object: $0) }
    }

    /// The members of an object in the document's order, `nil` for `null`; none for everything else.
    public var members: [JSONMember] {
        unsafe read { object in
            var members: [JSONMember] = []
            unsafe forEachEntry(of: object) { name, value in
                let node = unsafe value.map { unsafe JSONNode(document: document, object: $0) }
                unsafe members.append(JSONMember(name: String(cString: name), value: node))
                return true
            }
            return members
        }
    }

    // MARK: For messages

    /// Where in the document this value is, such as `linux.namespaces[2].type`; empty for the root.
    ///
    /// Searches the document, so it is for messages only.
    public var path: String { String(decoding: pathBytes, as: UTF8.self) }

    /// The path of a member of this object, whether it exists or not.
    public func path(of name: String) -> String {
        var path = pathBytes
        PathBytes.append(name: name.utf8, to: &path)
        return String(decoding: path, as: UTF8.self)
    }

    /// The path of an element of this array.
    public func path(of index: Int) -> String {
        var path = pathBytes
        PathBytes.append(index: index, to: &path)
        return String(decoding: path, as: UTF8.self)
    }

    private var pathBytes: [UInt8] {
        guard let root = document.root else { return [] }
        return unsafe read { object in
            var steps: [PathStep] = []
            _ = unsafe Self.search(for: object, in: root.object, &steps)
            var path: [UInt8] = []
            for step in steps.reversed() {
                switch step {
                case .member(let name): PathBytes.append(name: name.utf8, to: &path)
                case .element(let index): PathBytes.append(index: index, to: &path)
                }
            }
            return path
        }
    }

    /// The value as JSON, for messages: numbers as they are written, strings cut after 80 bytes, `[...]` and `{...}`.
    public var excerpt: String {
        switch kind {
        case .array: return "[...]"
        case .object: return "{...}"
        case .string: return JSONWriter.excerpt(readString().text)
        case .boolean, .integer, .fraction:
            // json-c keeps a number's own text where its value would not give it back.
            return unsafe read { object in
                unsafe json_object_get_string(object).map { unsafe String(cString: $0) } ?? ""
            }
        }
    }

    /// What leads from a value to one in it.
    private enum PathStep {
        case member(String)
        case element(Int)
    }

    /// Depth-first search for an object by identity: every value has its own address. Texts are made only of what leads to
    /// it, the last step first.
    private static func search(for wanted: OpaquePointer, in tree: OpaquePointer, _ steps: inout [PathStep]) -> Bool {
        guard unsafe tree != wanted else { return true }
        for index in unsafe 0..<(json_object_get_type(tree) == json_type_array ? json_object_array_length(tree) : 0) {
            guard let element = unsafe json_object_array_get_idx(tree, index) else { continue }
            if unsafe search(for: wanted, in: element, &steps) {
                steps.append(.element(Int(index)))
                return true
            }
        }
        var isFound = false
        unsafe forEachEntry(of: tree) { name, value in
            guard let value = unsafe value, unsafe search(for: wanted, in: value, &steps) else { return true }
            unsafe steps.append(.member(String(cString: name)))
            isFound = true
            return false
        }
        return isFound
    }
}

/// A member of an object.
public struct JSONMember {
    public let name: String
    /// `nil` for `null`.
    public let value: JSONNode?
}

/// Calls back for each member of an object in the document's order, until it is told false; for anything else never. The
/// name lives as long as the object.
private func forEachEntry(of object: OpaquePointer, _ body: (UnsafePointer<CChar>, OpaquePointer?) -> Bool) {
    guard unsafe json_object_get_type(object) == json_type_object, let table = unsafe json_object_get_object(object)
    else { return }
    // The list of a table that nobody changes; keys are C strings, values are objects or null pointers.
    var entry = unsafe table.pointee.head
    while let current = unsafe entry {
        if let key = unsafe current.pointee.k {
            let value = unsafe current.pointee.v.map { OpaquePointer($0) }
            guard unsafe body(key.assumingMemoryBound(to: CChar.self), value) else { return }
        }
        unsafe entry = current.pointee.next
    }
}
