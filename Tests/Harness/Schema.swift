/// The JSON schemas of the specification (draft 4): as much of the language as they use.
public struct Schema: Sendable {
    private let documents: [String: Value]
    private let name: String

    /// - Parameters:
    ///   - name: of the document that describes the whole, such as `features-schema.json`.
    ///   - directory: where it and those that it refers to are.
    public init(_ name: String, in directory: String) throws {
        var documents: [String: Value] = [:]
        for file in Files.list(directory) where file.hasSuffix(".json") {
            documents[file] = try Value(parsing: Files.read("\(directory)/\(file)") ?? "")
        }
        guard documents[name] != nil else { throw HarnessError("no schema \(directory)/\(name)") }
        self.documents = documents
        self.name = name
    }

    /// Everything that is wrong with a document, each with its place.
    public func problems(with value: Value) throws -> [String] {
        try problems(value, Place(document: name, schema: documents[name] ?? .null), at: "")
    }

    /// The places of all properties, such as `mounts[].options`: `[]` stands for any element, `*` for any member.
    ///
    /// - Parameter isOmitted: properties that are not looked into.
    public func properties(omitting isOmitted: (String) -> Bool) throws -> Set<String> {
        var found: Set<String> = []
        try collect(Place(document: name, schema: documents[name] ?? .null), "", isOmitted, &found)
        return found
    }

    /// A schema, and the document in which its references are looked up.
    private struct Place {
        var document: String
        var schema: Value
    }

    /// Follows `$ref`: `defs.json#/definitions/uint32`, or `#/definitions/x` in the same document.
    private func resolved(_ place: Place) throws -> Place {
        guard let reference = place.schema["$ref"].text else { return place }
        let parts = reference.split(separator: "#", omittingEmptySubsequences: false)
        let document = parts[0].isEmpty ? place.document : String(parts[0])
        guard var schema = documents[document] else { throw HarnessError("no schema for \(reference)") }
        for name in (parts.count > 1 ? parts[1] : "").split(separator: "/") { schema = schema[String(name)] }
        guard !schema.isNull else { throw HarnessError("nothing at \(reference)") }
        return try resolved(Place(document: document, schema: schema))
    }

    private func problems(_ value: Value, _ unresolved: Place, at path: String) throws -> [String] {
        let place = try resolved(unresolved)
        let schema = place.schema
        func check(_ value: Value, _ schema: Value, _ path: String) throws -> [String] {
            try problems(value, Place(document: place.document, schema: schema), at: path)
        }
        var found: [String] = []
        let types = schema.type.text.map { [$0] } ?? schema.type.strings
        if !types.isEmpty, !types.contains(where: { Self.isOf(type: $0, value) }) {
            return ["\(path): not of type \(types.joined(separator: " or ")): \(value)"]
        }
        if !schema.enum.isNull, !schema.enum.contains(value) {
            found.append("\(path): not in the enumeration: \(value)")
        }
        if let pattern = schema.pattern.text, let text = value.text, try !text.contains(Regex(pattern)) {
            found.append("\(path): does not match \(pattern): \(value)")
        }
        if let number = value.number {
            if let least = schema.minimum.number, number < least { found.append("\(path): below \(least): \(value)") }
            if let most = schema.maximum.number, number > most { found.append("\(path): above \(most): \(value)") }
        }
        if let least = schema.minItems.integer, value.items.count < least, case .array = value {
            found.append("\(path): fewer than \(least) elements")
        }
        if case .object(let members) = value {
            for name in schema.required.strings where members[name] == nil { found.append("\(path).\(name): missing") }
            for (name, member) in members {
                found += try check(member, schema.properties[name], "\(path).\(name)")
                for (pattern, described) in schema.patternProperties.members where try name.contains(Regex(pattern)) {
                    found += try check(member, described, "\(path).\(name)")
                }
            }
        }
        for (index, element) in value.items.enumerated() {
            found += try check(element, schema["items"], "\(path)[\(index)]")
        }
        for part in schema.allOf.items { found += try check(value, part, path) }
        for list in [schema.anyOf, schema.oneOf] where !list.isNull {
            if try !list.items.contains(where: { try check(value, $0, path).isEmpty }) {
                found.append("\(path): none of the alternatives: \(value)")
            }
        }
        return found
    }

    private static func isOf(type: String, _ value: Value) -> Bool {
        switch value {
        case .null: type == "null"
        case .bool: type == "boolean"
        case .number(let digits): type == "number" || (type == "integer" && !digits.contains { ".eE".contains($0) })
        case .string: type == "string"
        case .array: type == "array"
        case .object: type == "object"
        }
    }

    private func collect(
        _ unresolved: Place, _ path: String, _ isOmitted: (String) -> Bool, _ found: inout Set<String>
    ) throws {
        let place = try resolved(unresolved)
        func step(_ schema: Value, _ path: String) throws {
            if case .object = schema {
                try collect(Place(document: place.document, schema: schema), path, isOmitted, &found)
            }
        }
        let schema = place.schema
        for list in [schema.allOf, schema.anyOf, schema.oneOf] {
            for part in list.items { try step(part, path) }
        }
        for (name, described) in schema.properties.members {
            let inner = path.isEmpty ? name : "\(path).\(name)"
            found.insert(inner)
            if !isOmitted(inner) { try step(described, inner) }
        }
        try step(schema["items"], path + "[]")
        try step(schema.additionalProperties, path + ".*")
        for described in schema.patternProperties.members.values { try step(described, path + ".*") }
    }
}

extension Value {
    fileprivate var number: Double? { if case .number(let digits) = self { Double(digits) } else { nil } }
}
