internal import CommandLineInterface
internal import Kernel
internal import Runtime

/// The commands; each has a file of its own.
enum Command {
    /// Does what the command line asks for, and returns the exit status.
    static func perform(_ invocation: Invocation, _ log: Log) throws -> Int32 {
        let lifecycle = Lifecycle(store: Store(root: invocation.options.root)) { log.write(.warning, $0) }
        switch invocation.action {
        case .create(let options): try lifecycle.create(CreateRequest(options))
        case .run(let options): return try run(options, lifecycle)
        case .start(let options): try lifecycle.start(options.id)
        case .state(let options): try state(options, lifecycle)
        case .kill(let options): try kill(options, lifecycle)
        case .delete(let options): try delete(options, lifecycle)
        case .list(let options): try list(options, lifecycle)
        case .spec(let options): try spec(options)
        case .plan(let options): try plan(options, lifecycle)
        case .features: try features()
        case .version: try version()
        case .help(let command): try help(command)
        case .completion(let shell): try Output.standard(Completion.script(for: shell))
        case .manual: try Output.standard(ManualPage.text(version: Version.number))
        }
        return 0
    }
}
