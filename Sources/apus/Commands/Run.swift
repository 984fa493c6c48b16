internal import Cgroups
internal import CommandLineInterface
internal import Runtime

extension Command {
    /// `run`: create and start; in the foreground until the container ends.
    static func run(
        _ options: RunOptions, _ manager: CgroupManager, _ lifecycle: Lifecycle
    ) throws(RuntimeError) -> Int32 {
        let request = CreateRequest(options.create, manager)
        if options.detach { return try lifecycle.run(request, .detached) }
        return try lifecycle.run(request, .foreground(keep: options.keep, subreaper: !options.create.noSubreaper))
    }
}

extension RootlessMode {
    init(_ option: RootlessOption) {
        switch option {
        case .auto: self = .auto
        case .yes: self = .yes
        case .no: self = .no
        }
    }
}

extension CreateRequest {
    init(_ options: CreateOptions, _ manager: CgroupManager) {
        self.init(
            id: options.id, bundle: options.bundle, config: options.config, consoleSocket: options.consoleSocket,
            pidFile: options.pidFile, pidfdSocket: options.pidfdSocket, preservedDescriptors: options.preserveFds,
            noPivot: options.noPivot, noNewKeyring: options.noNewKeyring, cgroupManager: manager)
    }
}
