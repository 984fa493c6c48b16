public import JSON

extension Hooks {
    /// Reads what ``encode(to:)`` wrote, or the `hooks` of a configuration.
    public static func decode(_ node: JSONNode) throws(SpecError) -> Hooks {
        var reader = Reader()
        let hooks = reader.isObject(node) ? reader.hooks(node) : Hooks()
        return try reader.finish(hooks)
    }
}

extension Annotation {
    /// Reads what ``encode(_:to:)`` wrote, or the `annotations` of a configuration: a member of an object.
    public static func decode(member name: StaticString, of object: JSONNode) throws(SpecError) -> [Annotation] {
        var reader = Reader()
        let annotations = reader.annotations(object, name)
        return try reader.finish(annotations)
    }
}

extension Reader {
    /// `hooks`.
    mutating func hooks(_ node: JSONNode) -> Hooks {
        Hooks(
            prestart: hooks(node, "prestart"), createRuntime: hooks(node, "createRuntime"),
            createContainer: hooks(node, "createContainer"), startContainer: hooks(node, "startContainer"),
            poststart: hooks(node, "poststart"), poststop: hooks(node, "poststop"))
    }

    private mutating func hooks(_ node: JSONNode, _ name: StaticString) -> [Hook] {
        objects(node, name) { reader, element in
            let path = reader.required(element, "path").flatMap { reader.absolutePath($0) }
            let args = reader.array(element, "args") { reader, node in reader.boundedString(node) }
            let env = element["env"].map { _ in reader.environment(element, "env") }
            let timeout: UInt32? = reader.integer(element, "timeout", in: 1...UInt32(Int32.max))
            return path.map { Hook(path: $0, args: args, env: env, timeout: timeout) }
        }
    }
}
