internal import JSON

extension Spec {
    /// Reads of a container's own configuration what one more process in it depends on: the process, the namespaces,
    /// the filter, and what else of `linux` belongs to a process. Mounts, hooks, devices and limits are left out.
    ///
    /// The document was checked as a whole when the container was made of it.
    public static func decodeForExec(_ bytes: [UInt8]) throws(SpecError) -> Spec {
        let (read, reader) = try Reader.read(bytes) { reader, root in reader.specForExec(root) }
        return try reader.finish(read)
    }
}

extension Reader {
    fileprivate mutating func specForExec(_ root: JSONNode) -> Spec? {
        let node = object(root, "linux")
        var linux = node.map { readNamespaces($0) } ?? Linux()
        namespaces = linux
        guard let version = ociVersion(root), let rootFS = self.root(root) else { return nil }
        let process = object(root, "process").flatMap { self.process($0) }
        if let node {
            linux.seccomp = object(node, "seccomp").flatMap { seccomp($0) }
            linux.memoryPolicy = object(node, "memoryPolicy").flatMap { memoryPolicy($0) }
            linux.personality = object(node, "personality").flatMap { personality($0) }
        }
        return Spec(ociVersion: version, root: rootFS, process: process, linux: linux)
    }
}
