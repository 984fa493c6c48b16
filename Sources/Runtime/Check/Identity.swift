internal import Kernel
internal import OCI

/// Who a process is to files, by their owner and mode alone.
struct Identity {
    /// As the container numbers it.
    let uid: UInt32
    /// As the host numbers them; nil for an id that has no number there.
    private let user: UInt32?
    private let groups: Set<UInt32>
    /// Whether it may read, write and search whatever the mode says (CAP_DAC_OVERRIDE), and whether search at least
    /// (CAP_DAC_READ_SEARCH).
    private let overrides: Bool
    private let searchesAll: Bool
    /// What a user namespace gives power over: files of ids that are mapped in it.
    private let linux: Linux
    /// Whether nobody knows who that is on the host: nothing is to be said of its rights then.
    private let isUnknown: Bool

    /// The container's process.
    init(_ process: OCI.Process, _ linux: Linux) {
        uid = process.user.uid
        user = Self.onHost(process.user.uid, linux.uidMappings, linux)
        groups = Set(
            ([process.user.gid] + process.user.additionalGids).compactMap { Self.onHost($0, linux.gidMappings, linux) })
        overrides = process.capabilities?.effective.contains(.dacOverride) == true
        searchesAll = overrides || process.capabilities?.effective.contains(.dacReadSearch) == true
        self.linux = linux
        // A user namespace that is joined has mappings that the configuration does not tell.
        isUnknown = linux.namespace(.user)?.path != nil
    }

    /// Root of the container, who makes what is missing.
    init(rootOf linux: Linux) {
        uid = 0
        user = Self.onHost(0, linux.uidMappings, linux)
        groups = Set([Self.onHost(0, linux.gidMappings, linux)].compactMap { $0 })
        overrides = true
        searchesAll = true
        self.linux = linux
        isUnknown = linux.namespace(.user)?.path != nil
    }

    /// Somebody of whom the configuration does not rightly tell who he is on the host.
    init(unknown uid: UInt32) {
        self.uid = uid
        user = nil
        groups = []
        overrides = false
        searchesAll = false
        linux = Linux()
        isUnknown = true
    }

    /// Whoever runs apus, on the host.
    init(caller: ()) {
        uid = ThisProcess.effectiveUser
        user = uid
        groups = [ThisProcess.effectiveGroup]
        overrides = ThisProcess.capabilities & 1 << 1 != 0
        searchesAll = overrides || ThisProcess.capabilities & 1 << 2 != 0
        linux = Linux()
        isUnknown = false
    }

    private static func onHost(_ id: UInt32, _ mappings: [IDMapping], _ linux: Linux) -> UInt32? {
        linux.separates(.user) ? mappings.hostID(of: id) : id
    }

    /// Rights, with the bits that they have in a mode.
    enum Right: UInt32 {
        case read = 4
        case write = 2
        case execute = 1
    }

    /// Whether it has a right to a file or directory. To execute a file takes an x for somebody, whoever asks.
    func has(_ right: Right, to file: FileStatus) -> Bool {
        let isDirectory = file.kind == .directory
        if right == .execute, !isDirectory, file.permissions & 0o111 == 0 { return false }
        if isUnknown { return true }
        if overrides || (searchesAll && isDirectory && right != .write), governs(file) { return true }
        let shift: UInt32 = user == file.uid ? 6 : groups.contains(file.gid) ? 3 : 0
        return file.permissions >> shift & right.rawValue != 0
    }

    /// Its capabilities count for files whose owner and group the namespace has.
    private func governs(_ file: FileStatus) -> Bool {
        guard linux.separates(.user) else { return true }
        return Self.has(file.uid, linux.uidMappings) && Self.has(file.gid, linux.gidMappings)
    }

    private static func has(_ id: UInt32, _ mappings: [IDMapping]) -> Bool {
        mappings.contains { id >= $0.hostID && id - $0.hostID < $0.size }
    }

    /// `mode 0700, owner 0:0`
    static func text(of file: FileStatus) -> String {
        let digits = String(file.permissions, radix: 8)
        return
            "mode \(String(repeating: "0", count: max(0, 4 - digits.utf8.count)))\(digits), owner \(file.uid):\(file.gid)"
    }
}

/// Which part of a path keeps somebody out.
enum PathRights {
    /// The first directory on a path of this host that the caller may not search, in words; nil if there is none.
    static func obstacle(on path: String) -> String? {
        guard path.isAbsolute else { return nil }
        var part = ""
        for name in [""] + path.components(between: "/").dropLast() {
            part = name.isEmpty ? "/" : part == "/" ? "/\(name)" : "\(part)/\(name)"
            if Files.isExecutable(part) { continue }
            // What cannot be looked at at all was told of with the directory above.
            guard let status = try? Files.status(part, follow: true), status.kind == .directory else { return nil }
            return "\(part) may not be searched by uid \(ThisProcess.effectiveUser): \(Identity.text(of: status))"
        }
        return nil
    }
}
