// Paths, and names with a separator, are bytes. Swift compares characters: to it the slash in front of a combining mark
// is no slash (the two are one character), so that `hasPrefix`, `split` and `contains` see other components than the
// kernel does.
extension StringProtocol {
    /// Whether a path begins with a slash.
    public var isAbsolute: Bool { utf8.first == UInt8(ascii: "/") }

    /// Whether there is a slash in a text.
    public var hasSlash: Bool { utf8.contains(UInt8(ascii: "/")) }
}

extension String {
    /// A path as it is, or if it is relative, below a directory.
    public func absolute(in directory: String) -> String { isAbsolute ? self : "\(directory)/\(self)" }

    /// Whether the bytes of a text begin with those of another one.
    public func begins(with prefix: String) -> Bool {
        let bytes = utf8.span
        let wanted = prefix.utf8.span
        guard bytes.count >= wanted.count else { return false }
        for index in wanted.indices where bytes[index] != wanted[index] { return false }
        return true
    }

    /// Whether two texts are the same bytes.
    public func hasBytes(of other: String) -> Bool { utf8.count == other.utf8.count && begins(with: other) }

    /// Whether the bytes of another text are somewhere in this one.
    public func holds(_ part: String) -> Bool {
        let bytes = utf8.span
        let wanted = part.utf8.span
        guard bytes.count >= wanted.count else { return false }
        for start in 0...(bytes.count - wanted.count) {
            if wanted.indices.allSatisfy({ bytes[start + $0] == wanted[$0] }) { return true }
        }
        return false
    }

    /// The parts of a text between single bytes; empty ones are left out.
    public func components(between separator: Unicode.Scalar) -> [String] {
        utf8.split(separator: UInt8(truncatingIfNeeded: separator.value)).map { String(Substring($0)) }
    }
}

/// A path without `.`, `..`, and doubled slashes, taken as text: symbolic links are not known here.
public func lexicallyClean(_ path: String) -> String {
    guard !isClean(path) else { return path }
    var components: [Substring.UTF8View] = []
    for component in path.utf8.split(separator: UInt8(ascii: "/")) {
        if component.elementsEqual("..".utf8) {
            _ = components.popLast()
        } else if !component.elementsEqual(".".utf8) {
            components.append(component)
        }
    }
    var clean = ""
    for component in components {
        if !clean.isEmpty || path.isAbsolute { clean += "/" }
        clean += Substring(component)
    }
    return clean.isEmpty && path.isAbsolute ? "/" : clean
}

/// Whether certainly nothing is to be cleaned: no component of the path is empty or begins with a dot.
private func isClean(_ path: String) -> Bool {
    var before = UInt8(ascii: "x")
    let bytes = path.utf8.span
    for index in bytes.indices {
        let byte = bytes[index]
        if before == UInt8(ascii: "/"), byte == UInt8(ascii: "/") || byte == UInt8(ascii: ".") { return false }
        before = byte
    }
    return before != UInt8(ascii: "/") || path == "/"
}
