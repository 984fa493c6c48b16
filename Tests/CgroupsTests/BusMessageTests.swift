import Testing

@testable import DBus

/// libdbus ends the process when it is given what it takes for a mistake of the program. What a bus says is none.
@Suite struct BusMessageTests {
    @Test(arguments: ["", "x", "/a/", "//", "/a b", "/\u{e9}"])
    func pathsThatAreNoneAreRefused(path: String) {
        #expect(throws: BusError.badArguments) { try BusMessage(call(path, [])) }
    }

    @Test(arguments: [BusValue.objectPath("x"), .signature("a"), .string("a\0b"), .variant(.array(of: "z", []))])
    func valuesThatAreNoneAreRefused(value: BusValue) {
        #expect(throws: BusError.badArguments) { try BusMessage(call("/a", [value])) }
    }

    @Test func whatIsPutInComesOut() throws {
        let message = try BusMessage(call("/a/b_1", [.string("x"), .uint32(7), .variant(.objectPath("/p"))]))
        #expect(message.text(0) == "x" && message.number(1) == 7 && message.text(2) == "/p" && message.text(3) == nil)
    }

    private func call(_ path: String, _ arguments: [BusValue]) -> BusCall {
        BusCall(destination: "a.b", path: path, interface: "a.b", member: "c", arguments: arguments)
    }
}
