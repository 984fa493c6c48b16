import DBus
import OCI
import Testing

@testable import Cgroups

/// GVariant's text form, by the examples and rules of its documentation.
@Suite struct VariantTextTests {
    @Test(
        arguments: [
            ("true", .boolean(true)), (" false ", .boolean(false)), ("boolean true", .boolean(true)),
            ("5", .int32(5)), ("-5", .int32(-5)), ("+5", .int32(5)), ("0x1F", .int32(31)), ("010", .int32(8)),
            ("0", .int32(0)), ("uint64 123456789", .uint64(123_456_789)), ("byte 255", .byte(255)),
            ("byte 0xff", .byte(255)), ("int16 -32768", .int16(-32768)), ("uint16 65535", .uint16(65535)),
            ("uint32 4294967295", .uint32(.max)), ("int64 -9223372036854775808", .int64(.min)),
            ("uint64 18446744073709551615", .uint64(.max)), ("@t 7", .uint64(7)), ("1.5", .double(1.5)),
            ("1e3", .double(1000)), ("-.5", .double(-0.5)), ("double 2", .double(2)), ("inf", .double(.infinity)),
            ("'a'", .string("a")), ("\"a'b\"", .string("a'b")), ("'a\\'b'", .string("a'b")), ("''", .string("")),
            ("'\\n\\t\\\\\\u00e4\\U0001F600'", .string("\n\t\\ä😀")), ("string 'x'", .string("x")),
            ("objectpath '/a/b'", .objectPath("/a/b")), ("@g 'a(sv)'", .signature("a(sv)")),
            ("b'ab'", .array(of: "y", [.byte(97), .byte(98), .byte(0)])),
            ("['a', 'b']", .strings(["a", "b"])), ("@as []", .strings([])), ("@as ['x']", .strings(["x"])),
            ("[uint64 1, 2]", .array(of: "t", [.uint64(1), .uint64(2)])),
            ("@at [1,2]", .array(of: "t", [.uint64(1), .uint64(2)])),
            (
                "[[1], [2, 3]]",
                .array(of: "ai", [.array(of: "i", [.int32(1)]), .array(of: "i", [.int32(2), .int32(3)])])
            ),
            ("(1, 'x')", .structure([.int32(1), .string("x")])), ("(1,)", .structure([.int32(1)])),
            ("[('/dev/sda', uint64 5)]", .array(of: "(st)", [.structure([.string("/dev/sda"), .uint64(5)])])),
            ("@a(st) [('/dev/sda', 5)]", .array(of: "(st)", [.structure([.string("/dev/sda"), .uint64(5)])])),
            ("<5>", .variant(.int32(5))), ("<<'x'>>", .variant(.variant(.string("x")))),
            ("{'a': <1>}", .array(of: "{sv}", [.entry(key: .string("a"), value: .variant(.int32(1)))])),
            ("@a{sv} {}", .array(of: "{sv}", [])),
            (
                "{1: 2, 3: 4}",
                .array(
                    of: "{ii}", [.entry(key: .int32(1), value: .int32(2)), .entry(key: .int32(3), value: .int32(4))])
            ),
        ] as [(String, BusValue)])
    func values(text: String, value: BusValue) throws {
        #expect(try VariantText.parse(text) == value)
    }

    @Test(arguments: [
        "", " ", "x", "'a", "'a\\", "'\\u12'", "'\\u0000'", "[1", "[1,", "[1 2]", "[]", "{}", "()", "(1", "<>", "<1",
        "5 6", "byte 256", "byte -1", "uint64 -1", "int32 2147483648", "2147483648", "0x", "--5", "08", "1.2.3", "5x",
        "uint64 'x'", "string 5", "@as [1]", "@t 'x'", "@z 1", "@ 1", "@a{sv}", "['a', 1]", "handle 3", "just 1",
        "nothing", "{<1>: 2}", "{'a', 1}", "@(st) (1, 2)", "@ai {1: 2}", "[[[[[[[[[1]]]]]]]]]", "uint64", "true false",
        "int64 9223372036854775808", "@a 5", "@(s", "'a'b",
    ])
    func notValues(text: String) {
        #expect(throws: VariantText.Problem.self) { try VariantText.parse(text) }
    }

    /// Each byte of a type can be a level: what an annotation can hold must not be what a stack has to hold.
    @Test(arguments: ["a", "("])
    func endlessTypesAreNone(byte: String) async {
        let text = "@" + String(repeating: byte, count: 1 << 20) + " 1"
        #expect(throws: VariantText.Problem.self) { try VariantText.parse(text) }
    }
}

/// Annotations that set properties of the unit.
@Suite struct AnnotatedPropertyTests {
    private func read(_ key: String, _ value: String) throws -> [UnitProperty] {
        try AnnotatedProperties.read([
            Annotation(key: "other", value: "x"), Annotation(key: "org.systemd.property.\(key)", value: value),
        ])
    }

    @Test(arguments: [
        ("TimeoutStopUSec", "uint64 123456789", UnitProperty("TimeoutStopUSec", .uint64(123_456_789))),
        ("TimeoutStopSec", "1.5", UnitProperty("TimeoutStopUSec", .uint64(1_500_000))),
        ("TimeoutStopSec", "uint64 3", UnitProperty("TimeoutStopUSec", .uint64(3_000_000))),
        ("TimeoutStopSec", "int32 2", UnitProperty("TimeoutStopUSec", .uint64(2_000_000))),
        ("CollectMode", "'inactive-or-failed'", UnitProperty("CollectMode", .string("inactive-or-failed"))),
        ("After", "['a.service', 'b.service']", UnitProperty("After", .strings(["a.service", "b.service"]))),
        ("DefaultDependencies", "true", UnitProperty("DefaultDependencies", .boolean(true))),
    ])
    func properties(key: String, value: String, property: UnitProperty) throws {
        #expect(try read(key, value) == [property])
    }

    @Test(arguments: [
        ("TimeoutStopSec", "'5'"), ("TimeoutStopSec", "-1"), ("TimeoutStopSec", "inf"), ("", "5"), ("A.b", "5"),
        ("Some Thing", "5"), ("CollectMode", "inactive"),
    ])
    func mistakesNameTheAnnotation(key: String, value: String) {
        let error = #expect(throws: CgroupError.self) { try read(key, value) }
        #expect(error.map { "\($0)".hasPrefix("annotations[\"org.systemd.property.\(key)\"]: ") } == true)
    }

    @Test func withoutAnnotationsThereAreNone() throws { #expect(try AnnotatedProperties.read([]).isEmpty) }
}
