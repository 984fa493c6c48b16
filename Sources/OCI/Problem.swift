/// One thing that is wrong with a document, and where.
public struct Problem: Sendable, Equatable, CustomStringConvertible {
    /// Place in the document, such as `mounts[3].destination`; empty for the document as a whole.
    public var path: String
    /// What is wrong, such as `not absolute: "data"`.
    public var message: String

    public init(path: String, message: String) {
        self.path = path
        self.message = message
    }

    /// `mounts[3].destination: not absolute: "data"`.
    public var description: String {
        path.isEmpty ? message : "\(path): \(message)"
    }
}

/// Why a document was refused: every problem that was found, in the order of the spec's properties. Beyond a hundred
/// they are only counted: the last one is `and 17 more` then.
public struct SpecError: Error, Sendable, Equatable, CustomStringConvertible {
    public var problems: [Problem]

    public init(problems: [Problem]) {
        self.problems = problems
    }

    /// One problem per line, without a newline at the end.
    public var description: String {
        var text = ""
        for problem in problems {
            if !text.isEmpty { text += "\n" }
            text += problem.description
        }
        return text
    }
}
