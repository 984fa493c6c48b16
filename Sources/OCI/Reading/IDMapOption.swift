/// `idmap=uids=0-1000-10#10-2000-5;gids=@0-1-10`, an option of crun: triples of first id on the file system, first
/// id that the mount shows, and count, with `#` between them.
///
/// With `@` the second id counts from where the container's user namespace puts the first one: if that maps 1 to 2,
/// `@1-3-10` means `1-4-10`.
struct IDMapOption {
    private var isRecursive: Bool
    private var uids: [Triple]
    private var gids: [Triple]

    private struct Triple {
        var isRelative: Bool
        var mapping: IDMapping
    }

    /// Whether an option is meant to be one of these.
    static func isOne(_ text: String) -> Bool {
        text.hasPrefix("idmap=") || text.hasPrefix("ridmap=")
    }

    /// `nil` when the text is of another form, or has uids or gids only.
    init?(parsing text: String) {
        guard let equals = text.utf8.firstIndex(of: UInt8(ascii: "=")) else { return nil }
        isRecursive = text.hasPrefix("r")
        uids = []
        gids = []
        for part in text[text.utf8.index(after: equals)...].split(separator: ";") {
            if part.hasPrefix("uids="), let triples = Self.triples(part.dropFirst(5)) {
                uids += triples
            } else if part.hasPrefix("gids="), let triples = Self.triples(part.dropFirst(5)) {
                gids += triples
            } else {
                return nil
            }
        }
        guard !uids.isEmpty, !gids.isEmpty else { return nil }
    }

    private static func triples(_ text: Substring) -> [Triple]? {
        var triples: [Triple] = []
        for part in text.split(separator: "#", omittingEmptySubsequences: false) {
            let isRelative = part.hasPrefix("@")
            let fields = (isRelative ? part.dropFirst() : part).split(separator: "-", omittingEmptySubsequences: false)
            let numbers = fields.compactMap { $0.utf8.allSatisfy { isDigit($0) } ? UInt32($0) : nil }
            guard fields.count == 3, numbers.count == 3, numbers[2] > 0 else { return nil }
            let mapping = IDMapping(containerID: numbers[0], hostID: numbers[1], size: numbers[2])
            triples.append(Triple(isRelative: isRelative, mapping: mapping))
        }
        return triples
    }

    /// The mapping in plain numbers; `nil` when a relative one has no counterpart in the user namespace.
    func resolve(_ namespaces: Linux?) -> MountIDMap? {
        guard let uids = Self.resolve(uids, namespaces?.uidMappings ?? []),
            let gids = Self.resolve(gids, namespaces?.gidMappings ?? [])
        else { return nil }
        return MountIDMap(isRecursive: isRecursive, uidMappings: uids, gidMappings: gids)
    }

    private static func resolve(_ triples: [Triple], _ mappings: [IDMapping]) -> [IDMapping]? {
        var resolved: [IDMapping] = []
        for triple in triples {
            var mapping = triple.mapping
            if triple.isRelative {
                guard let base = mappings.first(where: { $0.maps(mapping.containerID) }) else { return nil }
                let hostID = Int64(mapping.hostID) + Int64(base.hostID) - Int64(base.containerID)
                guard let hostID = UInt32(exactly: hostID) else { return nil }
                mapping.hostID = hostID
            }
            resolved.append(mapping)
        }
        return resolved
    }
}
