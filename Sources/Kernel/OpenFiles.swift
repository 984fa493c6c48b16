internal import CKernel

/// Where a relative path begins.
public enum Base: Sendable {
    case workingDirectory
    /// A borrowed descriptor of a directory.
    case directory(Int32)

    var number: Int32 {
        switch self {
        case .workingDirectory: AT_FDCWD
        case .directory(let number): number
        }
    }
}

extension Descriptor {
    /// Opens `path` (openat(2)), relative to `base`.
    public static func open(
        _ path: String, _ flags: OpenFlags, mode: UInt32 = 0, at base: Base = .workingDirectory
    ) throws(SystemError) -> Descriptor {
        Descriptor(owning: try check(unsafe ck_open(base.number, path, flags.rawValue, mode), "open", path))
    }

    /// Opens `path` below `base` as openat2(2) does, with the resolution held to `resolve`.
    public static func open(
        _ path: String, _ flags: OpenFlags, mode: UInt32 = 0, at base: Base, resolve: Resolution
    ) throws(SystemError) -> Descriptor {
        let flags = UInt64(flags.rawValue)
        return Descriptor(
            owning: try check(
                unsafe ck_openat2(base.number, path, flags, UInt64(mode), resolve.rawValue), "openat2", path))
    }

    /// A memory file (memfd_create(2)) that can be sealed.
    public static func memoryFile(_ name: String, executable: Bool = false) throws(SystemError) -> Descriptor {
        Descriptor(owning: try check(unsafe ck_memfd(name, executable), "memfd_create", name))
    }

    /// Two connected sequenced-packet sockets.
    public static func socketPair() throws(SystemError) -> DescriptorPair {
        var ends: [Int32] = [-1, -1]
        _ = try check(unsafe ck_socketpair(&ends), "socketpair")
        return DescriptorPair(first: Descriptor(owning: ends[0]), second: Descriptor(owning: ends[1]))
    }

    /// A pipe: what is written to the second is read from the first.
    public static func pipe() throws(SystemError) -> DescriptorPair {
        var ends: [Int32] = [-1, -1]
        _ = try check(unsafe ck_pipe(&ends, O_CLOEXEC), "pipe")
        return DescriptorPair(first: Descriptor(owning: ends[0]), second: Descriptor(owning: ends[1]))
    }

    /// Another descriptor of the same open file.
    public borrowing func duplicate() throws(SystemError) -> Descriptor {
        Descriptor(owning: try check(ck_fcntl(number, F_DUPFD_CLOEXEC, 3), "dup"))
    }

    /// Another descriptor of what somebody else's descriptor refers to.
    public static func duplicate(of number: Int32) throws(SystemError) -> Descriptor {
        Descriptor(owning: try check(ck_fcntl(number, F_DUPFD_CLOEXEC, 3), "dup"))
    }

    /// Makes a memory file unchangeable for good.
    public borrowing func seal() throws(SystemError) {
        _ = try check(ck_seal(number), "fcntl(F_ADD_SEALS)")
    }

    /// Fixes the size of a memory file for good. Its content can change: who maps it never meets its end (SIGBUS).
    public borrowing func sealSize() throws(SystemError) {
        _ = try check(ck_seal_size(number), "fcntl(F_ADD_SEALS)")
    }

    /// Whether this is a memory file that ``seal()`` was called for.
    public var isSealed: Bool { ck_is_sealed(number, true) == 1 }

    /// Whether this is a memory file of a size that is fixed for good.
    public var isSizeSealed: Bool { ck_is_sealed(number, false) == 1 }

    /// How the descriptor is open: O_RDONLY, O_WRONLY or O_RDWR.
    public static func accessMode(of number: Int32) throws(SystemError) -> Int32 {
        try check(ck_fcntl(number, F_GETFL, 0), "fcntl(F_GETFL)") & O_ACCMODE
    }

    /// Opens anew what a descriptor holds (through /proc/self/fd), such as a place that was opened with `path`.
    public borrowing func reopened(_ flags: OpenFlags) throws(SystemError) -> Descriptor {
        try Descriptor.open("/proc/self/fd/\(number)", flags)
    }

    public borrowing func truncate(to size: Int) throws(SystemError) {
        _ = try check(ck_truncate(number, off_t(size)), "ftruncate")
    }

    /// What this descriptor refers to.
    public borrowing func status() throws(SystemError) -> FileStatus {
        try Files.status(of: number)
    }

    /// `f_type` of statfs(2), such as 0x63677270 for cgroup2.
    public borrowing func fileSystemType() throws(SystemError) -> Int64 {
        try check(ck_filesystem_type(number), "fstatfs")
    }

    /// What ``removeContent(_:)`` removes of a directory.
    public enum Removable: Sendable {
        case everything
        /// Directories in directories: the files of cgroupfs go with theirs.
        case directories
    }

    /// Removes what is in this directory, at any depth; links are not followed, and names need not be text.
    ///
    /// - Returns: false if something is in use (EBUSY).
    public borrowing func removeContent(_ removable: Removable) throws(SystemError) -> Bool {
        var call: UnsafePointer<CChar>?
        let result = unsafe ck_remove_content(number, removable == .everything, &call)
        return try check(result, unsafe call.map { unsafe String(cString: $0) } ?? "rmdir") == 1
    }

    /// Writes all of `bytes`.
    public borrowing func write(_ bytes: [UInt8]) throws(SystemError) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = unsafe rest.withUnsafeBytes { unsafe ck_write(number, $0.baseAddress, $0.count) }
            rest = rest.dropFirst(try check(count, "write"))
        }
    }

    /// Writes the first `size` bytes of `words`, as they are in memory.
    public borrowing func write(_ words: [UInt64], size: Int) throws(SystemError) {
        var done = 0
        while done < size {
            let count = unsafe words.withUnsafeBytes { buffer in
                let rest = unsafe buffer[done..<min(size, buffer.count)]
                return unsafe ck_write(number, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count)
            }
            done += try check(count, "write")
        }
    }

    /// Reads at most `size` bytes, fewer at the end of the file.
    public borrowing func read(atMost size: Int) throws(SystemError) -> [UInt8] {
        var failure = 0
        let bytes = unsafe [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
            let result = unsafe ck_read(number, buffer.baseAddress, size)
            if result < 0 { failure = result } else { count = result }
        }
        _ = try check(failure, "read")
        return bytes
    }

    /// Reads to the end; a file longer than `limit` is an error (EFBIG).
    public borrowing func readAll(limit: Int) throws(SystemError) -> [UInt8] {
        // Most files are small. A part that is not full may still not be the last one, but nothing speaks for a larger
        // buffer then: the kernel writes the files of procfs and cgroups a page at a time.
        var size = 4096
        var bytes = try read(atMost: min(size, limit + 1))
        var count = bytes.count
        while count > 0, bytes.count <= limit {
            if count == size { size = min(size * 4, 1 << 20) }
            let part = try read(atMost: min(size, limit - bytes.count + 1))
            count = part.count
            bytes.append(contentsOf: part)
        }
        if bytes.count > limit { throw SystemError("read", "", .fileTooLarge) }
        return bytes
    }

    /// Takes flock(2); false if somebody else holds it and `wait` is false.
    public borrowing func lock(exclusive: Bool = true, wait: Bool = true) throws(SystemError) -> Bool {
        let operation = (exclusive ? LOCK_EX : LOCK_SH) | (wait ? 0 : LOCK_NB)
        let result = ck_flock(number, operation)
        if result == -Errno.tryAgain.rawValue { return false }
        _ = try check(result, "flock")
        return true
    }

    /// Lets go of what ``lock(exclusive:wait:)`` took.
    public borrowing func unlock() throws(SystemError) { _ = try check(ck_flock(number, LOCK_UN), "flock") }
}
