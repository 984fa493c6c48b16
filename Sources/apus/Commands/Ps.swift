internal import CommandLineInterface
internal import Runtime

extension Command {
    /// `ps`: a table that ps(1) makes, or the process ids as JSON.
    static func ps(_ options: PsOptions, _ lifecycle: Lifecycle) throws(RuntimeError) {
        switch options.format {
        case .table: try Output.standard(try lifecycle.processTable(options.id, options: options.arguments))
        case .json:
            try Output.standard(ProcessTable.json(of: try lifecycle.processes(options.id)) + [UInt8(ascii: "\n")])
        }
    }
}
