public import JSON

/// One thing that is wrong with a document, and where.
public struct Problem: Sendable, Equatable, CustomStringConvertible {
    /// Place in the document, such as `mounts[3].destination`; empty for the document as a whole.
    public var path: String
    /// What is wrong, such as `not absolute: "data"`.
    public var message: String
    /// Where in the text that is; nil where nobody has looked, and where the message says it.
    public var place: TextPlace?
    /// The line with a mark at the place, where that helps; two lines.
    public var excerpt = ""

    public init(path: String, message: String, excerpt: String = "") {
        self.path = path
        self.message = message
        self.excerpt = excerpt
    }

    /// The same thing at the same place of the document, wherever that is in a text.
    public static func == (left: Problem, right: Problem) -> Bool {
        left.path == right.path && left.message == right.message
    }

    /// `mounts[3].destination: not absolute: "data"`.
    public var description: String {
        path.isEmpty ? message : "\(path): \(message)"
    }

    /// `mounts[3].destination: not absolute: "data" (line 40, column 18)`.
    public var located: String { place.map { "\(description) (\($0))" } ?? description }
}

extension [Problem] {
    /// The same with their places in the text that they were found in.
    func located(in bytes: [UInt8]) -> [Problem] {
        let places = TextPlaces.find(map { $0.excerpt.isEmpty ? $0.path : "" }, in: bytes)
        return zip(self, places).map { problem, place in
            var problem = problem
            problem.place = place
            return problem
        }
    }
}

/// Why a document was refused: every problem that was found, in the order of the spec's properties. Beyond a hundred
/// they are only counted: the last one is `and 17 more` then.
public struct SpecError: Error, Sendable, Equatable, CustomStringConvertible {
    public var problems: [Problem]

    public init(problems: [Problem]) {
        self.problems = problems
    }

    /// The same with the places of the problems in the text that they were found in.
    func located(in bytes: [UInt8]) -> SpecError { SpecError(problems: problems.located(in: bytes)) }

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

/// A place in a document, as text: `linux.resources.unified["memory.max"]`.
public enum DocumentPlace {
    /// The places that one lies in, from the outermost, and itself: `a`, `a.b[3]` and `a.b[3].c` of `a.b[3].c`. What
    /// stands in quotes is one name.
    public static func lineage(of place: String) -> [String] {
        var all: [String] = []
        var isQuoted = false
        let bytes = place.utf8
        for index in bytes.indices where all.count < deepest {
            if bytes[index] == UInt8(ascii: "\"") { isQuoted.toggle() }
            if bytes[index] == UInt8(ascii: "."), !isQuoted { all.append(String(Substring(bytes[..<index]))) }
        }
        return all + [place]
    }

    /// No property of the specification lies as deep: how long the answer is does not depend on the document.
    private static var deepest: Int { 16 }
}
