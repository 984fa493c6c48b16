internal import Kernel
internal import OCI
internal import Planner

/// The user namespace of a container whose configuration names none, or does not map it: crun's default.
///
/// Root of the container is the caller. Where the host grants the caller ids (subuid(5), subgid(5)), they follow; then
/// a process that is to be another user is the caller instead, and what is granted lies around it.
enum DefaultMappings {
    /// Adds what is missing.
    ///
    /// - Parameter addsNamespace: whether a user namespace is to be there.
    /// - Returns: what was added, for the log.
    static func complete(_ spec: inout Spec, addsNamespace: Bool) throws(RuntimeError) -> [Problem] {
        var notes: [Problem] = []
        if addsNamespace, !spec.linux.separates(.user) {
            spec.linux.namespaces.append(Namespace(.user))
            notes.append(Problem(path: "linux.namespaces", message: "of type user is added: an ordinary user needs it"))
        }
        guard spec.linux.creates(.user) else { return notes }
        let user = spec.process?.user ?? User()
        if spec.linux.uidMappings.isEmpty {
            let own = ThisProcess.effectiveUser
            spec.linux.uidMappings = mappings(
                for: user.uid, own: own, SubordinateIDs.first(in: "/etc/subuid", helper: "newuidmap"))
            notes.append(note("linux.uidMappings", spec.linux.uidMappings))
            try require(user.uid, in: spec.linux.uidMappings, "process.user.uid")
        }
        if spec.linux.gidMappings.isEmpty {
            let own = ThisProcess.effectiveGroup
            spec.linux.gidMappings = mappings(
                for: user.gid, own: own, SubordinateIDs.first(in: "/etc/subgid", helper: "newgidmap"))
            notes.append(note("linux.gidMappings", spec.linux.gidMappings))
            try require(user.gid, in: spec.linux.gidMappings, "process.user.gid")
            for (index, gid) in user.additionalGids.enumerated() {
                try require(gid, in: spec.linux.gidMappings, "process.user.additionalGids[\(index)]")
            }
        }
        return notes
    }

    /// - Parameters:
    ///   - id: the id that the process is to have inside.
    ///   - own: the caller's.
    ///   - grant: ids that the host lets the caller have.
    static func mappings(for id: UInt32, own: UInt32, _ grant: SubordinateIDs.Range?) -> [IDMapping] {
        guard let grant else { return [IDMapping(containerID: 0, hostID: own, size: 1)] }
        guard id > 0, id <= grant.count else {
            return [
                IDMapping(containerID: 0, hostID: own, size: 1),
                IDMapping(containerID: 1, hostID: grant.first, size: grant.count),
            ]
        }
        let around = [
            IDMapping(containerID: 0, hostID: grant.first, size: id),
            IDMapping(containerID: id, hostID: own, size: 1),
        ]
        if id == grant.count { return around }
        return around + [IDMapping(containerID: id + 1, hostID: grant.first + id, size: grant.count - id)]
    }

    /// `linux.uidMappings: missing, taken as 0 -> 1000, 1-65536 -> 100000-165535`
    private static func note(_ field: String, _ mappings: [IDMapping]) -> Problem {
        let texts = mappings.map { "\(range($0.containerID, $0.size)) -> \(range($0.hostID, $0.size))" }
        return Problem(path: field, message: "missing, taken as \(texts.joined(separator: ", "))")
    }

    private static func range(_ first: UInt32, _ size: UInt32) -> String {
        size == 1 ? "\(first)" : "\(first)-\(UInt64(first) + UInt64(size) - 1)"
    }

    private static func require(_ id: UInt32, in mappings: [IDMapping], _ field: String) throws(RuntimeError) {
        let isMapped = mappings.contains { id >= $0.containerID && id - $0.containerID < $0.size }
        if isMapped { return }
        throw .plan(
            PlanError(
                field: field,
                message: "\(id) is not among the ids that the container gets by default:"
                    + " \(mappings.map { range($0.containerID, $0.size) }.joined(separator: ", "))"))
    }
}
