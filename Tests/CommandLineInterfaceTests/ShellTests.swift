import Foundation
import Testing

@testable import CommandLineInterface

/// Completions as the real shells offer them. A program "apus" that knows two containers is played by a function.
@Suite struct ShellTests {
    static let cases: [(String, [String])] = [
        ("apus c", ["create", "check", "checkpoint", "completion"]), ("apus --root /x st", ["start", "state"]),
        ("apus --log-format ", ["text", "json"]), ("apus --log-format=", ["text", "json"]),
        ("apus --log-format=j", ["json"]), ("apus delete ", ["web", "db"]), ("apus delete -f w", ["web"]),
        ("apus --root /x delete ", ["in-/x"]), ("apus kill web KI", ["KILL"]), ("apus kill web US", ["USR1", "USR2"]),
        ("apus list -f ", ["table", "json"]), ("apus wait w", ["web"]), ("apus check --format j", ["json"]),
        ("apus spec --r", ["--rootless"]), ("apus run w", []),
        ("apus completion z", ["zsh"]), ("apus help feat", ["features"]),
    ]

    private static func has(_ shell: String) -> Bool {
        FileManager.default.isExecutableFile(atPath: "/usr/bin/\(shell)")
            || FileManager.default.isExecutableFile(atPath: "/bin/\(shell)")
    }

    @Test(.enabled(if: has("fish"), "needs the program fish"), arguments: cases)
    func fish(line: String, expected: [String]) throws {
        let script = """
            function apus
                switch $argv[1]
                    case --root '--root=*'
                        echo in-/x
                    case '*'
                        printf '%s\\n' web db
                end
            end
            \(Completion.script(for: .fish))
            complete -C '\(line)'
            """
        let offered = try run(["fish", "--no-config", "-c", script]).split(separator: "\n").map { line in
            let word = line.prefix { $0 != "\t" }
            // fish offers the whole word, `--format=json`.
            return word.contains("=") ? String(word.split(separator: "=").last ?? "") : String(word)
        }
        #expect(Set(offered) == Set(expected))
    }

    /// A zsh at a terminal (zpty), in which the key TAB is pressed; what is offered is seen by a `compadd` in the place of
    /// zsh's.
    @Test(.enabled(if: has("zsh"), "needs the program zsh"), arguments: cases)
    func zsh(line: String, expected: [String]) throws {
        let directory = FileManager.default.temporaryDirectory.appendingPathComponent("apus-zsh-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: directory) }
        try Completion.script(for: .zsh).write(
            to: directory.appendingPathComponent("_apus"), atomically: true, encoding: .utf8)
        try """
        PROMPT=
        fpath=(\(directory.path) $fpath)
        autoload -U compinit
        compinit -u -D
        apus() { [[ $1 == --root* ]] && print in-/x || print -l web db }
        bindkey '^I' complete-word
        zstyle ':completion:*' insert-tab false
        begin() { print }
        finish() { print -r -- 'END'; exit }
        compprefuncs=(begin)
        comppostfuncs=(finish)
        compadd() {
            if [[ ${@[1,(i)(-|--)]} == *-(O|A|D)\\ * ]]; then
                builtin compadd "$@"
                return
            fi
            local -a hits
            builtin compadd -A hits "$@"
            builtin compadd "$@"
            (( $#hits )) && print -rl -- ">"$^hits
        }
        print READY
        """.write(to: directory.appendingPathComponent("init"), atomically: true, encoding: .utf8)
        let script = """
            zmodload zsh/zpty
            zpty z zsh -f -i
            zpty -w z 'source \(directory.path)/init'
            zpty -r -m z output '*READY*'
            zpty -w -n z '\(line)'$'\\t'
            zpty -r -m z output '*END*'
            print -r -- "$output"
            """
        let offered = try run(["timeout", "120", "zsh", "-f", "-c", script]).split(whereSeparator: \.isNewline)
            .filter { $0.hasPrefix(">") }.map { String($0.dropFirst()) }
        #expect(Set(offered) == Set(expected))
    }

    @Test(.enabled(if: has("groff"), "needs the program groff")) func theManualPageIsWellFormed() throws {
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("apus-\(UUID().uuidString).8")
        defer { try? FileManager.default.removeItem(at: file) }
        try ManualPage.text(version: "1").write(to: file, atomically: true, encoding: .utf8)
        #expect(try run(["sh", "-c", "groff -man -ww -Tutf8 \(file.path) 2>&1 >/dev/null"]) == "")
    }

    /// The standard output of a program.
    private func run(_ words: [String]) throws -> String {
        let process = Process()
        let output = Pipe()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = words
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = output
        try process.run()
        let data = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return String(decoding: data, as: UTF8.self)
    }
}
