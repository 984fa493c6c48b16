import Testing

@testable import Runtime

/// Which tables of nftables are taken for CRIU's. What a container calls its own may be meant for nft(8).
@Suite struct StoppedNetworkTests {
    @Test(arguments: [
        ("table inet CRIU-4a6f", "CRIU-4a6f"), ("table inet CRIU-1-00c0ffee", "CRIU-1-00c0ffee"),
    ])
    func tablesOfCriuAreKnown(line: String, name: String) {
        #expect(StoppedNetwork.table(in: line) == name)
    }

    @Test(arguments: [
        "", "table inet filter", "table ip CRIU-4a6f", "table inet CRIU-", "table inet CRIU-1;flush",
        "table inet CRIU-1 x",
        "table inet CRIU-1{", "table inet CRIU-\"/etc/nftables\"", "table inet CRIU-\u{e9}", "\ttable inet CRIU-1",
    ])
    func otherTablesAreNot(line: String) {
        #expect(StoppedNetwork.table(in: line) == nil)
    }
}
