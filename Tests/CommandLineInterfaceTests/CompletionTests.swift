import Foundation
import Testing

@testable import CommandLineInterface

@Suite struct CompletionTests {
    /// What bash offers for a line whose last word is being typed. A program "apus" that knows two containers is
    /// played by a function.
    private func offered(_ line: String) throws -> [String] {
        // bash splits at "=".
        let words = line.replacing("=", with: " = ").split(separator: " ", omittingEmptySubsequences: true)
        var typed = words.map { "'\($0)'" }
        if line.hasSuffix(" ") || line.hasSuffix("=") { typed.append("''") }
        if line.hasSuffix("=") { typed.removeLast() }
        let script =
            Completion.script(for: .bash) + """
                apus() { [[ $1 == --root ]] && echo in-$2 || echo web; echo db; }
                COMP_WORDS=(\(typed.joined(separator: " ")))
                COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
                _apus
                printf '%s\\n' "${COMPREPLY[@]}"
                """
        let process = Process()
        let output = Pipe()
        process.executableURL = URL(fileURLWithPath: "/bin/bash")
        process.arguments = ["--norc", "-c", script]
        process.standardOutput = output
        try process.run()
        let data = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        #expect(process.terminationStatus == 0)
        return String(decoding: data, as: UTF8.self).split(separator: "\n").map(String.init)
    }

    @Test(arguments: [
        ("apus c", ["create", "check", "checkpoint", "completion"]), ("apus wait w", ["web"]),
        ("apus check --format ", ["text", "json"]), ("apus --root /x st", ["start", "state"]),
        ("apus --root=/x st", ["start", "state"]), ("apus --log-format ", ["text", "json"]),
        ("apus --log-format=", ["text", "json"]), ("apus --log-format=j", ["json"]),
        ("apus --cgroup-manager ", ["cgroupfs", "systemd", "disabled"]), ("apus --log-f", ["--log-format"]),
        ("apus delete ", ["web", "db"]), ("apus delete -f w", ["web"]), ("apus --root /x delete ", ["in-/x", "db"]),
        ("apus --root=/x delete ", ["in-/x", "db"]), ("apus delete web ", []), ("apus run ", []),
        ("apus kill web RTM", []), ("apus kill web KI", ["KILL"]), ("apus kill -a web US", ["USR1", "USR2"]),
        ("apus list --format t", ["table"]), ("apus list -f ", ["table", "json"]), ("apus plan --format=t", ["text"]),
        ("apus spec --r", ["--rootless"]), ("apus create --pidf", ["--pidfd-socket"]), ("apus completion z", ["zsh"]),
        ("apus help feat", ["features"]), ("apus ex", ["exec"]), ("apus exec w", ["web"]),
    ])
    func bash(line: String, expected: [String]) throws {
        #expect(Set(try offered(line)) == Set(expected))
    }

    @Test func bashOffersDirectoriesForTheBundle() throws {
        #expect(try offered("apus create --bundle /us").contains("/usr"))
        #expect(try offered("apus plan /us").contains("/usr"))
    }

    @Test(arguments: Shell.allCases)
    func namesEverythingThatIsThere(shell: Shell) {
        let script = Completion.script(for: shell)
        for command in Completion.commands {
            #expect(script.contains(command.rawValue))
            for flag in Completion.offered(command.entry.flags) { #expect(script.contains(flag.name)) }
        }
    }
}
