internal import Kernel
internal import OCI

/// One mount of a process's mount namespace, as /proc/PID/mountinfo has it (proc_pid_mountinfo(5)).
struct MountEntry {
    let id: UInt64
    /// Where, as the process sees it; what is not in its root is left out.
    let point: String
    let isReadOnly: Bool
    let fileSystem: String
}

/// What is mounted in a process's mount namespace.
struct MountTable {
    let entries: [MountEntry]

    /// - Parameter pid: the process.
    init(of pid: Int32) throws(SystemError) {
        self.init(parsing: try Files.read("/proc/\(pid)/mountinfo"))
    }

    /// Reads mountinfo; a line that is none is left out.
    init(parsing bytes: [UInt8]) {
        entries = bytes.split(separator: 10).compactMap { Self.entry(in: $0) }
    }

    /// The mounts at a path, the one that is seen last.
    func mounts(at point: String) -> [MountEntry] { entries.filter { $0.point.hasBytes(of: point) } }

    func mount(_ id: UInt64) -> MountEntry? { entries.first { $0.id == id } }

    /// `36 35 98:0 /root /point rw,noatime master:1 - ext3 /dev/root rw`: behind the options there may be any number of
    /// fields, up to a lone dash.
    private static func entry(in line: ArraySlice<UInt8>) -> MountEntry? {
        let fields = line.split(separator: UInt8(ascii: " "))
        guard fields.count > 6, let id = UInt64(text(fields[0])),
            let dash = fields[6...].firstIndex(where: { $0.elementsEqual("-".utf8) }), dash + 1 < fields.count
        else { return nil }
        let options = fields[5].split(separator: UInt8(ascii: ","))
        return MountEntry(
            id: id, point: text(unescaped(fields[4])), isReadOnly: options.contains { $0.elementsEqual("ro".utf8) },
            fileSystem: text(fields[dash + 1]))
    }

    private static func text(_ bytes: ArraySlice<UInt8>) -> String { String(decoding: bytes, as: UTF8.self) }

    /// Blanks, line ends and backslashes are written as three octal digits.
    private static func unescaped(_ field: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        guard field.contains(UInt8(ascii: "\\")) else { return field }
        var plain: [UInt8] = []
        var index = field.startIndex
        while index < field.endIndex {
            if field[index] == UInt8(ascii: "\\"), index + 3 < field.endIndex,
                let byte = UInt8(text(field[(index + 1)...(index + 3)]), radix: 8)
            {
                plain.append(byte)
                index += 4
            } else {
                plain.append(field[index])
                index += 1
            }
        }
        return plain[...]
    }
}

/// Looks for paths in the root of a process that may exchange them meanwhile.
struct ContainerRoot: ~Copyable {
    private let root: Descriptor

    /// The root of a process.
    init(of pid: Int32) throws(SystemError) { root = try Descriptor.open("/proc/\(pid)/root", [.path, .directory]) }

    init(_ root: consuming Descriptor) { self.root = root }

    /// Gives the root away.
    consuming func release() -> Descriptor {
        let root = root
        return root
    }

    /// What a path leads to inside the root; nil if nothing is there.
    func find(_ path: String) throws(SystemError) -> Descriptor? {
        for _ in 0..<Self.mostTries {
            do {
                return try Descriptor.open(
                    path, [.path], at: .directory(root.number), resolve: [.inRoot, .noMagicLinks])
            } catch {
                // Somebody renames something at this very moment (openat2(2)).
                if error.errno == .tryAgain { continue }
                if error.errno == .noEntry || error.errno == .notDirectory { return nil }
                throw error
            }
        }
        throw SystemError("openat2", path, .tryAgain)
    }

    private static var mostTries: Int { 100 }

    /// The mount that a path inside the root leads to; nil if nothing is there.
    func mount(at path: String) throws(SystemError) -> UInt64? {
        guard let place = try find(path) else { return nil }
        return try Self.mount(of: place)
    }

    /// The mount that a descriptor was opened in.
    static func mount(of place: borrowing Descriptor) throws(SystemError) -> UInt64? {
        try mount(shownBy: "/proc/self/fdinfo/\(place.number)")
    }

    /// The field `mnt_id` of a file of /proc/PID/fdinfo (proc_pid_fdinfo(5)).
    static func mount(shownBy path: String) throws(SystemError) -> UInt64? {
        let line = try Files.readText(path).components(between: "\n").first { $0.begins(with: "mnt_id:") }
        return line.flatMap { $0.components(between: "\t").last }.flatMap { UInt64($0) }
    }

    /// Makes sure that there is something at a path to be mounted on. What is missing is made, inside the root whatever
    /// the image has there.
    func makeMountPoint(_ path: String, isDirectory: Bool, owner: (UInt32, UInt32)) throws(SystemError) {
        if try find(path) != nil { return }
        let clean = lexicallyClean(path)
        guard let slash = clean.utf8.lastIndex(of: UInt8(ascii: "/")) else {
            throw SystemError("mkdir", path, .invalidArgument)
        }
        let name = String(clean[clean.utf8.index(after: slash)...])
        let parent = slash == clean.startIndex ? "/" : String(clean[..<slash])
        try makeMountPoint(parent, isDirectory: true, owner: owner)
        guard let directory = try find(parent) else { throw SystemError("mkdir", path, .noEntry) }
        do throws(SystemError) {
            if isDirectory {
                try Files.makeDirectory(name, mode: 0o755, at: .directory(directory.number))
            } else {
                try Files.makeFile(name, mode: 0o755, at: .directory(directory.number))
            }
            if owner != (0, 0) {
                try Files.changeOwner(name, uid: owner.0, gid: owner.1, at: .directory(directory.number))
            }
        } catch {
            // Somebody else has made it, or it is a link that leads nowhere, which CRIU will complain about.
            if error.errno != .exists { throw error }
        }
    }
}
