internal import Checkpoint
internal import JSON
internal import Kernel
internal import OCI

/// The standard streams of a container's first process, which lead out of the container. CRIU saves a name for each,
/// and is given the caller's own streams for these names at the restore. The names are kept in a file beside the
/// images, as runc does it: a list of texts.
enum StandardDescriptors {
    static let fileName = "descriptors.json"

    // MARK: Checkpoint

    /// Tells CRIU what leads out, and returns the content of the file.
    static func name(
        of pid: Int32, _ table: MountTable, in options: inout CriuOptions
    ) throws(SystemError) -> [UInt8] {
        var names: [String] = []
        for number in 0..<3 {
            let name: String
            do { name = try Self.name(of: number, pid, table) } catch {
                // One that is closed needs no name.
                guard error.errno == .noEntry else { throw error }
                names.append("")
                continue
            }
            let isNew = !names.contains { $0.hasBytes(of: name) }
            if isNew, isExternal(name) { options.set(.external, text: name) }
            names.append(name)
        }
        var writer = JSONWriter(.compact)
        writer.array(names)
        return writer.bytes
    }

    /// What a descriptor is called: what its link says, unless it is a file or a terminal that is not mounted inside.
    private static func name(of number: Int, _ pid: Int32, _ table: MountTable) throws(SystemError) -> String {
        let path = "/proc/\(pid)/fd/\(number)"
        let link = try Files.readLink(path)
        guard link.isAbsolute, let mount = try mount(shownBy: "/proc/\(pid)/fdinfo/\(number)"), table[mount] == nil
        else { return link }
        // It may be of a file system of the container's that is mounted nowhere any more.
        let status = try Files.knownStatus(path)
        if status.kind == .characterDevice, isTerminal(status) {
            // With --shell-job too: CRIU 4.2 cannot bring back a terminal that it has not been told of so.
            return "tty[\(hex(status.specialDevice)):\(hex(status.device))]"
        }
        return "file[\(hex(mount)):\(hex(status.inode))]"
    }

    /// The mount of what another process has open: the field `mnt_id` of a file of /proc/PID/fdinfo (proc_pid_fdinfo(5)).
    private static func mount(shownBy path: String) throws(SystemError) -> UInt64? {
        let line = try Files.readText(path).components(between: "\n").first { $0.begins(with: "mnt_id:") }
        return line.flatMap { $0.components(between: "\t").last }.flatMap { UInt64($0) }
    }

    /// tty(4), console(4) and pts(4).
    private static func isTerminal(_ status: FileStatus) -> Bool {
        let major = status.deviceNumbers.0
        return major == 4 || major == 5 || (128...143).contains(major)
    }

    private static func hex(_ number: UInt64) -> String { String(number, radix: 16) }

    /// Whether CRIU has to be told that it is not to save it: pipes and sockets it recognises by itself.
    private static func isExternal(_ name: String) -> Bool { name.begins(with: "tty[") || name.begins(with: "file[") }

    // MARK: Restore

    /// The names of the standard streams that are the caller's from now on, by number. What else a file says, whoever
    /// has written it, is of no meaning.
    static func inherited(_ content: [UInt8]?) -> [(number: Int32, name: String)] {
        guard let content, let root = (try? JSONDocument(parsing: content))?.root, root.kind == .array else {
            return []
        }
        var found: [(number: Int32, name: String)] = []
        for index in 0..<min(3, root.count) {
            guard let name = try? root[index]?.string(), isInherited(name), !found.contains(where: { $0.name == name })
            else { continue }
            found.append((Int32(index), name))
        }
        return found
    }

    /// What CRIU calls such a stream when it asks what it has inherited. A file it calls by its path, without the
    /// slash that a path begins with; whoever gives one by its name alone has to give it with the size that it had.
    static func keys(for name: String) -> [String] {
        name.begins(with: "file[") ? [name, String(decoding: name.utf8.dropFirst(), as: UTF8.self)] : [name]
    }

    private static func isInherited(_ name: String) -> Bool {
        name.utf8.count < 64
            && (isExternal(name) || name.begins(with: "pipe:[") || name.begins(with: "socket:["))
    }
}
