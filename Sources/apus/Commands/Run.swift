internal import CommandLineInterface
internal import Runtime

extension Command {
    /// `run`: create and start; in the foreground until the container ends.
    static func run(_ options: RunOptions, _ lifecycle: Lifecycle) throws(RuntimeError) -> Int32 {
        let request = CreateRequest(options.create)
        if options.detach { return try lifecycle.run(request, .detached) }
        return try lifecycle.run(request, .foreground(keep: options.keep, subreaper: !options.noSubreaper))
    }
}

extension CreateRequest {
    init(_ options: CreateOptions) {
        self.init(
            id: options.id, bundle: options.bundle, config: options.config, consoleSocket: options.consoleSocket,
            pidFile: options.pidFile, preservedDescriptors: options.preserveFds, noPivot: options.noPivot,
            noNewKeyring: options.noNewKeyring)
    }
}
