internal import JSON
internal import OCI

/// The limits that a container was asked to have, as its state keeps them: read from the file only by who needs them.
enum RecordedResources {
    case known(Resources)
    case unread(JSONNode)

    /// - Throws: what is wrong with what the file says.
    func value() throws(SpecError) -> Resources {
        switch self {
        case .known(let resources): resources
        case .unread(let node): try Resources.decode(node)
        }
    }

    func encode(to writer: inout JSONWriter) {
        // What was written by apus itself can be read; what cannot was spoilt by somebody else.
        let resources = (try? value()) ?? Resources()
        resources.encode(to: &writer)
    }
}
