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
        ("", "line 1, column 1: unexpected end"),
        ("  \n", "line 2, column 1: unexpected end"),
        ("{", "line 1, column 2: unexpected end"),
        ("{\"a\":\n  [1, 2", "a[1]: line 2, column 8: unexpected end"),
        ("{\"a\": \"x", "a: line 1, column 9: unexpected end"),
        ("{} x", "line 1, column 4: text after the end of the document"),
        ("{}{}", "line 1, column 3: text after the end of the document"),
        ("[1]\n\n]", "line 3, column 1: text after the end of the document"),
        ("{\"a\": tru}", "a: line 1, column 10: neither true, false nor null"),
        ("{\"a\": nope}", "a: line 1, column 8: neither true, false nor null"),
        ("{\"a\": xyz}", "a: line 1, column 7: unexpected character"),
        ("{'a': 1}", "line 1, column 2: unexpected character"),
        ("{\"a\": 'b'}", "a: line 1, column 7: unexpected character"),
        ("[NaN]", "[0]: line 1, column 2: unexpected character"),
        ("[-Infinity]", "[0]: line 1, column 3: unexpected character"),
        ("[\"a\nb\"]", "[0]: line 1, column 4: bad escape or character in a string"),
        ("{a: 1}", "line 1, column 2: a quoted name expected"),
        ("{\"a\" 1}", "a: line 1, column 6: \":\" expected"),
        ("{\"a\": 1 \"b\": 2}", "a: line 1, column 9: \",\" or the end of the array or object expected"),
        ("[1 2]", "[0]: line 1, column 4: \",\" or the end of the array or object expected"),
        ("[1,]", "[1]: line 1, column 4: unexpected character"),
        ("{\"a\":1,}", "line 1, column 8: unexpected character"),
        ("[1, // x\n2]", "[1]: line 1, column 5: unexpected character"),
        ("[\"\\x\"]", "[0]: line 1, column 4: bad escape or character in a string"),
        ("[18446744073709551616]", "[0]: line 1, column 2: not a number of at most 64 bits"),
        ("{\"a\":{\"b\":-9223372036854775809}}", "a.b: line 1, column 12: not a number of at most 64 bits"),
        ("[007]", "[0]: line 1, column 5: not a number of at most 64 bits"),
        ("[1-2]", "[0]: line 1, column 3: not a number of at most 64 bits"),
        ("{\"a\\u0000b\": 1}", "line 1, column 4: a name holds a NUL character"),
    ])
    func saysWhatAndWhere(text: String, message: String) {
        #expect(failure(of: Array(text.utf8)) == message)
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
