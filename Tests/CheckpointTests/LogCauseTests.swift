import Testing

@testable import Checkpoint

/// What CRIU writes to its log when it fails, and what is made of it.
@Suite struct LogCauseTests {
    private func cause(_ lines: String...) -> LogCause? {
        LogCause.find(in: Array(lines.map { "(00.012345) \($0)\n" }.joined().utf8))
    }

    @Test func `the flag that helps is named`() {
        #expect(
            cause(
                "Dumping opened files",
                "Error (criu/sk-inet.c:191): inet: Connected TCP socket, consider using "
                    + "--tcp-established option.", "Error (criu/cr-dump.c:2111): Dumping FAILED.")
                == LogCause("a TCP connection is open", hint: "--tcp-established keeps it"))
        #expect(
            cause("Error (criu/files-reg.c:1151): Can't create link remap for /tmp/x. Use link-remap option.")
                == LogCause("a file that is open has been removed: /tmp/x", hint: "--link-remap"))
    }

    @Test func `what came first counts, whatever else is reported after it`() {
        let found = cause(
            "    7: Error (criu/files.c:12): something unheard of", "Error (criu/cr-dump.c:2111): Dumping FAILED.")
        #expect(found == LogCause("something unheard of"))
    }

    @Test func `mounts that are private where they were not`() {
        let line =
            "Error (criu/mount-v2.c:12): mnt-v2: Failed to copy sharing from -1:/sys/fs/cgroup to 49: Invalid argument"
        #expect(cause(line)?.sentence.hasSuffix("were not: /sys/fs/cgroup") == true)
        #expect(cause(line)?.hint.contains("mount --make-rshared /") == true)
    }

    @Test func `who does not stand still may have called vfork`() {
        let unseizable = "Error (compel/src/lib/infect.c:262): Unseizable non-zombie 106 found, state "
        let timeout = "Error (criu/cr-dump.c:1655): Timeout reached. Try to interrupt: 0"
        #expect(
            cause(timeout, unseizable + "D, err -1/4")
                == LogCause(
                    "process 106 does not stand still, as one that has called vfork(2) and waits for its child",
                    hint: "try again"))
        #expect(cause(unseizable + "S, err -1/1")?.sentence.hasPrefix("process 106 is traced") == true)
    }

    @Test func `CRIU's own answer counts too`() {
        #expect(
            LogCause.find(in: [], message: "io_uring is in use")?.sentence.hasPrefix("a process uses io_uring") == true)
    }

    @Test func `what CRIU says outside of its log is known too`() {
        let said = "setcap cap_checkpoint_restore+eip /usr/sbin/criu"
        #expect(LogCause.known(in: [said])?.sentence.hasPrefix("CRIU was started by an ordinary user") == true)
        #expect(LogCause.known(in: ["something unheard of"]) == nil)
    }

    @Test func `without an error there is no cause`() {
        #expect(cause("Dumping", "Warn  (criu/x.c:1): careful") == nil)
        #expect(LogCause.find(in: []) == nil)
        #expect(LogCause.find(in: Array("Error (".utf8)) == nil)
    }

    @Test func `what a container has named cannot write to a terminal`() {
        let found = cause("Error (criu/a.c:1): Can't dump file 3 of that type [20000] (\u{1B}[2J)")
        #expect(found?.sentence.utf8.contains(0x1b) == false)
    }

    @Test func `a long log is no trouble`() {
        let line = "(00.1) Error (criu/a.c:1): " + String(repeating: "x", count: 5000) + "\n"
        let found = LogCause.find(in: Array(String(repeating: line, count: 1000).utf8))
        #expect((found?.sentence.utf8.count ?? 0) < 400)
    }
}
