internal import Cgroups
internal import CommandLineInterface
internal import Runtime

extension Command {
    /// `checkpoint`: the container goes to disk.
    static func checkpoint(
        _ options: CheckpointOptions, _ program: String?, _ lifecycle: Lifecycle
    ) throws(RuntimeError) {
        var request = CheckpointRequest(id: options.id, settings: CriuSettings(options.images, program))
        request.parentPath = options.parentPath
        request.leavesRunning = options.leaveRunning
        request.isPreDump = options.preDump
        request.pageServer = options.pageServer.map { ($0.address, $0.port) }
        request.statusDescriptor = options.statusFd
        request.linkRemap = options.linkRemap
        request.tcpSkipInFlight = options.tcpSkipInFlight
        try lifecycle.checkpoint(request)
    }

    /// `restore`: it comes back; in the foreground until it ends.
    static func restore(
        _ options: RestoreOptions, _ program: String?, _ manager: CgroupManager, _ lifecycle: Lifecycle
    ) throws(RuntimeError) -> Int32 {
        var request = RestoreRequest(
            create: CreateRequest(options.create, manager), settings: CriuSettings(options.images, program))
        request.tcpClose = options.tcpClose
        request.lsmProfile = options.lsmProfile
        request.lsmMountContext = options.lsmMountContext
        if options.detach { return try lifecycle.restore(request, .detached) }
        return try lifecycle.restore(request, .foreground(keep: false, subreaper: !options.create.noSubreaper))
    }
}

extension CriuSettings {
    fileprivate init(_ options: ImageOptions, _ program: String?) {
        self.init()
        self.program = program
        imagePath = options.imagePath
        workPath = options.workPath
        tcpEstablished = options.tcpEstablished
        externalUnixSockets = options.extUnixSk
        shellJob = options.shellJob
        fileLocks = options.fileLocks
        lazyPages = options.lazyPages
        autoDedup = options.autoDedup
        emptyNetwork = options.emptyNetwork
        cgroupMode =
            switch options.cgroupsMode {
            case .soft: .soft
            case .full: .full
            case .strict: .strict
            case .ignore: .ignore
            }
        networkLock =
            switch options.networkLock {
            case .iptables: .iptables
            case .nftables: .nftables
            case .skip: .skip
            case nil: nil
            }
    }
}
