internal import CommandLineInterface
internal import Runtime

extension Command {
    /// `wait`: until the container ends; its exit code.
    static func wait(_ options: WaitOptions, _ lifecycle: Lifecycle, _ log: Log) throws(RuntimeError) -> Int32 {
        if let status = try lifecycle.wait(options.id) { return status }
        log.write(.warning, "container \(options.id) has ended, and its exit code is not known")
        return WaitStatus.unknown
    }
}
