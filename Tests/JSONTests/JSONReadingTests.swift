import JSON
import Testing

private func parse(_ text: String) throws -> JSONNode? {
    try JSONDocument(parsing: Array(text.utf8)).root
}

/// The description of the error that parsing a text ends with, its path in front.
private func failure(of bytes: [UInt8]) -> String? {
    do throws(JSONSyntaxError) {
        _ = try JSONDocument(parsing: bytes)
        return nil
    } catch {
        return error.path.isEmpty ? error.description : "\(error.path): \(error.description)"
    }
}

private func mismatch<Value>(_ read: () throws(JSONMismatch) -> Value) -> JSONMismatch? {
    do throws(JSONMismatch) {
        _ = try read()
        return nil
    } catch {
        return error
    }
}

@Suite struct JSONReadingTests {
    @Test func readsEveryKindOfValue() throws {
        let text = #"{"a":true,"b":-3,"c":"x\n\u00e9\ud83d\ude00","d":[1,null,3],"e":{"f":null},"g":1.5}"#
        let root = try #require(try parse(text))
        #expect(root.kind == .object)
        #expect(try root["a"]?.boolean() == true)
        #expect(try root["b"]?.integer(Int32.self) == -3)
        #expect(try root["c"]?.string() == "x\né😀")
        #expect(root["d"]?.count == 3)
        #expect(root["d"]?[1] == nil)
        #expect(try root["d"]?[2]?.integer(UInt8.self) == 3)
        #expect(root["d"]?[3] == nil)
        #expect(root["e"]?["f"] == nil)
        #expect(root["e"]?.members.map(\.name) == ["f"])
        #expect(root["g"]?.kind == .fraction)
        #expect(root["missing"] == nil)
    }

    @Test func nodesKeepTheirDocumentAlive() throws {
        let node = try #require(try parse(#"{"a":{"b":["deep"]}}"#)?["a"]?["b"]?[0])
        #expect(try node.string() == "deep")
        #expect(node.path == "a.b[0]")
    }

    @Test func aScalarIsADocument() throws {
        #expect(try parse("17")?.integer(Int.self) == 17)
        #expect(try parse(" \"x\" ")?.string() == "x")
        #expect(try parse("null") == nil)
    }

    @Test func membersKeepTheDocumentsOrderAndTheLastOfTwins() throws {
        let root = try #require(try parse(#"{"z":1,"a":2,"z":3}"#))
        #expect(root.members.map(\.name) == ["z", "a"])
        #expect(try root["z"]?.integer(Int.self) == 3)
    }

    @Test(arguments: [
        ("0", 0), ("18446744073709551615", UInt64.max), ("9223372036854775807", UInt64(Int64.max)),
        ("9223372036854775808", UInt64(1) << 63),
    ])
    func readsUnsignedIntegersUpToTheLast(text: String, value: UInt64) throws {
        #expect(try parse(text)?.integer(UInt64.self) == value)
    }

    @Test func readsTheSmallestInteger() throws {
        #expect(try parse("-9223372036854775808")?.integer(Int64.self) == Int64.min)
    }

    @Test(arguments: ["1.0", "1e3", "1E3", "-0.0", "\"1\"", "true", "[1]"])
    func refusesWhatIsNoInteger(text: String) throws {
        let node = try #require(try parse(text))
        #expect(mismatch { () throws(JSONMismatch) in try node.integer(UInt32.self) } == .notInteger)
    }

    @Test(arguments: ["4294967296", "-1", "18446744073709551615", "-9223372036854775808"])
    func refusesWhatDoesNotFit(text: String) throws {
        let node = try #require(try parse(text))
        let expected = JSONMismatch.outOfRange(lower: "0", upper: "4294967295")
        #expect(mismatch { () throws(JSONMismatch) in try node.integer(UInt32.self) } == expected)
    }

    @Test func aLargeUnsignedNumberIsNoSignedOne() throws {
        let node = try #require(try parse("9223372036854775808"))
        let expected = JSONMismatch.outOfRange(lower: "\(Int64.min)", upper: "\(Int64.max)")
        #expect(mismatch { () throws(JSONMismatch) in try node.integer(Int64.self) } == expected)
    }

    @Test func refusesNULInStrings() throws {
        let node = try #require(try parse(#"["a\u0000b"]"#)?[0])
        #expect(mismatch { () throws(JSONMismatch) in try node.string() } == .holdsNUL)
        #expect(node.excerpt == #""a\u0000b""#)
    }

    @Test func refusesOtherKinds() throws {
        let node = try #require(try parse("{}"))
        #expect(mismatch { () throws(JSONMismatch) in try node.string() } == .notString)
        #expect(mismatch { () throws(JSONMismatch) in try node.boolean() } == .notBoolean)
        #expect(node.count == 0)
        #expect(node[0] == nil)
    }

    @Test func pathsNameThePlace() throws {
        let root = try #require(try parse(#"{"a":[{"b":1},{"c.d":{"e":[0,[true]]}}],"":5}"#))
        #expect(root.path == "")
        #expect(root["a"]?[1]?["c.d"]?["e"]?[1]?[0]?.path == #"a[1]["c.d"].e[1][0]"#)
        #expect(root["a"]?.path(of: 7) == "a[7]")
        #expect(root["a"]?[0]?.path(of: "x/y") == #"a[0]["x/y"]"#)
        #expect(root[""]?.path == #"[""]"#)
    }

    @Test func excerptsShowNumbersAsTheyAreWritten() throws {
        let root = try #require(try parse(#"[1e3, 1.0, 18446744073709551615, -7, true, {"a":1}, [2], "q\"\t"]"#))
        let excerpts = (0..<root.count).compactMap { root[$0]?.excerpt }
        #expect(excerpts == ["1e3", "1.0", "18446744073709551615", "-7", "true", "{...}", "[...]", #""q\"\t""#])
    }

    @Test func longExcerptsAreCutBetweenCharacters() throws {
        let root = try #require(try parse("[\"\(String(repeating: "é", count: 100))\"]"))
        #expect(root[0]?.excerpt == "\"\(String(repeating: "é", count: 40))...\"")
    }
}

@Suite struct JSONSyntaxTests {
    @Test(arguments: [
        ("", "line 1, column 1: there is nothing in it"),
        ("  \n", "line 2, column 1: there is nothing in it"),
        ("{", "line 1, column 2: the text ends here, and \"{\" of line 1 is not closed"),
        ("{\"a\":\n  [1, 2", "a[1]: line 2, column 8: the text ends here, and \"[\" of line 2 is not closed"),
        ("{} x", "line 1, column 4: text after the end of the document"),
        ("{}{}", "line 1, column 3: text after the end of the document"),
        ("[1]\n\n]", "line 3, column 1: a \"]\" too many"),
        ("{\"a\": tru}", "a: line 1, column 7: tru is neither true, false nor null, and a text needs quotes"),
        ("{\"a\": nope}", "a: line 1, column 7: nope is neither true, false nor null, and a text needs quotes"),
        ("{\"a\": xyz}", "a: line 1, column 7: xyz is neither true, false nor null, and a text needs quotes"),
        ("{'a': 1}", "line 1, column 2: a text in single quotes: JSON takes double ones"),
        ("{\"a\": 'b'}", "a: line 1, column 7: a text in single quotes: JSON takes double ones"),
        ("[NaN]", "[0]: line 1, column 2: NaN: JSON has no such number"),
        ("[-Infinity]", "[0]: line 1, column 2: -Infinity: JSON has no such number"),
        ("{a: 1}", "line 1, column 2: a name without quotes: write \"a\""),
        ("[\"\\x\"]", "[0]: line 1, column 4: not an escape: a backslash itself is written \\\\"),
        ("[18446744073709551616]", "[0]: line 1, column 2: not a number of at most 64 bits"),
        ("{\"a\":{\"b\":-9223372036854775809}}", "a.b: line 1, column 12: not a number of at most 64 bits"),
        ("[007]", "[0]: line 1, column 2: 007: a number has no leading zeros, and JSON no octal numbers"),
        ("[1-2]", "[0]: line 1, column 3: not a number of at most 64 bits"),
        ("{\"a\\u0000b\": 1}", "line 1, column 4: a name holds a NUL character"),
    ])
    func saysWhatAndWhere(text: String, message: String) {
        #expect(failure(of: Array(text.utf8)) == message)
    }

    /// What people do, and where the mistake is: seldom where the parser gives up.
    @Test(arguments: [
        // Commas
        ("{\"a\":1,}", "a: line 1, column 7: a comma before \"}\": JSON has none behind the last entry"),
        ("{\"a\":1,\n\n}", "a: line 1, column 7: a comma before \"}\": JSON has none behind the last entry"),
        ("[1,]", "[0]: line 1, column 3: a comma before \"]\": JSON has none behind the last entry"),
        ("[1,,2]", "[1]: line 1, column 4: a comma too many"),
        ("{,\"a\": 1}", "line 1, column 2: a comma too many"),
        ("{\"a\": 1 \"b\": 2}", "a: line 1, column 8: a comma is missing here"),
        ("{\"a\": 1\n \"b\": 2}", "a: line 1, column 8: a comma is missing here"),
        ("[1 2]", "[0]: line 1, column 3: a comma is missing here"),
        ("[{}{}]", "[0]: line 1, column 4: a comma is missing here"),
        ("{\"a\":1;\"b\":2}", "a: line 1, column 7: \";\", where \",\" belongs"),
        ("{\"a\":\"x\"; \"b\":2}", "a: line 1, column 9: \";\", where \",\" belongs"),
        ("{\"a\":{} | \"b\":2}", "a: line 1, column 9: \"|\", where \",\" belongs"),
        ("{\"a\":1\"b\":2}", "a: line 1, column 7: a comma is missing here"),
        ("{\"a\":1:2}", "a: line 1, column 7: \":\", where \",\" belongs"),
        ("[1;2]", "[0]: line 1, column 3: \";\", where \",\" belongs"),
        ("[1{}]", "[0]: line 1, column 3: a comma is missing here"),
        ("[1é]", "[0]: line 1, column 3: \"é\", where \",\" belongs"),
        ("[true\u{1}]", "[0]: line 1, column 6: \"\\u0001\", where \",\" belongs"),
        ("{\"a\";1}", "a: line 1, column 5: \";\", where \":\" belongs"),
        // Quotes
        ("{\"a\": \"x", "a: line 1, column 7: the closing quote of this text is missing"),
        ("[\"a\nb\"]", "[0]: line 1, column 2: the closing quote of this text is missing"),
        ("{\"a\": \"x,\n\"b\": \"y\"}", "a: line 1, column 7: the closing quote of this text is missing"),
        ("{\"a: 1,\n\"b\": 2}", "line 1, column 2: the closing quote of this text is missing"),
        ("{\"a\": x\", \"b\": 1}", "a: line 1, column 7: the opening quote of this text is missing"),
        ("{a\": 1}", "line 1, column 2: the opening quote of this text is missing"),
        ("{\"a\": \"x\"y\"}", "a: line 1, column 9: a quote inside of a text has to be written \\\""),
        ("{\"a\": \u{201C}x\u{201D}}", "a: line 1, column 7: a typographic quote: JSON takes the plain one, \""),
        ("[\"a\tb\"]", "[0]: line 1, column 4: a tab inside of a text has to be written \\t"),
        // Colons
        ("{\"a\" 1}", "a: line 1, column 5: a colon is missing between the name and its value"),
        ("{\"a\" = 1}", "a: line 1, column 6: \"=\", where \":\" belongs"),
        ("{\"a\"}", "a: line 1, column 5: a name without a value"),
        ("{\"a\", \"b\"}", "a: line 1, column 5: a name without a value"),
        ("{\"a\": }", "a: line 1, column 7: a value is missing before this \"}\""),
        ("{\"a\": , \"b\": 1}", "a: line 1, column 7: a value is missing before this comma"),
        ("[\"a\": 1]", "[0]: line 1, column 5: a name with a value in an array: that takes an object, {...}"),
        // Brackets
        ("{\"a\": [1}", "a[0]: line 1, column 9: \"}\", where \"]\" belongs: \"[\" of line 1 is open"),
        ("[{\"a\": 1]", "[0].a: line 1, column 9: \"]\", where \"}\" belongs: \"{\" of line 1 is open"),
        ("{\"a\": 1}}", "line 1, column 9: a \"}\" too many"),
        // What other languages have
        ("[1, // x\n2]", "[1]: line 1, column 5: a comment: JSON has none"),
        ("{\"a\": 1, /* x */ \"b\": 2}", "line 1, column 10: a comment: JSON has none"),
        ("{\n# x\n\"a\": 1}", "line 2, column 1: a comment: JSON has none"),
        ("[True]", "[0]: line 1, column 2: True: JSON writes true"),
        ("[None]", "[0]: line 1, column 2: None: JSON writes null"),
        ("[yes]", "[0]: line 1, column 2: yes: JSON writes true"),
        ("\u{FEFF}{}", "line 1, column 1: a byte order mark: save the file as UTF-8 without one"),
        ("{\u{A0}\"a\": 1}", "line 1, column 2: a blank that is none of JSON's, such as a no-break space"),
        // Numbers
        ("[0x1f]", "[0]: line 1, column 2: 0x1f: JSON has decimal numbers only"),
        ("[+1]", "[0]: line 1, column 2: +1: a number has no plus sign"),
        ("[.5]", "[0]: line 1, column 2: .5: a number has digits before and behind its point"),
        ("[10m]", "[0]: line 1, column 2: 10m is no number: JSON has no units"),
        ("[1.3.0]", "[0]: line 1, column 2: 1.3.0 is no number, and a text needs quotes"),
    ])
    func saysWhatAPersonDid(text: String, message: String) {
        #expect(failure(of: Array(text.utf8)) == message)
    }

    @Test func saysThatAFileIsUTF16() {
        #expect(failure(of: [0xFF, 0xFE, 0x7B, 0x00]) == "line 1, column 1: UTF-16, and JSON is UTF-8")
    }

    private func excerpt(of text: String) -> [Substring] {
        do throws(JSONSyntaxError) {
            _ = try JSONDocument(parsing: Array(text.utf8))
            return []
        } catch {
            return error.excerpt.split(separator: "\n")
        }
    }

    @Test func marksThePlaceInItsLine() {
        #expect(excerpt(of: "{\n  \"é\": 1,\n\t\"b\": 2,\n}") == ["    3 | \"b\": 2,", "      |       ^"])
        #expect(excerpt(of: "{\"é\": tru}") == ["    1 | {\"é\": tru}", "      |       ^"])
    }

    @Test func cutsALongLineAroundThePlace() throws {
        let before = String(repeating: "\"é\", ", count: 10_000)
        let lines = excerpt(of: "[\(before)nope, \(before)1]")
        #expect(lines.count == 2)
        #expect(lines.allSatisfy { $0.count < 130 })
        let caret = try #require(
            lines.last?.firstIndex(of: "^").map { lines[1].distance(from: lines[1].startIndex, to: $0) })
        #expect(lines[0].dropFirst(caret).hasPrefix("nope, "))
        #expect(lines[0].contains("| ...") && lines[0].hasSuffix("..."))
    }

    /// Whatever is changed in a text, its error has a line and a mark in it.
    @Test func everyDamageHasAPlace() {
        let text = Array(
            #"""
            {"a": ["é", -1.5e3, true, null, {"b": "x\n\u00e9", "c": [[], {}]}],
            	"d": {"e": "f"}, "g": 7}
            """#.utf8)
        let foreign = Array("'#/\\\",:{}[]\n\t +.0xNIé\u{FEFF}".utf8) + [0xFF, 0x00]
        var state: UInt64 = 7
        func draw(_ count: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(state >> 33) % count
        }
        for _ in 0..<20_000 {
            var damaged = text
            for _ in 0...draw(3) {
                let place = draw(damaged.count)
                switch draw(3) {
                case 0: damaged.remove(at: place)
                case 1: damaged.insert(foreign[draw(foreign.count)], at: place)
                default: damaged.removeLast(min(draw(4), damaged.count - 1))
                }
            }
            do throws(JSONSyntaxError) { _ = try JSONDocument(parsing: damaged) } catch {
                #expect(error.line >= 1 && error.column >= 1 && !error.message.isEmpty)
                #expect(error.excerpt.split(separator: "\n", omittingEmptySubsequences: false).count == 2)
            }
            _ = TextPlaces.find(["a[4].b", "d.e", "x"], in: damaged)
            _ = TextPlaces.repeatedNames(in: damaged, atMost: 3)
        }
    }

    @Test func refusesARawNUL() {
        #expect(failure(of: [0x5B, 0x22, 0x00, 0x22, 0x5D]) != nil)
        #expect(failure(of: [0x5B, 0x5D, 0x00]) == "line 1, column 3: text after the end of the document")
        #expect(failure(of: [0x00]) != nil)
    }

    @Test(arguments: [
        // A byte that never occurs, a lone continuation byte, an overlong slash, a surrogate, a cut-off character.
        [0xFF] as [UInt8], [0x80], [0xC0, 0xAF], [0xED, 0xA0, 0x80], [0xE2, 0x82],
    ])
    func refusesWhatIsNotUTF8(bytes: [UInt8]) {
        #expect(failure(of: Array("{\"a\": \"x".utf8) + bytes + Array("\"}".utf8)) == "a: line 1, column 9: not UTF-8")
    }

    @Test func boundsTheDepth() throws {
        func nested(_ depth: Int) -> [UInt8] {
            Array((String(repeating: "[", count: depth) + String(repeating: "]", count: depth)).utf8)
        }
        #expect(failure(of: nested(31)) == nil)
        #expect(failure(of: nested(33))?.hasSuffix("arrays or objects nested too deep") == true)
        #expect(failure(of: nested(100_000))?.hasSuffix("arrays or objects nested too deep") == true)
    }

    @Test func everyPrefixOfADocumentIsAnError() {
        let text = Array(#"{"a":[1,true,null,"x\u00e9"],"b":{"c":-2.5e3}}"#.utf8)
        #expect(failure(of: text) == nil)
        for length in 0..<text.count {
            #expect(failure(of: Array(text[..<length])) != nil, "prefix of \(length) bytes")
        }
    }
}
