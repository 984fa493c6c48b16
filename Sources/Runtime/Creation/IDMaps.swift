internal import Kernel
internal import OCI
internal import Planner

/// Id mappings of user namespaces (user_namespaces(7)).
enum IDMaps {
    /// Writes the maps of a process's user namespace.
    ///
    /// - Parameter place: where in the configuration the mappings are, such as `linux.`.
    static func write(
        users: [IDMapping], groups: [IDMapping], at place: String, for pid: Int32, _ rights: Rights
    ) throws(RuntimeError) {
        let users = IDMap.users(users, at: place)
        let groups = IDMap.groups(groups, at: place)
        for map in [users, groups] where !map.mappings.isEmpty {
            switch rights.caller {
            case .root: try map.write(for: pid)
            case .rootOfUserNamespace:
                try map.write(for: pid, hint: "the ids outside have to be ids of the caller's namespace")
            case .ordinaryUser: try map.writeAsOrdinaryUser(for: pid)
            }
        }
    }

    static var helperDirectories: [String] { IDMap.directories }

    static func text(_ mappings: [IDMapping]) -> String {
        mappings.map { "\($0.containerID) \($0.hostID) \($0.size)\n" }.joined()
    }
}

/// One of the two maps of a user namespace.
private struct IDMap {
    let mappings: [IDMapping]
    let file: String
    let field: String
    /// The program that maps ids which /etc/subuid or /etc/subgid grants (newuidmap(1), newgidmap(1)).
    let helper: String
    let grants: String
    /// The caller's own id, which needs no grant.
    let own: UInt32

    static func users(_ mappings: [IDMapping], at place: String) -> IDMap {
        IDMap(
            mappings: mappings, file: "uid_map", field: "\(place)uidMappings", helper: "newuidmap",
            grants: "/etc/subuid",
            own: ThisProcess.effectiveUser)
    }

    static func groups(_ mappings: [IDMapping], at place: String) -> IDMap {
        IDMap(
            mappings: mappings, file: "gid_map", field: "\(place)gidMappings", helper: "newgidmap",
            grants: "/etc/subgid",
            own: ThisProcess.effectiveGroup)
    }

    func write(for pid: Int32, hint: String = "") throws(RuntimeError) {
        do { try Files.writeExisting("/proc/\(pid)/\(file)", IDMaps.text(mappings)) } catch {
            throw .system(error, field: field, hint: error.errno == .notPermitted ? hint : "")
        }
    }

    /// The kernel itself lets everybody map his own id; for groups only where nobody can drop one any more, since
    /// a file may be closed to a group (user_namespaces(7), "/proc/PID/setgroups").
    func writeAsOrdinaryUser(for pid: Int32) throws(RuntimeError) {
        guard mappings.count == 1, mappings[0].size == 1, mappings[0].hostID == own else {
            return try callHelper(for: pid)
        }
        if file == "gid_map" {
            do { try Files.writeExisting("/proc/\(pid)/setgroups", "deny") } catch {
                throw .system(error, field: field)
            }
        }
        try write(for: pid)
    }

    // MARK: The helper

    /// Where the helpers are looked for: never where the caller's PATH says, since what they do is trusted.
    static let directories = ["/usr/bin", "/bin", "/usr/local/bin", "/usr/sbin", "/sbin", "/run/wrappers/bin"]

    private func callHelper(for pid: Int32) throws(RuntimeError) {
        guard let path = Self.directories.map({ "\($0)/\(helper)" }).first(where: { Files.exists($0) }) else {
            throw .system(
                SystemError("execve", helper, .noEntry), field: field,
                hint: "mapping other ids than the caller's own takes \(helper), of the package uidmap")
        }
        let ids = mappings.flatMap { ["\($0.containerID)", "\($0.hostID)", "\($0.size)"] }
        var spawn = Spawn(.path(path), arguments: [helper, "\(pid)"] + ids)
        let status: ExitStatus
        let output: String
        do {
            let file = try Descriptor.memoryFile("output")
            spawn.standardOutput = file.number
            spawn.standardError = file.number
            status = try spawn.start().wait()
            output = String(decoding: try file.reread(), as: UTF8.self)
        } catch {
            throw .system(error, field: field)
        }
        guard status != .exited(0) else { return }
        throw .idMapHelper(
            IDMapFailure(
                field: field, helper: path, status: "\(status)",
                output: output.split(separator: "\n").joined(separator: "; "), hint: hint))
    }

    private var hint: String {
        let ranges = mappings.filter { !($0.size == 1 && $0.hostID == own) }.map { map in
            map.size == 1 ? "\(map.hostID)" : "\(map.hostID)-\(UInt64(map.hostID) + UInt64(map.size) - 1)"
        }
        return "\(grants) has to grant the caller \(ranges.joined(separator: ", ")), and \(helper) to be setuid root"
    }
}

/// newuidmap(1) or newgidmap(1) did not succeed.
public struct IDMapFailure: Error, Sendable {
    public let field: String
    public let helper: String
    /// How it ended, such as `exit status 1`.
    let status: String
    /// What it said, on one line.
    let output: String
    public let hint: String
}

extension IDMapFailure: CustomStringConvertible {
    public var description: String { "\(field): \(helper): \(status)" + (output.isEmpty ? "" : ": \(output)") }
}
