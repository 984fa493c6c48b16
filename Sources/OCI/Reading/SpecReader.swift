public import JSON

extension Spec {
    /// Reads and checks a whole `config.json`.
    ///
    /// - Throws: ``SpecError`` with everything that is wrong, not only the first thing.
    public static func decode(_ bytes: [UInt8]) throws(SpecError) -> Spec {
        do throws(SpecError) {
            let (read, reader) = try Reader.read(bytes) { reader, root in reader.spec(root) }
            var spec = try reader.finish(read)
            spec.warnings = reader.warnings
            return spec
        } catch {
            throw error.located(in: bytes)
        }
    }
}

extension Process {
    /// Reads and checks a document that holds a process only, as `exec --process` gets it.
    ///
    /// What depends on the container's namespaces is not checked. Unknown names are among the warnings; for names that are
    /// given twice the text would have to be read twice.
    public static func decode(_ bytes: [UInt8]) throws(SpecError) -> (process: Process, warnings: [Problem]) {
        do throws(SpecError) {
            let (process, reader) = try Reader.read(bytes) { reader, root in
                let process = reader.process(root)
                KnownProperties.warn(about: root, as: "process", &reader)
                return process
            }
            return (process: try reader.finish(process), warnings: reader.warnings)
        } catch {
            throw error.located(in: bytes)
        }
    }
}

extension Resources {
    /// Reads and checks a document that holds resources only, as `update --resources` gets it.
    public static func decode(_ bytes: [UInt8]) throws(SpecError) -> Resources { try inspect(bytes).resources }

    /// The same, and what has no effect: unknown names.
    public static func inspect(_ bytes: [UInt8]) throws(SpecError) -> (resources: Resources, warnings: [Problem]) {
        do throws(SpecError) {
            let (resources, reader) = try Reader.read(bytes) { reader, root in
                let resources = reader.resources(root)
                KnownProperties.warn(about: root, as: "linux.resources", &reader)
                return resources
            }
            return (try reader.finish(resources), reader.warnings)
        } catch {
            throw error.located(in: bytes)
        }
    }

    /// Reads and checks resources that are a part of a document.
    public static func decode(_ node: JSONNode) throws(SpecError) -> Resources {
        var reader = Reader()
        let resources = reader.isObject(node) ? reader.resources(node) : nil
        return try reader.finish(resources)
    }
}

extension SpecError {
    /// A text that is no JSON document: `process.user.uid: line 3, column 12: unexpected character`.
    public init(_ error: JSONSyntaxError) {
        self.init(problems: [Problem(path: error.path, message: error.description, excerpt: error.excerpt)])
    }
}

extension Reader {
    /// Parses a document, which has to be an object, and reads it.
    static func read<Value>(
        _ bytes: [UInt8], _ body: (inout Reader, JSONNode) -> Value
    ) throws(SpecError) -> (Value, Reader) {
        let document: JSONDocument
        do throws(JSONSyntaxError) {
            document = try JSONDocument(parsing: bytes)
        } catch {
            throw SpecError(error)
        }
        guard let root = document.root else {
            throw SpecError(problems: [Problem(path: "", message: "\(JSONMismatch.notObject.text): null")])
        }
        var reader = Reader()
        guard reader.isObject(root) else { return (try reader.finish(nil), reader) }
        return (body(&reader, root), reader)
    }

    /// A whole configuration; `nil` where a required part is missing or wrong.
    mutating func spec(_ root: JSONNode) -> Spec? {
        let linuxNode = object(root, "linux")
        // Most of what follows depends on the namespaces; their problems are reported in their place.
        let namespaces = linuxNode.map { readNamespaces($0) } ?? Linux()
        if linuxNode == nil, problemCount == 0 { self.namespaces = namespaces }
        let namespaceProblems = takeProblems()

        let version = ociVersion(root)
        let rootFS = self.root(root)
        let process = object(root, "process").flatMap { self.process($0) }
        let hostname = utsName(root, "hostname")
        domainname = utsName(root, "domainname")
        if let receiver = root["annotations"]?[CrunAnnotations.seccompReceiver], let path = try? receiver.string(),
            !path.isEmpty
        {
            seccompReceiver = path
        }
        let mounts = self.mounts(root)
        let hooks = object(root, "hooks").map { self.hooks($0) } ?? Hooks()
        let annotations = self.annotations(root, "annotations")
        checkAnnotations(root, annotations)
        warnOfOtherPlatforms(root)
        putBack(namespaceProblems)
        var linux = linuxNode.map { self.linux($0, namespaces) } ?? Linux()
        guard let version, let rootFS else { return nil }
        linux.resources = linux.resources?.asMeant(in: version)
        return Spec(
            ociVersion: version, root: rootFS, process: process, hostname: hostname, domainname: domainname,
            mounts: mounts, hooks: hooks, annotations: annotations, linux: linux)
    }

    /// Semantic Versioning 2.0.0, of the major version 1.
    mutating func ociVersion(_ root: JSONNode) -> String? {
        guard let node = required(root, "ociVersion"), let text = string(node) else { return nil }
        guard let version = SemanticVersion(text) else {
            report(node, "not a version such as \(Spec.currentVersion): \(JSONWriter.excerpt(text))")
            return nil
        }
        guard version.major == 1 else {
            report(node, "unsupported version, 1.x is supported: \(JSONWriter.excerpt(text))")
            return nil
        }
        if version.minor > 3 {
            warn(node, "newer than \(Spec.currentVersion), unknown properties are ignored: \(JSONWriter.excerpt(text))")
        }
        return text
    }

    mutating func root(_ root: JSONNode) -> Root? {
        guard required(root, "root") != nil, let node = object(root, "root") else { return nil }
        let readonly = boolean(node, "readonly") ?? false
        if readonly, let pathNode = node["readonly"] { needMountNamespace(pathNode) }
        guard let path = requiredText(node, "path"), hasPathLength(node, path) else { return nil }
        return Root(path: path, readonly: readonly)
    }

    /// A host or domain name: at most 64 bytes (`__NEW_UTS_LEN`), and not the host's own.
    private mutating func utsName(_ root: JSONNode, _ name: StaticString) -> String? {
        guard let node = root[name], let text = text(root, name) else { return nil }
        if text.utf8.count > 64 { report(node, "longer than 64 bytes: \(JSONWriter.excerpt(text))") }
        if let namespaces, !namespaces.separates(.uts) { report(node, "needs a uts namespace") }
        return text
    }

    /// Annotations: every value a string, no key empty (config.md, "Annotations").
    mutating func annotations(_ object: JSONNode, _ name: StaticString) -> [Annotation] {
        map(object, name) { reader, key, node in
            reader.string(node).map { Annotation(key: key, value: $0) }
        }
    }

    /// What is meant for another platform has no effect here, and whoever wrote it is told.
    private mutating func warnOfOtherPlatforms(_ root: JSONNode) {
        for (name, platform) in Self.otherPlatforms {
            if let node = object(root, name) { warn(node, "no effect: this is for \(platform), and not for Linux") }
        }
    }

    private static let otherPlatforms: [(name: StaticString, platform: StaticString)] = [
        ("freebsd", "FreeBSD"), ("solaris", "Solaris"), ("vm", "virtual machines"), ("windows", "Windows"),
        ("zos", "z/OS"),
    ]

    private mutating func checkAnnotations(_ root: JSONNode, _ annotations: [Annotation]) {
        for annotation in annotations {
            guard let problem = CrunAnnotations.problem(with: annotation), let node = object(root, "annotations") else {
                continue
            }
            report(node, member: annotation.key, "\(problem): \(JSONWriter.excerpt(annotation.value))")
        }
    }

    /// Without a mount namespace of its own, what is mounted for a container is mounted in somebody else's, over which
    /// a user namespace has no power.
    mutating func needMountNamespace(_ node: JSONNode) {
        guard let namespaces, !namespaces.creates(.mount), namespaces.separates(.user) else { return }
        report(node, "needs a new mount namespace, as there is a user namespace")
    }
}

/// The numbers of a semantic version (Semantic Versioning 2.0.0).
struct SemanticVersion {
    var major: UInt32
    var minor: UInt32

    /// Accepts `MAJOR.MINOR.PATCH`, with `-PRERELEASE` and `+BUILD` behind it.
    init?(_ text: String) {
        var rest = Substring(text)
        guard let major = Self.number(&rest), Self.skip(".", &rest), let minor = Self.number(&rest),
            Self.skip(".", &rest), Self.number(&rest) != nil
        else { return nil }
        if Self.skip("-", &rest), !Self.identifiers(&rest) { return nil }
        if Self.skip("+", &rest), !Self.identifiers(&rest) { return nil }
        guard rest.isEmpty else { return nil }
        self.major = major
        self.minor = minor
    }

    /// A number without leading zeros.
    private static func number(_ rest: inout Substring) -> UInt32? {
        let digits = rest.prefix { $0.utf8.count == 1 && isDigit($0.utf8.first ?? 0) }
        rest.removeFirst(digits.count)
        return digits.utf8.count > 1 && digits.hasPrefix("0") ? nil : UInt32(digits)
    }

    private static func skip(_ separator: Character, _ rest: inout Substring) -> Bool {
        guard rest.first == separator else { return false }
        rest.removeFirst()
        return true
    }

    /// Identifiers of letters, digits and hyphens, with dots between them.
    private static func identifiers(_ rest: inout Substring) -> Bool {
        repeat {
            let identifier = rest.utf8.prefix { isDigit($0) || isLetter($0) || $0 == UInt8(ascii: "-") }
            guard !identifier.isEmpty else { return false }
            rest.removeFirst(identifier.count)
        } while skip(".", &rest)
        return true
    }
}

func isDigit(_ byte: UInt8) -> Bool {
    (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
}

func isLetter(_ byte: UInt8) -> Bool {
    (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
}
