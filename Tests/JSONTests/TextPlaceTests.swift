import JSON
import Testing

/// Where values are in a text, looked for after something was found to be wrong.
@Suite struct TextPlaceTests {
    private let text = Array(
        #"""
        {
          "root": {"path": "rootfs"},
          "mounts": [
            {"destination": "/a"}, {"destination": "/b", "options": ["ro", "x"]}
          ],
          "annotations": {"a.b]c": 7, "[\"": {"z": [[], [1]]}}
        }
        """#.utf8)

    @Test(arguments: [
        ("root", "line 2, column 11"), ("root.path", "line 2, column 20"), ("mounts", "line 3, column 13"),
        ("mounts[0]", "line 4, column 5"), ("mounts[1].options[1]", "line 4, column 68"),
        (#"annotations["a.b]c"]"#, "line 6, column 28"),
    ])
    func findsValues(path: String, place: String) {
        #expect(TextPlaces.find([path], in: text).map { $0.map { "\($0)" } } == [place])
    }

    @Test func findsWhatIsAroundAMissingOne() {
        let places = TextPlaces.find(["root.readonly", "mounts[1].options[7]", "process.cwd", ""], in: text)
        #expect(places.map { $0.map { "\($0)" } } == ["line 2, column 11", "line 4, column 61", nil, nil])
    }

    @Test func ofTwinsTheLastOneCounts() {
        // The parser keeps the last one, and its name has the place of the first.
        let twins = Array("{\"a\": 1,\n \"a\": 2,\n \"b\": {\"a\": 3, \"a\": [4, {\"c\": 5}]}}".utf8)
        let names = TextPlaces.repeatedNames(in: twins, atMost: 10)
        #expect(names.map { "\($0.path) \($0.place)" } == ["a line 2, column 7", "b.a line 3, column 21"])
        #expect(TextPlaces.repeatedNames(in: twins, atMost: 1).count == 1)
        #expect(TextPlaces.repeatedNames(in: text, atMost: 10).isEmpty)
    }

    /// Else a document of a megabyte could be gigabytes of paths.
    @Test func longNamesAreCut() throws {
        let name = String(repeating: "n", count: 100_000)
        let nested = Array(#"{"\#(name)": {"a": [1], "a": [2], "é\#(name)": {"\"": 3, "\"": 4}}}"#.utf8)
        let names = TextPlaces.repeatedNames(in: nested, atMost: 10)
        #expect(names.count == 2)
        let root = try #require(try JSONDocument(parsing: nested).root)
        let inner = try #require(root.members[0].value)
        let paths = [inner["a"]?[0]?.path, inner.members[1].value?.path(of: "\"")].compactMap { $0 }
        #expect(
            paths == [
                #"["\#(name.prefix(256))..."].a[0]"#, #"["\#(name.prefix(256))..."]["é\#(name.prefix(254))..."]["\""]"#,
            ])
        #expect(TextPlaces.find(paths, in: nested).map { $0?.column } == [100_023, 200_049])
        #expect(names.map { $0.path } == [String(paths[0].dropLast(3)), paths[1]])
        let error = #expect(throws: JSONSyntaxError.self) { try JSONDocument(parsing: nested.dropLast()) }
        #expect(error?.path.utf8.count ?? 0 < 600)
    }

    @Test func everyPathOfADocumentIsFoundInItsText() throws {
        let root = try #require(try JSONDocument(parsing: text).root)
        var paths: [String] = []
        func collect(_ node: JSONNode) {
            if !node.path.isEmpty { paths.append(node.path) }
            for index in 0..<node.count { if let element = node[index] { collect(element) } }
            for member in node.members { if let value = member.value { collect(value) } }
        }
        collect(root)
        #expect(paths.count > 8)
        let places = TextPlaces.find(paths, in: text)
        #expect(places.allSatisfy { $0 != nil })
        #expect(Set(places.map { "\($0 ?? TextPlace(line: 0, column: 0))" }).count == paths.count)
    }
}
