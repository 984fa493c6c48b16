internal import JSON

extension ImageConfig {
    /// Reads and checks an image's configuration (`application/vnd.oci.image.config.v1+json`; Docker's has the same form).
    ///
    /// - Throws: ``SpecError`` with everything that is wrong, not only the first thing.
    public static func decode(_ bytes: [UInt8]) throws(SpecError) -> ImageConfig {
        let (read, reader) = try Reader.read(bytes) { reader, root in reader.imageConfig(root) }
        return try reader.finish(read)
    }
}

extension Reader {
    fileprivate mutating func imageConfig(_ root: JSONNode) -> ImageConfig? {
        if let mistake = Self.otherDocument(root) {
            report(root, mistake)
            return nil
        }
        var image = ImageConfig()
        var implicit = implicitAnnotations(root)
        if let config = object(root, "config") {
            image.entrypoint = boundedStrings(config, "Entrypoint")
            image.command = boundedStrings(config, "Cmd")
            if image.entrypoint.first?.isEmpty == true, let program = config["Entrypoint"]?[0] {
                report(program, "empty")
            }
            image.environment = environment(config, "Env")
            image.workingDirectory = absolutePath(config, "WorkingDir") ?? "/"
            image.user = text(config, "User").flatMap { imageUser(config, $0) }
            image.volumes = volumes(config)
            if let signal = text(config, "StopSignal") { implicit.append(.image("stopSignal", signal)) }
            let ports = map(config, "ExposedPorts") { _, name, _ in name }
            if !ports.isEmpty { implicit.append(.image("exposedPorts", ports.joined(separator: ","))) }
            let labels = annotations(config, "Labels")
            image.refusedLabels = labels.filter { ImageConfig.hasEffect($0.key) }.map { $0.key }
            image.annotations = labels.filter { !ImageConfig.hasEffect($0.key) }
        }
        // What the image says itself goes before what is found out about it.
        for annotation in implicit where !image.annotations.contains(where: { $0.key.hasBytes(of: annotation.key) }) {
            image.annotations.append(annotation)
        }
        image.annotations.sort { $0.key < $1.key }
        return image
    }

    /// What a document is that is taken for an image's configuration now and then; `nil`: it may be one.
    private static func otherDocument(_ root: JSONNode) -> String? {
        let config = "what is wanted is the image's configuration, as \"skopeo inspect --config\" prints it"
        if root["manifests"] != nil { return "this is an index of images: \(config)" }
        if root["layers"] != nil, root["config"]?["digest"] != nil {
            return "this is an image's manifest, whose config.digest names the file below blobs: \(config)"
        }
        if root["process"] != nil || root["ociVersion"] != nil {
            return "this is a container's configuration: \(config)"
        }
        return nil
    }

    private mutating func implicitAnnotations(_ root: JSONNode) -> [Annotation] {
        let members: [(name: StaticString, key: String)] = [
            ("os", "os"), ("architecture", "architecture"), ("variant", "variant"), ("os.version", "os.version"),
            ("author", "author"), ("created", "created"),
        ]
        var annotations: [Annotation] = []
        for member in members {
            if let value = text(root, member.name) { annotations.append(.image(member.key, value)) }
        }
        let features = strings(root, "os.features")
        if !features.isEmpty { annotations.append(.image("os.features", features.joined(separator: ","))) }
        return annotations
    }

    private mutating func boundedStrings(_ object: JSONNode, _ name: StaticString) -> [String] {
        array(object, name) { reader, element in reader.boundedString(element) }
    }

    /// `user`, `uid`, `user:group`, `uid:gid`, and the other two (image-spec, config.md).
    private mutating func imageUser(_ config: JSONNode, _ text: String) -> ImageConfig.User? {
        let parts = text.utf8.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false).map {
            String(Substring($0))
        }
        guard parts.count <= 2, !parts[0].isEmpty, parts.count == 1 || !parts[1].isEmpty else {
            report(
                config, "User",
                "not a user, or a user and a group with a colon between them: \(JSONWriter.excerpt(text))")
            return nil
        }
        return ImageConfig.User(user: parts[0], group: parts.count == 2 ? parts[1] : nil)
    }

    /// The names of an object's members, which are paths: each directory once, as Docker takes them, and an outer one before
    /// what is in it.
    private mutating func volumes(_ config: JSONNode) -> [String] {
        let paths = map(config, "Volumes") { reader, name, node -> String? in
            guard name.isAbsolute, name.utf8.count <= 4095 else {
                reader.report(node, "not an absolute path")
                return nil
            }
            let path = lexicallyClean(name)
            if let obstacle = Self.obstacle(to: path) {
                reader.report(node, obstacle)
                return nil
            }
            // What is in memory already needs nothing else.
            return SpecTemplate.writablePlaces.contains { path.hasBytes(of: $0) } ? nil : path
        }
        var seen: Set<[UInt8]> = []
        return paths.filter { seen.insert(Array($0.utf8)).inserted }.sorted()
    }

    /// Why there can be no volume at a place.
    private static func obstacle(to path: String) -> String? {
        if path.hasBytes(of: "/") { return "the root file system itself is no volume" }
        if SpecTemplate.writablePlaces.contains(where: { path.hasBytes(of: $0) }) { return nil }
        let taken = ["/dev", "/proc", "/sys"].first { path.hasBytes(of: $0) || path.begins(with: $0 + "/") }
        return taken.map { "every container has a file system of its own at \($0), whose content is not the image's" }
    }
}

extension Annotation {
    /// An annotation that image-spec defines.
    fileprivate static func image(_ name: String, _ value: String) -> Annotation {
        Annotation(key: "org.opencontainers.image.\(name)", value: value)
    }
}
