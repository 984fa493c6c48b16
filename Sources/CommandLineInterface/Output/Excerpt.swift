/// Messages for people and for logs: what they quote may be as long as a configuration, and they are not.
public enum Excerpt {
    /// Bytes of a message at most, and how many of them are its end: there the reason stands.
    private static var longest: Int { 4096 }
    private static var end: Int { 1024 }

    /// The text, or its beginning and its end with what was left out between them.
    public static func of(_ text: String) -> String {
        let bytes = text.utf8
        guard bytes.count > longest else { return text }
        let first = String(decoding: bytes.prefix(longest - end), as: UTF8.self)
        let last = String(decoding: bytes.suffix(end), as: UTF8.self)
        return "\(first)[... \(bytes.count - longest) bytes left out ...]\(last)"
    }
}
