import Glibc
import Harness
import Testing

extension Containers {
    /// What a running container does so that commands on it go wrong.
    @Suite struct HostileContainerTests {
        /// It executes a copy of its program from a memory file with the name of the executor.
        @Test func `a program that calls itself apus-init is a running one`() throws {
            let bundle = try Bundle.minimal { $0.run("/assert", "disguise", "apus-init") }
            try bundle.create().ok()
            try bundle.start().ok()
            let pid = try #require(bundle.pid)
            _ = try bundle.line()
            #expect(Files.target(ofLink: "/proc/\(pid)/exe")?.hasPrefix("/memfd:apus-init") == true)
            #expect(bundle.status == "running")
            try bundle.command(["pause", bundle.id]).run().ok()
            #expect(bundle.status == "paused")
            try bundle.command(["resume", bundle.id]).run().ok()
            #expect(!(try bundle.delete().succeeded))
            #expect(bundle.status == "running")
            try bundle.exec("/assert", "exit", "0").ok()
        }

        /// cgroupfs takes any bytes as a name.
        @Test func `cgroups whose names are no text are removed`() throws {
            let bundle = try Bundle.sleeping()
            try bundle.create().ok()
            try bundle.start().ok()
            for controller in ["memory", "pids", "unified"] {
                let name =
                    Array("\(bundle.cgroup(controller))/x".utf8CString.dropLast()) + [CChar(bitPattern: 0xFF), 0]
                #expect(mkdir(name, 0o755) == 0 || errno == EEXIST, "\(controller)")
            }
            try bundle.delete("--force").ok()
        }
    }
}
