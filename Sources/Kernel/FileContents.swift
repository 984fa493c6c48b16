internal import CKernel

/// Whole files, and what is in a directory.
extension Files {
    /// The whole content of a small file; one longer than `limit` bytes is an error (EFBIG).
    public static func read(
        _ path: String, at base: Base = .workingDirectory, limit: Int = 16 << 20
    ) throws(SystemError) -> [UInt8] {
        let file = try Descriptor.open(path, [.readOnly], at: base)
        do { return try file.readAll(limit: limit) } catch { throw SystemError(error.operation, path, error.errno) }
    }

    /// The same of a file that may be anything: one that is no regular file is an error (EINVAL), and is not waited for.
    ///
    /// - Parameters:
    ///   - path: the file.
    ///   - base: what the path is relative to.
    ///   - limit: bytes at most; a longer file is an error (EFBIG).
    ///   - follow: whether the last component may be a symbolic link; otherwise that is an error (ELOOP).
    public static func readRegular(
        _ path: String, at base: Base = .workingDirectory, limit: Int = 16 << 20, follow: Bool = false
    ) throws(SystemError) -> [UInt8] {
        var flags: OpenFlags = [.readOnly, .nonBlocking, .noControllingTerminal]
        if !follow { flags.insert(.noFollow) }
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
