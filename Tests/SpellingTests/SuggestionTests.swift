import Testing

@testable import Spelling

@Suite struct SuggestionTests {
    @Test(arguments: [("crate", "create", 1), ("strat", "start", 1), ("", "abc", 3), ("abc", "", 3), ("ca", "abc", 3)])
    func distances(left: String, right: String, mistakes: Int) {
        #expect(Suggestion.distance(Array(left.utf8), Array(right.utf8)) == mistakes)
    }

    @Test func farWordsAreNotSuggested() {
        #expect(Suggestion.nearest(to: "x", among: ["xy"]) == nil)
        #expect(Suggestion.nearest(to: String(repeating: "a", count: 100), among: ["a"]) == nil)
        #expect(Suggestion.nearest(to: "frobnicate", among: ["create", "delete"]) == nil)
    }
}
