import JSON

/// Reads a document's nodes into typed values and collects everything that is wrong on the way.
///
/// A function that returns an optional returns `nil` for what is missing, `null` or wrong; what is wrong is in
/// `problems` then. So reading goes on behind an error, and one look at the document finds them all.
struct Reader {
    /// What is wrong, up to a limit: finding a place takes a search, and nobody reads more.
    private(set) var problems: [Problem] = []
    private(set) var warnings: [Problem] = []
    /// How many problems there are, those beyond the limit too.
    private(set) var problemCount = 0
    /// The namespaces and their mappings, on which later checks depend, and nothing else of `linux` yet; `nil` where
    /// the document does not tell or has them wrong, so that nothing can be said.
    var namespaces: Linux?
    /// What `domainname` says, which a kernel parameter may say otherwise.
    var domainname: String?
    /// The seccomp agent that an annotation names; a profile's own counts more.
    var seccompReceiver: String?

    static var limit: Int { 100 }

    // MARK: Problems

    /// Reports a problem at a place that is worked out only if the problem is kept.
    private mutating func report(at path: @autoclosure () -> String, _ message: String) {
        problemCount += 1
        if problems.count < Self.limit { problems.append(Problem(path: path(), message: message)) }
    }

    mutating func report(_ node: JSONNode, _ message: String) {
        report(at: node.path, message)
    }

    /// Reports a problem of a member, which need not exist.
    mutating func report(_ object: JSONNode, _ name: StaticString, _ message: String) {
        report(at: object.path(of: "\(name)"), message)
    }

    /// Reports a problem of a member whose name is data.
    mutating func report(_ object: JSONNode, member name: String, _ message: String) {
        report(at: object.path(of: name), message)
    }

    mutating func report(_ array: JSONNode, element index: Int, _ message: String) {
        report(at: array.path(of: index), message)
    }

    mutating func warn(_ node: JSONNode, _ message: String) {
        if warnings.count < Self.limit { warnings.append(Problem(path: node.path, message: message)) }
    }

    mutating func warn(_ object: JSONNode, _ name: StaticString, _ message: String) {
        guard warnings.count < Self.limit else { return }
        warnings.append(Problem(path: object.path(of: "\(name)"), message: message))
    }

    /// Warns of a member whose name is data.
    mutating func warn(_ object: JSONNode, member name: String, _ message: @autoclosure () -> String) {
        guard warnings.count < Self.limit else { return }
        warnings.append(Problem(path: object.path(of: name), message: message()))
    }

    /// Takes the problems so far away, to be put back in a better place.
    mutating func takeProblems() -> [Problem] {
        defer { problems = [] }
        return problems
    }

    mutating func putBack(_ earlier: [Problem]) {
        problems += earlier
    }

    /// The error, if anything is wrong.
    var error: SpecError? {
        guard problemCount > 0 else { return nil }
        let omitted = problemCount - problems.count
        let note = omitted > 0 ? [Problem(path: "", message: "and \(omitted) more")] : []
        return SpecError(problems: problems + note)
    }

    /// The value that was read, if nothing is wrong; why there is none is among the problems.
    func finish<Value>(_ value: Value?) throws(SpecError) -> Value {
        if let error { throw error }
        guard let value else { throw SpecError(problems: [Problem(path: "", message: "incomplete")]) }
        return value
    }

    // MARK: One value

    /// Reads a value; a mismatch becomes a problem: `not a string: 23`.
    mutating func take<Value>(_ node: JSONNode, _ read: (JSONNode) throws(JSONMismatch) -> Value) -> Value? {
        do throws(JSONMismatch) {
            return try read(node)
        } catch {
            report(node, "\(error.text): \(node.excerpt)")
            return nil
        }
    }

    mutating func string(_ node: JSONNode) -> String? {
        take(node) { node throws(JSONMismatch) in try node.string() }
    }

    mutating func integer<Value: FixedWidthInteger>(_ node: JSONNode, in range: ClosedRange<Value>) -> Value? {
        take(node) { node throws(JSONMismatch) in
            let outOfRange = JSONMismatch.outOfRange(lower: "\(range.lowerBound)", upper: "\(range.upperBound)")
            do throws(JSONMismatch) {
                let value = try node.integer(Value.self)
                guard range.contains(value) else { throw outOfRange }
                return value
            } catch .outOfRange {
                throw outOfRange
            }
        }
    }

    /// One of the names of a set: `unknown namespace: "net"`.
    mutating func named<Value: Named>(_ node: JSONNode, _ what: StaticString, as _: Value.Type = Value.self) -> Value? {
        guard let name = string(node) else { return nil }
        guard let value = Value(named: name) else {
            report(node, "unknown \(what): \(JSONWriter.excerpt(name))")
            return nil
        }
        return value
    }

    /// An absolute path of at most 4095 bytes (`PATH_MAX` with its NUL).
    mutating func absolutePath(_ node: JSONNode) -> String? {
        guard let path = string(node) else { return nil }
        return isAbsolutePath(node, path) ? path : nil
    }

    private mutating func isAbsolutePath(_ node: JSONNode, _ path: String) -> Bool {
        guard path.utf8.first == UInt8(ascii: "/") else {
            report(node, "not absolute: \(JSONWriter.excerpt(path))")
            return false
        }
        return hasPathLength(node, path)
    }

    mutating func hasPathLength(_ node: JSONNode, _ path: String) -> Bool {
        guard path.utf8.count > 4095 else { return true }
        report(node, "longer than 4095 bytes: \(JSONWriter.excerpt(path))")
        return false
    }

    // MARK: Members of an object

    /// A member that must not be missing.
    mutating func required(_ object: JSONNode, _ name: StaticString) -> JSONNode? {
        guard let node = object[name] else {
            report(object, name, "missing")
            return nil
        }
        return node
    }

    /// A text; an empty one counts as missing.
    mutating func text(_ object: JSONNode, _ name: StaticString) -> String? {
        guard let node = object[name], let text = string(node), !text.isEmpty else { return nil }
        return text
    }

    /// A text that must not be missing or empty.
    mutating func requiredText(_ object: JSONNode, _ name: StaticString) -> String? {
        guard let node = required(object, name), let text = string(node) else { return nil }
        guard !text.isEmpty else {
            report(node, "empty")
            return nil
        }
        return text
    }

    /// An absolute path; an empty one counts as missing.
    mutating func absolutePath(_ object: JSONNode, _ name: StaticString) -> String? {
        guard let node = object[name], let path = text(object, name) else { return nil }
        return isAbsolutePath(node, path) ? path : nil
    }

    /// A boolean; `nil` when it is missing.
    mutating func boolean(_ object: JSONNode, _ name: StaticString) -> Bool? {
        guard let node = object[name] else { return nil }
        return take(node) { node throws(JSONMismatch) in try node.boolean() }
    }

    mutating func integer<Value: FixedWidthInteger>(
        _ object: JSONNode, _ name: StaticString, in range: ClosedRange<Value> = Value.min...Value.max
    ) -> Value? {
        guard let node = object[name] else { return nil }
        return integer(node, in: range)
    }

    mutating func requiredInteger<Value: FixedWidthInteger>(
        _ object: JSONNode, _ name: StaticString, in range: ClosedRange<Value> = Value.min...Value.max
    ) -> Value? {
        guard let node = required(object, name) else { return nil }
        return integer(node, in: range)
    }

    /// A member that is an object itself; `nil` when it is missing.
    mutating func object(_ object: JSONNode, _ name: StaticString) -> JSONNode? {
        guard let node = object[name] else { return nil }
        return isObject(node) ? node : nil
    }

    mutating func isObject(_ node: JSONNode) -> Bool {
        guard node.kind != .object else { return true }
        report(node, "\(JSONMismatch.notObject.text): \(node.excerpt)")
        return false
    }

    /// The elements of an array, each read by the body; none when it is missing.
    mutating func array<Value>(
        _ object: JSONNode, _ name: StaticString, _ read: (inout Reader, JSONNode) -> Value?
    ) -> [Value] {
        guard let node = object[name] else { return [] }
        guard node.kind == .array else {
            report(node, "\(JSONMismatch.notArray.text): \(node.excerpt)")
            return []
        }
        return elements(of: node, read)
    }

    /// The elements of what is known to be an array.
    mutating func elements<Value>(of node: JSONNode, _ read: (inout Reader, JSONNode) -> Value?) -> [Value] {
        let count = node.count
        var values: [Value] = []
        values.reserveCapacity(count)
        for index in 0..<count {
            guard let element = node[index] else {
                report(node, element: index, "null")
                continue
            }
            if let value = read(&self, element) { values.append(value) }
        }
        return values
    }

    /// The elements of an array of objects.
    mutating func objects<Value>(
        _ object: JSONNode, _ name: StaticString, _ read: (inout Reader, JSONNode) -> Value?
    ) -> [Value] {
        array(object, name) { reader, node in
            reader.isObject(node) ? read(&reader, node) : nil
        }
    }

    mutating func strings(_ object: JSONNode, _ name: StaticString) -> [String] {
        array(object, name) { reader, node in reader.string(node) }
    }

    mutating func absolutePaths(_ object: JSONNode, _ name: StaticString) -> [String] {
        array(object, name) { reader, node in reader.absolutePath(node) }
    }

    /// The members of an object whose names are data, sorted by name; none when it is missing.
    mutating func map<Value>(
        _ object: JSONNode, _ name: StaticString, _ read: (inout Reader, String, JSONNode) -> Value?
    ) -> [Value] {
        guard let node = self.object(object, name) else { return [] }
        var values: [Value] = []
        for member in node.members.sorted(by: { $0.name < $1.name }) {
            guard !member.name.isEmpty else {
                report(node, "a name is empty")
                continue
            }
            guard let element = member.value else {
                report(node, member: member.name, "null")
                continue
            }
            if let value = read(&self, member.name, element) { values.append(value) }
        }
        return values
    }
}
