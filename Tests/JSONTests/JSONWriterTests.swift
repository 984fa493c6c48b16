import JSON
import Testing

@Suite struct JSONWriterTests {
    private func sample(_ layout: JSONWriter.Layout) -> String {
        var writer = JSONWriter(layout)
        writer.object { writer in
            writer.member("id", "box")
            writer.member("pid", 7)
            writer.member("on", true)
            writer.member("args", ["sh", "-c"])
            writer.member("none", [String]())
            writer.member(
                "linux",
                object: { writer in
                    writer.member(
                        "list",
                        array: { writer in
                            writer.object { $0.member("type", "pid") }
                            writer.object { _ in }
                            writer.null()
                        })
                })
        }
        return writer.text
    }

    @Test func compact() {
        let expected =
            #"{"id":"box","pid":7,"on":true,"args":["sh","-c"],"none":[],"linux":{"list":[{"type":"pid"},{},null]}}"#
        #expect(sample(.compact) == expected)
    }

    @Test func indentedWithSpaces() {
        #expect(
            sample(.spaces(2)) == """
                {
                  "id": "box",
                  "pid": 7,
                  "on": true,
                  "args": [
                    "sh",
                    "-c"
                  ],
                  "none": [],
                  "linux": {
                    "list": [
                      {
                        "type": "pid"
                      },
                      {},
                      null
                    ]
                  }
                }
                """)
    }

    @Test func indentedWithTabs() {
        #expect(sample(.tabs).hasPrefix("{\n\t\"id\": \"box\",\n\t\"pid\": 7,"))
    }

    @Test func escapesWhatHasTo() {
        let text = "a\"\\/\n\r\t\u{0}\u{1f}\u{7f}\u{80}\u{9b}\u{9f}\u{a0}°é😀<&>"
        #expect(
            JSONWriter.quoted(text) == #""a\"\\/\n\r\t\u0000\u001f\u007f\u0080\u009b\u009f"# + "\u{a0}°é😀<&>\"")
    }

    @Test func whatIsWrittenIsReadBack() throws {
        var text = ""
        for scalar in 1..<0x2100 {
            if let scalar = Unicode.Scalar(scalar) { text.unicodeScalars.append(scalar) }
        }
        var writer = JSONWriter(.tabs)
        writer.object { writer in
            writer.member(text, text)
            writer.member("max", UInt64.max)
            writer.member("min", Int64.min)
        }
        let root = try #require(try JSONDocument(parsing: writer.bytes).root)
        #expect(root.members.first?.name == text)
        #expect(try root.members.first?.value?.string() == text)
        #expect(try root["max"]?.integer(UInt64.self) == UInt64.max)
        #expect(try root["min"]?.integer(Int64.self) == Int64.min)
    }
}

@Suite struct DecimalTests {
    @Test(arguments: [
        (0, "0"), (1, "0.01"), (7, "0.07"), (10, "0.1"), (50, "0.5"), (99, "0.99"), (100, "1"), (153, "1.53"),
    ])
    func hundredthsAsGoWritesThem(value: UInt64, text: String) {
        var writer = JSONWriter(.compact)
        writer.decimal(hundredths: value)
        #expect(writer.text == text)
    }
}
