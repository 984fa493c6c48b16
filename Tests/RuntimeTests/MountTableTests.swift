import Testing

@testable import Runtime

/// What is read of /proc/PID/mountinfo, and what is taken for a protection.
@Suite struct MountTableTests {
    private let table = MountTable(
        Array(
            """
            20 1 8:1 /b/rootfs / rw - ext4 /dev/sda rw
            21 20 8:1 /b/rootfs/v/ro /v/ro ro - ext4 /dev/sda rw
            22 20 8:1 /data /v rw master:1 - ext4 /dev/sda rw
            23 22 0:9 /directory /v/secret ro - tmpfs none rw,nr_inodes=3,mode=755
            24 20 0:10 / /a\\040b rw - tmpfs  rw,size=1k
            25 24 0:10 /x /a\\040b/x ro - tmpfs  rw,size=1k
            26 22 0:11 /directory /v/own rw - tmpfs own rw
            28 27 0:12 / /v/own/1/2 rw - tmpfs own rw
            27 26 0:12 / /v/own/1 rw - tmpfs own rw
            30 22 8:1 /data /v ro - ext4 /dev/sda rw
            nonsense

            """.utf8))

    @Test func linesAreRead() throws {
        #expect(table.lines.map { $0.id } == [20, 21, 22, 23, 24, 25, 26, 28, 27, 30])
        let line = try #require(table[24])
        #expect((line.point, line.type, line.source, line.options) == ("/a b", "tmpfs", "", "rw,size=1k"))
        #expect(try #require(table[22]).device == "8:1")
        #expect(table[99] == nil)
    }

    /// A mask; and what is mounted read-only onto itself, wherever the container moves it.
    @Test func protectionsAreKnownByWhatTheyAre() throws {
        #expect(table.lines.filter(table.isProtection).map { $0.id } == [21, 23, 25, 30])
    }

    /// What something else is mounted over is not seen.
    @Test func whatIsSeenAtAPath() {
        let seen = ["/", "/v", "/v/ro", "/v/secret", "/v/own/1", "/a b", "/a b/x", "/a", "/none"]
        #expect(seen.map { table.mount(seenAt: $0)?.id } == [20, 30, nil, nil, nil, 24, 25, nil, nil])
        let whole = MountTable(
            Array("1 1 8:1 / / rw - ext4 a rw\n2 1 8:2 / / rw - ext4 b rw\n3 2 8:3 / /x rw - c d rw\n".utf8))
        #expect(whole.mount(seenAt: "/")?.id == 2)
        #expect(whole.mount(seenAt: "/x")?.id == 3)
    }

    @Test func whatIsBelowAMountGoesWithIt() {
        #expect(table.descendants(of: 22).map { $0.id } == [23, 26, 27, 30, 28])
        #expect(table.descendants(of: 28).isEmpty)
    }
}
