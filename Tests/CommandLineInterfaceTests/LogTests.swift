import Foundation
import Spelling
import Testing

@testable import CommandLineInterface

@Suite struct LogTests {
    private static let time = Timestamp(seconds: 1_795_323_398, nanoseconds: 504_108_070)

    @Test func textAsLogrusWritesIt() {
        let record = LogRecord(.error, "apus: \"create\" requires exactly 1 argument(s)")
        #expect(
            record.line(.text, at: Self.time)
                == #"time="2026-11-22T04:56:38Z" level=error msg="apus: \"create\" requires exactly 1 argument(s)""#
                + "\n")
    }

    @Test func textWithFields() {
        let record = LogRecord(
            .warning, "failed", [LogField(.op, "move_mount"), LogField(.path, "/a b"), LogField(.errno, "EPERM")])
        #expect(
            record.line(.text, at: Self.time)
                == #"time="2026-11-22T04:56:38Z" level=warning msg=failed op=move_mount path="/a b" errno=EPERM"# + "\n"
        )
    }

    @Test func jsonKeysInOrder() {
        let record = LogRecord(
            .error, "mounts[3]: no", [LogField(.op, "open_tree"), LogField(.field, "mounts[3]"), LogField(.hint, "h")])
        #expect(
            record.line(.json, at: Self.time)
                == #"{"level":"error","msg":"mounts[3]: no","time":"2026-11-22T04:56:38Z","#
                + #""op":"open_tree","field":"mounts[3]","hint":"h"}"# + "\n")
    }

    @Test(arguments: [
        "plain", "", "quote \" and \\ and /", "line\nbreak\r\ttab", "\u{0}\u{1}\u{1F}\u{7F}\u{9B}",
        "é \u{2028} \u{1F600}",
        "<&>", "\u{FFFD}",
    ])
    func jsonIsReadByOthers(message: String) throws {
        let line = LogRecord(.info, message).line(.json, at: Self.time)
        #expect(line.filter { $0 == "\n" }.count == 1)
        let object = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: String]
        #expect(object == ["level": "info", "msg": message, "time": "2026-11-22T04:56:38Z"])
    }

    @Test(arguments: [
        ("simple", "simple"), ("/a/b-c_d.e+f@g^h", "/a/b-c_d.e+f@g^h"), ("", ""), ("a b", "\"a b\""),
        ("a=b", "\"a=b\""), ("é", "\"é\""), ("x\ny", #""x\ny""#), ("\u{7F}\u{1B}\t", #""\x7f\x1b\t""#),
        ("\u{2028}\u{200B}\u{202E}\u{A0}é", #""\u2028\u200b\u202e\u00a0é""#), ("\u{E0001}", #""\U000e0001""#),
        ("\u{7}\u{8}\u{B}\u{C}\r", #""\a\b\v\f\r""#), ("a\\b", #""a\\b""#),
    ])
    func quotingAsGo(text: String, quoted: String) {
        #expect(Quoting.word(text) == quoted)
    }

    @Test(arguments: [
        ("", "\n"), ("a b\\n\"", "a b\\n\"\n"), ("a\nb\u{1B}", "a\\nb\\x1b\n"), ("é\r\n\u{9B}", "é\\r\\n\\u009b\n"),
    ])
    func aLineIsOneLine(text: String, line: String) {
        #expect(Quoting.line(text) == line)
    }

    @Test func linesBehindTheFirstAreIndented() {
        #expect(Quoting.lines("a\nerror: b\u{1B}\r\n\u{301}c") == "a\n  error: b\\x1b\\r\n  \u{301}c\n")
        #expect(Quoting.lines("") == "\n")
    }

    @Test func terminal() {
        let record = LogRecord(.error, "no \u{1B}[2Jsuch \"x\"\n", [LogField(.hint, "try y"), LogField(.op, "open")])
        #expect(record.forTerminal(colour: false) == "error: no \\x1b[2Jsuch \"x\"\\n\nhint: try y\n")
        #expect(record.forTerminal(colour: true).hasPrefix("\u{1B}[1;31merror:\u{1B}[0m no"))
        // A hint that the message ends with is shown once.
        let whole = LogRecord(.error, "no such x (try y)", [LogField(.hint, "try y")])
        #expect(whole.forTerminal(colour: false) == "error: no such x\nhint: try y\n")
    }

    @Test func levelsByImportance() {
        #expect(LogLevel.error < .warning && .warning < .info && .info < .debug)
        #expect(LogLevel(named: "warn") == .warning)
        #expect(LogLevel(named: "fatal") == nil)
        for level in LogLevel.allCases { #expect(LogLevel(named: level.name) == level) }
    }
}

@Suite struct TimestampTests {
    @Test(
        arguments: [
            (0, "1970-01-01T00:00:00Z"), (-1, "1969-12-31T23:59:59Z"), (951_782_400, "2000-02-29T00:00:00Z"),
            (951_868_799, "2000-02-29T23:59:59Z"), (951_868_800, "2000-03-01T00:00:00Z"),
            (1_709_164_800, "2024-02-29T00:00:00Z"), (1_735_689_599, "2024-12-31T23:59:59Z"),
            (2_147_483_648, "2038-01-19T03:14:08Z"), (4_107_542_399, "2100-02-28T23:59:59Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"), (253_402_300_799, "9999-12-31T23:59:59Z"),
            (-62_135_596_800, "0001-01-01T00:00:00Z"), (1_795_323_398, "2026-11-22T04:56:38Z"),
        ] as [(Int64, String)])
    func civilDates(seconds: Int64, text: String) {
        #expect(Timestamp(seconds: seconds).rfc3339 == text)
    }

    /// Every day of 1900 to 2200 against the C library.
    @Test func agreesWithTheCLibrary() {
        for day in -25_567..<84_000 {
            var time = time_t(day * 86_400)
            var parts = tm()
            gmtime_r(&time, &parts)
            let date = Timestamp.date(day: Int64(day))
            let same =
                date.year == Int64(parts.tm_year) + 1900 && date.month == Int64(parts.tm_mon) + 1
                && date.day == Int64(parts.tm_mday)
            if !same { Issue.record("day \(day)") }
        }
    }

    @Test(
        arguments: [
            (0, "1970-01-01T00:00:00Z"), (504_108_070, "1970-01-01T00:00:00.50410807Z"),
            (1, "1970-01-01T00:00:00.000000001Z"),
            (500_000_000, "1970-01-01T00:00:00.5Z"), (7_280_164, "1970-01-01T00:00:00.007280164Z"),
        ] as [(Int32, String)])
    func fractions(nanoseconds: Int32, text: String) {
        #expect(Timestamp(seconds: 0, nanoseconds: nanoseconds).rfc3339WithFraction == text)
    }
}
