/// What `checkpoint` and `restore` have in common.
public struct ImageOptions: Equatable, Sendable {
    public enum CgroupsMode: String, Equatable, Sendable {
        case soft, full, strict, ignore
    }

    public enum NetworkLock: String, Equatable, Sendable {
        case iptables, nftables, skip
    }

    /// nil: `checkpoint` in the working directory.
    public var imagePath: String?
    /// nil: where the images are.
    public var workPath: String?
    public var tcpEstablished = false
    public var extUnixSk = false
    public var shellJob = false
    public var fileLocks = false
    public var lazyPages = false
    public var autoDedup = false
    public var emptyNetwork = false
    public var cgroupsMode = CgroupsMode.soft
    /// nil: CRIU's own choice.
    public var networkLock: NetworkLock?

    public init() {}
}

public struct CheckpointOptions: Equatable, Sendable {
    /// Where memory pages are sent to.
    public struct PageServer: Equatable, Sendable {
        public var address: String
        public var port: UInt16

        public init(address: String, port: UInt16) {
            self.address = address
            self.port = port
        }
    }

    public var id: String
    public var images = ImageOptions()
    public var parentPath: String?
    public var leaveRunning = false
    public var preDump = false
    public var pageServer: PageServer?
    public var statusFd: Int32?
    public var linkRemap = false
    public var tcpSkipInFlight = false

    public init(id: String) { self.id = id }
}

public struct RestoreOptions: Equatable, Sendable {
    /// Of these, what `restore` has flags for.
    public var create: CreateOptions
    public var images = ImageOptions()
    public var detach = false
    public var tcpClose = false
    public var lsmProfile: String?
    public var lsmMountContext: String?

    public init(create: CreateOptions) { self.create = create }
}

extension ImageOptions {
    init(_ matches: [Match]) {
        imagePath = matches.text(.imagePath)
        workPath = matches.text(.workPath)
        tcpEstablished = matches.isOn(.tcpEstablished)
        extUnixSk = matches.isOn(.extUnixSk)
        shellJob = matches.isOn(.shellJob)
        fileLocks = matches.isOn(.fileLocks)
        lazyPages = matches.isOn(.lazyPages)
        autoDedup = matches.isOn(.autoDedup)
        emptyNetwork = matches.text(.emptyNs) != nil
        cgroupsMode = matches.choice(.manageCgroupsMode).flatMap { CgroupsMode(rawValue: $0) } ?? cgroupsMode
        networkLock = matches.choice(.networkLock).flatMap { NetworkLock(rawValue: $0) }
    }
}

extension CheckpointOptions {
    init(id: String, _ matches: [Match]) throws(UsageError) {
        self.init(id: id)
        images = ImageOptions(matches)
        parentPath = matches.text(.parentPath)
        leaveRunning = matches.isOn(.leaveRunning)
        preDump = matches.isOn(.preDump)
        if let text = matches.text(.pageServer) { pageServer = try PageServer(text) }
        statusFd = matches.number(.statusFd)
        linkRemap = matches.isOn(.linkRemap)
        tcpSkipInFlight = matches.isOn(.tcpSkipInFlight)
        if preDump, images.lazyPages {
            throw UsageError(.grammar, "--pre-dump and --lazy-pages contradict each other", in: .checkpoint)
        }
    }
}

extension CheckpointOptions.PageServer {
    /// `ADDRESS:PORT`; an IPv6 address may stand in brackets.
    fileprivate init(_ text: String) throws(UsageError) {
        let parts = text.utf8.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
        guard parts.count > 1, let last = parts.last, let port = UInt16(String(decoding: Array(last), as: UTF8.self))
        else {
            throw UsageError(.grammar, "--page-server: not ADDRESS:PORT: \"\(text)\"", in: .checkpoint)
        }
        var address = Array(text.utf8.dropLast(last.count + 1))
        if address.first == UInt8(ascii: "["), address.last == UInt8(ascii: "]") {
            address.removeFirst()
            address.removeLast()
        }
        if address.isEmpty {
            throw UsageError(.grammar, "--page-server: not ADDRESS:PORT: \"\(text)\"", in: .checkpoint)
        }
        self.init(address: String(decoding: address, as: UTF8.self), port: port)
    }
}

extension RestoreOptions {
    init(id: String, _ matches: [Match]) {
        self.init(create: CreateOptions(id: id, matches))
        images = ImageOptions(matches)
        detach = matches.isOn(.detach)
        tcpClose = matches.isOn(.tcpClose)
        lsmProfile = matches.text(.lsmProfile)
        lsmMountContext = matches.text(.lsmMountContext)
    }
}
