internal import CKernel

/// A file descriptor that is owned: closed when its owner is done with it. Always close-on-exec.
@frozen public struct Descriptor: ~Copyable, Sendable {
    /// The number, for a call that borrows it.
    public let number: Int32

    /// Takes over `number`, which nobody else closes from here on.
    public init(owning number: Int32) { self.number = number }

    deinit { ck_close(number) }

    /// Gives the number away; the new owner closes it.
    public consuming func release() -> Int32 {
        let number = number
        discard self
        return number
    }
}

/// Two descriptors that were made together.
@frozen public struct DescriptorPair: ~Copyable, Sendable {
    public var first: Descriptor
    public var second: Descriptor
}

/// Flags of open(2) and openat2(2).
public struct OpenFlags: OptionSet, Sendable {
    public let rawValue: Int32
    public init(rawValue: Int32) { self.rawValue = rawValue }

    public static let readOnly: OpenFlags = []
    public static let writeOnly = OpenFlags(rawValue: O_WRONLY)
    public static let readWrite = OpenFlags(rawValue: O_RDWR)
    public static let create = OpenFlags(rawValue: O_CREAT)
    public static let exclusive = OpenFlags(rawValue: O_EXCL)
    public static let truncate = OpenFlags(rawValue: O_TRUNC)
    public static let append = OpenFlags(rawValue: O_APPEND)
    public static let directory = OpenFlags(rawValue: O_DIRECTORY)
    public static let noFollow = OpenFlags(rawValue: O_NOFOLLOW)
    public static let nonBlocking = OpenFlags(rawValue: O_NONBLOCK)
    public static let noControllingTerminal = OpenFlags(rawValue: O_NOCTTY)
    /// O_PATH: a place in the file system, neither readable nor writable.
    public static let path = OpenFlags(rawValue: 0o10000000)
}

/// How openat2(2) may resolve a path (`RESOLVE_*`, linux/openat2.h).
public struct Resolution: OptionSet, Sendable {
    public let rawValue: UInt64
    public init(rawValue: UInt64) { self.rawValue = rawValue }

    public static let noCrossingMounts = Resolution(rawValue: 0x01)
    public static let noMagicLinks = Resolution(rawValue: 0x02)
    public static let noSymbolicLinks = Resolution(rawValue: 0x04)
    public static let beneath = Resolution(rawValue: 0x08)
    public static let inRoot = Resolution(rawValue: 0x10)
}

/// What an inode is.
public struct FileStatus: Sendable {
    public enum Kind: Sendable, Equatable {
        case regular, directory, symbolicLink, characterDevice, blockDevice, fifo, socket
    }

    public let device: UInt64
    public let inode: UInt64
    /// The device that a device node stands for.
    public let specialDevice: UInt64
    public let size: Int64
    /// Permission bits with set-id and sticky bits: 0o7777.
    public let permissions: UInt32
    public let uid: UInt32
    public let gid: UInt32
    /// Number of names that the inode has.
    public let links: UInt32
    public let kind: Kind

    /// Major and minor number in ``specialDevice`` (makedev(3)).
    public var deviceNumbers: (UInt32, UInt32) {
        let major = (specialDevice >> 8) & 0xfff | (specialDevice >> 32) & ~0xfff
        let minor = specialDevice & 0xff | (specialDevice >> 12) & ~0xff
        return (UInt32(truncatingIfNeeded: major), UInt32(truncatingIfNeeded: minor))
    }

    init(_ status: ck_status) {
        device = status.device
        inode = status.inode
        specialDevice = status.special_device
        size = status.size
        permissions = status.mode & 0o7777
        uid = status.uid
        gid = status.gid
        links = status.links
        kind =
            switch status.mode & 0o170000 {
            case 0o040000: .directory
            case 0o120000: .symbolicLink
            case 0o020000: .characterDevice
            case 0o060000: .blockDevice
            case 0o010000: .fifo
            case 0o140000: .socket
            default: .regular
            }
    }
}
