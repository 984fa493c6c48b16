internal import JSON
public import OCI

/// What `list --format json` prints.
public enum ListDocument {
    /// An array of states on one line; `null` if there is none, as runc has it.
    public static func json(of states: [State]) -> [UInt8] {
        var writer = JSONWriter(.compact)
        if states.isEmpty {
            writer.null()
        } else {
            writer.array { writer in for state in states { state.encode(to: &writer) } }
        }
        return writer.bytes
    }
}
