internal import CKernel

extension Process {
    /// Waits until a process has ended that need not be a child, and says how, if that can be known.
    ///
    /// A kernel with `PIDFD_INFO_EXIT` (Linux 6.15) remembers it once the process is reaped. Before that, and on every
    /// kernel, field 52 of /proc/PID/stat tells it of a process that has ended and is not reaped yet, to who may trace
    /// it.
    /// - Returns: nil if the process is gone and nobody has kept how it ended.
    public borrowing func waitForNonChild() throws(SystemError) -> ExitStatus? {
        while !(try hasEnded(within: -1)) {}
        if let status = endOfNonChild() { return status }
        // It is being reaped right now, or whoever should do it takes his time: POLLHUP says that it is done.
        _ = try Wait.occurred([(descriptor.number, 0)], milliseconds: 1000)
        return endOfNonChild()
    }

    private borrowing func endOfNonChild() -> ExitStatus? { endOfReaped() ?? endOfUnreaped() ?? endOfReaped() }

    private borrowing func endOfReaped() -> ExitStatus? {
        var status: Int32 = 0
        return unsafe ck_pidfd_exit(descriptor.number, &status) == 1 ? ExitStatus(waitStatus: status) : nil
    }

    /// The descriptor still names the process, and none other can have its pid before it is reaped; whether it was is
    /// asked afterwards, by a signal that is none.
    private borrowing func endOfUnreaped() -> ExitStatus? {
        // A process that cannot be read is gone.
        guard let bytes = try? Files.read("/proc/\(pid)/stat"), let end = bytes.lastIndex(of: UInt8(ascii: ")")) else {
            return nil
        }
        let fields = bytes[(end + 1)...].split(whereSeparator: { $0 == UInt8(ascii: " ") || $0 == 10 })
        guard fields.count > 49, fields[0].first == UInt8(ascii: "Z"), (try? signal(0)) != nil,
            let status = Int32(String(decoding: fields[49], as: UTF8.self))
        else { return nil }
        let mayTrace = ThisProcess.capabilities & 1 << 19 != 0  // CAP_SYS_PTRACE; others are shown a zero.
        return status != 0 || mayTrace ? ExitStatus(waitStatus: status) : nil
    }
}

extension ExitStatus {
    /// From the number that wait(2) gives.
    public init(waitStatus: Int32) {
        let signal = waitStatus & 0x7f
        self = signal == 0 ? .exited(waitStatus >> 8 & 0xff) : .killed(signal: signal)
    }
}

/// What a descriptor of a namespace stands for.
public enum NamespaceFile {
    /// The `CLONE_NEW*` flag of the namespace that a borrowed descriptor was opened from; nil: it is no namespace.
    public static func cloneFlag(of descriptor: borrowing Descriptor) -> UInt64? {
        let type = ck_namespace_type(descriptor.number)
        return type < 0 ? nil : UInt64(type)
    }

    /// Whether a borrowed descriptor is of the namespace that this process is in.
    ///
    /// - Parameters:
    ///   - descriptor: of any namespace.
    ///   - name: of the kind's link in /proc/PID/ns.
    public static func isCallers(_ descriptor: Int32, _ name: String) throws(SystemError) -> Bool {
        let namespace = try Files.status(of: descriptor)
        let own = try Files.status("/proc/self/ns/\(name)", follow: true)
        return namespace.inode == own.inode && namespace.device == own.device
    }
}

extension ThisProcess {
    /// A resource limit of this process (getrlimit(2)); `UInt64.max` is unlimited.
    public static func limit(_ resource: Int32) throws(SystemError) -> (soft: UInt64, hard: UInt64) {
        var soft: UInt64 = 0
        var hard: UInt64 = 0
        _ = try check(unsafe ck_limit(resource, &soft, &hard), "getrlimit")
        return (soft, hard)
    }
}

extension Files {
    /// Whether the caller may execute a file, or search a directory (access(2), with the real user).
    public static func isExecutable(_ path: String) -> Bool { unsafe ck_access(path, 1) == 0 }

    /// Whether the caller may read a file (access(2), with the real user).
    public static func isReadable(_ path: String) -> Bool { unsafe ck_access(path, 4) == 0 }
}

extension Descriptor {
    /// Reads at most `size` bytes from an offset, wherever the descriptor stands.
    public borrowing func read(atMost size: Int, from offset: Int64) throws(SystemError) -> [UInt8] {
        var failure = 0
        let number = number
        let bytes = unsafe [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
            let result = unsafe ck_pread(number, buffer.baseAddress, size, off_t(offset))
            if result < 0 { failure = result } else { count = result }
        }
        _ = try check(failure, "pread")
        return bytes
    }

    /// Gives back the memory of the first `length` bytes of a memory file; its size stays, and the bytes read as zeros.
    public borrowing func forget(first length: Int64) throws(SystemError) {
        _ = try check(ck_punch(number, 0, off_t(length)), "fallocate")
    }

    /// From now on nobody makes a memory file longer: who tries gets EPERM.
    public borrowing func sealGrowth() throws(SystemError) {
        _ = try check(ck_seal_growth(number), "fcntl(F_ADD_SEALS)")
    }
}
