import Glibc

/// What stops a test before it can look at anything.
public struct HarnessError: Error, CustomStringConvertible {
    public let description: String
    public init(_ description: String) { self.description = description }

    /// The call's name and subject with the text of the current errno.
    static func lastCall(_ what: String) -> HarnessError {
        HarnessError("\(what): \(String(cString: strerror(errno)))")
    }
}

/// File work without Foundation, so that every test target stays small and `Bundle` means only one thing.
public enum Files {
    /// The content, or nil when the file cannot be read. Bytes that are not UTF-8 are replaced.
    public static func read(_ path: String) -> String? { bytes(path).map { String(decoding: $0, as: UTF8.self) } }

    public static func bytes(_ path: String) -> [UInt8]? {
        let file = Glibc.open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard file >= 0 else { return nil }
        defer { Glibc.close(file) }
        var content: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65536)
        while true {
            let count = Glibc.read(file, &chunk, chunk.count)
            guard count > 0 else { return count < 0 ? nil : content }
            content += chunk[..<count]
        }
    }

    /// As `read`, without surrounding white space: for files of one value in /proc and /sys.
    public static func line(_ path: String) -> String? {
        read(path).map { String($0.drop(while: \.isWhitespace).reversed().drop(while: \.isWhitespace).reversed()) }
    }

    public static func write(_ text: String, to path: String, mode: mode_t = 0o644) throws {
        try write(Array(text.utf8), to: path, mode: mode)
    }

    public static func copy(_ source: String, to path: String, mode: mode_t = 0o644) throws {
        guard let content = bytes(source) else { throw HarnessError.lastCall("read \(source)") }
        try write(content, to: path, mode: mode)
    }

    private static func write(_ bytes: [UInt8], to path: String, mode: mode_t) throws {
        let file = Glibc.open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode)
        guard file >= 0 else { throw HarnessError.lastCall("open \(path)") }
        defer { Glibc.close(file) }
        guard fchmod(file, mode) == 0 || errno == EPERM else { throw HarnessError.lastCall("chmod \(path)") }
        guard Glibc.write(file, bytes, bytes.count) == bytes.count else { throw HarnessError.lastCall("write \(path)") }
    }

    /// An executable shell script.
    public static func script(_ lines: String, at path: String) throws {
        try write("#!/bin/sh\n\(lines)\n", to: path, mode: 0o755)
    }

    /// Makes the directory and those above it; existing ones are fine.
    public static func makeDirectory(_ path: String, mode: mode_t = 0o755) throws {
        if mkdir(path, mode) == 0 {
            guard chmod(path, mode) == 0 else { throw HarnessError.lastCall("chmod \(path)") }
            return
        }
        if errno == EEXIST { return }
        guard errno == ENOENT else { throw HarnessError.lastCall("mkdir \(path)") }
        try makeDirectory(parent(of: path))
        try makeDirectory(path, mode: mode)
    }

    /// Makes `depth` directories, one in the other: more than a path can name.
    public static func nest(_ depth: Int, in path: String) throws {
        var directory = try openDirectory(path)
        for _ in 0..<depth {
            guard mkdirat(directory, "d", 0o755) == 0 else { throw HarnessError.lastCall("mkdirat") }
            let next = openat(directory, "d", O_RDONLY | O_DIRECTORY)
            guard next >= 0 else { throw HarnessError.lastCall("openat") }
            close(directory)
            directory = next
        }
        close(directory)
    }

    public static func symlink(to target: String, at path: String) throws {
        guard Glibc.symlink(target, path) == 0 else { throw HarnessError.lastCall("symlink \(path)") }
    }

    public static func link(_ existing: String, to path: String) throws {
        guard Glibc.link(existing, path) == 0 else { throw HarnessError.lastCall("link \(path)") }
    }

    public static func rename(_ path: String, to newPath: String) throws {
        guard Glibc.rename(path, newPath) == 0 else { throw HarnessError.lastCall("rename \(path)") }
    }

    public static func makeFIFO(_ path: String) throws {
        guard mkfifo(path, 0o644) == 0 else { throw HarnessError.lastCall("mkfifo \(path)") }
    }

    public static func changeMode(_ path: String, _ mode: mode_t) throws {
        guard chmod(path, mode) == 0 else { throw HarnessError.lastCall("chmod \(path)") }
    }

    public static func changeOwner(_ path: String, uid: uid_t, gid: gid_t) throws {
        guard lchown(path, uid, gid) == 0 else { throw HarnessError.lastCall("chown \(path)") }
    }

    /// An open descriptor for a command to inherit; the caller closes it.
    public static func open(_ path: String) throws -> Int32 { try descriptor(path, O_RDONLY) }
    public static func openDirectory(_ path: String) throws -> Int32 { try descriptor(path, O_RDONLY | O_DIRECTORY) }
    public static func openForWriting(_ path: String) throws -> Int32 { try descriptor(path, O_WRONLY) }
    public static func close(_ descriptor: Int32) { Glibc.close(descriptor) }

    private static func descriptor(_ path: String, _ flags: Int32) throws -> Int32 {
        let file = Glibc.open(path, flags | O_CLOEXEC)
        guard file >= 0 else { throw HarnessError.lastCall("open \(path)") }
        return file
    }

    public static func parent(of path: String) -> String {
        let end = path.lastIndex(of: "/") ?? path.startIndex
        return end == path.startIndex ? "/" : String(path[..<end])
    }

    public static func name(of path: String) -> String {
        String(path[(path.lastIndex(of: "/").map(path.index(after:)) ?? path.startIndex)...])
    }

    /// lstat, or nil when there is nothing.
    public static func status(_ path: String) -> stat? {
        var info = stat()
        return lstat(path, &info) == 0 ? info : nil
    }

    public static func isExecutable(_ path: String) -> Bool { access(path, X_OK) == 0 }
    public static func exists(_ path: String) -> Bool { status(path) != nil }
    public static func isDirectory(_ path: String) -> Bool {
        status(path).map { $0.st_mode & S_IFMT == S_IFDIR } ?? false
    }

    public static func isRegular(_ path: String) -> Bool {
        status(path).map { $0.st_mode & S_IFMT == S_IFREG } ?? false
    }

    public static func target(ofLink path: String) -> String? {
        var buffer = [UInt8](repeating: 0, count: 4096)
        let count = buffer.withUnsafeMutableBytes { bytes in
            bytes.withMemoryRebound(to: CChar.self) { text in
                text.baseAddress.map { readlink(path, $0, text.count) } ?? -1
            }
        }
        return count < 0 ? nil : String(decoding: buffer[..<count], as: UTF8.self)
    }

    /// The names in a directory, sorted; none when it cannot be read.
    public static func list(_ path: String) -> [String] {
        guard let directory = opendir(path) else { return [] }
        defer { closedir(directory) }
        var names: [String] = []
        while let entry = Glibc.readdir(directory) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != "." && name != ".." { names.append(name) }
        }
        return names.sorted()
    }

    /// Every path below a directory, without following links.
    public static func tree(_ path: String) -> [String] {
        list(path).flatMap { name in
            let child = "\(path)/\(name)"
            return isDirectory(child) ? [child] + tree(child) : [child]
        }
    }

    /// Removes an empty directory, or a cgroup; true when it is gone.
    public static func removeDirectory(_ path: String) -> Bool { rmdir(path) == 0 || errno == ENOENT }

    /// Removes a directory tree. Never follows a link, never enters another file system.
    public static func removeTree(_ path: String) {
        guard let top = status(path) else { return }
        remove(path, on: top.st_dev)
    }

    private static func remove(_ path: String, on device: dev_t) {
        guard let info = status(path), info.st_dev == device else { return }
        if info.st_mode & S_IFMT == S_IFDIR {
            for name in list(path) { remove("\(path)/\(name)", on: device) }
            rmdir(path)
        } else {
            unlink(path)
        }
    }
}

/// Waits until something is so, looking every half millisecond. False when the time is over first: it is long enough
/// for a machine with much else to do, and only a failure takes it.
public func eventually(within seconds: Double = 30, _ isSo: () -> Bool) -> Bool {
    let end = Clock.now + seconds
    while !isSo() {
        if Clock.now > end { return false }
        usleep(500)
    }
    return true
}

/// Sleeps, to come in the middle of something.
public func pause(_ seconds: Double) { usleep(UInt32(seconds * 1_000_000)) }

enum Clock {
    /// Seconds that only go forward.
    static var now: Double {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }
}
