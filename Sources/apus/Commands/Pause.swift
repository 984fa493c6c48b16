internal import CommandLineInterface
internal import Runtime

extension Command {
    /// `pause`: every process of a container stands still.
    static func pause(_ id: String, _ lifecycle: Lifecycle) throws(RuntimeError) { try lifecycle.pause(id) }

    /// `resume`: they go on.
    static func resume(_ id: String, _ lifecycle: Lifecycle) throws(RuntimeError) { try lifecycle.resume(id) }
}
