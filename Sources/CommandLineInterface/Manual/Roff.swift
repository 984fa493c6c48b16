import Spelling

/// Text in the macros of man(7). A test has groff look for warnings in all of it.
enum Roff {
    /// Text as it is: backslashes, dashes and quotes as themselves, and no line that looks like a request.
    static func escaped(_ text: String) -> String {
        var result = text.hasPrefix(".") || text.hasPrefix("'") ? "\\&" : ""
        for character in text {
            switch character {
            case "\\": result += "\\e"
            case "-": result += "\\-"
            case "\"": result += "\\(dq"
            case "'": result += "\\(aq"
            case "^": result += "\\(ha"
            case "~": result += "\\(ti"
            default: result.append(character)
            }
        }
        return result
    }

    /// Text in which backquotes enclose what is typed or written as it is: that is bold.
    static func marked(_ text: String) -> String {
        var result = ""
        for (index, part) in text.split(separator: "`", omittingEmptySubsequences: false).enumerated() {
            let part = escaped(String(part))
            result += index % 2 == 0 || part.isEmpty ? part : "\\fB\(part)\\fR"
        }
        return result
    }

    static func header(_ name: String, section: Int, version: String) -> String {
        let manual = section == 8 ? "System administration" : "Miscellaneous information"
        return
            ".TH \(escaped(name.asciiUppercased)) \(section) \"\" \"\(escaped("\(programName) \(version)"))\" \"\(manual)\"\n"
    }

    static func heading(_ title: String) -> String { ".SH \(escaped(title.asciiUppercased))\n" }

    static func paragraph(_ text: String) -> String { ".PP\n\(marked(text))\n" }

    /// What is explained, and the explanation.
    static func term(_ term: String, _ text: String) -> String { ".TP\n\(marked(term))\n\(marked(text))\n" }

    /// Lines as they are.
    static func example(_ lines: String) -> String {
        ".PP\n.RS 4\n.nf\n"
            + lines.split(separator: "\n", omittingEmptySubsequences: false).map { line in
                // An empty line ends a paragraph otherwise.
                line.isEmpty ? "\\&\n" : "\(escaped(String(line)))\n"
            }.joined() + ".fi\n.RE\n"
    }

    /// Other pages: `apus-run.8` as apus-run(8).
    static func seeAlso(_ pages: [String]) -> String {
        let lines = pages.map { page in
            let parts = page.split(separator: ".")
            return ".BR \(escaped(String(parts[0]))) (\(parts[1]))"
        }
        return heading("See also") + lines.joined(separator: " ,\n") + "\n"
    }

    static func capitalised(_ text: String) -> String { text.prefix(1).asciiUppercased + text.dropFirst() }
}

/// A page on a subject: section 7 of the manual.
struct Chapter {
    /// Without the program's name.
    let name: String
    /// One line that completes "apus-x - ...".
    let summary: String
    let parts: [Part]

    enum Part {
        case heading(String)
        case text(String)
        case term(String, String)
        case example(String)
    }

    func text(version: String) -> String {
        let full = "\(programName)-\(name)"
        var text = Roff.header(full, section: 7, version: version)
        text += Roff.heading("Name") + "\(Roff.escaped(full)) \\- \(Roff.escaped(summary))\n"
        for part in parts {
            switch part {
            case .heading(let title): text += Roff.heading(title)
            case .text(let paragraph): text += Roff.paragraph(paragraph)
            case .term(let term, let explanation): text += Roff.term(term, explanation)
            case .example(let lines): text += Roff.example(lines)
            }
        }
        return text
    }
}
