internal import JSON

/// A mount that was added to a container while it ran, as the state keeps it.
struct AddedMount: Equatable {
    /// As it was asked for.
    var destination: String
    /// Where that led to.
    var place: String
    /// The mount (``Kernel/MountPlace/lastingID``); 0: it is being made, or whoever made it was killed.
    var mount: UInt64 = 0

    init(destination: String) {
        self.destination = destination
        place = destination
    }

    func encode(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.member("destination", destination)
            writer.member("place", place)
            writer.member("mount", mount)
        }
    }

    init(decoding node: JSONNode) throws(JSONMismatch) {
        guard let destination = node["destination"], let place = node["place"], let mount = node["mount"] else {
            throw .notObject
        }
        self.destination = try destination.string()
        self.place = try place.string()
        self.mount = try mount.integer()
    }

    static func list(_ node: JSONNode) throws(JSONMismatch) -> [AddedMount] {
        guard node.kind == .array else { throw .notArray }
        var mounts: [AddedMount] = []
        for index in 0..<node.count {
            guard let element = node[index], element.kind == .object else { throw .notObject }
            mounts.append(try AddedMount(decoding: element))
        }
        return mounts
    }
}
