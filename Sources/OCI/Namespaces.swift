/// One entry of `linux.namespaces` (namespaces(7)).
public struct Namespace: Sendable, Equatable {
    public var kind: NamespaceKind
    /// Absolute path of a namespace to join; `nil` makes a new one.
    public var path: String?

    public init(_ kind: NamespaceKind, path: String? = nil) {
        self.kind = kind
        self.path = path
    }
}

/// The kinds of namespaces, in the order of their names; the raw value is the name in `config.json`.
public enum NamespaceKind: String, CaseIterable, Sendable {
    case cgroup
    case ipc
    case mount
    case network
    case pid
    case time
    case user
    case uts

    /// The flag of clone(2), setns(2) and unshare(2) (`linux/sched.h`).
    public var cloneFlag: UInt64 {
        switch self {
        case .cgroup: 0x0200_0000
        case .ipc: 0x0800_0000
        case .mount: 0x0002_0000
        case .network: 0x4000_0000
        case .pid: 0x2000_0000
        case .time: 0x0000_0080
        case .user: 0x1000_0000
        case .uts: 0x0400_0000
        }
    }

    /// The name of the link in `/proc/PID/ns`.
    public var procName: String {
        switch self {
        case .cgroup: "cgroup"
        case .ipc: "ipc"
        case .mount: "mnt"
        case .network: "net"
        case .pid: "pid"
        case .time: "time"
        case .user: "user"
        case .uts: "uts"
        }
    }
}

/// A range of ids that are mapped one to one (user_namespaces(7)).
public struct IDMapping: Sendable, Equatable {
    /// First id inside.
    public var containerID: UInt32
    /// First id outside.
    public var hostID: UInt32
    /// Number of ids, at least 1.
    public var size: UInt32

    public init(containerID: UInt32, hostID: UInt32, size: UInt32) {
        self.containerID = containerID
        self.hostID = hostID
        self.size = size
    }
}

extension [IDMapping] {
    /// The host's number of an id of the container; nil: it has none.
    public func hostID(of id: UInt32) -> UInt32? {
        for mapping in self where id >= mapping.containerID && id - mapping.containerID < mapping.size {
            return mapping.hostID &+ (id - mapping.containerID)
        }
        return nil
    }
}

/// Offsets of the two clocks that a time namespace shifts (time_namespaces(7)).
public struct TimeOffsets: Sendable, Equatable {
    public var boottime: TimeOffset?
    public var monotonic: TimeOffset?

    public init(boottime: TimeOffset? = nil, monotonic: TimeOffset? = nil) {
        self.boottime = boottime
        self.monotonic = monotonic
    }
}

/// Offset of one clock: seconds, which may be negative, plus 0...999999999 nanoseconds.
public struct TimeOffset: Sendable, Equatable {
    public var secs: Int64
    public var nanosecs: UInt32

    public init(secs: Int64 = 0, nanosecs: UInt32 = 0) {
        self.secs = secs
        self.nanosecs = nanosecs
    }
}
