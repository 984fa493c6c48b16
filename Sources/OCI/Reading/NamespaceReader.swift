import JSON

extension Reader {
    /// `linux.namespaces` and the mappings of the user namespace; sets `namespaces` if nothing is wrong with them.
    mutating func readNamespaces(_ linux: JSONNode) -> Linux {
        let before = problemCount
        var seen: UInt64 = 0
        var read = Linux()
        read.namespaces = objects(linux, "namespaces") { reader, node in reader.namespace(node, &seen) }
        read.uidMappings = idMappings(linux, "uidMappings")
        read.gidMappings = idMappings(linux, "gidMappings")
        guard problemCount == before else { return read }
        namespaces = read
        checkMappings(linux, "uidMappings", read.uidMappings, read)
        checkMappings(linux, "gidMappings", read.gidMappings, read, isToldAlready: !read.uidMappings.isEmpty)
        return read
    }

    private mutating func namespace(_ node: JSONNode, _ seen: inout UInt64) -> Namespace? {
        let path = absolutePath(node, "path")
        guard let kindNode = required(node, "type"), let kind: NamespaceKind = named(kindNode, "namespace") else {
            return nil
        }
        guard seen & kind.cloneFlag == 0 else {
            report(kindNode, "given twice: \(JSONWriter.quoted(kind.name))")
            return nil
        }
        seen |= kind.cloneFlag
        return Namespace(kind, path: path)
    }

    /// The rules of user_namespaces(7): at most 340 ranges, none beyond the last id, no two with a common id.
    mutating func idMappings(_ object: JSONNode, _ name: StaticString) -> [IDMapping] {
        if let node = object[name], node.count > Self.mostMappings {
            report(node, "more than \(Self.mostMappings) entries: \(node.count)")
            return []
        }
        var earlier: [IDMapping] = []
        return objects(object, name) { reader, node -> IDMapping? in
            guard let mapping = reader.idMapping(node) else { return nil }
            if let other = earlier.firstIndex(where: { $0.overlaps(mapping) }) {
                reader.report(node, "overlaps with entry \(other)")
            }
            earlier.append(mapping)
            return mapping
        }
    }

    /// UID_GID_MAP_MAX_EXTENTS (linux/user_namespace.h).
    static var mostMappings: Int { 340 }

    private mutating func idMapping(_ node: JSONNode) -> IDMapping? {
        let containerID: UInt32? = requiredInteger(node, "containerID", in: 0...lastID)
        let hostID: UInt32? = requiredInteger(node, "hostID", in: 0...lastID)
        let size: UInt32? = requiredInteger(node, "size", in: 1...UInt32.max)
        guard let containerID, let hostID, let size else { return nil }
        let mapping = IDMapping(containerID: containerID, hostID: hostID, size: size)
        guard mapping.lastContainerID <= UInt64(lastID), mapping.lastHostID <= UInt64(lastID) else {
            report(node, "reaches beyond the last id, \(lastID)")
            return nil
        }
        return mapping
    }

    /// Mappings without a user namespace to be made. Engines give the mappings of the one that is joined as well, both
    /// lists: one warning is enough.
    private mutating func checkMappings(
        _ linux: JSONNode, _ name: StaticString, _ mappings: [IDMapping], _ namespaces: Linux,
        isToldAlready: Bool = false
    ) {
        if !namespaces.separates(.user), !mappings.isEmpty {
            report(linux, name, "needs a user namespace")
        } else if !namespaces.creates(.user), !mappings.isEmpty, !isToldAlready {
            warn(linux, name, "ignored, the user namespace that is joined has its own")
        }
    }

    /// `linux.timeOffsets` (time_namespaces(7)).
    mutating func timeOffsets(_ linux: JSONNode) -> TimeOffsets? {
        guard let node = object(linux, "timeOffsets") else { return nil }
        var offsets = TimeOffsets()
        let clocks = map(linux, "timeOffsets") { reader, clock, value in
            reader.timeOffset(value).map { (clock: clock, offset: $0) }
        }
        for entry in clocks {
            switch entry.clock {
            case "boottime": offsets.boottime = entry.offset
            case "monotonic": offsets.monotonic = entry.offset
            default: report(node, member: entry.clock, "unknown clock, boottime and monotonic are known")
            }
        }
        if let namespaces, !clocks.isEmpty, !namespaces.creates(.time) {
            report(node, "needs a new time namespace")
        }
        return offsets == TimeOffsets() ? nil : offsets
    }

    private mutating func timeOffset(_ node: JSONNode) -> TimeOffset? {
        guard isObject(node) else { return nil }
        // Bounds: KTIME_SEC_MAX and NSEC_PER_SEC (kernel/time/namespace.c).
        let limit: Int64 = 9_223_372_036
        return TimeOffset(
            secs: integer(node, "secs", in: -limit...limit) ?? 0,
            nanosecs: integer(node, "nanosecs", in: 0...999_999_999) ?? 0)
    }
}

/// The largest id; 4294967295 means "unchanged" to the kernel (setresuid(2), chown(2)).
let lastID: UInt32 = 4_294_967_294

extension IDMapping {
    var lastContainerID: UInt64 { UInt64(containerID) + UInt64(size) - 1 }
    var lastHostID: UInt64 { UInt64(hostID) + UInt64(size) - 1 }

    /// Whether two ranges have an id in common, inside or outside.
    func overlaps(_ other: IDMapping) -> Bool {
        let inside = UInt64(containerID) <= other.lastContainerID && UInt64(other.containerID) <= lastContainerID
        let outside = UInt64(hostID) <= other.lastHostID && UInt64(other.hostID) <= lastHostID
        return inside || outside
    }

    /// Whether an id of the container is in the range.
    func maps(_ id: UInt32) -> Bool {
        id >= containerID && UInt64(id) <= lastContainerID
    }
}
