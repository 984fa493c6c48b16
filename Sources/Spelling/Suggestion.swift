/// "Did you mean": the nearest of a few known words.
public enum Suggestion {
    /// Longer words than this are no typing mistakes.
    private static let longest = 40

    /// `; did you mean "x"?` with the nearest word, or nothing.
    public static func phrase(for word: String, among candidates: [String], prefix: String = "") -> String {
        guard let nearest = nearest(to: word, among: candidates) else { return "" }
        return "; did you mean \(prefix)\(nearest)?"
    }

    /// The candidate that `word` abbreviates, or else the one with the fewest mistakes; nil if none is near.
    public static func nearest(to word: String, among candidates: [String]) -> String? {
        let length = word.utf8.count
        guard length >= 2, length <= longest else { return nil }
        let abbreviated = candidates.filter { $0.hasPrefix(word) }
        if let only = abbreviated.first, abbreviated.count == 1 { return only }
        var best: (word: String, mistakes: Int)?
        for candidate in candidates where candidate.utf8.count > 1 {
            let mistakes = distance(Array(word.utf8), Array(candidate.utf8))
            if mistakes <= max(1, length / 3), mistakes < best?.mistakes ?? Int.max { best = (candidate, mistakes) }
        }
        return best?.word
    }

    /// The number of inserted, missing, wrong and swapped neighbouring bytes between two words.
    public static func distance(_ left: [UInt8], _ right: [UInt8]) -> Int {
        var beforeLast: [Int] = []
        var last = Array(0...right.count)
        for i in 0..<left.count {
            var row = [i + 1]
            row.reserveCapacity(right.count + 1)
            for j in 0..<right.count {
                let wrong = last[j] + (left[i] == right[j] ? 0 : 1)
                var cost = min(wrong, last[j + 1] + 1, row[j] + 1)
                if i > 0, j > 0, left[i] == right[j - 1], left[i - 1] == right[j] {
                    cost = min(cost, beforeLast[j - 1] + 1)
                }
                row.append(cost)
            }
            (beforeLast, last) = (last, row)
        }
        return last[right.count]
    }
}
