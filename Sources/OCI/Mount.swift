/// One entry of `mounts`, its options parsed (config.md, "Mounts").
public struct Mount: Sendable, Equatable {
    /// Where it goes inside the container, absolute. A relative destination of the document has got its `/`.
    public var destination: String
    /// What is mounted: for a bind mount a path (absolute, or relative to the bundle), else a device or a dummy.
    public var source: String?
    /// File system type; of no meaning for a bind mount.
    public var type: String?

    /// How the source gets there.
    public var action: MountAction
    /// Attributes of this mount to switch on and off.
    public var attributes: AttributeChange
    /// Attributes of this mount and of all below it (`AT_RECURSIVE`).
    public var recursiveAttributes: AttributeChange
    /// Flags of the superblock to switch on and off; of no meaning for a bind mount. `ro` and `rw` are in here and
    /// in `attributes`, as a new file system wants both (mount(8), "ro").
    public var superblock: SuperblockChange
    /// Propagation types to set, one after the other, in the order given.
    public var propagation: [MountPropagation]
    /// Id mapping of the mount.
    public var idMap: MountIDMap?
    /// Copy what the image has at the destination into the new tmpfs.
    public var tmpcopyup: Bool
    /// Where the source is a symbolic link, make the same link at the destination instead of a mount.
    public var copySymlink: Bool
    /// Bind a symbolic link at the end of the source itself, not what it points to.
    public var sourceNoFollow: Bool
    /// Mount onto a symbolic link at the end of the destination itself, not onto what it points to.
    public var destinationNoFollow: Bool
    /// Options that are the file system's own, in the order given: the data of mount(2).
    public var data: [String]

    public init(
        destination: String, source: String? = nil, type: String? = nil, action: MountAction = .new,
        attributes: AttributeChange = AttributeChange(), recursiveAttributes: AttributeChange = AttributeChange(),
        superblock: SuperblockChange = SuperblockChange(), propagation: [MountPropagation] = [],
        idMap: MountIDMap? = nil, tmpcopyup: Bool = false, copySymlink: Bool = false, sourceNoFollow: Bool = false,
        destinationNoFollow: Bool = false, data: [String] = []
    ) {
        self.destination = destination
        self.source = source
        self.type = type
        self.action = action
        self.attributes = attributes
        self.recursiveAttributes = recursiveAttributes
        self.superblock = superblock
        self.propagation = propagation
        self.idMap = idMap
        self.tmpcopyup = tmpcopyup
        self.copySymlink = copySymlink
        self.sourceNoFollow = sourceNoFollow
        self.destinationNoFollow = destinationNoFollow
        self.data = data
    }

    /// Whether this is a bind mount, recursive or not.
    public var isBind: Bool { action == .bind || action == .recursiveBind }
    /// Whether this is a bind mount of a whole tree.
    public var isRecursiveBind: Bool { action == .recursiveBind }
    /// Whether this changes what is mounted at the destination already.
    public var isRemount: Bool { action == .remount || action == .bindRemount }
}

/// What an entry of `mounts` does.
public enum MountAction: Sendable, Equatable {
    /// Mount a new file system of `type`.
    case new
    /// Bind the source (`bind`).
    case bind
    /// Bind the source and everything mounted below it (`rbind`).
    case recursiveBind
    /// Change the superblock and the mount at the destination (`remount`).
    case remount
    /// Change only the mount at the destination (`remount` with `bind`).
    case bindRemount
}

/// Mount attributes (`MOUNT_ATTR_*` of mount_setattr(2), `linux/mount.h`).
public struct MountAttributes: OptionSet, Sendable {
    public let rawValue: UInt64
    public init(rawValue: UInt64) { self.rawValue = rawValue }

    public static var readOnly: MountAttributes { MountAttributes(rawValue: 0x01) }
    public static var noSUID: MountAttributes { MountAttributes(rawValue: 0x02) }
    public static var noDev: MountAttributes { MountAttributes(rawValue: 0x04) }
    public static var noExec: MountAttributes { MountAttributes(rawValue: 0x08) }
    /// Never update access times: a value of the field `accessTime`.
    public static var noATime: MountAttributes { MountAttributes(rawValue: 0x10) }
    /// Always update access times: a value of the field `accessTime`.
    public static var strictATime: MountAttributes { MountAttributes(rawValue: 0x20) }
    /// The field that says how access times are kept; all bits 0 in it are `relatime`, the kernel's default.
    public static var accessTime: MountAttributes { MountAttributes(rawValue: 0x70) }
    public static var noDirATime: MountAttributes { MountAttributes(rawValue: 0x80) }
    public static var noSymFollow: MountAttributes { MountAttributes(rawValue: 0x20_0000) }
}

/// Attributes to switch on and off, as mount_setattr(2) wants them.
///
/// Where the access time field changes, `clear` holds the whole field and `set` its new value, which is what the
/// kernel demands.
public struct AttributeChange: Sendable, Equatable {
    public var set: MountAttributes
    public var clear: MountAttributes

    public init(set: MountAttributes = [], clear: MountAttributes = []) {
        self.set = set
        self.clear = clear
    }

    public var isEmpty: Bool { self.set.isEmpty && self.clear.isEmpty }
}

/// Flags of a superblock (`MS_*` of mount(2), `linux/mount.h`).
public struct SuperblockFlags: OptionSet, Sendable {
    public let rawValue: UInt64
    public init(rawValue: UInt64) { self.rawValue = rawValue }

    public static var readOnly: SuperblockFlags { SuperblockFlags(rawValue: 1) }
    public static var synchronous: SuperblockFlags { SuperblockFlags(rawValue: 16) }
    public static var mandatoryLocks: SuperblockFlags { SuperblockFlags(rawValue: 64) }
    public static var dirSync: SuperblockFlags { SuperblockFlags(rawValue: 128) }
    public static var silent: SuperblockFlags { SuperblockFlags(rawValue: 32768) }
    public static var posixACL: SuperblockFlags { SuperblockFlags(rawValue: 1 << 16) }
    public static var iVersion: SuperblockFlags { SuperblockFlags(rawValue: 1 << 23) }
    public static var lazyTime: SuperblockFlags { SuperblockFlags(rawValue: 1 << 25) }
}

/// Superblock flags to switch on and off.
public struct SuperblockChange: Sendable, Equatable {
    public var set: SuperblockFlags
    public var clear: SuperblockFlags

    public init(set: SuperblockFlags = [], clear: SuperblockFlags = []) {
        self.set = set
        self.clear = clear
    }

    public var isEmpty: Bool { self.set.isEmpty && self.clear.isEmpty }
}

/// A change of propagation (mount_namespaces(7), "Shared subtrees").
public struct MountPropagation: Sendable, Equatable {
    public var kind: PropagationKind
    /// Whether it concerns everything mounted below as well (`rshared` and the like).
    public var isRecursive: Bool

    public init(_ kind: PropagationKind, isRecursive: Bool = false) {
        self.kind = kind
        self.isRecursive = isRecursive
    }

    /// The option's text: `shared`, `rshared`, ...
    public var name: String { isRecursive ? "r\(kind.name)" : kind.name }
}

/// The four propagation types, with their `MS_*` values (`linux/mount.h`), which mount_setattr(2) uses too.
public enum PropagationKind: UInt64, CaseIterable, Sendable {
    case unbindable = 0x2_0000
    case `private` = 0x4_0000
    case slave = 0x8_0000
    case shared = 0x10_0000

    public var name: String {
        switch self {
        case .unbindable: "unbindable"
        case .private: "private"
        case .slave: "slave"
        case .shared: "shared"
        }
    }
}

/// Id mapping of one mount (`MOUNT_ATTR_IDMAP`, mount_setattr(2)).
public struct MountIDMap: Sendable, Equatable {
    /// Whether everything mounted below is mapped as well (`ridmap`).
    public var isRecursive: Bool
    /// The mount's own mappings; both empty means those of the container's user namespace.
    /// `containerID` is the id on the file system, `hostID` the id that the mount shows for it.
    public var uidMappings: [IDMapping]
    public var gidMappings: [IDMapping]

    public init(isRecursive: Bool = false, uidMappings: [IDMapping] = [], gidMappings: [IDMapping] = []) {
        self.isRecursive = isRecursive
        self.uidMappings = uidMappings
        self.gidMappings = gidMappings
    }

    /// Whether the mappings are those of the container's user namespace.
    public var usesContainerMappings: Bool { uidMappings.isEmpty && gidMappings.isEmpty }
}
