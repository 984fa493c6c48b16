internal import CommandLineInterface
internal import Runtime

extension Command {
    /// `kill`: a signal for one container, or for all whose ids match.
    static func kill(_ options: KillOptions, _ lifecycle: Lifecycle) throws(RuntimeError) {
        switch options.target {
        case .id(let id): try lifecycle.kill(id, signal: options.signal, all: options.all)
        case .pattern(let pattern):
            for id in try lifecycle.ids(matching: pattern) {
                try lifecycle.kill(id, signal: options.signal, all: options.all)
            }
        }
    }

    /// `delete`: one container, or all whose ids match.
    static func delete(_ options: DeleteOptions, _ lifecycle: Lifecycle) throws(RuntimeError) {
        switch options.target {
        case .id(let id): try lifecycle.delete(id, force: options.force)
        case .pattern(let pattern):
            for id in try lifecycle.ids(matching: pattern) { try lifecycle.delete(id, force: options.force) }
        }
    }
}
