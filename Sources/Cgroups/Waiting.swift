internal import Kernel

/// `cgroup.events` of a cgroup2 directory: the kernel wakes whoever polls it when it changes.
struct CgroupEvents: ~Copyable {
    private let file: Descriptor

    init(of directory: String) throws(SystemError) {
        file = try Descriptor.open("\(directory)/cgroup.events", [.readOnly])
    }

    /// Waits until the file has a line such as `populated 0`; false when the time is over.
    borrowing func wait(for line: String, until deadline: Int64) throws(SystemError) -> Bool {
        while true {
            if try has(line) { return true }
            let left = deadline - Clock.monotonic
            if left <= 0 { return false }
            _ = try Wait.occurred(
                [(file.number, Events.urgent)], milliseconds: Int32(min(left / 1_000_000 + 1, 60_000)))
        }
    }

    private borrowing func has(_ line: String) throws(SystemError) -> Bool {
        let bytes: [UInt8]
        do { bytes = try file.reread() } catch {
            // The directory is gone: nothing is in it, and nothing has to be waited for.
            if error.errno == .noDevice { return true }
            throw error
        }
        return bytes.split(separator: UInt8(ascii: "\n")).contains { $0.elementsEqual(line.utf8) }
    }
}

/// Waiting for something that tells nobody: short sleeps that grow to 2 ms.
struct Pause {
    private var microseconds = 100

    mutating func sleep() {
        Wait.sleep(microseconds: microseconds)
        microseconds = min(microseconds * 2, 2000)
    }
}
