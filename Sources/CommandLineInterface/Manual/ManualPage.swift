internal import Spelling

/// A page of the manual: of the program, of a command, or on a subject. All of it comes from tables.
public enum ManualPage: Equatable, Sendable {
    case program
    case command(Command)
    case subject(Subject)

    /// What has a page in section 7.
    public enum Subject: String, CaseIterable, Sendable {
        case errors, check, checkpoint, config, differences, engines, rootless
    }

    /// Every page.
    public static var all: [ManualPage] {
        [.program] + Completion.commands.map { .command($0) }
            + Subject.allCases.map { .subject($0) }
    }

    /// The name of its file, such as `apus-run.8`.
    public var name: String {
        switch self {
        case .program: "\(programName).8"
        case .command(let command): "\(programName)-\(command.rawValue).8"
        case .subject(let subject): "\(programName)-\(subject.rawValue).7"
        }
    }

    /// Every name, one on a line.
    public static var names: String { all.map { $0.name + "\n" }.joined() }

    /// The page called `topic`: by the name of its file, without the section, or without the program's name as well. nil
    /// is the program's own.
    init(topic: String?) throws(UsageError) {
        guard let topic else {
            self = .program
            return
        }
        // A command goes before a subject of the same name.
        for page in Self.all {
            let file = page.name
            let name = file.dropLast(2)
            let short = name.dropFirst(programName.utf8.count + 1)
            if topic == file || topic == name || topic == short || topic == "\(short)\(file.suffix(2))" {
                self = page
                return
            }
        }
        let known = Self.all.map { String($0.name.dropLast(2).dropFirst(programName.utf8.count + 1)) }
        throw UsageError(
            .grammar, "no manual page \"\(topic)\"" + Suggestion.phrase(for: topic, among: known), in: .man)
    }

    /// The page in the man(7) macros.
    /// - Parameter version: shown in the page's footer.
    public func text(version: String) -> String {
        switch self {
        case .program: ProgramPage.text(version: version)
        case .command(let command): CommandPage.text(command, version: version)
        case .subject(let subject): subject.chapter.text(version: version)
        }
    }
}

extension ManualPage.Subject {
    var summary: String { chapter.summary }

    var chapter: Chapter {
        switch self {
        case .errors: .errors
        case .check: .check
        case .checkpoint: .checkpoint
        case .config: .config
        case .differences: .differences
        case .engines: .engines
        case .rootless: .rootless
        }
    }
}
