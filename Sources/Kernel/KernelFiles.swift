internal import CKernel

/// Small files that the kernel writes anew for every reader: cgroupfs and procfs.
extension Files {
    /// What one read(2) gives, at most `size` bytes: all of a file of cgroupfs that is no list.
    public static func readOnce(
        _ path: String, atMost size: Int = 4096, at base: Base = .workingDirectory
    ) throws(SystemError) -> [UInt8] {
        let file = try Descriptor.open(path, [.readOnly], at: base)
        do { return try file.read(atMost: size) } catch { throw SystemError(error.operation, path, error.errno) }
    }
}

extension Descriptor {
    /// Reads from the file's beginning, wherever the descriptor stands; at most `size` bytes.
    public borrowing func reread(atMost size: Int = 4096) throws(SystemError) -> [UInt8] {
        var failure = 0
        let number = number
        let bytes = unsafe [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
            let result = unsafe ck_pread(number, buffer.baseAddress, size, 0)
            if result < 0 { failure = result } else { count = result }
        }
        _ = try check(failure, "pread")
        return bytes
    }
}

extension Events {
    /// The content of a file of cgroupfs changed (POLLPRI).
    public static let urgent: Int16 = 0x2
}

extension Wait {
    /// Sleeps; a signal may end it early.
    public static func sleep(microseconds: Int) { _ = ck_sleep(Int64(microseconds) * 1000) }
}

extension Files {
    /// Whether the caller may write to a file, or make something in a directory; false on a read-only file system.
    public static func isWritable(_ path: String) -> Bool { unsafe ck_access(path, 2) == 0 }

    /// The number of links of a file; a directory of cgroupfs has 2, and one for each directory in it.
    public static func linkCount(_ path: String, at base: Base = .workingDirectory) throws(SystemError) -> UInt32 {
        var result = ck_status()
        _ = try check(unsafe ck_stat(base.number, path, AT_SYMLINK_NOFOLLOW, &result), "stat", path)
        return result.links
    }

    /// The names of the directories in a directory, without `.` and `..`.
    public static func listDirectories(_ path: String) throws(SystemError) -> [String] {
        try list(path).filter { name in
            // What is gone by now is no directory in it.
            (try? status("\(path)/\(name)"))?.kind == .directory
        }
    }
}
