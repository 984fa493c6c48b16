/// What CRIU is asked for; the values are those of its RPC (images/rpc.proto of CRIU, `criu_req_type`).
public enum RequestKind: UInt64, Sendable {
    case dump = 1
    case restore = 2
    case preDump = 4
    /// The answer to a notification.
    case notify = 6
    case featureCheck = 9
    case version = 10
}

/// The options of CRIU that are used here, by their numbers in `criu_opts`.
public enum CriuOption: UInt32, Sendable {
    case imagesDirectory = 1
    case pid = 2
    case leaveRunning = 3
    case externalUnixSockets = 4
    case tcpEstablished = 5
    case shellJob = 7
    case fileLocks = 8
    case logLevel = 9
    case logFile = 10
    case pageServer = 11
    case notifies = 12
    case root = 13
    case parentImages = 14
    case trackMemory = 15
    case autoDedup = 16
    case workDirectory = 17
    case linkRemap = 18
    case managesCgroups = 24
    case cgroupRoot = 25
    case restoresSibling = 26
    case inheritedDescriptor = 27
    case externalSharing = 29
    case externalMasters = 30
    case manageCgroupsMode = 34
    case external = 37
    case emptyNamespaces = 38
    case joinedNamespace = 39
    case freezeCgroup = 44
    case tcpSkipInFlight = 46
    case lazyPages = 48
    case orphanTerminalMaster = 50
    case configFile = 51
    case tcpClose = 52
    case lsmProfile = 53
    case lsmMountContext = 63
    case networkLock = 64
    case unprivileged = 67
}

/// Options on their way to CRIU. One that is not set has CRIU's own default.
public struct CriuOptions: Sendable {
    private(set) var message = WireWriter()
    /// What is set.
    public private(set) var present: [CriuOption] = []

    public init() {}

    /// Sets a flag; one that is off is left out.
    public mutating func set(_ option: CriuOption, _ isOn: Bool = true) {
        if isOn { set(option, number: 1) }
    }

    public mutating func set(_ option: CriuOption, number: Int32) {
        present.append(option)
        message.number(option.rawValue, UInt64(bitPattern: Int64(number)))
    }

    public mutating func set(_ option: CriuOption, text: String) {
        present.append(option)
        message.text(option.rawValue, text)
    }

    /// A pair of texts: the path of a controller (`cgroup_root`), or the file of a namespace (`join_namespace`).
    public mutating func add(_ option: CriuOption, _ first: String, _ second: String) {
        var pair = WireWriter()
        pair.text(1, first)
        pair.text(2, second)
        message.message(option.rawValue, pair)
    }

    /// A descriptor that CRIU has, under its number, for what an image calls `key` (`inherit_fd`).
    public mutating func inherit(_ descriptor: Int32, as key: String) {
        var pair = WireWriter()
        pair.text(1, key)
        pair.number(2, UInt64(bitPattern: Int64(descriptor)))
        message.message(CriuOption.inheritedDescriptor.rawValue, pair)
    }

    /// Where the page server is (`criu_page_server_info`).
    ///
    /// - Parameters:
    ///   - address: its address, or name.
    ///   - port: its port.
    ///   - connection: a descriptor that CRIU has, and that is connected to it; nil: CRIU connects by itself.
    public mutating func setPageServer(_ address: String, port: UInt16, connection: Int32? = nil) {
        var server = WireWriter()
        server.text(1, address)
        server.number(2, UInt64(port))
        if let connection { server.number(4, UInt64(connection)) }
        message.message(CriuOption.pageServer.rawValue, server)
    }
}

/// Things that the kernel has to offer.
public struct CriuFeatures: Sendable, Equatable {
    /// It tells which pages were written to.
    public var tracksMemory = false
    /// It lets another process fill in pages (userfaultfd(2)).
    public var lazyPages = false

    public init(tracksMemory: Bool = false, lazyPages: Bool = false) {
        self.tracksMemory = tracksMemory
        self.lazyPages = lazyPages
    }
}

/// A message to CRIU (`criu_req`).
public enum CriuRequest {
    case version
    case features(CriuFeatures)
    case work(RequestKind, CriuOptions)
    /// Whether what a notification asks for is done; otherwise CRIU gives up and takes everything back.
    case done(Bool)

    public var bytes: [UInt8] {
        var request = WireWriter()
        switch self {
        case .version:
            request.number(1, RequestKind.version.rawValue)
            request.number(4, 1)  // More requests follow on this connection.
        case .features(let features):
            request.number(1, RequestKind.featureCheck.rawValue)
            request.number(4, 1)
            var wanted = WireWriter()
            if features.tracksMemory { wanted.number(1, 1) }
            if features.lazyPages { wanted.number(2, 1) }
            request.message(5, wanted)
        case .work(let kind, let options):
            request.number(1, kind.rawValue)
            request.message(2, options.message)
        case .done(let isDone):
            request.number(1, RequestKind.notify.rawValue)
            request.number(3, isDone ? 1 : 0)
        }
        return request.bytes
    }
}
