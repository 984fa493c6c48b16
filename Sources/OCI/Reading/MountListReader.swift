internal import JSON

extension Mount {
    /// Reads and checks a document that is a list of mounts for a running container, in the form of `mounts` in
    /// `config.json`.
    ///
    /// `linux`: the container's namespaces, on which id mappings depend.
    /// - Throws: ``SpecError`` with everything that is wrong; places begin with `mounts[`.
    public static func decodeAdded(
        _ bytes: [UInt8], for linux: Linux
    ) throws(SpecError) -> (mounts: [Mount], warnings: [Problem]) {
        let (mounts, reader) = try Reader.readList(bytes, linux) { reader, node in reader.addedMount(node) }
        return (mounts: mounts, warnings: reader.warnings.map { $0.below("mounts") })
    }

    /// Reads the destinations of such a list; what else an entry has does not matter.
    public static func decodeDestinations(_ bytes: [UInt8]) throws(SpecError) -> [String] {
        try Reader.readList(bytes, Linux()) { reader, node in reader.mountDestination(node) }.0
    }
}

extension Reader {
    /// Parses a document, which has to be an array of objects, and reads its elements.
    fileprivate static func readList<Value>(
        _ bytes: [UInt8], _ linux: Linux, _ read: (inout Reader, JSONNode) -> Value?
    ) throws(SpecError) -> ([Value], Reader) {
        let document: JSONDocument
        do throws(JSONSyntaxError) { document = try JSONDocument(parsing: bytes) } catch { throw SpecError(error) }
        var reader = Reader()
        reader.namespaces = linux
        guard let root = document.root, root.kind == .array else {
            let found = document.root.map { $0.excerpt } ?? "null"
            throw SpecError(problems: [Problem(path: "mounts", message: "\(JSONMismatch.notArray.text): \(found)")])
        }
        let values = reader.elements(of: root) { reader, node in
            reader.isObject(node) ? read(&reader, node) : nil
        }
        if let error = reader.error { throw SpecError(problems: error.problems.map { $0.below("mounts") }) }
        return (values, reader)
    }

    fileprivate mutating func addedMount(_ node: JSONNode) -> Mount? {
        let before = problemCount
        guard let mount = mount(node) else { return nil }
        if problemCount == before, let problem = mount.problemAsAdded { report(node, problem.field, problem.message) }
        return mount
    }
}

extension Problem {
    /// The same problem in a list that is a part of another document.
    fileprivate func below(_ name: StaticString) -> Problem {
        Problem(path: path.isEmpty ? "" : "\(name)\(path)", message: message)
    }
}

extension Mount {
    /// Why this cannot be mounted in a container that runs, where others look on: the destination is the kernel's or
    /// the container's very own, or the entry makes no mount.
    public var problemAsAdded: (field: StaticString, message: String)? {
        if let problem = Self.problemWithDestination(destination) { return ("destination", problem) }
        if isRemount { return ("options", "remount changes a mount and adds none") }
        if copySymlink { return ("options", "copy-symlink makes no mount where the source is a link") }
        if tmpcopyup {
            return (
                "options",
                "tmpcopyup would read what the container has by now: mount the tmpfs without, and copy inside"
            )
        }
        guard action == .new, let type, Self.kernelViews.contains(type) else { return nil }
        return ("type", "a view of the kernel belongs to a new container: \(JSONWriter.excerpt(type))")
    }

    /// Why nothing is mounted or unmounted at a destination while the container runs, as far as its text tells.
    public static func problemWithDestination(_ destination: String) -> String? {
        let clean = lexicallyClean(destination)
        if clean == "/" { return "the container's root stays what it is" }
        if clean == "/dev" { return "the container's devices stay where they are" }
        for view in ["/proc", "/sys"] where clean == view || clean.begins(with: view + "/") {
            return "what is in \(view) stays as it was created: \(JSONWriter.excerpt(destination))"
        }
        return nil
    }

    /// File systems that show what the container's namespaces, or the kernel, have.
    private static let kernelViews: [String] = ["proc", "sysfs", "cgroup", "cgroup2", "mqueue"]
}
