import Foundation
import Testing

@testable import CommandLineInterface

/// Which test shows the effect of which flag.
///
/// A test says so with the trait `.flag("create --pid-file")`; a flag before the command is `.flag("--root")`. This suite
/// reads the traits from the sources of the tests, and compares them with the table that the parser has, and with the
/// list of what runc and crun take (`spec-fixtures/flags.txt`). `spec-fixtures/flag-tests.txt` shows the result; it is
/// written with `APUS_UPDATE_GOLDEN=1`.
@Suite struct FlagCoverageTests {
    private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()

    /// Nobody tests the help of every command through `--help`: that it is there, a test of this module shows for all.
    private static let general: Set<FlagKey> = [.help, .version]

    /// Where a trait is an example, or is made.
    private static let outside: Set<String> = ["FlagCoverageTests.swift", "Traits.swift"]

    /// Every flag that the parser accepts, `create --pid-file`.
    private static let accepted: [String] = {
        let global = Flag.global.filter(isAccepted).map { "--\($0.name)" }
        let own = Command.allCases.flatMap { command in
            command.entry.ownFlags.filter(isAccepted).map { "\(command.rawValue) --\($0.name)" }
        }
        return global + own
    }()

    private static func isAccepted(_ flag: Flag) -> Bool { !general.contains(flag.key) }

    /// What is in the table.
    private static let known = Set(
        Flag.global.map { "--\($0.name)" }
            + Command.allCases.flatMap { command in command.entry.ownFlags.map { "\(command.rawValue) --\($0.name)" } })

    /// The tests by the flags that their traits name: `LifecycleTests.WaitTests: run keep records the code`.
    private static let tests: [String: [String]] = {
        var tests: [String: [String]] = [:]
        let folder = root.appendingPathComponent("Tests")
        let files = FileManager.default.enumerator(at: folder, includingPropertiesForKeys: nil)?.allObjects ?? []
        for case let file as URL in files
        where file.pathExtension == "swift" && !outside.contains(file.lastPathComponent) {
            guard let text = try? String(contentsOf: file, encoding: .utf8), text.contains(".flag(") else { continue }
            for (flag, test) in annotations(in: text) {
                tests[flag, default: []].append("\(file.deletingPathExtension().lastPathComponent): \(test)")
            }
        }
        return tests
    }()

    /// The traits of a source, each flag with the name of the function that follows.
    private static func annotations(in text: String) -> [(flag: String, test: String)] {
        text.components(separatedBy: ".flag(").dropFirst().flatMap { rest -> [(flag: String, test: String)] in
            guard let end = rest.firstIndex(of: ")"), let function = rest.range(of: "func ") else { return [] }
            let quoted = rest[..<end].split(separator: "\"", omittingEmptySubsequences: false).enumerated()
            let flags = quoted.filter { $0.offset % 2 == 1 && $0.element.contains("--") }.map { String($0.element) }
            let name = rest[function.upperBound...]
            let isRaw = name.hasPrefix("`")
            let test = (isRaw ? name.dropFirst() : name).prefix { isRaw ? $0 != "`" : $0 != "(" }
            return flags.map { ($0, String(test)) }
        }
    }

    @Test(arguments: accepted) func anAcceptedFlagHasATest(flag: String) {
        #expect(Self.tests[flag] != nil, "no test has the trait .flag(\"\(flag)\")")
    }

    @Test func aTraitNamesAFlagThatIsThere() {
        let unknown = Self.tests.keys.filter { !Self.known.contains($0) }
        #expect(unknown.isEmpty)
    }

    @Test func everyFlagOfTheFieldIsInTheTable() throws {
        let text = try String(contentsOf: Self.root.appendingPathComponent("spec-fixtures/flags.txt"), encoding: .utf8)
        for line in text.split(separator: "\n") where !line.hasPrefix("#") {
            let isKnown = Self.known.contains(String(line))
            #expect(isKnown, "\(line)")
        }
    }

    @Test func theTableIsUpToDate() throws {
        let width = (Self.accepted.map(\.count).max() ?? 0) + 2
        let lines = Self.accepted.map { flag in
            flag.padding(toLength: width, withPad: " ", startingAt: 0)
                + (Self.tests[flag] ?? ["-"]).sorted().joined(separator: "; ")
        }
        let text =
            "# The flags that are accepted, and the tests of their effects. Written by FlagCoverageTests.\n"
            + lines.joined(separator: "\n") + "\n"
        let file = Self.root.appendingPathComponent("spec-fixtures/flag-tests.txt")
        if ProcessInfo.processInfo.environment["APUS_UPDATE_GOLDEN"] != nil {
            try text.write(to: file, atomically: true, encoding: .utf8)
        }
        #expect(try String(contentsOf: file, encoding: .utf8) == text, "run the tests with APUS_UPDATE_GOLDEN=1")
    }
}
