internal import Kernel
internal import OCI

/// The directory that holds the state of all containers (`--root`): one directory for each, mode 0700.
public struct Store: Sendable {
    public let root: String
    /// Whether the caller has named it. Otherwise it is made by the first container.
    private let isNamed: Bool
    /// Whether it is in `$XDG_RUNTIME_DIR`.
    private let isInRuntimeDirectory: Bool

    /// - Parameter root: nil for the default: `/run/apus`, or `$XDG_RUNTIME_DIR/apus` for who is not root of the host.
    public init(root: String?) {
        var runtime: String?
        if root == nil, let directory = ThisProcess.environment("XDG_RUNTIME_DIR"), !directory.isEmpty,
            Rights.usesRuntimeDirectory
        {
            runtime = directory + "/apus"
        }
        isNamed = root != nil
        isInRuntimeDirectory = runtime != nil
        self.root = root ?? runtime ?? "/run/apus"
    }

    func path(of id: String) -> String { "\(root)/\(id)" }

    /// Makes the directory of a new container and locks it. The id is valid already.
    ///
    /// An empty directory belongs to nobody: its maker was killed, or has not locked it yet. Whoever holds the lock on it
    /// has it, and nobody else loses anything. Between the two others may remove it as well.
    func reserve(_ id: String) throws(RuntimeError) -> Entry {
        do {
            try makeRoot()
            for _ in 0..<Self.mostTries {
                if let directory = try lockedDirectory(id) { return Entry(path: path(of: id), directory: directory) }
            }
        } catch {
            if error.errno == .exists { throw .exists(id: id) }
            let isClosed = error.errno == .accessDenied && root == "/run/apus"
            throw .system(
                error, field: "--root", hint: isClosed ? "an ordinary user needs XDG_RUNTIME_DIR or --root" : "")
        }
        throw .status("container \(id) is made and deleted by others all the time")
    }

    private static var mostTries: Int { 100 }

    /// The root is made with its parents, as `mkdir -p` does; only the last one is private.
    private func makeRoot() throws(SystemError) {
        do {
            try Files.makeDirectory(root, mode: 0o700)
            // Without it what is old there may be removed (XDG Base Directory Specification, "$XDG_RUNTIME_DIR").
            if isInRuntimeDirectory { try Files.changeMode(root, to: 0o1700) }
        } catch {
            if error.errno == .exists { return }
            guard error.errno == .noEntry else { throw error }
            try Files.makeDirectories(root, mode: 0o700, parents: 0o755)
        }
    }

    /// The directory of a container that has no state yet, locked; nil if it was removed meanwhile. EEXIST: there is such a
    /// container, or something else of this name.
    private func lockedDirectory(_ id: String) throws(SystemError) -> Descriptor? {
        let path = path(of: id)
        var isOwn = true
        do { try Files.makeDirectory(path, mode: 0o700) } catch {
            if error.errno != .exists { throw error }
            isOwn = false
        }
        do throws(SystemError) {
            let directory = try Descriptor.open(path, [.readOnly, .directory, .noFollow])
            _ = try directory.lock()
            guard try isStill(path, directory) else { return nil }
            guard try isFree(directory, isOwn) else {
                throw SystemError("mkdir", path, .exists)
            }
            return directory
        } catch {
            switch error.errno {
            case .noEntry: return nil
            // Something else has the name: a file, or a link.
            case .notDirectory, .tooManyLinks: throw SystemError("mkdir", path, .exists)
            default:
                // An empty directory that nobody has locked is in nobody's way, and still not to stay.
                if isOwn { try? Files.removeDirectory(path) }
                throw error
            }
        }
    }

    /// Whether a locked directory is nobody's. One that was made just now may have been taken by another one since.
    private func isFree(_ directory: borrowing Descriptor, _ isOwn: Bool) throws(SystemError) -> Bool {
        if isOwn { return try !Self.has(Record.fileName, in: directory) }
        return try Entry.isUnwritten(directory)
    }

    /// Whether a directory still has its name.
    private func isStill(_ path: String, _ directory: borrowing Descriptor) throws(SystemError) -> Bool {
        let held = try directory.status()
        let now: FileStatus
        do { now = try Files.status(path) } catch {
            if error.errno == .noEntry { return false }
            throw error
        }
        return held.inode == now.inode && held.device == now.device
    }

    /// Whether there is an entry, of whatever kind.
    private static func has(_ name: String, in directory: borrowing Descriptor) throws(SystemError) -> Bool {
        do { _ = try Files.status(name, at: .directory(directory.number)) } catch {
            if error.errno == .noEntry { return false }
            throw error
        }
        return true
    }

    /// The container's directory, locked: waits until no other command works on the container.
    func lock(_ id: String) throws(RuntimeError) -> Entry {
        guard let entry = try lock(id, wait: true) else { throw .unknownContainer(id: id) }
        return entry
    }

    /// The same without waiting: nil if another command works on the container.
    func tryLock(_ id: String) throws(RuntimeError) -> Entry? { try lock(id, wait: false) }

    private func lock(_ id: String, wait: Bool) throws(RuntimeError) -> Entry? {
        let path = path(of: id)
        do {
            let directory = try Descriptor.open(path, [.readOnly, .directory, .noFollow])
            guard try directory.lock(wait: wait) else { return nil }
            // Whoever held the lock may have deleted the container, and somebody else made it anew.
            if try isStill(path, directory) { return Entry(path: path, directory: directory) }
        } catch {
            if error.errno != .noEntry { throw .system(error, field: "--root") }
        }
        throw .unknownContainer(id: id)
    }

    /// What the state file says now, without a lock: it is replaced as a whole.
    func record(of id: String) throws(RuntimeError) -> Record {
        let path = "\(path(of: id))/\(Record.fileName)"
        let bytes: [UInt8]
        // What is no file, whoever put it there, must not hold up a command.
        do { bytes = try Files.readRegular(path) } catch {
            switch error.errno {
            case .noEntry: throw .unknownContainer(id: id)
            case .notDirectory: throw .unknownContainer(id: id)
            case .invalidArgument, .isDirectory, .tooManyLinks, .noDevice:
                throw .brokenState(path: path, reason: "it is no regular file")
            default: throw .system(error, field: "--root")
            }
        }
        return try Record(decoding: bytes, path: path)
    }

    /// Fails for a directory that was named and is not there: a mistake in the name is not to look like no containers.
    func requireRoot() throws(RuntimeError) {
        if isNamed, !Files.exists(root) { throw .system(SystemError("open", root, .noEntry), field: "--root") }
    }

    /// The ids of all containers, sorted.
    public func ids() throws(RuntimeError) -> [String] {
        do {
            return try Files.list(root).filter { (try? ContainerID($0)) != nil }.sorted()  // Others are not containers.
        } catch {
            if error.errno == .noEntry { return [] }
            throw .system(error, field: "--root")
        }
    }
}

/// A container's directory, held under lock until this value is gone.
struct Entry: ~Copyable {
    let path: String
    let directory: Descriptor

    init(path: String, directory: consuming Descriptor) {
        self.path = path
        self.directory = directory
    }

    /// Whether nobody has written a state: there is nothing in the directory but what a killed `create` may have left of
    /// its first attempt.
    static func isUnwritten(_ directory: borrowing Descriptor) throws(SystemError) -> Bool {
        try Files.list(".", at: .directory(directory.number)).allSatisfy { isAttempt($0) }
    }

    /// Whether all that is in the directory was made here: a `delete` that was killed leaves what it had not come to.
    static func isContainers(_ directory: borrowing Descriptor) throws(SystemError) -> Bool {
        try Files.list(".", at: .directory(directory.number)).allSatisfy { name in
            isAttempt(name)
                || [gateName, markerName, configName, imagesName, Record.fileName, NotifySocket.directoryName]
                    .contains(name)
        }
    }

    private static func isAttempt(_ name: String) -> Bool { name.begins(with: ".\(Record.fileName).") }

    static let gateName = "gate"
    /// Says that the container is being set up: there from before its process is, until the process stands at the gate,
    /// or executes its program. Whatever becomes of who makes the container, nobody takes a process in set-up for the
    /// container's own, which is in its own root. With a gate this is the gate's socket, which nobody knows yet.
    static let markerName = "gate.new"
    static let configName = "config.json"
    /// An empty directory, during a restore.
    static let imagesName = "images"

    var gatePath: String { "\(path)/\(Self.gateName)" }

    borrowing func write(_ record: Record) throws(RuntimeError) {
        do {
            try Files.replace(Record.fileName, with: record.encoded(), at: .directory(directory.number))
        } catch {
            throw .system(error, field: "--root")
        }
    }

    /// Keeps the container's configuration. Nobody looks at it before the container is there.
    borrowing func writeConfiguration(_ bytes: [UInt8]) throws(RuntimeError) {
        do {
            let file = try Descriptor.open(
                Self.configName, [.writeOnly, .create, .exclusive, .noFollow], mode: 0o600,
                at: .directory(directory.number))
            try file.write(bytes)
        } catch {
            throw .system(error, field: "--root")
        }
    }

    /// Leaves the marker of a container without a gate.
    borrowing func mark() throws(RuntimeError) {
        do {
            try Files.makeFile(Self.markerName, mode: 0o600, at: .directory(directory.number))
        } catch {
            throw .system(error, field: "--root")
        }
    }

    /// Removes the directory that a restore may have made.
    borrowing func removeImages() {
        try? Files.removeDirectory(Self.imagesName, at: .directory(directory.number))  // Usually there is none.
    }

    /// The set-up is over: the process executes its program.
    borrowing func unmark() throws(RuntimeError) {
        do { try Files.remove(Self.markerName, at: .directory(directory.number)) } catch {
            throw .system(error, field: "--root")
        }
    }

    /// Removes the directory with everything in it; what is gone already is fine. Among it may be the directory
    /// of the notify socket, which a container may have filled if it may mount.
    borrowing func remove() throws(RuntimeError) {
        do {
            _ = try directory.removeContent(.everything)
            try Files.removeDirectory(path)
        } catch {
            // Who has no descriptor left cannot look into it; if there is nothing in it, it goes all the same.
            if error.errno == .noEntry || (try? Files.removeDirectory(path)) != nil { return }
            throw .system(SystemError(error.operation, path, error.errno), field: "--root")
        }
    }
}
