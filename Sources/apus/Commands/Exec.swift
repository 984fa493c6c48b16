internal import CommandLineInterface
internal import Runtime

extension Command {
    /// `exec`: one more process in a container; in the foreground until it ends.
    ///
    /// A failure of its own is 255, which tells it from most of what the process itself may end with.
    static func exec(_ options: ExecOptions, _ lifecycle: Lifecycle, _ log: Log) -> Int32 {
        let request = ExecRequest(options)
        do { return try lifecycle.exec(request) } catch {
            let error = lifecycle.explained(error, .execution(request))
            log.write(.error, "\(error)", error.details)
            return error.exitStatus ?? 255
        }
    }
}

extension ExecRequest {
    init(_ options: ExecOptions) {
        self.init(id: options.id, command: options.command)
        processFile = options.process
        terminal = options.terminal
        cwd = options.cwd
        environment = options.environment
        user = options.user
        additionalGroups = options.additionalGroups.map { UInt32($0) }
        capabilities = options.capabilities
        selinuxLabel = options.processLabel
        apparmorProfile = options.apparmor
        noNewPrivileges = options.noNewPrivileges
        cgroups = options.cgroups
        ignoresPause = options.ignorePaused
        detaches = options.detach
        consoleSocket = options.consoleSocket
        pidFile = options.pidFile
        pidfdSocket = options.pidfdSocket
        preservedDescriptors = options.preserveFds
    }
}
