import Foundation
import Testing

@testable import CommandLineInterface

@Suite struct ManualPageTests {
    @Test func theProgramsPageNamesEverything() {
        let text = ManualPage.program.text(version: "0.1.0")
        for command in Completion.commands {
            #expect(text.contains("\\fBapus\\-\(command.rawValue)\\fR(8)"))
        }
        for flag in Flag.global { #expect(text.contains("\\-\\-" + Roff.escaped(flag.name))) }
        for subject in ManualPage.Subject.allCases { #expect(text.contains("\\fBapus\\-\(subject.rawValue)\\fR(7)")) }
        #expect(text.hasPrefix(".TH APUS 8 \"\" \"apus 0.1.0\""))
    }

    @Test(arguments: Completion.commands)
    func aCommandsPageSaysAllThatItsHelpSays(command: Command) throws {
        let text = try ManualPage(topic: command.rawValue).text(version: "0.1.0")
        let entry = command.entry
        #expect(text.hasPrefix(".TH APUS\\-\(command.rawValue.uppercased()) 8 "))
        for flag in entry.ownFlags {
            #expect(text.contains("\\-\\-" + Roff.escaped(flag.name)))
            #expect(text.contains(Roff.escaped(flag.help)))
        }
        for paragraph in entry.details { #expect(text.contains(Roff.marked(paragraph))) }
        for example in entry.examples { #expect(text.contains(Roff.escaped(example.line))) }
    }

    @Test func differencesAreThoseOfTheTable() throws {
        let text = try ManualPage(topic: "differences").text(version: "0.1.0")
        for row in Difference.all {
            for cell in [Roff.capitalised(row.what), row.runc, row.apus, row.why] {
                #expect(!cell.isEmpty)
                #expect(text.contains(Roff.marked(cell)), "\(cell)")
            }
        }
    }

    /// What the README says of runc, the manual says in the same words.
    @Test func theReadmesTableIsAPartOfTheManuals() throws {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let readme = try String(contentsOf: root.appendingPathComponent("README.md"), encoding: .utf8)
        let table = try #require(readme.components(separatedBy: "| what | runc | apus | why |\n").last)
        let rows = table.split(separator: "\n", omittingEmptySubsequences: false).dropFirst().prefix {
            $0.hasPrefix("|")
        }
        #expect(rows.count > 10)
        let known = Set(Difference.all.map { "| \($0.what) | \($0.runc) | \($0.apus) | \($0.why) |" })
        for row in rows { #expect(known.contains(String(row)), "\(row)") }
    }

    @Test func pagesHaveNamesOfTheirOwn() {
        let names = ManualPage.all.map(\.name)
        #expect(Set(names).count == names.count)
        #expect(names.contains("apus.8") && names.contains("apus-run.8") && names.contains("apus-errors.7"))
        #expect(names.contains("apus-check.7") && names.contains("apus-check.8"))
        #expect(ManualPage.names == names.joined(separator: "\n") + "\n")
    }

    /// groff has nothing to complain about, and no page refers to one of ours that is not there.
    @Test(
        .enabled(if: FileManager.default.isExecutableFile(atPath: "/usr/bin/groff"), "there is no groff"),
        arguments: ManualPage.all.map(\.name))
    func groffHasNoWarnings(name: String) throws {
        let text = try ManualPage(topic: name).text(version: "0.1.0")
        #expect(!text.contains("\n\n"))
        let complaints = try warnings(of: ["-man", "-ww", "-z", "-Tutf8"], in: text)
        #expect(complaints == "")
        let known = Set(ManualPage.all.map(\.name))
        for line in text.split(separator: "\n") where line.hasPrefix(".BR apus") {
            let words = line.replacing("\\-", with: "-").split(separator: " ")
            let section = words[2].prefix { $0 != "," }.filter(\.isNumber)
            #expect(known.contains("\(words[1]).\(section)"), "\(line)")
        }
    }

    /// What groff says of a page on standard error.
    private func warnings(of arguments: [String], in text: String) throws -> String {
        let process = Process()
        let (input, output) = (Pipe(), Pipe())
        process.executableURL = URL(fileURLWithPath: "/usr/bin/groff")
        process.arguments = arguments
        process.standardInput = input
        process.standardOutput = FileHandle.nullDevice
        process.standardError = output
        try process.run()
        // A page is smaller than what a pipe holds, or is read as it is written.
        try input.fileHandleForWriting.write(contentsOf: Data(text.utf8))
        try input.fileHandleForWriting.close()
        let data = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return String(decoding: data, as: UTF8.self)
    }

    @Test(arguments: [(".x", "\\&.x"), ("'x'", "\\&\\(aqx\\(aq"), ("a-b\\", "a\\-b\\e"), ("\"q\"", "\\(dqq\\(dq")])
    func escapes(text: String, escaped: String) {
        #expect(Roff.escaped(text) == escaped)
    }

    @Test(arguments: [("a `b-c` d", "a \\fBb\\-c\\fR d"), ("`x`", "\\fBx\\fR"), ("no mark", "no mark")])
    func marks(text: String, marked: String) {
        #expect(Roff.marked(text) == marked)
    }
}
