import Testing

@testable import CommandLineInterface

/// What the logs of the system are sent, byte by byte.
@Suite struct SystemLogTests {
    private static let fields = [LogField(.op, "move_mount"), LogField(.errno, "EPERM")]

    @Test(arguments: [(LogLevel.error, 27), (.warning, 28), (.info, 30), (.debug, 31)])
    func systemLog(level: LogLevel, priority: Int) {
        let record = LogRecord(level, "line\nbreak", Self.fields)
        let datagram = record.systemLogDatagram(identifier: "web", pid: 42)
        #expect(
            String(decoding: datagram, as: UTF8.self)
                == "<\(priority)>web[42]: line\\nbreak op=move_mount errno=EPERM")
    }

    @Test func journal() {
        let record = LogRecord(.error, "no", Self.fields)
        #expect(
            String(decoding: record.journalDatagram(identifier: "web"), as: UTF8.self) == """
                MESSAGE=no
                PRIORITY=3
                SYSLOG_IDENTIFIER=web
                APUS_OP=move_mount
                APUS_ERRNO=EPERM

                """)
    }

    /// A value of several lines: the name alone, then its length in 8 bytes, least significant first.
    @Test func journalWithSeveralLines() {
        let datagram = LogRecord(.warning, "a\nb").journalDatagram(identifier: "x")
        #expect(datagram.starts(with: Array("MESSAGE\n".utf8) + [3, 0, 0, 0, 0, 0, 0, 0] + Array("a\nb\n".utf8)))
    }

    @Test func problemsInJSON() {
        let record = LogRecord(
            .error, "2 problems", [LogField(.field, "a")], problems: [("a", "is \"x\""), ("b[1]", "y")])
        #expect(
            record.line(.json, at: Timestamp(seconds: 0)).hasSuffix(
                #""field":"a","problems":[{"field":"a","message":"is \"x\""},{"field":"b[1]","message":"y"}]}"# + "\n"))
        #expect(
            !LogRecord(.error, "1", problems: [("a", "x")]).line(.json, at: Timestamp(seconds: 0)).contains("problems"))
    }
}

@Suite struct TimelineTextTests {
    private static let spans = [
        TimelineText.Span(name: "command", pid: 7, start: 1_000_000, end: nil),
        TimelineText.Span(name: "steps \"x\"", pid: 8, start: 1_000_999, end: 3_001_000),
    ]

    @Test func chrome() {
        #expect(
            TimelineText.chrome(Self.spans, now: 11_000_000) == """
                [
                {"name":"command","cat":"apus","ph":"X","ts":1000.000,"dur":10000.000,"pid":7,"tid":7,"args":{"failed":true}},
                {"name":"steps \\"x\\"","cat":"apus","ph":"X","ts":1000.999,"dur":2000.001,"pid":7,"tid":8}
                ]

                """)
    }

    @Test func table() {
        #expect(
            TimelineText.table(Self.spans, now: 11_000_000) == """
                     start ms        ms  part
                        0.000    10.000  command (failed)
                        0.000     2.000  steps "x" [8]

                """)
    }

    @Test func nothing() { #expect(TimelineText.chrome([], now: 0) == "[\n\n]\n") }
}
