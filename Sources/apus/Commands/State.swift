internal import CommandLineInterface
internal import OCI
internal import Runtime

extension Command {
    /// `state`: one JSON object.
    static func state(_ options: StateOptions, _ lifecycle: Lifecycle) throws(RuntimeError) {
        let json = options.cgroup ? try lifecycle.stateWithLimits(options.id) : try lifecycle.state(options.id).json()
        try Output.standard(json + [UInt8(ascii: "\n")])
    }

    /// `list`: a table, JSON, or bare ids.
    static func list(_ options: ListOptions, _ lifecycle: Lifecycle) throws(RuntimeError) {
        let states = try lifecycle.list()
        if options.quiet {
            try Output.standard(ContainerTable.ids(states.map(ContainerTable.Row.init)))
        } else {
            switch options.format {
            case .table: try Output.standard(ContainerTable.text(states.map(ContainerTable.Row.init)))
            case .json: try Output.standard(ListDocument.json(of: states) + [UInt8(ascii: "\n")])
            }
        }
    }
}

extension ContainerTable.Row {
    init(_ state: State) {
        self.init(
            id: state.id, pid: state.pid, status: state.status.rawValue, bundle: state.bundle,
            created: state.createdText, owner: state.owner)
    }
}
