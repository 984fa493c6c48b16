internal import Kernel
internal import OCI

/// The process that `exec` runs, made of the container's own and of what the caller asks for.
struct ExecProcess {
    var process: OCI.Process
    var warnings: [String] = []

    /// Makes the process.
    ///
    /// - Parameters:
    ///   - request: what the caller asks for.
    ///   - container: the container's own process.
    ///   - isAgain: whether `--process` was read before: what is no regular file is an error then (EINVAL), for there is
    ///     nothing left to be read, or no end of waiting.
    init(_ request: ExecRequest, in container: OCI.Process, isAgain: Bool = false) throws(RuntimeError) {
        if let path = request.processFile {
            process = container
            try read(path, in: container, isAgain)
        } else {
            process = container
            try adjust(request)
        }
    }

    // MARK: --process

    /// The file's process. Of its rights, and of how it is scheduled, what it leaves out is as the container's process
    /// has it; limits that it leaves out are the caller's, as in runc.
    private mutating func read(_ path: String, in container: OCI.Process, _ isAgain: Bool) throws(RuntimeError) {
        let bytes: [UInt8]
        do {
            bytes = isAgain ? try Files.readRegular(path, follow: true) : try Files.read(path)
        } catch { throw .system(error, field: "--process") }
        do {
            let read = try OCI.Process.decode(bytes)
            process = read.process
            warnings = read.warnings.map { "\($0)" }
        } catch {
            throw .config(path: path, error)
        }
        if process.capabilities == nil { process.capabilities = container.capabilities }
        process.apparmorProfile = process.apparmorProfile ?? container.apparmorProfile
        process.selinuxLabel = process.selinuxLabel ?? container.selinuxLabel
        process.oomScoreAdj = process.oomScoreAdj ?? container.oomScoreAdj
        process.scheduler = process.scheduler ?? container.scheduler
        process.ioPriority = process.ioPriority ?? container.ioPriority
        process.execCPUAffinity = process.execCPUAffinity ?? container.execCPUAffinity
    }

    // MARK: Flags

    private mutating func adjust(_ request: ExecRequest) throws(RuntimeError) {
        guard let program = request.command.first, !program.isEmpty else {
            throw .usage("process args cannot be empty")
        }
        process.args = request.command
        process.terminal = request.terminal
        if let cwd = request.cwd {
            guard cwd.isAbsolute else { throw .usage("Cwd must be an absolute path") }
            process.cwd = cwd
        }
        for entry in request.environment {
            guard let equals = entry.utf8.firstIndex(of: UInt8(ascii: "=")), equals != entry.utf8.startIndex else {
                throw .usage("invalid environment variable: \"\(entry)\"")
            }
        }
        process.env += request.environment
        if let user = request.user { try setUser(user) }
        process.user.additionalGids += request.additionalGroups
        addCapabilities(request.capabilities)
        process.selinuxLabel = request.selinuxLabel ?? process.selinuxLabel
        process.apparmorProfile = request.apparmorProfile ?? process.apparmorProfile
        process.noNewPrivileges = request.noNewPrivileges ?? process.noNewPrivileges
    }

    /// Numbers only: a name would be looked up in files that the container can write (CVE-2016-3697).
    private mutating func setUser(_ text: String) throws(RuntimeError) {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false).map { Self.id($0) }
        guard parts.count <= 2, let uid = parts[0], let gid = parts.count == 2 ? parts[1] : process.user.gid else {
            throw .usage("--user: not of the form UID[:GID], by number: \"\(text)\"")
        }
        process.user.uid = uid
        process.user.gid = gid
    }

    /// A decimal number; 4294967295 is none, since the kernel takes it as "unchanged" (setresuid(2)).
    private static func id(_ text: Substring) -> UInt32? {
        guard !text.isEmpty, text.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }) else {
            return nil
        }
        return UInt32(text).flatMap { $0 == .max ? nil : $0 }
    }

    /// Adds to what the process may have, never to what it passes on: inheritable stays as it is (CVE-2022-29162), and
    /// only what is inheritable can be ambient.
    private mutating func addCapabilities(_ names: [String]) {
        if names.isEmpty { return }
        var sets = process.capabilities ?? Capabilities()
        for name in names {
            guard let capability = Capability(name: name) else {
                warnings.append("--cap: unknown capability, ignored: \"\(name)\"")
                continue
            }
            sets.bounding.insert(capability)
            sets.effective.insert(capability)
            sets.permitted.insert(capability)
            if sets.inheritable.contains(capability) { sets.ambient.insert(capability) }
        }
        process.capabilities = sets
    }
}
