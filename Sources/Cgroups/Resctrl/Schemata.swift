import Spelling

/// The lines of a `schemata` file, such as `L3:0=ff;1=c0` and `MB:0=20;1=70`: for each resource, a value for each of
/// its domains.
enum Schemata {
    /// The lines to write. A line for memory bandwidth among those for the cache gives way to a schema of its own
    /// (config-linux.md, "IntelRdt").
    static func lines(l3Cache: String?, memoryBandwidth: String?, other: [String] = []) -> [String] {
        let bandwidth = memoryBandwidth.flatMap { $0.isEmpty ? nil : $0 }
        var lines = (l3Cache ?? "").split(separator: "\n").map(String.init)
        if bandwidth != nil { lines.removeAll { $0.hasPrefix("MB:") } }
        if let bandwidth { lines.append(bandwidth) }
        return lines + other.filter { !$0.isEmpty }
    }

    /// The first of the lines that is not as the content of a file says; nil if the file has all of them.
    static func firstDifference(of lines: [String], from content: String) -> String? {
        let present = content.split(separator: "\n").compactMap { Line($0) }
        return lines.first { text in
            guard let line = Line(text[...]) else { return true }
            guard let other = present.first(where: { $0.resource == line.resource }) else { return true }
            return !line.domains.allSatisfy { domain in
                other.domains.contains { $0.id == domain.id && $0.value == domain.value }
            }
        }
    }

    /// One line, its numbers without blanks and zeros in front, as the kernel and people write them differently.
    private struct Line {
        let resource: Substring
        let domains: [(id: Substring, value: String)]

        init?(_ text: Substring) {
            let parts = text.split(separator: ":", maxSplits: 1)
            guard parts.count == 2 else { return nil }
            resource = Self.trimmed(parts[0])
            var domains: [(id: Substring, value: String)] = []
            for part in parts[1].split(separator: ";") {
                let words = part.split(separator: "=", maxSplits: 1)
                guard words.count == 2 else { return nil }
                domains.append((Self.number(words[0]), Self.number(words[1]).asciiLowercased))
            }
            self.domains = domains
        }

        private static func trimmed(_ text: Substring) -> Substring {
            let start = text.drop { $0 == " " || $0 == "\t" }
            return start.prefix { $0 != " " && $0 != "\t" }
        }

        private static func number(_ text: Substring) -> Substring {
            let digits = trimmed(text)
            let rest = digits.drop { $0 == "0" }
            return rest.isEmpty ? digits.suffix(1) : rest
        }
    }
}
