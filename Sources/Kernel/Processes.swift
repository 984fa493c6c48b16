internal import CKernel

/// waitid(2): do not wait; leave the child to be reaped.
private let WNOHANG: Int32 = 1
private let WNOWAIT: Int32 = 0x0100_0000

/// How a process ended (waitid(2)).
public enum ExitStatus: Sendable, Equatable {
    case exited(Int32)
    case killed(signal: Int32)

    /// What a shell would report: the exit status, or 128 + signal.
    public var shellStatus: Int32 {
        switch self {
        case .exited(let status): status
        case .killed(let signal): 128 + signal
        }
    }
}

extension ExitStatus: CustomStringConvertible {
    public var description: String {
        switch self {
        case .exited(let status): "exit status \(status)"
        case .killed(let signal): "killed by signal \(signal)"
        }
    }
}

/// A process, held by a descriptor so that its pid cannot come to mean another one.
@frozen public struct Process: ~Copyable, Sendable {
    public let pid: Int32
    public let descriptor: Descriptor

    public init(pid: Int32, descriptor: consuming Descriptor) {
        self.pid = pid
        self.descriptor = descriptor
    }

    /// The process that `pid` names now; ESRCH if there is none.
    public init(opening pid: Int32) throws(SystemError) {
        self.init(pid: pid, descriptor: Descriptor(owning: try check(ck_pidfd_open(pid), "pidfd_open", "\(pid)")))
    }

    /// Sends a signal (pidfd_send_signal(2)); ESRCH if the process has ended.
    public borrowing func signal(_ number: Int32) throws(SystemError) {
        _ = try check(ck_pidfd_signal(descriptor.number, number), "kill", "\(pid)")
    }

    /// Waits for the end of a child and reaps it.
    public borrowing func wait() throws(SystemError) -> ExitStatus {
        while true {
            if let status = try poll() { return status }
            _ = try Wait.readable([descriptor.number], milliseconds: -1)
        }
    }

    /// Reaps a child that has ended; nil if it still runs.
    public borrowing func poll() throws(SystemError) -> ExitStatus? {
        var result = ck_exit()
        _ = try check(unsafe ck_wait_pidfd(descriptor.number, WNOHANG, &result), "waitid", "\(pid)")
        return ExitStatus(result)
    }

    /// Whether the process, a child or not, ended within the time (-1: waits for ever).
    public borrowing func hasEnded(within milliseconds: Int32) throws(SystemError) -> Bool {
        !(try Wait.readable([descriptor.number], milliseconds: milliseconds)).isEmpty
    }
}

extension ExitStatus {
    init?(_ result: ck_exit) {
        switch result.code {
        case 0: return nil
        case 1: self = .exited(result.status)  // CLD_EXITED
        default: self = .killed(signal: result.status)
        }
    }
}

/// A program to be started as a child.
public struct Spawn {
    public enum Program {
        case path(String)
        /// A borrowed descriptor of an executable file.
        case descriptor(Int32)
    }

    public var program: Program
    public var arguments: [String]
    public var environment: [String] = []
    /// Working directory of the child; nil: the caller's.
    public var directory: String?
    /// CLONE_NEW* flags.
    public var cloneFlags: UInt64 = 0
    /// A borrowed directory descriptor of a cgroup2 group that the child is cloned into (CLONE_INTO_CGROUP).
    public var cgroup: Int32?
    /// Borrowed descriptors that the child keeps under their numbers.
    public var kept: [Int32] = []
    /// Borrowed descriptors for the child's 0, 1 and 2; nil: the caller's.
    public var standardInput: Int32?
    public var standardOutput: Int32?
    public var standardError: Int32?
    /// Raise every capability into the ambient set, so that exec keeps it for an unmapped user.
    public var keepsCapabilities = false
    public var newSession = false
    /// The signal that the child gets when the caller dies; 0: none.
    public var parentDeathSignal: Int32 = 0
    /// What is mounted for the child, in a mount namespace that it has of its own.
    public var attachments: [Attachment] = []

    public init(_ program: Program, arguments: [String]) {
        self.program = program
        self.arguments = arguments
    }

    /// Starts the child (clone3(2) with CLONE_VFORK and CLONE_VM): it runs its program when this returns.
    /// A program that cannot be executed is an error here.
    public func start() throws(SystemError) -> Process {
        var pidfd: Int32 = -1
        let pid = unsafe withCStrings(arguments) { arguments in
            unsafe withCStrings(environment) { environment in
                unsafe start(arguments, environment, &pidfd)
            }
        }
        return Process(pid: try check(pid, "spawn", arguments.first ?? ""), descriptor: Descriptor(owning: pidfd))
    }

    /// The same in a network namespace, given by a descriptor of nsfs.
    public func start(inNetwork namespace: borrowing Descriptor) throws(SystemError) -> Process {
        let own = try Descriptor.open("/proc/self/ns/net", [.readOnly])
        _ = try check(ck_enter_network(namespace.number), "setns", "network namespace")
        defer { ck_return_to_network(own.number) }
        return try start()
    }

    private func start(
        _ arguments: UnsafePointer<UnsafeMutablePointer<CChar>?>,
        _ environment: UnsafePointer<UnsafeMutablePointer<CChar>?>,
        _ pidfd: inout Int32
    ) -> Int32 {
        if attachments.isEmpty { return unsafe start(arguments, environment, [], &pidfd) }
        return unsafe withCStrings(attachments.map { $0.path }) { paths in
            let attached = unsafe attachments.indices.map { index in
                unsafe ck_attachment(tree: attachments[index].tree, path: UnsafePointer(paths[index]))
            }
            return unsafe start(arguments, environment, attached, &pidfd)
        }
    }

    private func start(
        _ arguments: UnsafePointer<UnsafeMutablePointer<CChar>?>,
        _ environment: UnsafePointer<UnsafeMutablePointer<CChar>?>,
        _ attached: [ck_attachment], _ pidfd: inout Int32
    ) -> Int32 {
        var request = unsafe ck_spawn()
        unsafe request.clone_flags = cloneFlags | (cgroup == nil ? 0 : 0x2_0000_0000)  // CLONE_INTO_CGROUP, Linux 5.7
        unsafe request.cgroup = cgroup ?? -1
        unsafe request.arguments = unsafe arguments
        unsafe request.environment = unsafe environment
        unsafe request.stdio = (standardInput ?? -1, standardOutput ?? -1, standardError ?? -1)
        unsafe request.keep_capabilities = keepsCapabilities
        unsafe request.new_session = newSession
        unsafe request.parent_death_signal = parentDeathSignal
        var path = ""
        switch program {
        case .path(let text):
            path = text
            unsafe request.executable = -1
        case .descriptor(let number): unsafe request.executable = number
        }
        return unsafe kept.withUnsafeBufferPointer { kept in
            unsafe request.keep = kept.baseAddress
            unsafe request.keep_count = kept.count
            return unsafe attached.withUnsafeBufferPointer { attached in
                unsafe request.attachments = attached.baseAddress
                unsafe request.attachment_count = attached.count
                return unsafe path.withCString { path in
                    unsafe request.path = path
                    guard let directory else { return unsafe ck_spawn(&request, &pidfd) }
                    return unsafe directory.withCString { directory in
                        unsafe request.directory = directory
                        return unsafe ck_spawn(&request, &pidfd)
                    }
                }
            }
        }
    }
}

/// A detached tree that is mounted for a child.
public struct Attachment: Sendable {
    /// A borrowed descriptor of the tree.
    public var tree: Int32
    /// Where, absolute; what was attached before is there already.
    public var path: String

    public init(tree: Int32, path: String) {
        self.tree = tree
        self.path = path
    }
}

/// Lends the strings as a C array that ends with NULL.
private func withCStrings<Result>(
    _ strings: [String], _ body: (UnsafePointer<UnsafeMutablePointer<CChar>?>) -> Result
) -> Result {
    var bytes: [CChar] = []
    var offsets: [Int] = []
    for string in strings {
        offsets.append(bytes.count)
        bytes.append(contentsOf: string.utf8.lazy.map { CChar(bitPattern: $0) })
        bytes.append(0)
    }
    return unsafe bytes.withUnsafeMutableBufferPointer { bytes in
        var pointers = unsafe offsets.map { unsafe bytes.baseAddress?.advanced(by: $0) }
        unsafe pointers.append(nil)
        return unsafe pointers.withUnsafeBufferPointer { pointers in
            // An array with its NULL at the end is never empty: the base address is there.
            unsafe body(unsafe pointers.baseAddress.unsafelyUnwrapped)
        }
    }
}

/// Facts about, and effects on, the process that calls.
public enum ThisProcess {
    public static var pid: Int32 { ck_getpid() }
    public static var effectiveUser: UInt32 { ck_geteuid() }
    public static var effectiveGroup: UInt32 { ck_getegid() }
    /// Effective capabilities as a bit set; 0 if they cannot be read.
    public static var capabilities: UInt64 { UInt64(max(0, ck_capabilities())) }

    /// Whether the kernel knows a capability of this number (PR_CAPBSET_READ).
    public static func isCapability(_ number: UInt8) -> Bool { ck_prctl(23, UInt(number)) >= 0 }

    public static func environment(_ name: String) -> String? {
        unsafe ck_getenv(name).map { unsafe String(cString: $0) }
    }

    /// The kernel's release, such as `6.1.0-18-amd64`.
    public static func kernelRelease() throws(SystemError) -> String {
        try unsafe Files.string(capacity: 128, "uname", "") { unsafe Int(ck_uname_release($0, $1)) }
    }

    /// Sets the mask of permissions that new files do not get; returns the former one.
    @discardableResult
    public static func setFileModeMask(_ mask: UInt32) -> UInt32 { ck_umask(mask) }

    /// Makes every descriptor from `first` on close-on-exec (close_range(2), Linux 5.11).
    public static func closeOnExec(from first: Int32) throws(SystemError) {
        _ = try check(ck_close_range(UInt32(first), .max, 4), "close_range")
    }

    /// Gives every number of a range that no open descriptor has to one that leads nowhere and is close-on-exec, for as
    /// long as this process lives. Nothing that is opened later gets such a number.
    public static func occupyNumbers(_ numbers: ClosedRange<Int32>) throws(SystemError) {
        let missing = numbers.filter { !isOpen($0) }
        if missing.isEmpty { return }
        let place = try Descriptor.open("/", [.path])
        let filler = try check(ck_fcntl(place.number, F_DUPFD_CLOEXEC, Int(numbers.upperBound) + 1), "fcntl(F_DUPFD)")
        let own = Descriptor(owning: filler)
        _ = consume place
        for number in missing { _ = try check(ck_fcntl(own.number, F_DUPFD_CLOEXEC, Int(number)), "fcntl(F_DUPFD)") }
    }

    /// Whether descriptor `number` is open.
    public static func isOpen(_ number: Int32) -> Bool { ck_fcntl(number, F_GETFD, 0) >= 0 }

    /// Orphaned descendants become children of this process (PR_SET_CHILD_SUBREAPER).
    public static func becomeSubreaper() throws(SystemError) {
        _ = try check(ck_prctl(36, 1), "prctl(PR_SET_CHILD_SUBREAPER)")
    }

    /// Reaps a child that has ended, unless it is `process`, whose end somebody waits for; false if there is none.
    public static func reapOrphan(besides process: borrowing Process) -> Bool {
        var result = ck_exit()
        guard unsafe ck_wait_any(WNOHANG | WNOWAIT, &result) == 0, result.pid > 0, result.pid != process.pid else {
            return false
        }
        return unsafe ck_wait_pid(result.pid, &result) == 0
    }
}

extension Process {
    /// A child of the caller, by a pidfd that somebody else sent: whose it is, the kernel alone says. ECHILD if it is
    /// no child. A child that cannot be named is killed: nobody would look after it.
    public init(child descriptor: consuming Descriptor) throws(SystemError) {
        var result = ck_exit()
        _ = try check(unsafe ck_wait_pidfd(descriptor.number, WNOHANG | WNOWAIT, &result), "waitid")
        let pid: Int32
        do { pid = try Self.pid(of: descriptor) } catch {
            _ = ck_pidfd_signal(descriptor.number, 9)
            throw error
        }
        self.init(pid: pid, descriptor: descriptor)
    }

    /// The number of a pidfd's process: the kernel says it (Linux 6.13), or shows it (Linux 5.5).
    private static func pid(of descriptor: borrowing Descriptor) throws(SystemError) -> Int32 {
        let told = ck_pidfd_pid(descriptor.number)
        if told > 0 { return told }
        let path = "/proc/self/fdinfo/\(descriptor.number)"
        let line = try Files.readText(path).split(separator: "\n").first { $0.hasPrefix("Pid:") }
        guard let pid = line.flatMap({ Int32($0.dropFirst(5)) }), pid > 0 else {
            throw SystemError("read", path, .noChild)
        }
        return pid
    }

    /// Sets a resource limit of another process (prlimit(2)); `UInt64.max` is unlimited.
    public borrowing func setLimit(_ resource: Int32, soft: UInt64, hard: UInt64) throws(SystemError) {
        _ = try check(ck_prlimit(pid, resource, soft, hard), "prlimit", "\(pid)")
    }

    /// What tells this process from all others.
    public borrowing func identity() throws(SystemError) -> ProcessIdentity {
        if try descriptor.fileSystemType() == Self.pidfs, let boot = Self.bootID {
            return .inode(try descriptor.status().inode, boot: boot)
        }
        return .startTime(try ProcessStatus(of: pid).startTime)
    }

    /// Whether this is the process that had the identity; ESRCH or ENOENT if it has ended, and been reaped, meanwhile.
    public borrowing func has(_ identity: ProcessIdentity) throws(SystemError) -> Bool {
        switch identity {
        case .inode(let inode, let boot):
            guard try descriptor.status().inode == inode else { return false }
            // Where nobody says which boot this is, a process that cannot be told from the one that is meant is that one.
            return Self.bootID.map { $0 == boot } ?? true
        case .startTime(let time): return try ProcessStatus(of: pid).startTime == time
        }
    }

    /// PID_FS_MAGIC (linux/magic.h).
    private static var pidfs: Int64 { 0x5049_4446 }

    /// A random UUID that the kernel makes when it boots (random(4)); nil where it cannot be read.
    private static let bootID: String? = {
        guard let bytes = try? Files.readOnce("/proc/sys/kernel/random/boot_id", atMost: 64) else { return nil }
        return String(decoding: bytes.prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self)
    }()
}

/// What tells a process from all others that have had its pid, or will have it.
public enum ProcessIdentity: Sendable, Equatable {
    /// Its inode in pidfs, which no other process has until the machine boots anew (Linux 6.9), and which boot that is.
    case inode(UInt64, boot: String)
    /// Clock ticks between boot and its start (proc_pid_stat(5)), which take the kernel eight times as long.
    case startTime(UInt64)
}

/// The part of /proc/PID/stat that tells one process from another (proc(5)).
public struct ProcessStatus: Sendable {
    /// `R`, `S`, `D`, `Z` (ended, not reaped yet), `X` ...
    public let state: UInt8
    public let startTime: UInt64
    /// Whether the kernel is taking the process down already (PF_EXITING, linux/sched.h).
    public let isExiting: Bool

    public init(of pid: Int32) throws(SystemError) {
        let path = "/proc/\(pid)/stat"
        let bytes = try Files.read(path)
        // The name, in parentheses, may hold anything: count from the last one.
        guard let end = bytes.lastIndex(of: UInt8(ascii: ")")) else {
            throw SystemError("read", path, .invalidArgument)
        }
        // " S 1 ...": the state, field 3, is the first one after the name.
        var field = 2
        var start: UInt64 = 0
        var flags: UInt64 = 0
        for byte in bytes[(end + 1)...] {
            if byte == UInt8(ascii: " ") {
                field += 1
                if field > 22 { break }
            } else if field == 22, byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") {
                start = start &* 10 &+ UInt64(byte - UInt8(ascii: "0"))
            } else if field == 9 {
                flags = flags &* 10 &+ UInt64(byte &- UInt8(ascii: "0"))
            }
        }
        guard field > 22, end + 2 < bytes.count else { throw SystemError("read", path, .invalidArgument) }
        state = bytes[end + 2]
        startTime = start
        isExiting = flags & 4 != 0
    }
}
