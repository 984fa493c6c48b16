/// What CRIU reports while it works (criu(8), "--action-script").
public enum CriuEvent: String, Sendable {
    case preDump = "pre-dump"
    case postDump = "post-dump"
    case preRestore = "pre-restore"
    case networkLock = "network-lock"
    case networkUnlock = "network-unlock"
    /// The first process is there, in its namespaces, and nothing else yet.
    case setupNamespaces = "setup-namespaces"
    case postSetupNamespaces = "post-setup-namespaces"
    /// Everything is restored, and nobody runs yet.
    case postRestore = "post-restore"
    case preResume = "pre-resume"
    case postResume = "post-resume"
    /// With the master of a terminal whose other end is restored.
    case orphanTerminalMaster = "orphan-pts-master"
    /// Who wants memory pages may come now.
    case statusReady = "status-ready"
}

/// The version of CRIU, which compares as one expects.
public struct CriuVersion: Sendable, Comparable {
    public var major: Int
    public var minor: Int
    public var sublevel: Int

    public init(_ major: Int, _ minor: Int, _ sublevel: Int = 0) {
        self.major = major
        self.minor = minor
        self.sublevel = sublevel
    }

    public static func < (one: CriuVersion, other: CriuVersion) -> Bool {
        (one.major, one.minor, one.sublevel) < (other.major, other.minor, other.sublevel)
    }

    /// `4.2.1`, and `4.2` for the first of its kind.
    public var text: String { sublevel == 0 ? "\(major).\(minor)" : "\(major).\(minor).\(sublevel)" }
}

/// A message of CRIU (`criu_resp`).
public struct CriuResponse: Sendable {
    /// As in ``RequestKind``; 0: the request was none.
    public var kind: UInt64 = 0
    public var isSuccess = false
    /// The first process of what was restored, or that a notification is about.
    public var pid: Int32?
    /// What a notification is about; nil: this is none, or one of a newer CRIU, which is fine with everybody.
    public var event: CriuEvent?
    public var version: CriuVersion?
    public var features: CriuFeatures?
    /// The first thing that went wrong, in CRIU's words.
    public var message = ""

    /// Whether CRIU waits for a ``CriuRequest/done(_:)``.
    public var isNotification: Bool { kind == RequestKind.notify.rawValue }

    public init(decoding bytes: [UInt8]) throws(WireError) {
        var reader = WireReader(bytes)
        while let (field, value) = try reader.next() {
            switch field {
            case 1: kind = value.number ?? 0
            case 2: isSuccess = value.number == 1
            case 4: pid = try Self.numbers(in: value).first.map { Int32(truncatingIfNeeded: $0) }
            case 5: try readNotification(value)
            case 8:
                let found = try Self.flags(in: value)
                features = CriuFeatures(tracksMemory: found.contains(1), lazyPages: found.contains(2))
            case 9: message = value.text ?? ""
            case 10: version = try Self.version(value)
            default: break
            }
        }
    }

    private mutating func readNotification(_ value: WireValue) throws(WireError) {
        var reader = WireReader(value.content ?? [])
        while let (field, value) = try reader.next() {
            if field == 1 { event = value.text.flatMap { CriuEvent(rawValue: $0) } }
            if field == 2 { pid = value.number.map { Int32(truncatingIfNeeded: $0) } }
        }
    }

    /// The numbers that a message has as its field 1.
    private static func numbers(in value: WireValue) throws(WireError) -> [UInt64] {
        var found: [UInt64] = []
        var reader = WireReader(value.content ?? [])
        while let (field, value) = try reader.next() {
            if field == 1, let number = value.number { found.append(number) }
        }
        return found
    }

    /// The fields of a message that are flags and on.
    private static func flags(in value: WireValue) throws(WireError) -> [UInt32] {
        var found: [UInt32] = []
        var reader = WireReader(value.content ?? [])
        while let (field, value) = try reader.next() {
            if value.number == 1 { found.append(field) }
        }
        return found
    }

    private static func version(_ value: WireValue) throws(WireError) -> CriuVersion {
        var version = CriuVersion(0, 0)
        var reader = WireReader(value.content ?? [])
        while let (field, value) = try reader.next() {
            guard let number = value.number else { continue }
            // No version has ever been this large: what is larger is nonsense, and stays harmless.
            let part = Int(min(number, 1 << 20))
            switch field {
            case 1: version.major = part
            case 2: version.minor = part
            case 4: version.sublevel = part
            default: break
            }
        }
        return version
    }
}
