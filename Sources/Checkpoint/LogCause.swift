/// Why CRIU failed, found in its log and put into words.
public struct LogCause: Sendable, Equatable {
    /// What is in the way.
    public var sentence: String
    /// What helps; empty: nothing that is known.
    public var hint: String

    public init(_ sentence: String, hint: String = "") {
        self.sentence = sentence
        self.hint = hint
    }
}

/// What a line of the log means.
private struct Pattern {
    /// The text before what varies, and the text after it; without the latter it goes on to the end of the line.
    let before: StaticString
    let after: StaticString
    /// The sentence, `%` standing for what varies.
    let sentence: StaticString
    let hint: StaticString

    init(_ before: StaticString, to after: StaticString = "", _ sentence: StaticString, _ hint: StaticString = "") {
        self.before = before
        self.after = after
        self.sentence = sentence
        self.hint = hint
    }
}

extension LogCause {
    /// CRIU's messages, from the particular to the general: of two that occur the first one in here counts, since what
    /// fails first is often reported again by whoever called it. The texts are those of CRIU 3.15 to 4.2.
    private static var patterns: [Pattern] {
        [
            // Ordinary users.
            Pattern(
                "setcap cap_checkpoint_restore",
                "CRIU was started by an ordinary user, and lacks CAP_CHECKPOINT_RESTORE",
                "checkpoint containers as root"),
            Pattern(
                "Unable to drop supplementary groups",
                "CRIU cannot enter the user namespace of an ordinary user's container, which forbids setgroups"),
            // Sockets.
            Pattern("Connected TCP socket, consider", "a TCP connection is open", "--tcp-established keeps it"),
            Pattern(
                "In-flight connection (l) for ", "a TCP connection is about to be opened: %",
                "--tcp-skip-in-flight leaves it out"),
            Pattern(
                "Unix socket ", to: " without peer", "a Unix socket leads out of the container's network namespace: %",
                "the program has to close it before"),
            Pattern(
                "unix: Can't connect ", "the other end of a Unix socket is not there",
                "it has to have the same path inside of the container as it has given itself"),
            Pattern("External socket is used", "a Unix socket leads out of the container", "--ext-unix-sk allows it"),
            Pattern(
                "Can't dump half of stream unix connection. ", "a Unix socket leads out of the container: %",
                "--ext-unix-sk allows it"),
            Pattern("Need to set the --tcp-close", "the image has closed TCP connections", "--tcp-close restores them"),
            Pattern(
                "Connected TCP socket in image", "the image has an open TCP connection",
                "--tcp-established opens it again, --tcp-close closes it"),
            Pattern(
                "Unsupported socket family: ", "a socket of address family % is open, which CRIU cannot save",
                "the program has to close it before"),
            Pattern(
                "Unsupported proto ", to: " for socket", "a socket of protocol % is open, which CRIU cannot save",
                "the program has to close it before"),
            Pattern(
                "For Go programs, consider using \"GODEBUG=multipathtcp=0\"", "a multipath TCP socket is open",
                "GODEBUG=multipathtcp=0 in the environment of a Go program makes it an ordinary one"),
            Pattern(
                "Can't bind inet socket", "an address that the container listened at is in use on this host",
                "is the container still running, or another one in the same network namespace?"),
            Pattern("inet: Can't connect inet socket back", "a TCP connection cannot be opened again"),
            // Files.
            Pattern(
                "Some file locks are hold by dumping tasks", "a file is locked",
                "--file-locks keeps the lock, if nobody outside has it too"),
            Pattern(
                "Can't create link remap for ", to: ". ", "a file that is open has been removed: %", "--link-remap"),
            Pattern(
                "Can't dump ghost file ", to: " of ", "a file that is open has been removed and is large: %",
                "a line \"ghost-limit SIZE\" in /etc/criu/apus.conf, or --link-remap"),
            Pattern(
                "Can't dump file ", "a file is open that CRIU cannot save: %",
                "the program has to close it, or the descriptor must not be passed on to the container"),
            Pattern("Can't lookup mount=", "a file is open that is not mounted in the container: mount %"),
            Pattern("Can't dump itimers", "a timer cannot be saved"),
            Pattern(
                "has bad size ", to: " (", "a file of the container's is not as it was when the image was made: size %",
                "the root file system and the mounts have to be the same as then"),
            Pattern(
                "has bad mode ", "a file of the container's is not as it was when the image was made: mode %",
                "the root file system and the mounts have to be the same as then"),
            // A name without its first letter, for which no stream was given.
            Pattern(
                "Can't open file ile[", "the images do not say which standard stream of the container is which",
                "is descriptors.json missing in them, or of another container?"),
            Pattern(
                "Can't open file ", to: " on restore", "a file that was open is missing: %",
                "the root file system and the mounts have to be the same as when the image was made"),
            Pattern(
                "Can't open file ", to: ":", "a file that was open is missing: %",
                "the root file system and the mounts have to be the same as when the image was made"),
            // Mounts.
            Pattern(
                "No mapping for ", to: " mountpoint", "the image has a mount that config.json has not",
                "a bind mount or a masked path of the saved container is missing in the configuration"),
            Pattern(
                "doesn't have a proper root mount", "a mount comes from outside of the container and its configuration",
                "it was mounted after the start, or by the container itself"),
            Pattern("FS mnt ", to: " dev ", "a file system that CRIU cannot save is mounted at %"),
            Pattern("Nested mount namespaces are not supported", "a process has a mount namespace of its own"),
            Pattern(
                "Failed to copy sharing from -1:", to: " to ",
                "the mounts here are private, and those of the host of the image were not: %",
                "\"mount --make-rshared /\" in this mount namespace"),
            Pattern("has unreachable sharing", "a mount shares what is mounted below it with the host"),
            Pattern("Open files on overmounted mounts", "a file is open below a mount that covers it"),
            Pattern("failed to dump fs ", to: " (", "a file system that CRIU cannot save is mounted at %"),
            // Terminals and sessions.
            Pattern(
                "Found dangling tty ", "a terminal of the caller's is open in the container",
                "--shell-job, with the checkpoint and with the restore"),
            Pattern(
                "Found slave peer index", "a terminal is open whose other end is outside of the container",
                "--shell-job, with the checkpoint and with the restore"),
            Pattern(
                "is not session leader", "the first process belongs to the caller's session",
                "--shell-job, with the checkpoint and with the restore"),
            Pattern(
                "A session leader of ", to: " is outside", "process % belongs to a session outside of the container",
                "--shell-job, with the checkpoint and with the restore"),
            Pattern(
                "Standard stream is not a terminal",
                "--shell-job gives the container the caller's terminal: standard input is none"),
            // Processes.
            Pattern(
                "Unseizable non-zombie ", to: " found, state D",
                "process % does not stand still, as one that has called vfork(2) and waits for its child", "try again"),
            Pattern(
                "Unseizable non-zombie ", to: " found", "process % is traced by somebody, or stuck in the kernel",
                "a debugger or strace has to let go of it"),
            Pattern(
                "Can't dump nested ", to: " namespace", "a process has a % namespace of its own, below the container's"),
            Pattern("Unable to freeze cgroup ", to: " (", "the processes do not stand still: %"),
            Pattern("Timeout reached", "the processes do not stand still"),
            Pattern("Can't dump a pid namespace without the process init", "the first process is not the container's"),
            Pattern(
                "PID mismatch on restore ", "a pid that the image needs is in use: %",
                "without a pid namespace of its own a container can only come back while its pids are free"),
            Pattern(
                "Can't fork for ", to: ":", "pid % is in use on this host",
                "without a pid namespace of its own a container can only come back while its pids are free"),
            Pattern("seccomp: Can't get", "a seccomp filter cannot be read (does it have a listener?)"),
            Pattern("io_uring", "a process uses io_uring, which CRIU cannot save"),
            Pattern("Unsupported mapping found ", "a process has memory mapped that CRIU cannot save: %"),
            Pattern(
                "has uprobes vma", "a process was traced with uprobes",
                "a line \"allow-uprobes\" in /etc/criu/apus.conf"),
            // The machine.
            Pattern(
                "CPU Feature ", to: " not supported", "this machine's processor lacks what the image needs: %",
                "an image goes to a machine with the same kind of processor"),
            Pattern("CPU xsave ", "the processor is another one than the image was made on: %"),
            Pattern("CPU capabilities do not match", "the processor is another one than the image was made on"),
            Pattern(
                "Locking network failed", "the network cannot be stopped: iptables or nftables is missing or fails",
                "--network-lock=nftables or --network-lock=skip"),
            Pattern(
                "Locking connection failed using nftables", "the network cannot be stopped by nftables",
                "--network-lock=iptables or --network-lock=skip"),
            Pattern(
                "Failed to lock TCP connection", "a TCP connection cannot be stopped",
                "--network-lock=nftables, or iptables has to be there"),
            Pattern(
                "Tracking memory is not available", "the kernel does not track which memory is written to",
                "without --pre-dump and --parent-path all memory is saved at once"),
            Pattern("UFFD is not supported", "the kernel has no userfaultfd, which --lazy-pages needs"),
            Pattern("Non-cooperative UFFD is not supported", "the kernel's userfaultfd is too old for --lazy-pages"),
            Pattern("can't write lsm profile", "a process cannot enter its security profile", "is the profile loaded?"),
            Pattern("mismatched lsm types", "--lsm-profile is of another kind than the image's profile"),
            Pattern("apparmor LSM specified but", "this kernel has no AppArmor, which the profile is for"),
            Pattern("selinux LSM specified but", "this kernel has no SELinux, which the profile is for"),
            Pattern(
                "CRIU needs to have the CAP_SYS_ADMIN or the CAP_CHECKPOINT_RESTORE",
                "the caller may not save or restore processes",
                "it takes CAP_CHECKPOINT_RESTORE in the host's user namespace"),
            Pattern("Unknown option", "a configuration file of CRIU's has an option that this CRIU does not know"),
            // Images and servers.
            Pattern(
                "Unable to open ", to: ".img: Permission denied", "the container's user namespace cannot read %.img",
                "their directory and they themselves have to be readable for everybody"),
            Pattern("Not supported images version ", "the images were written by another version of CRIU: %"),
            Pattern("Images corrupted or too old", "the images are damaged, or of an old CRIU"),
            Pattern("Can't connect to server", "nobody answers at the address of --page-server"),
            Pattern(
                "connect to a remote server", "nobody answers at the address of the page server"),
            Pattern(
                "lazy-pages.socket", "no lazy-pages daemon answers",
                "\"criu lazy-pages\" has to run first, with the same work directory"),
            Pattern(
                "Abort restore of existing cgroups",
                "the cgroup is there already, which --manage-cgroups-mode=strict forbids"),
            Pattern("No space left on device", "there is no space left for the images"),
            Pattern("Cannot allocate memory", "there is not enough memory"),
        ]
    }

    /// The cause of a failure.
    ///
    /// - Parameters:
    ///   - log: CRIU's log.
    ///   - message: what CRIU's answer said; it counts as the first line.
    /// - Returns: nil if nothing in there is an error.
    public static func find(in log: [UInt8], message: String = "") -> LogCause? {
        let answer = errors(in: Array(message.utf8)).first ?? message
        let lines = (answer.isEmpty || isNoise(answer) ? [] : [answer]) + errors(in: log)
        return known(in: lines) ?? lines.first.map { LogCause(trimmed($0)) }
    }

    /// The cause that lines tell of, if it is one that is known here.
    public static func known(in lines: [String]) -> LogCause? {
        for pattern in patterns {
            for line in lines {
                if let cause = cause(pattern, in: line) { return cause }
            }
        }
        return nil
    }

    /// What the lines of a log say that tell of errors: `(00.012) 42: Error (criu/x.c:12): text`.
    static func errors(in log: [UInt8]) -> [String] {
        var found: [String] = []
        for line in log.split(separator: 10) {
            guard let start = position(of: "Error (", in: line, from: line.startIndex),
                let end = position(of: "): ", in: line, from: start)
            else { continue }
            let text = String(decoding: line[(end + 3)...], as: UTF8.self)
            if isNoise(text) { continue }
            found.append(text)
            if found.count == mostErrors { break }
        }
        return found
    }

    /// What follows the first errors is their consequence.
    private static var mostErrors: Int { 200 }

    /// What CRIU calls an error and is none, or what it says of every failure.
    private static func isNoise(_ text: String) -> Bool {
        let bytes = Array(text.utf8)
        return noise.contains { position(of: $0, in: bytes[...], from: 0) != nil }
    }

    private static var noise: [String] {
        [
            "Can't setup RLIMIT_NOFILE for self", "cgroupd: recv req error", "RPC client reported script error",
            "One of more action scripts failed", "Dumping FAILED", "Restoring FAILED", "Pre-dumping FAILED",
        ]
    }

    private static func cause(_ pattern: Pattern, in line: String) -> LogCause? {
        let bytes = Array(line.utf8)
        let before = pattern.before.description
        guard let start = position(of: before, in: bytes[...], from: 0) else { return nil }
        let rest = start + before.utf8.count
        let after = pattern.after.description
        var end = bytes.count
        if !after.isEmpty {
            guard let found = position(of: after, in: bytes[...], from: rest) else { return nil }
            end = found
        }
        let varying = trimmed(String(decoding: bytes[rest..<end], as: UTF8.self))
        var sentence = ""
        for part in pattern.sentence.description.utf8.split(
            separator: UInt8(ascii: "%"), omittingEmptySubsequences: false
        ).enumerated() {
            if part.offset > 0 { sentence += varying }
            sentence += String(decoding: Array(part.element), as: UTF8.self)
        }
        return LogCause(sentence, hint: pattern.hint.description)
    }

    /// Where a text begins in a line, at or behind an index.
    private static func position(of text: String, in line: ArraySlice<UInt8>, from start: Int) -> Int? {
        let wanted = Array(text.utf8)
        guard line.endIndex - start >= wanted.count else { return nil }
        for index in start...(line.endIndex - wanted.count) {
            if wanted.indices.allSatisfy({ line[index + $0] == wanted[$0] }) { return index }
        }
        return nil
    }

    /// One line without blanks at its ends, no longer than a person reads. What a container has named is printed as it
    /// is only where it is harmless.
    private static func trimmed(_ text: String) -> String {
        var bytes = Array(text.utf8)
        while let last = bytes.last, last <= 0x20 || last == UInt8(ascii: ".") { bytes.removeLast() }
        bytes = bytes.map { $0 < 0x20 || $0 == 0x7f ? UInt8(ascii: "?") : $0 }
        while bytes.first == UInt8(ascii: " ") { bytes.removeFirst() }
        if bytes.count > 300 { bytes = Array(bytes[..<300]) + Array("...".utf8) }
        return String(decoding: bytes, as: UTF8.self)
    }
}
