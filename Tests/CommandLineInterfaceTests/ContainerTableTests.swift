import CommandLineInterface
import Testing

/// The expected texts are laid out byte for byte as runc 1.1.5 does.
@Suite struct ContainerTableTests {
    private func row(_ id: String, pid: Int32 = 13043, status: String = "created") -> ContainerTable.Row {
        ContainerTable.Row(
            id: id, pid: pid, status: status, bundle: "/srv/bundles/web01", created: "2026-11-22T04:56:39.50410807Z",
            owner: "root")
    }

    @Test func empty() {
        #expect(ContainerTable.text([]) == "ID          PID         STATUS      BUNDLE      CREATED     OWNER\n")
    }

    @Test func stopped() {
        var stopped = row("ccc", pid: 0, status: "stopped")
        stopped.created = "2026-11-22T04:56:39.007280164Z"
        #expect(
            ContainerTable.text([stopped]) == """
                ID          PID         STATUS      BUNDLE               CREATED                          OWNER
                ccc         0           stopped     /srv/bundles/web01   2026-11-22T04:56:39.007280164Z   root

                """)
    }

    @Test func longId() {
        var first = row("a-very-long-container-name-xxxxxxxxxxxxxxxxxxxxxxx", pid: 13029)
        first.created = "2026-11-22T04:56:39.482285065Z"
        #expect(
            ContainerTable.text([first, row("short")]) == """
                ID                                                   PID         STATUS      BUNDLE               \
                CREATED                          OWNER
                a-very-long-container-name-xxxxxxxxxxxxxxxxxxxxxxx   13029       created     /srv/bundles/web01   \
                2026-11-22T04:56:39.482285065Z   root
                short                                                13043       created     /srv/bundles/web01   \
                2026-11-22T04:56:39.50410807Z    root

                """)
    }

    @Test func pathCannotCommandTheTerminal() {
        var row = row("x")
        row.bundle = "/a\u{1B}[2J\n"
        #expect(ContainerTable.text([row]).contains("/a\\x1b[2J\\n   2026"))
    }

    @Test func ids() {
        #expect(ContainerTable.ids([]) == "")
        #expect(ContainerTable.ids([row("a"), row("b")]) == "a\nb\n")
    }
}
