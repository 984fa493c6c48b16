internal import Kernel
internal import OCI

/// `linux.resources.unified`: files of the container's cgroup2 directory, and nothing outside it
/// (config-linux.md, "Unified"; GHSA-5g49-rx9x-qfc6).
enum UnifiedV2 {
    static func set(_ entry: Resources.Unified, _ files: ControlFiles) throws(CgroupError) {
        let name = "unified[\"\(entry.file)\"]"
        guard isLimit(entry.file) else {
            throw .value(field: files.field(name), reason: "not the name of a limit in the cgroup's directory")
        }
        if case .list(let list) = files.destination, list.assumesFiles {
            for line in entry.value.utf8.split(separator: UInt8(ascii: "\n")) {
                list.append(ControlFiles.Setting(entry.file, String(Substring(line)), name), in: files.directory)
            }
            return
        }
        let file = try open(entry.file, name, files)
        // The kernel takes one line at a time, and several for files such as io.max.
        for line in entry.value.utf8.split(separator: UInt8(ascii: "\n")) {
            let setting = ControlFiles.Setting(entry.file, String(decoding: line, as: UTF8.self), name)
            switch files.destination {
            case .kernel: break
            case .journal(let journal, _): journal.keep(setting, in: files.directory)
            case .list(let list):
                list.append(setting, in: files.directory)
                continue
            }
            do { try file.write(Array(line)) } catch {
                let failure = SystemError(error.operation, files.path(entry.file), error.errno)
                let value = String(decoding: line, as: UTF8.self)
                throw .write(failure, value: value, field: files.field(name), hint: "")
            }
        }
    }

    /// Whether a name is that of a file in the directory itself, with which no process and no cgroup is managed.
    static func isLimit(_ name: String) -> Bool {
        if name.utf8.contains(UInt8(ascii: "/")) { return false }
        switch name {
        case "", ".", "..", "cgroup.procs", "cgroup.threads", "cgroup.kill", "cgroup.freeze", "cgroup.type",
            "cgroup.subtree_control":
            return false
        default: return true
        }
    }

    private static func open(
        _ name: String, _ field: String, _ files: ControlFiles
    ) throws(CgroupError) -> Descriptor {
        do {
            let directory = try Descriptor.open(files.directory, [.path, .directory])
            return try Descriptor.open(
                name, [.writeOnly], at: .directory(directory.number),
                resolve: [.beneath, .noSymbolicLinks, .noCrossingMounts])
        } catch {
            if error.errno == .noEntry { throw files.missing(name, field) }
            let failure = SystemError("open", files.path(name), error.errno)
            throw .system(failure, field: files.field(field), hint: "")
        }
    }
}
