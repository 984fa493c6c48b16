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

    /// A process that sleeps, for as long as `body` takes.
    private func withSleeper(_ body: (borrowing Kernel.Process) throws -> Void) throws {
        let sleeper = try Spawn(.path("/bin/sleep"), arguments: ["sleep", "1000"]).start()
        defer {
            try? sleeper.signal(9)
            _ = try? sleeper.wait()
        }
        try body(sleeper)
    }

    @Test func `a process is told from another one, and from none of its own descriptors`() throws {
        try withSleeper { one in
            try withSleeper { other in
                let identity = try one.identity()
                #expect(try one.has(identity))
                #expect(try Kernel.Process(opening: one.pid).has(identity))
                #expect(try !other.has(identity))
            }
        }
    }

    @Test func `a process is known by the start time that an older state has`() throws {
        try withSleeper { process in
            let time = try ProcessStatus(of: process.pid).startTime
            #expect(try process.has(.startTime(time)))
            #expect(try !process.has(.startTime(time - 1)))
        }
    }

    @Test func `an inode of another boot is another process's`() throws {
        try withSleeper { process in
            // Linux before 6.9 has no inodes of processes.
            guard case .inode(let inode, let boot) = try process.identity() else { return }
            #expect(try process.has(.inode(inode, boot: boot)))
            #expect(try !process.has(.inode(inode, boot: "00000000-0000-4000-8000-000000000000")))
        }
    }
}
