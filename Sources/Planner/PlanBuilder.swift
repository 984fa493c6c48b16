public import OCI

extension Plan {
    /// Compiles a configuration into the steps of the container's first process. Pure: the same facts give the
    /// same plan.
    public static func create(
        _ spec: Spec, on host: HostFacts, options: PlanOptions
    ) throws(PlanError) -> Plan {
        var builder = PlanBuilder(spec: spec, host: host, options: options)
        try builder.planCreate()
        return builder.plan
    }
}

/// Builds a plan. The order of everything stands in `planCreate`; the parts are extensions, by concern.
struct PlanBuilder {
    private(set) var spec: Spec
    let host: HostFacts
    let options: PlanOptions
    var plan = Plan()
    /// Slots of the bind sources that were taken early, by index in `mounts`.
    var takenSources: [Int: Slot] = [:]
    /// Mounts that something is done to later, by destination: it is done to them, whatever their destination leads to by
    /// then.
    var heldMounts: [[UInt8]: Slot] = [:]
    /// Whether the configuration's last mount on /dev is held, in the slot of the devices.
    var holdsDev = false
    /// The socket at which the container says that it is ready, if whoever opens the gate gets it.
    var notifySocket: Slot?
    /// The nodes that the host has made for the container, while they are attached.
    var hostDevices: Slot?
    /// Destinations of `remount` entries. As bytes, like every path: texts that look the same are the same to Swift.
    var remounted: Set<[UInt8]> = []
    /// Directories in which something is made while the container is made; empty where that does not matter.
    var filled: Set<[UInt8]> = []
    /// tmpfs mounts that become read-only once everything in them has been made.
    var lateReadOnly: [(slot: Slot, origin: Origin)] = []
    /// Whether this is the container's first process, and not one that joins it.
    var isFirstProcess = true
    /// Whether the process is in its cgroups at this point of the plan.
    var hasJoinedCgroups = false
    /// Which entries of `mounts` lie over a path.
    lazy var coverings = Coverings(spec.mounts)
    /// What the configuration's annotations ask for.
    let annotations: CrunAnnotations
    private var nextSlot = Slot.firstProvided

    init(spec: Spec, host: HostFacts, options: PlanOptions) {
        self.spec = spec
        self.host = host
        self.options = options
        annotations = CrunAnnotations(spec.annotations)
        plan.steps.reserveCapacity(256)
    }

    /// The life of the first process up to its exec.
    mutating func planCreate() throws(PlanError) {
        guard spec.process != nil || options.hasGate else {
            throw PlanError(field: "process", message: "is missing")
        }
        // What waits at the gate for ever has no rights.
        let process = spec.process ?? Process(args: [])
        try findDestinations()
        try refuseUnavailable(process)
        try countKept()

        holdHostProc()
        separateNamespaces()
        add(.newSession, .field("process"))
        openOwnDescriptors(process)
        if makesMounts {
            attachRoot()
            enterBundle()
            // Who moves into a v1 hierarchy has to be the user that opened its `tasks`.
            if host.caller == .ordinaryUser { try joinCgroups() }
            becomeRootOfUserNamespace()
            openPrivateProc(process)
            try makeMounts()
            try mountNotifySocket()
            try joinCgroups()
            makeDevices()
            replaceNullStreams(process)
            meetForHooks()
            setSysctls()
            prepareMasks()
            maskPaths()
            pivot()
        } else {
            plan.hostStreams = process.terminal ? NullStreams() : host.nullStreams
            try mountNotifySocket()
            openPrivateProc(process)
            plan.mountsOutside = mountsOutside
            if mountsOutside { coverRoot() } else { openRoot() }
            if mountsOutside { enterBundle() }
            if host.caller == .ordinaryUser { try joinCgroups() }
            becomeRootOfUserNamespace()
            if mountsOutside { try makeMounts() }
            try joinCgroups()
            if mountsOutside { makeDevices() }
            meetForHooks()
            setSysctls()
            if mountsOutside {
                prepareMasks()
                maskPaths()
                detachMasks()
            }
            enterRoot()
        }
        makeWorkingDirectory(process)
        if process.terminal {
            openTerminal(process, asConsole: makesMounts || mountsOutside)
            controlTerminal()
        }
        finishRoot()
        nameHost()
        if !options.noNewKeyring { joinKeyring() }
        planTail(process)
        try requireSlots()
    }

    func requireSlots() throws(PlanError) {
        if nextSlot > Slot.count {
            throw PlanError(field: "mounts", message: "more than \(Slot.count) descriptors are needed at once")
        }
    }

    /// A destination that is written as a path of the host, below the root file system, is one inside the container (as
    /// in runc).
    mutating func findDestinations() throws(PlanError) {
        let roots = rootPaths
        for index in spec.mounts.indices {
            guard let inside = Self.path(spec.mounts[index].destination, inside: roots) else { continue }
            spec.mounts[index].destination = inside
            if let problem = spec.mounts[index].problemWithProc {
                throw PlanError(field: "mounts[\(index)].\(problem.field)", message: problem.message)
            }
        }
    }

    /// What a path of the host is called in the container, if it is the root file system's or one below it, as text.
    func pathInside(_ path: String) -> String? { Self.path(path, inside: rootPaths) }

    /// What the root file system is called on the host: without links, and as the configuration names it.
    private var rootPaths: (String, String) { (host.rootfs, lexicallyClean(spec.root.path)) }

    fileprivate static func path(_ path: String, inside roots: (String, String)) -> String? {
        let clean = lexicallyClean(path)
        return rest(of: clean, below: roots.0) ?? rest(of: clean, below: roots.1)
    }

    private static func rest(of path: String, below root: String) -> String? {
        guard root != "/", path.begins(with: root) else { return nil }
        let rest = String(decoding: path.utf8.dropFirst(root.utf8.count), as: UTF8.self)
        return rest.isEmpty ? "/" : rest.isAbsolute ? rest : nil
    }

    /// Where the process is cloned to, and what it keeps.
    mutating func countKept() throws(PlanError) {
        let kept = options.listenDescriptors.addingReportingOverflow(options.preservedDescriptors)
        guard !kept.overflow, kept.partialValue <= Self.mostKept else {
            throw PlanError(field: "process", message: "more than \(Self.mostKept) descriptors are to be passed on")
        }
        plan.cloneTarget = host.cgroups.joining == .byItself ? host.cgroups.unified : nil
        plan.firstUnkept = 3 + kept.partialValue
    }

    static let mostKept: Int32 = 65_536

    /// Each is a mount; the kernel takes 100,000 of them (fs.mount-max).
    static let mostMasked = 32_768

    /// Whether the container has a mount namespace of its own to arrange.
    var makesMounts: Bool { spec.linux.creates(.mount) }

    /// Whether mounts are made in a mount namespace that the container shares with others.
    var mountsOutside: Bool {
        !makesMounts
            && (!spec.mounts.isEmpty || !spec.linux.devices.isEmpty || !spec.linux.maskedPaths.isEmpty
                || !spec.linux.readonlyPaths.isEmpty || spec.root.readonly)
    }

    /// Whether the container gets a user namespace that is made for it.
    var hasNewUserNamespace: Bool { spec.linux.creates(.user) }

    /// Whether the container's root is not the caller's root.
    var isInUserNamespace: Bool { spec.linux.separates(.user) }

    /// Whether the container's root is not the host's root: what it may do is what a user namespace permits.
    var lacksHostPrivileges: Bool { isInUserNamespace || host.caller != .root }

    /// Whether the process can make device nodes by itself.
    var makesNodes: Bool { !lacksHostPrivileges && host.makesNodes }

    mutating func add(_ operation: Operation, _ origin: Origin, tolerating: [UInt8] = [], skip: UInt8 = 0) {
        plan.steps.append(Step(operation, origin, tolerating: tolerating, skip: skip))
    }

    /// Has the host open a descriptor before the clone; returns the slot where it is found.
    mutating func provide(_ source: Provision.Source, _ origin: Origin) -> Slot {
        let slot = reserveSlot()
        plan.provisions.append(Provision(slot: slot, source: source, origin: origin))
        return slot
    }

    /// A slot that is used for one thing only. One that does not exist is refused at the end of planning.
    mutating func reserveSlot() -> Slot {
        let slot = Slot(nextSlot)
        if nextSlot < .max { nextSlot += 1 }
        return slot
    }

    /// What this version does not do is refused: accepting it in silence would be worse than not having it.
    mutating func refuseUnavailable(_ process: Process) throws(PlanError) {
        let covered = spec.linux.maskedPaths.count + spec.linux.readonlyPaths.count
        guard covered <= Self.mostMasked else {
            throw PlanError(
                field: "linux.maskedPaths", message: "more than \(Self.mostMasked) masked and read-only paths")
        }
        try refuseForeignPidNamespace()
        if process.apparmorProfile != nil, !host.hasAppArmor {
            throw PlanError(field: "process.apparmorProfile", message: "AppArmor is not enabled on this host")
        }
        if process.selinuxLabel != nil, !host.hasSELinux {
            throw PlanError(field: "process.selinuxLabel", message: "SELinux is not enabled on this host")
        }
        if spec.linux.mountLabel != nil, !host.hasSELinux {
            throw PlanError(field: "linux.mountLabel", message: "SELinux is not enabled on this host")
        }
        for (index, mount) in spec.mounts.enumerated() {
            try refuseUnavailable(mount, at: index)
            try refuseUnmappedOwner(of: mount, at: index)
        }
    }

}

extension PlanBuilder {
    mutating func refuseUnavailable(_ mount: Mount, at index: Int) throws(PlanError) {
        let isCgroup = mount.action == .new && (mount.type == "cgroup" || mount.type == "cgroup2")
        try refuseIDMap(of: mount, at: index, isCgroup: isCgroup)
        if isCgroup, let option = mount.data.first {
            throw PlanError(
                field: "mounts[\(index)].options", message: "not an option of a cgroup mount: \"\(option)\"")
        }
        if isCgroup, !mount.recursiveAttributes.isEmpty {
            throw PlanError(
                field: "mounts[\(index)].options",
                message: "a cgroup mount has nothing below it: recursive attributes have no meaning")
        }
    }

    /// What the kernel cannot be asked for in a way that it would understand; every other file system it is asked for.
    private mutating func refuseIDMap(of mount: Mount, at index: Int, isCgroup: Bool) throws(PlanError) {
        guard mount.idMap != nil else { return }
        if isCgroup {
            throw PlanError(
                field: "mounts[\(index)]",
                message: "the ids of a \(mount.type ?? "cgroup") file system cannot be mapped (mount_setattr(2))")
        }
        if host.caller == .ordinaryUser, needsIDMap(mount, at: index), !belongsToContainer(mount, at: index) {
            throw PlanError(
                field: "mounts[\(index)]",
                message: "mapping the ids of a mount of the host takes root: CAP_SYS_ADMIN over its file system")
        }
    }
}

/// errnos that steps tolerate (errno(3)).
enum Tolerated {
    static let notPermitted: UInt8 = 1
    static let noEntry: UInt8 = 2
    static let badDescriptor: UInt8 = 9
    static let accessDenied: UInt8 = 13
    static let busy: UInt8 = 16
    static let exists: UInt8 = 17
    static let noDevice: UInt8 = 19
    static let already: UInt8 = 114
    static let notDirectory: UInt8 = 20
    static let invalidArgument: UInt8 = 22
    static let readOnlyFileSystem: UInt8 = 30
    static let noSystemCall: UInt8 = 38
}

extension Spec {
    /// Where a destination is in the container, clean: it may be written as the host's path.
    ///
    /// - Parameters:
    ///   - path: of an entry of `mounts`.
    ///   - rootfs: the root file system on the host, without links.
    public func destination(_ path: String, in rootfs: String) -> String {
        PlanBuilder.path(path, inside: (rootfs, lexicallyClean(root.path))) ?? lexicallyClean(path)
    }
}
