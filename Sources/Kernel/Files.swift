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
        // Most files are small; a part that is not full may still not be the last one.
        var bytes = try read(atMost: min(4096, limit + 1))
        var size = 65_536
        while !bytes.isEmpty {
            let part = try read(atMost: min(size, limit - bytes.count + 1))
            if part.isEmpty { break }
            bytes.append(contentsOf: part)
            size = min(size * 2, 1 << 20)
            if bytes.count > limit { break }
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
}

extension Descriptor {
    /// Lets go of what ``lock(exclusive:wait:)`` took.
    public borrowing func unlock() throws(SystemError) { _ = try check(ck_flock(number, LOCK_UN), "flock") }
}

/// Reading and writing descriptors that somebody else owns, such as 0, 1 and 2.
public enum Streams {
    /// At most 32 KiB that are there now; empty at the end.
    public static func read(_ number: Int32) throws(SystemError) -> [UInt8] {
        var failure = 0
        let bytes = unsafe [UInt8](unsafeUninitializedCapacity: 32_768) { buffer, count in
            let result = unsafe ck_read(number, buffer.baseAddress, 32_768)
            if result < 0 { failure = result } else { count = result }
        }
        _ = try check(failure, "read")
        return bytes
    }

    /// Writes once; returns how many bytes were taken.
    public static func write(_ bytes: [UInt8], to number: Int32) throws(SystemError) -> Int {
        try check(unsafe ck_write(number, bytes, bytes.count), "write")
    }

    /// Writes a short text, at once. Without an array in between it takes a third fewer page faults to say the version.
    public static func write(_ text: String, to number: Int32) throws(SystemError) {
        var text = text
        let (count, size) = text.withUTF8 { bytes in
            unsafe (ck_write(number, bytes.baseAddress, bytes.count), bytes.count)
        }
        guard try check(count, "write") == size else { throw SystemError("write", "", .noSpace) }
    }

    /// Writes all of it.
    public static func writeAll(_ bytes: [UInt8], to number: Int32) throws(SystemError) {
        var rest = bytes[...]
        while !rest.isEmpty { rest = rest.dropFirst(try write(Array(rest), to: number)) }
    }
}

/// Calls on paths. A path is relative to `base`.
public enum Files {
    /// lstat(2), or stat(2) with `follow`.
    public static func status(
        _ path: String, at base: Base = .workingDirectory, follow: Bool = false
    ) throws(SystemError) -> FileStatus {
        try status(path, at: base, flags: follow ? 0 : AT_SYMLINK_NOFOLLOW)
    }

    static func status(_ path: String, at base: Base, flags: Int32) throws(SystemError) -> FileStatus {
        var result = ck_status()
        _ = try check(unsafe ck_stat(base.number, path, flags, &result), "stat", path)
        return FileStatus(result)
    }

    /// Whether something is at `path` (links are not followed).
    public static func exists(_ path: String, at base: Base = .workingDirectory) -> Bool {
        var result = ck_status()
        return unsafe ck_stat(base.number, path, AT_SYMLINK_NOFOLLOW, &result) == 0
    }

    public static func fileSystemType(_ path: String) throws(SystemError) -> Int64 {
        try check(unsafe ck_filesystem_type_at(path), "statfs", path)
    }

    /// The id, as /proc/self/mountinfo has it, of the mount that a path leads to (statx(2), `STATX_MNT_ID`).
    public static func mountID(_ path: String) throws(SystemError) -> UInt64 {
        var result: UInt64 = 0
        _ = try check(unsafe ck_mount_id(path, &result), "statx", path)
        return result
    }

    public static func makeDirectory(
        _ path: String, mode: UInt32, at base: Base = .workingDirectory
    ) throws(SystemError) {
        _ = try check(unsafe ck_mkdir(base.number, path, mode), "mkdir", path)
    }

    public static func removeDirectory(_ path: String, at base: Base = .workingDirectory) throws(SystemError) {
        _ = try check(unsafe ck_unlink(base.number, path, AT_REMOVEDIR), "rmdir", path)
    }

    public static func remove(_ path: String, at base: Base = .workingDirectory) throws(SystemError) {
        _ = try check(unsafe ck_unlink(base.number, path, 0), "unlink", path)
    }

    public static func rename(_ old: String, to new: String, at base: Base = .workingDirectory) throws(SystemError) {
        _ = try check(unsafe ck_rename(base.number, old, base.number, new), "rename", new)
    }

    public static func changeMode(
        _ path: String, to mode: UInt32, at base: Base = .workingDirectory
    ) throws(SystemError) {
        _ = try check(unsafe ck_chmod(base.number, path, mode), "chmod", path)
    }

    /// What a borrowed descriptor refers to.
    public static func status(of descriptor: Int32) throws(SystemError) -> FileStatus {
        try status("", at: .directory(descriptor), flags: 0x1000)  // AT_EMPTY_PATH
    }

    /// Makes an empty file, which must not be there yet (mknod(2)).
    public static func makeFile(_ name: String, mode: UInt32, at base: Base) throws(SystemError) {
        _ = try check(unsafe ck_make_node(base.number, name, 0o100000 | mode, 0, 0), "mknod", name)
    }

    /// Makes a device node, FIFO or regular file (mknod(2)), with an owner and exactly these permissions.
    public static func makeNode(
        _ name: String, mode: UInt32, major: UInt32, minor: UInt32, uid: UInt32, gid: UInt32, at base: Base
    ) throws(SystemError) {
        _ = try check(unsafe ck_make_node(base.number, name, mode, major, minor), "mknod", name)
        try changeMode(name, to: mode & 0o7777, at: base)
        if uid != 0 || gid != 0 { try changeOwner(name, uid: uid, gid: gid, at: base) }
    }

    /// Changes the owner of the inode itself, never of what a link points to.
    public static func changeOwner(
        _ path: String, uid: UInt32, gid: UInt32, at base: Base = .workingDirectory
    ) throws(SystemError) {
        _ = try check(unsafe ck_chown(base.number, path, uid, gid, AT_SYMLINK_NOFOLLOW), "chown", path)
    }

    /// The target of a symbolic link.
    public static func readLink(_ path: String, at base: Base = .workingDirectory) throws(SystemError) -> String {
        try unsafe string(capacity: 4096, "readlink", path) { buffer, size in
            unsafe Int(ck_readlink(base.number, path, buffer, size))
        }
    }

    /// The absolute path without links, `.` and `..` (realpath(3)).
    public static func realPath(_ path: String) throws(SystemError) -> String {
        try unsafe string(capacity: 4097, "realpath", path) { buffer, size in
            unsafe Int(ck_realpath(path, buffer, size))
        }
    }

    /// The bytes that `fill` put into a buffer, as a string.
    static func string(
        capacity: Int, _ operation: String, _ path: String,
        _ fill: (UnsafeMutablePointer<CChar>?, Int) -> Int
    ) throws(SystemError) -> String {
        var failure = 0
        let text = unsafe String(unsafeUninitializedCapacity: capacity) { buffer in
            let size = unsafe buffer.withMemoryRebound(to: CChar.self) { unsafe fill($0.baseAddress, capacity) }
            failure = min(size, 0)
            return max(size, 0)
        }
        _ = try check(failure, operation, path)
        return text
    }

    /// The whole content of a small file; one longer than `limit` bytes is an error (EFBIG).
    public static func read(
        _ path: String, at base: Base = .workingDirectory, limit: Int = 16 << 20
    ) throws(SystemError) -> [UInt8] {
        let file = try Descriptor.open(path, [.readOnly], at: base)
        do { return try file.readAll(limit: limit) } catch { throw SystemError(error.operation, path, error.errno) }
    }

    /// The same of a file that may be anything: one that is no regular file is an error (EINVAL), and is not waited for.
    public static func readRegular(
        _ path: String, at base: Base = .workingDirectory, limit: Int = 16 << 20
    ) throws(SystemError) -> [UInt8] {
        let flags: OpenFlags = [.readOnly, .noFollow, .nonBlocking, .noControllingTerminal]
        let file = try Descriptor.open(path, flags, at: base)
        do throws(SystemError) {
            guard try file.status().kind == .regular else { throw SystemError("open", path, .invalidArgument) }
            return try file.readAll(limit: limit)
        } catch {
            throw SystemError(error.operation, path, error.errno)
        }
    }

    /// The content as text, without the white space at its end.
    public static func readText(_ path: String, at base: Base = .workingDirectory) throws(SystemError) -> String {
        var bytes = try read(path, at: base)
        while let last = bytes.last, last == 10 || last == 32 || last == 0 { bytes.removeLast() }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Writes `text` to a file that is there already, in one call, as the kernel's own files want it.
    public static func writeExisting(
        _ path: String, _ text: String, at base: Base = .workingDirectory
    ) throws(SystemError) {
        let file = try Descriptor.open(path, [.writeOnly], at: base)
        do { try file.write(Array(text.utf8)) } catch { throw SystemError(error.operation, path, error.errno) }
    }

    /// Writes a file so that readers see the old one or the whole new one: a temporary beside it, renamed.
    public static func replace(
        _ path: String, with bytes: [UInt8], mode: UInt32 = 0o600, at base: Base = .workingDirectory
    ) throws(SystemError) {
        let temporary = temporaryName(for: path)
        // What a killed process left there is not ours to trust: it goes first.
        _ = unsafe ck_unlink(base.number, temporary, 0)
        let file = try Descriptor.open(
            temporary, [.writeOnly, .create, .exclusive, .noFollow], mode: mode, at: base)
        do {
            try file.write(bytes)
            try rename(temporary, to: path, at: base)
        } catch {
            _ = unsafe ck_unlink(base.number, temporary, 0)
            throw SystemError(error.operation, path, error.errno)
        }
    }

    private static func temporaryName(for path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return ".\(path).\(ck_getpid())" }
        return "\(path[...slash]).\(path[path.index(after: slash)...]).\(ck_getpid())"
    }

    /// The names in a directory, without `.` and `..`, in the order of the kernel.
    public static func list(_ path: String, at base: Base = .workingDirectory) throws(SystemError) -> [String] {
        let directory = try Descriptor.open(path, [.readOnly, .directory], at: base)
        var names: [String] = []
        while true {
            let entries = try readEntries(of: directory, path)
            if entries.isEmpty { return names }
            appendNames(in: entries, to: &names)
        }
    }

    private static func readEntries(of directory: borrowing Descriptor, _ path: String) throws(SystemError) -> [UInt8] {
        var failure = 0
        let number = directory.number
        let bytes = unsafe [UInt8](unsafeUninitializedCapacity: 32_768) { buffer, count in
            let size = unsafe Int(ck_getdents(number, buffer.baseAddress, 32_768))
            if size < 0 { failure = size } else { count = size }
        }
        _ = try check(failure, "getdents64", path)
        return bytes
    }

    /// struct linux_dirent64: inode and offset (8 bytes each), record length (2), type (1), name.
    private static func appendNames(in entries: [UInt8], to names: inout [String]) {
        var start = 0
        while start + 19 < entries.count {
            let length = Int(entries[start + 16]) | Int(entries[start + 17]) << 8
            guard length > 19, start + length <= entries.count else { return }
            let name = String(decoding: entries[(start + 19)..<(start + length)].prefix { $0 != 0 }, as: UTF8.self)
            if name != "." && name != ".." { names.append(name) }
            start += length
        }
    }
}
