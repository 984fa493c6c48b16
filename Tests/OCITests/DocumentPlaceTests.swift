import OCI
import Testing

/// The places that a place of a document lies in.
@Suite struct DocumentPlaceTests {
    @Test(arguments: [
        ("a", ["a"]), ("a.b[3].c", ["a", "a.b[3]", "a.b[3].c"]),
        ("a.unified[\"x.y.z\"]", ["a", "a.unified[\"x.y.z\"]"]),
        ("a[\"x.y\"].b", ["a[\"x.y\"]", "a[\"x.y\"].b"]), ("", [""]),
    ])
    func lineage(place: String, lineage: [String]) {
        #expect(DocumentPlace.lineage(of: place) == lineage)
    }

    @Test func itIsShortWhateverTheDocument() {
        #expect(DocumentPlace.lineage(of: String(repeating: "a.", count: 100_000)).count == 17)
    }
}
