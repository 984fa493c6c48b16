import Foundation
import Kernel
import Testing

/// Ids that are no process's any more. The kernel's answers differ: ESRCH, ENOENT or EINVAL (Linux 6.1).
@Suite struct ProcessIdentityTests {
    private func isNoProcess(_ pid: Int32) -> Bool {
        do { _ = try Kernel.Process(opening: pid) } catch { return error.isEndOfProcess }
        return false
    }

    @Test func `an id that only a thread has`() throws {
        let tasks = try FileManager.default.contentsOfDirectory(atPath: "/proc/self/task").compactMap { Int32($0) }
        let thread = try #require(tasks.first { $0 != ProcessInfo.processInfo.processIdentifier })
        #expect(isNoProcess(thread))
    }

    @Test func `an id that a session keeps whose first process is gone`() throws {
        let program = Foundation.Process()
        program.executableURL = URL(fileURLWithPath: "/bin/sh")
        program.arguments = ["-c", "setsid sh -c 'sleep 5 >/dev/null & echo $$'"]
        let pipe = Pipe()
        program.standardOutput = pipe
        try program.run()
        let said = try #require(try pipe.fileHandleForReading.readToEnd())
        program.waitUntilExit()
        let pid = try #require(
            Int32(String(decoding: said, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)))
        #expect(isNoProcess(pid))
    }
}
