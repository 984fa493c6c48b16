import Harness
import Testing

/// Everything that starts containers, one test after the other: tests count processes, mounts and cgroups.
@Suite(.serialized, .needsRoot, .leavesNothing, .timeLimit(.minutes(5)))
struct Containers {}

/// A command failed with a message that holds all of these words, whatever their case. A word may have alternatives:
/// `"/data|mounts["` is for runtimes that name the path and for those that name the place in the configuration.
func expectFailure(
    _ outcome: Outcome, saying words: String..., sourceLocation: SourceLocation = #_sourceLocation
) {
    expectFailure(outcome, saying: words, sourceLocation: sourceLocation)
}

func expectFailure(_ outcome: Outcome, saying words: [String], sourceLocation: SourceLocation = #_sourceLocation) {
    #expect(outcome.status != 0 && !outcome.isLate, "should have failed: \(outcome)", sourceLocation: sourceLocation)
    // A text log quotes the message.
    let said = outcome.errors.replacing("\\\"", with: "\"").lowercased()
    for word in words {
        let isSaid = word.lowercased().split(separator: "|").contains { said.contains($0) }
        #expect(isSaid, "no «\(word)» in: \(outcome.errors)", sourceLocation: sourceLocation)
    }
}

extension Value {
    /// The mount at this place; the last one when there are several.
    func mounted(at destination: String) -> Value {
        self.mounts.items.last { $0.destination == .string(destination) } ?? .null
    }
}
