public import OCI

/// A plan: everything that the first process of a container does, in order, and what the host has to give it.
public struct Plan: Sendable {
    /// The CLONE_NEW* flags of the clone that makes the process.
    public var cloneFlags: UInt64 = 0
    public var steps: [Step] = []
    /// The descriptors that the host opens before the clone, by slot.
    public var provisions: [Provision] = []
    /// Whether the process goes on in a sibling, which a step makes.
    public var forks = false
    /// Index of the first step behind the gate; nil if nothing waits there.
    public var gate: Int?
    /// The process keeps the descriptors below this one; at least 3.
    public var firstUnkept: Int32 = 3
    /// Whether mounts are made in a mount namespace that is not the container's: all below one on its root file system,
    /// which the host takes away again.
    public var mountsOutside = false
    /// What the configuration asks for in vain, in words.
    public var warnings: [String] = []
    /// The cgroup2 directory that the process is cloned into (CLONE_INTO_CGROUP); nil if the host has none.
    public var cloneTarget: String?
    /// Limits that the host sets at ``Meeting/limits``, by index in `process.rlimits`.
    public var hostLimits: [(index: Int, limit: ResourceLimit)] = []
    /// Standard streams that are the host's null device, and that the host replaces before the clone (see
    /// ``HostFacts/nullStreams``).
    public var hostStreams = NullStreams()
    /// The device nodes of ``Provision/Source/devices``, each named by its index.
    public var hostDevices: [HostDevice] = []
    /// What its filter has to permit for the sake of the process itself; nil: no more than the exec.
    public var filterDemand: FilterDemand?
    /// Whether the process's user is not the one to whom pipes of the caller's belong (see `PlanBuilder.shareStreams`).
    public var sharesPipes = false
    /// The scheduling that the host sets when the process is ready; nil: none, or a step of the plan sets it.
    public var hostScheduler: SchedulerAttributes?

    public init() {}
}

/// A system call by its name, and the arguments that are known.
public typealias FilteredCall = (name: StaticString, arguments: [UInt64])

/// System calls between the load of a filter and the program.
public struct FilterDemand: Sendable {
    public var calls: [FilteredCall]
    /// Who calls, and what to do about a filter that does not permit it.
    public var caller: StaticString
    public var advice: StaticString
}

/// One step of a plan: an operation, where in `config.json` it comes from, and which failures it lives with.
public struct Step: Sendable {
    public var operation: Operation
    public var origin: Origin
    /// errnos, at most three, that count as success.
    public var tolerated: [UInt8]
    /// How many of the following steps a tolerated failure passes over.
    public var skip: UInt8

    public init(_ operation: Operation, _ origin: Origin, tolerating: [UInt8] = [], skip: UInt8 = 0) {
        self.operation = operation
        self.origin = origin
        tolerated = tolerating
        self.skip = skip
    }
}

/// A place in `config.json`, made into text only when somebody asks.
public enum Origin: Sendable, Equatable {
    /// Something that every container has, such as `process`.
    case field(StaticString)
    /// An element of an array, with what follows it: `mounts[3]`, `mounts[3].destination`.
    case element(StaticString, Int, StaticString = "")

    public static func == (left: Origin, right: Origin) -> Bool { left.text == right.text }

    public var text: String {
        switch self {
        case .field(let path): "\(path)"
        case .element(let path, let index, let rest): "\(path)[\(index)]\(rest)"
        }
    }
}

/// A numbered place for a descriptor.
public struct Slot: Sendable, Equatable {
    public let number: UInt16

    public init(_ number: UInt16) { self.number = number }

    public static let standardInput = Slot(0)
    public static let standardOutput = Slot(1)
    public static let standardError = Slot(2)
    /// The root of the container.
    public static let root = Slot(3)
    /// Where the next mount goes.
    public static let target = Slot(4)
    /// The mount that is being made, detached yet.
    public static let mount = Slot(5)
    public static let fileSystem = Slot(6)
    /// A procfs of the container's pid namespace that nobody else can reach.
    public static let procfs = Slot(7)
    /// What masked files and directories are covered with. Inodes of the container's own: whatever it does to them, the
    /// host has none of it.
    public static let maskFile = Slot(8)
    public static let maskDirectory = Slot(9)
    public static let devices = Slot(10)
    public static let parent = Slot(11)
    public static let terminal = Slot(12)
    public static let terminalPeer = Slot(13)
    public static let gateListener = Slot(14)
    public static let gateConnection = Slot(15)
    /// What a hook reads: the container's state.
    public static let hookInput = Slot(16)
    /// What hooks write. Always the slot after `hookInput`: both come in one message.
    public static let hookOutput = Slot(17)
    /// Where the errors of hooks go, if not where their output goes; the slot after that.
    public static let hookErrors = Slot(18)
    /// The process's own descriptors in the host's procfs (/proc/self/fd): what is held as a place is opened there for
    /// reading, once it is known what it is.
    public static let ownDescriptors = Slot(19)
    /// The file system that the masks are in.
    public static let masks = Slot(20)
    /// The tmpfs that holds the cgroup v1 hierarchies.
    public static let hierarchies = Slot(21)
    /// The listener of a filter that asks an agent (seccomp_unotify(2)).
    public static let listener = Slot(22)
    /// Slots from here on are for provisions of one plan.
    static let firstProvided: UInt16 = 24
    /// How many slots there are (APUS_SLOTS).
    static let count: UInt16 = 256

    /// What plans call it.
    public var name: String {
        switch number {
        case 0: "stdin"
        case 1: "stdout"
        case 2: "stderr"
        case 3: "root"
        case 4: "target"
        case 5: "mount"
        case 6: "fs"
        case 7: "procfs"
        case 8: "mask-file"
        case 9: "mask-directory"
        case 10: "dev"
        case 11: "parent"
        case 12: "terminal"
        case 13: "peer"
        case 14: "gate"
        case 15: "starter"
        case 16: "state"
        case 17: "output"
        case 18: "errors"
        case 19: "own-fds"
        case 20: "masks"
        case 21: "hierarchies"
        case 22: "listener"
        default: "#\(number)"
        }
    }
}

/// A descriptor that the host opens before the clone.
public struct Provision: Sendable {
    public enum Source: Sendable, Equatable {
        /// A namespace to join; `reliance` is what must not be done to the caller's own.
        case namespace(path: String, kind: NamespaceKind, reliance: Origin?)
        /// The first process of a running container, as a pidfd.
        case process
        /// The root directory of that process.
        case processRoot
        /// The `tasks` file of the nth cgroup v1 hierarchy.
        case tasks(Int)
        /// The listening socket of the gate.
        case gateListener
        /// A detached copy of a host tree, for mounts that the container's user namespace could not make.
        case tree(BindSource)
        /// A tree that is detached and id-mapped through a user namespace made for it.
        case mappedTree(BindSource, index: Int)
        /// A detached file system with the nodes of ``Plan/hostDevices``.
        case devices
        /// A detached file system with the container's `NOTIFY_SOCKET` in it: read-only, nosuid, nodev, noexec.
        case notifyDirectory
        /// The socket in there, for who waits until the container is ready.
        case notifySocket
        /// The nth mount that a plan before has attached.
        case attachedMount(Int)
    }

    public var slot: Slot
    public var source: Source
    public var origin: Origin
}

/// A device node that the host makes for a container that may not make it.
public struct HostDevice: Sendable, Equatable {
    /// Where the container has it.
    public var path: String
    /// Type and permissions (mknod(2)).
    public var mode: UInt32
    public var major: UInt32
    public var minor: UInt32
    /// The owner, as the host numbers it.
    public var uid: UInt32
    public var gid: UInt32
}

/// The host side of a bind mount.
public struct BindSource: Sendable, Equatable {
    public var path: String
    public var isRecursive: Bool
    /// Take a link at the end of the path itself.
    public var noFollow: Bool

    public init(path: String, isRecursive: Bool, noFollow: Bool) {
        self.path = path
        self.isRecursive = isRecursive
        self.noFollow = noFollow
    }

    /// What a bind mount of a configuration takes.
    ///
    /// - Parameters:
    ///   - mount: its entry.
    ///   - bundle: where the path of one that is not absolute begins.
    public init(_ mount: Mount, bundle: String) {
        self.init(
            path: (mount.source ?? "").absolute(in: bundle), isRecursive: mount.isRecursiveBind,
            noFollow: mount.sourceNoFollow)
    }
}

/// Points at which the host has something to do.
public enum Meeting: Sendable, CaseIterable {
    /// Write the id mappings of the new user namespace.
    case idMaps
    /// Hand over the `tasks` files of the cgroup v1 hierarchies, which were made meanwhile.
    case cgroups
    /// Move the network devices in: the namespace is there, and nothing in it has been looked at.
    case networkDevices
    /// Run `prestart` and `createRuntime` hooks.
    case runtimeHooks
    /// Hand over the state for `createContainer` hooks.
    case containerHooks
    /// Take the master of the terminal.
    case console
    /// Set the resource limits that only the host may raise.
    case limits
    /// Everything is done up to the gate.
    case ready
    /// Hand the listener of the filter on, see ``Operation/handOver(_:through:)``.
    case listener
    /// Map the ids of the mount that comes along, as the entry of `mounts` says that the step comes from.
    case mapIDs
    /// The process has what it needs of the host, and goes in among the container's mounts.
    case inside
    /// Look at the place that comes along: something is mounted there next, or what is mounted there goes.
    case target
    /// Keep the mount that comes along: it is attached next.
    case mount
}

/// What a missing mount point becomes.
public enum TargetKind: Sendable {
    case directory
    case file
    /// A directory if the source is one, else a file.
    case like(Slot)
    /// It has to be there.
    case existing
}

/// Rules for a mount point (`APUS_TARGET_*`).
public struct TargetRules: OptionSet, Sendable {
    public let rawValue: UInt16
    public init(rawValue: UInt16) { self.rawValue = rawValue }

    public static let noLinks = TargetRules(rawValue: 1)
    public static let notInProc = TargetRules(rawValue: 2)
    public static let noFollow = TargetRules(rawValue: 4)
    public static let notMounted = TargetRules(rawValue: 8)
    public static let notRoot = TargetRules(rawValue: 16)
    public static let notKernels = TargetRules(rawValue: 32)
}

/// One setting of a file system that is being made (fsconfig(2)).
public enum Setting: Sendable, Equatable {
    case flag(String)
    case text(key: String, value: String)
    case create
    case reconfigure

    /// As many bytes of a key or a value fsconfig(2) takes, without the one that ends it.
    static var longest: Int { 255 }

    var isTooLong: Bool {
        switch self {
        case .flag(let key): key.utf8.count > Self.longest
        case .text(let key, let value): key.utf8.count > Self.longest || value.utf8.count > Self.longest
        case .create, .reconfigure: false
        }
    }
}

/// What a step does: a verb of the kernel. Slots are read before they are written.
public enum Operation: Sendable {
    case joinCgroup(Slot)
    case joinNamespace(Slot, flag: UInt64)
    case unshare(flags: UInt64)
    case fork(flags: UInt64)
    case meet(Meeting, send: Slot? = nil, receive: Slot = .hookInput, count: Int = 0)
    /// A meeting of its own kind (``Meeting/listener``): the host takes the listener of a filter that asks an agent.
    /// `through`: the socket of whoever opened the gate; nil where there is none.
    case handOver(Slot, through: Slot?)
    case writeFile(Slot?, path: String, value: String)
    case setDumpable(Bool)
    case setGroups([UInt32])
    case setGroup(UInt32)
    case setUser(UInt32)
    case newSession
    case joinSessionKeyring(name: String, permissions: UInt32)
    case openPath(Slot?, path: String, flags: UInt64, into: Slot)
    case openTree(Slot?, path: String, flags: UInt32, into: Slot)
    case openFileSystem(type: String, into: Slot)
    case pickFileSystem(Slot, into: Slot)
    case configure(Slot, Setting)
    case createMount(Slot, attributes: UInt64, into: Slot)
    /// Mounts onto the root of the namespace (mount(2)); what was mounted is found at `/..`.
    case mount(source: String, type: String, data: String, flags: UInt64)
    case setMountAttributes(
        Slot?, path: String = "", set: UInt64 = 0, clear: UInt64 = 0, propagation: UInt64 = 0, isRecursive: Bool = false
    )
    case makeTarget(root: Slot, path: String, TargetKind, TargetRules = [], into: Slot)
    case moveMount(Slot, to: Slot)
    case chooseMask(for: Slot, file: Slot, directory: Slot, into: Slot)
    case copyMode(from: Slot, to: Slot)
    case copyTree(from: Slot, to: Slot)
    case copyLink(source: String, directory: Slot, name: String)
    case verifyDevice(Slot, mode: UInt32, major: UInt32, minor: UInt32)
    case makeNode(Slot, name: String, mode: UInt32, major: UInt32, minor: UInt32, uid: UInt32, gid: UInt32)
    case makeLink(Slot, name: String, target: String)
    case remove(Slot, name: String)
    case enter(Slot)
    /// Makes the caller's root directory that of the mount namespace; only in a chroot(2) are they two.
    case adoptRoot
    case pivotRoot
    case detachOldRoot(Slot)
    case detachMount(path: String)
    case changeRoot
    case changeDirectory(String)
    case retryDirectory(String)
    case verifyDirectory
    case setHostName(String)
    case setDomainName(String)
    case bringUpLoopback
    case unlockTerminal(Slot)
    case openPeer(Slot, into: Slot)
    case setWindow(Slot, rows: UInt16, columns: UInt16)
    case setOwner(Slot, uid: UInt32, gid: UInt32)
    case setControllingTerminal(Slot)
    case duplicate(Slot, number: Int32)
    case setLimit(ResourceLimit)
    case setFileModeMask(UInt32)
    case setPersonality(UInt64)
    case setScheduler(SchedulerAttributes)
    case setIOPriority(UInt32)
    case setMemoryPolicy(mode: UInt32, nodes: [UInt8])
    case keepCapabilities
    case dropBounding(UInt64)
    case setCapabilities(effective: UInt64, permitted: UInt64, inheritable: UInt64)
    case setAmbient(UInt64)
    case setNoNewPrivileges
    case findHome(uid: UInt32)
    /// Adds a variable with the pid of the process to its environment.
    case tellPID(variable: String)
    /// `path` is the container's PATH; a name with a slash is not looked for there.
    case findExecutable(name: String, path: String)
    /// `notify`: what whoever opens the gate is given.
    case waitAtGate(receive: Slot, count: Int, notify: Slot? = nil)
    /// Kept apart: it is much larger than the others, which are copied often. Without an environment it gets the program's.
    indirect case runHook(
        path: String, arguments: [String], environment: [String]?, timeout: UInt32,
        confinement: HookConfinement = HookConfinement())
    case closeOnExec(from: Int32)
    case loadSeccomp(FilterProgram)
    case execute(arguments: [String], environment: [String])
    /// No CPU at all means every one that the cgroups permit.
    case setAffinity(cpus: [UInt8])
    /// Opens anew, with flags of open(2), what a slot holds.
    case reopen(Slot, flags: UInt64, into: Slot)
    /// Lets go of a descriptor of the host before somebody could see it here.
    case close(Slot)
    /// The process outlives who made it.
    case release
    /// Unmounts the mount that a slot holds, with all that is mounted below it (MNT_DETACH of umount2(2)).
    case unmount(Slot)
}

/// What confines a hook that comes from the image, beyond what its parent has already: what the program gets right before
/// its exec.
public struct HookConfinement: Sendable, Equatable {
    public var filter: FilterProgram?
    /// RLIMIT_NOFILE, if it is set late.
    public var files: ResourceLimit?
    /// Where its errors go.
    public var errors = Slot.hookOutput

    public init(filter: FilterProgram? = nil, files: ResourceLimit? = nil) {
        self.filter = filter
        self.files = files
    }
}

/// A resource limit (setrlimit(2)); `UInt64.max` is unlimited.
public struct ResourceLimit: Sendable, Equatable {
    public var resource: UInt32
    public var name: String
    public var soft: UInt64
    public var hard: UInt64
}

/// Attributes of sched_setattr(2), as the kernel takes them.
public struct SchedulerAttributes: Sendable, Equatable {
    public var policy: UInt32
    public var nice: Int32
    public var priority: UInt32
    public var flags: UInt64
    public var runtime: UInt64
    public var deadline: UInt64
    public var period: UInt64
}

/// A compiled system call filter: an array of `struct sock_filter`, and flags of seccomp(2).
public struct FilterProgram: Sendable, Equatable {
    public var instructions: [UInt8]
    public var flags: UInt32
    /// Whether loading it makes a listener, at which an agent decides about calls (seccomp_unotify(2)).
    public var hasListener: Bool { flags & Self.newListener != 0 }

    /// SECCOMP_FILTER_FLAG_NEW_LISTENER (Linux 5.0).
    private static let newListener: UInt32 = 0x08

    public init(instructions: [UInt8], flags: UInt32) {
        self.instructions = instructions
        self.flags = flags
    }
}
