import Glibc
import Testing

@testable import Runtime

/// The C library's answer; nil: no expression.
private func libraryFinds(_ pattern: String, in text: String) -> Bool? {
    var compiled = regex_t()
    guard regcomp(&compiled, pattern, REG_EXTENDED | REG_NOSUB) == 0 else { return nil }
    defer { regfree(&compiled) }
    return regexec(&compiled, text, 0, nil, 0) == 0
}

struct IDPatternTests {
    /// What a person writes, and each piece of the grammar, against the ids that come near.
    @Test(arguments: [
        "", "^test-", "web", "^web$", "^(web|db)-[0-9]+$", "a.c", "a\\.c", "^[^a-c]+$", "[]a]", "[^]a]", "[a-]", "[-a]",
        "x{2}", "x{2,}", "x{0,1}y", "^x{2,3}$", "(ab)*c", "(a|b)+$", "a||b", "^$", "()", "(^a|b$)",
        "[[:digit:]]+-[[:alpha:]_]",
        "[[:upper:]]", "[^[:alnum:]]", "a**", "(a*)*b", "((a+)+)+$", "^a?b?c?$", ")", "a)b", "\\+", "[.]", "[+.-]",
    ])
    func saysWhatTheLibrarySays(pattern: String) throws {
        let texts = [
            "test-1", "my-test-1", "web", "web1", "web-12", "db-7", "abc", "a.c", "ac", "]", "-", "xx", "xxx", "xxxx",
            "y", "ababc", "b",
            "ab", "", "A1", "12-a", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaac", "a)b", "+", "e", "d", "_",
        ]
        for text in texts {
            #expect(IDPattern(pattern)?.occurs(in: text) == libraryFinds(pattern, in: text), "\(pattern) in \(text)")
        }
    }

    @Test(arguments: [
        "*", "+a", "a|*", "(", "(a", "[", "[a", "[]", "[b-a]", "[a-c-e]", "a{2", "a{3,2}", "^*", "$?", "[[:name:]]",
        "\\",
    ])
    func refusesWhatTheLibraryRefuses(pattern: String) {
        #expect(libraryFinds(pattern, in: "a") == nil)
        #expect(IDPattern(pattern) == nil)
    }

    @Test(arguments: [
        "(a)\\1", "\\w", "[[.a.]]", "[[=a=]]", "a{256}", "a{,}", "\\<a", String(repeating: "(", count: 5000),
    ])
    func refusesWhatItDoesNotKnow(pattern: String) { #expect(IDPattern(pattern) == nil) }

    /// Expressions of chance, of pieces that both know: they must agree on each that this one takes.
    @Test func agreesWithTheLibraryByChance() {
        var random = SystemRandomNumberGenerator()
        let pieces = [
            "a", "b", "-", ".", "^", "$", "(", ")", "|", "*", "+", "?", "{1,2}", "{2}", "{0}", "[ab]", "[^a]", "[a-c]",
            "\\.",
        ]
        var taken = 0
        for _ in 0..<4000 {
            let pattern = (0..<Int.random(in: 1...8, using: &random)).map { _ in pieces.randomElement(using: &random)! }
                .joined()
            guard let expression = IDPattern(pattern) else { continue }
            taken += 1
            for _ in 0..<8 {
                let text = String(
                    (0..<Int.random(in: 0...6, using: &random)).map { _ in "ab-.c".randomElement(using: &random)! })
                #expect(expression.occurs(in: text) == libraryFinds(pattern, in: text), "\(pattern) in \(text)")
            }
        }
        #expect(taken > 400)
    }

    /// Nothing takes exponential time: neither nested repetitions nor a long text.
    @Test(.timeLimit(.minutes(1))) func isNeverExponential() {
        let text = String(repeating: "a", count: 40)
        #expect(IDPattern("^(a|aa)+$")?.occurs(in: text + "b") == false)
        #expect(IDPattern("((a{1,200}){1,200}){1,200}c")?.occurs(in: text) == false)
    }
}
