import CommandLineInterface
import Testing

@Suite struct SignalTests {
    @Test(
        arguments: [
            ("9", 9), ("0", 0), ("09", 9), ("64", 64), ("KILL", 9), ("SIGKILL", 9), ("sigkill", 9), ("kill", 9),
            ("SigTerm", 15), ("HUP", 1), ("USR1", 10), ("CHLD", 17), ("CLD", 17), ("IOT", 6), ("POLL", 29), ("SYS", 31),
            ("STKFLT", 16), ("WINCH", 28), ("RTMIN", 34), ("SIGRTMIN", 34), ("SIGRTMIN+3", 37), ("rtmin+30", 64),
            ("RTMAX", 64), ("RTMAX-1", 63), ("sigrtmax-30", 34), ("RTMIN+0", 34),
        ] as [(String, Int32)])
    func known(text: String, number: Int32) throws {
        #expect(try SignalTable.number(of: text) == number)
    }

    @Test(arguments: [
        "BOGUS", "65", "-9", "-0x", "SIG", "SIGSIGKILL", "RTMIN+31", "RTMIN+-1", "RTMIN++1", "RTMIN-1", "RTMAX+1",
        "RTMAX-31", "RTMIN+", "9 ", "99999999999999999999", "KİLL",
    ])
    func unknown(text: String) {
        #expect(throws: UsageError.self) { try SignalTable.number(of: text) }
    }
}
