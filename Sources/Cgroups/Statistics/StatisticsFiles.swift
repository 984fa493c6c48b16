internal import Kernel

/// The files of a cgroup's directory as who counts reads them. One that is not there has nothing to tell.
struct StatisticsFiles {
    let directory: String
    let isUnified: Bool

    init(_ directory: String, isUnified: Bool = false) {
        self.directory = directory
        self.isUnified = isUnified
    }

    /// The content of a file; nil if there is none, or if it cannot be read (the controller is off, the cgroup gone).
    func text(_ file: String) -> String? {
        guard let bytes = try? Files.read("\(directory)/\(file)") else { return nil }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// The number in a file: 0 if there is none, `UInt64.max` for `max`.
    func number(_ file: String) -> UInt64 { text(file).flatMap(Self.number) ?? 0 }

    /// A number as the kernel writes it; nil for what is none.
    static func number(_ text: some StringProtocol) -> UInt64? {
        let word = text.prefix { $0 != "\n" }
        return word == "max" ? UInt64.max : UInt64(word)
    }

    /// The lines of a file, in words.
    func lines(_ file: String) -> [[Substring]] {
        guard let text = text(file) else { return [] }
        return text.split(separator: "\n").map { $0.split(separator: " ") }
    }

    /// The lines of a file that are a name and a number.
    func counters(_ file: String) -> [Statistics.Counter] {
        lines(file).compactMap { words in
            guard words.count == 2, let value = Self.number(words[1]) else { return nil }
            return Statistics.Counter(name: String(words[0]), value: value)
        }
    }

    /// The names of the files in the directory.
    var names: [String] { (try? Files.list(directory)) ?? [] }  // A directory that is gone has none.
}

extension [Statistics.Counter] {
    /// The number of a name; 0 if it is not there.
    subscript(name: String) -> UInt64 { first { $0.name == name }?.value ?? 0 }
}

/// Lists of CPUs and memory nodes in the kernel's syntax.
enum NumberList {
    /// The numbers of a list such as `0-2,5`, in its order; what is no number is left out.
    static func numbers(_ text: some StringProtocol) -> [UInt16] {
        var result: [UInt16] = []
        for part in text.split(whereSeparator: { $0 == "," || $0 == "\n" || $0 == " " }) {
            let ends = part.split(separator: "-").compactMap { UInt16($0) }
            guard let first = ends.first, let last = ends.last, first <= last else { continue }
            result += first...last
        }
        return result
    }
}
