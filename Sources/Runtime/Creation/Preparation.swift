public import Cgroups
internal import Kernel
public import OCI
public import Planner
internal import Seccomp

/// What the caller of `create` and `run` asks for.
public struct CreateRequest: Sendable {
    public var id: String
    /// Directory of the bundle, as given.
    public var bundle: String
    /// The configuration, relative to the bundle unless absolute.
    public var config: String
    public var consoleSocket: String?
    public var pidFile: String?
    /// A socket that is sent a pidfd of the process.
    public var pidfdSocket: String?
    public var preservedDescriptors: Int32
    public var noPivot: Bool
    public var noNewKeyring: Bool
    /// Who makes the container's cgroup.
    public var cgroupManager: CgroupManager

    public init(
        id: String, bundle: String, config: String = "config.json", consoleSocket: String? = nil,
        pidFile: String? = nil, pidfdSocket: String? = nil, preservedDescriptors: Int32 = 0, noPivot: Bool = false,
        noNewKeyring: Bool = false, cgroupManager: CgroupManager = .cgroupfs
    ) {
        self.id = id
        self.bundle = bundle
        self.config = config
        self.consoleSocket = consoleSocket
        self.pidFile = pidFile
        self.pidfdSocket = pidfdSocket
        self.preservedDescriptors = preservedDescriptors
        self.noPivot = noPivot
        self.noNewKeyring = noNewKeyring
        self.cgroupManager = cgroupManager
    }
}

/// Everything that is known of a container before the first effect: nothing in here has touched anything.
///
/// A class, since all of the creation reads it: copies of a value this large would cost each command pages of its stack,
/// and a count of references for each text in it.
public final class Preparation {
    public let spec: Spec
    public internal(set) var plan: Plan
    /// The configuration as it was read.
    let document: [UInt8]
    let id: ContainerID
    private(set) var host: HostFacts
    /// What the plan was made with.
    private let options: Planner.PlanOptions
    let location: CgroupLocation
    /// What of the limits has no effect because there is no cgroup.
    let cgroupNotes: [Problem]
    let rights: Rights
    /// Whether the container gets a user namespace that the document does not name.
    let addsUserNamespace: Bool
    /// A socket that is sent a pidfd of the process, and what asks for it.
    let pidfdReceiver: (path: String, field: String)?
    /// The service manager that is to learn when the container is ready; nil: nobody.
    let manager: String?

    /// Reads, checks and compiles a bundle.
    ///
    /// - Parameters:
    ///   - hasGate: whether the process waits for `start`.
    ///   - givesStreams: whether the standard streams become the container's own.
    ///   - cache: directory for compiled filters; nil: none is used.
    ///   - states: directory of the states (`--root`).
    ///   - rights: what the caller may do.
    ///   - isOnlyPlanned: nothing is made of it; an ordinary user may see what root's would be.
    init(
        _ request: CreateRequest, hasGate: Bool, givesStreams: Bool = true, cache: String?, states: String,
        rights: Rights, isOnlyPlanned: Bool = false
    ) throws(RuntimeError) {
        do { id = try ContainerID(request.id) } catch { throw .invalidID(error) }
        let bundle = try Self.realPath(request.bundle, "--bundle")
        let parse = Timeline.begin("parse")
        var (spec, document) = try Self.readSpec(bundle: bundle, config: request.config)
        Timeline.end(parse)
        // It is only needed for a start (config.md, "Process").
        guard spec.process != nil || hasGate else {
            throw .plan(PlanError(field: "process", message: "is missing: there is nothing to run"))
        }
        let rights = isOnlyPlanned ? rights.planning(spec) : rights
        addsUserNamespace = rights.needsUserNamespace(spec)
        spec.warnings += try DefaultMappings.complete(&spec, addsNamespace: addsUserNamespace)
        let lastCapability = Host.lastCapability
        let capabilities = ThisProcess.capabilities
        spec.warnings += UngrantedCapabilities.warnings(
            spec.process?.capabilities, spec.linux, own: capabilities, last: lastCapability)
        let annotations = CrunAnnotations(spec.annotations)
        pidfdReceiver =
            request.pidfdSocket.map { ($0, "--pidfd-socket") }
            ?? annotations.pidfdReceiver.map { ($0, CrunAnnotations.pidfdReceiverField) }
        if annotations.failsOnUnknownCalls { try Self.requireKnownCalls(spec) }
        let root = spec.root.path.absolute(in: bundle)
        let rootfs = try Self.rootfs(root, isOnlyPlanned: isOnlyPlanned, &spec.warnings)
        self.spec = spec
        self.document = document
        self.rights = rights
        let facts = Timeline.begin("host")
        do {
            location = try CgroupLocation(
                cgroupsPath: spec.linux.cgroupsPath, id: id.text, manager: request.cgroupManager,
                permissive: rights.goesWithoutCgroups, needsDeviceRules: rights.caller == .root,
                subgroup: annotations.subgroup)
            cgroupNotes =
                request.cgroupManager == .disabled
                ? try CgroupLocation.refuseLimits(spec.linux.resources) : location.notes
        } catch {
            throw .cgroup(error)
        }
        var host = HostFacts(
            bundle: bundle, rootfs: rootfs, cgroups: CgroupFacts(location), lastCapability: lastCapability,
            hasAppArmor: spec.process?.apparmorProfile != nil && Host.hasAppArmor,
            hasSELinux: (spec.process?.selinuxLabel != nil || spec.linux.mountLabel != nil) && Host.hasSELinux,
            hasCore: Files.exists("/proc/kcore"), caller: rights.caller)
        if !isOnlyPlanned { host.nullStreams = NullStreams.ofCaller(rights.caller) }
        host.makesNodes = isOnlyPlanned || Self.mayMakeNodes(capabilities)
        if rights.caller != .root || !host.makesNodes { host.devicePaths = DevicePaths.find(spec.linux.devices) }
        self.host = host
        manager = try NotifySocket.manager()
        let listened = try Self.listenDescriptors()
        Timeline.end(facts)
        let compile = Timeline.begin("compile seccomp")
        let filter = try Self.filter(spec, cache: cache)
        Timeline.end(compile)
        let plan = Timeline.begin("plan")
        options = Planner.PlanOptions(
            id: id.text, hasGate: hasGate, givesStreams: givesStreams, noPivot: request.noPivot,
            noNewKeyring: request.noNewKeyring, listenDescriptors: listened,
            preservedDescriptors: request.preservedDescriptors,
            listenNames: listened > 0 ? ThisProcess.environment("LISTEN_FDNAMES") : nil,
            notifyDirectory: manager.map { _ in "\(states)/\(request.id)/\(NotifySocket.directoryName)" },
            filter: filter)
        do { self.plan = try Plan.create(spec, on: host, options: options) } catch { throw .plan(error) }
        try self.plan.requirePermitted(by: filter)
        if filter?.hasListener == true, !isOnlyPlanned { try SeccompAgent(spec.linux.seccomp).requirePresence() }
        Timeline.end(plan)
    }

    /// Whether CAP_MKNOD (27) is among them.
    private static func mayMakeNodes(_ capabilities: UInt64) -> Bool { capabilities >> 27 & 1 == 1 }

    /// Goes over to the host's devices, bound, in place of ones that are made; returns the warnings that this adds.
    func bindDevices() throws(RuntimeError) -> [String] {
        let known = plan.warnings
        host.makesNodes = false
        host.devicePaths = DevicePaths.find(spec.linux.devices)
        do { plan = try Plan.create(spec, on: host, options: options) } catch { throw .plan(error) }
        try plan.requirePermitted(by: options.filter)
        return plan.warnings.filter { warning in !known.contains { $0.hasBytes(of: warning) } }
    }

    /// Whether device nodes are made for a container, and not bound.
    static func makesNodes(rights: Rights) -> Bool {
        rights.caller == .root && mayMakeNodes(ThisProcess.capabilities)
    }

    private static func realPath(_ path: String, _ field: String) throws(RuntimeError) -> String {
        do { return try Files.realPath(path) } catch { throw .system(error, field: field) }
    }

    /// The directory without links. A plan is the same without it.
    private static func rootfs(
        _ path: String, isOnlyPlanned: Bool, _ warnings: inout [Problem]
    ) throws(RuntimeError) -> String {
        do throws(RuntimeError) {
            let real = try realPath(path, "root.path")
            try requireDirectory(real)
            return real
        } catch {
            guard isOnlyPlanned, case .system(let failure, _, _) = error, failure.errno == .noEntry else { throw error }
            warnings.append(Problem(path: "root.path", message: "\(failure)"))
            return lexicallyClean(path)
        }
    }

    private static func requireDirectory(_ path: String) throws(RuntimeError) {
        let status: FileStatus
        do { status = try Files.status(path) } catch { throw .system(error, field: "root.path") }
        if status.kind != .directory { throw .system(SystemError("open", path, .notDirectory), field: "root.path") }
    }

    private static func readSpec(bundle: String, config: String) throws(RuntimeError) -> (Spec, [UInt8]) {
        let path = config.absolute(in: bundle)
        let bytes: [UInt8]
        do { bytes = try Files.read(path) } catch { throw .system(error, field: "") }
        do { return (try Spec.decode(bytes), bytes) } catch { throw .config(path: path, error) }
    }

    /// Refuses system calls that nobody knows, instead of leaving them out.
    private static func requireKnownCalls(_ spec: Spec) throws(RuntimeError) {
        guard let profile = spec.linux.seccomp else { return }
        do { try SeccompFilter.requireKnownCalls(in: profile) } catch { throw .seccomp(error) }
    }

    /// The compiled filter: from the cache if the very same profile was compiled before.
    static func filter(_ spec: Spec, cache: String?) throws(RuntimeError) -> FilterProgram? {
        guard let profile = spec.linux.seccomp else { return nil }
        do {
            let filter: SeccompFilter
            if let cache {
                filter = try SeccompCache(directory: cache).filter(for: profile)
            } else {
                filter = try SeccompFilter.compile(profile)
            }
            return FilterProgram(instructions: filter.program, flags: filter.flags)
        } catch {
            throw .seccomp(error)
        }
    }

    /// Sockets that a service manager passes on (sd_listen_fds(3)): descriptors from 3 on. They are meant for this very
    /// process, or else its environment is that of another one.
    static func listenDescriptors() throws(RuntimeError) -> Int32 {
        guard let text = ThisProcess.environment("LISTEN_FDS"), !text.isEmpty else { return 0 }
        guard ThisProcess.environment("LISTEN_PID") == "\(ThisProcess.pid)" else { return 0 }
        guard let count = Int32(text), count >= 0, count < 1024 else {
            throw .usage("LISTEN_FDS is not a number of descriptors: \"\(text)\"")
        }
        return count
    }

    /// Whether the caller's terminal flags go with the configuration (the words are runc's).
    func checkTerminal(_ request: CreateRequest, detaches: Bool) throws(RuntimeError) {
        try Self.checkTerminal(spec.process?.terminal == true, detaches: detaches, socket: request.consoleSocket)
    }

    static func checkTerminal(_ terminal: Bool, detaches: Bool, socket: String?) throws(RuntimeError) {
        if terminal, detaches, socket == nil {
            throw .usage(
                "cannot allocate tty if apus will detach without setting console socket"
                    + " (give --console-socket, or set process.terminal to false)")
        }
        if !(terminal && detaches), socket != nil {
            throw .usage("cannot use console socket if apus will not detach or allocate tty")
        }
    }

    /// Every descriptor from 3 on that is not to be passed on gets close-on-exec. To be called before anything is opened
    /// that could be taken for one of them.
    ///
    /// Those of `LISTEN_FDS` have to be open: whoever gets them counts on that (sd_listen_fds(3)). Of the others those are
    /// passed on that are open, under their numbers; what is opened from here on has other numbers than the missing ones.
    ///
    /// - Parameter preserved: how many the caller wants to be passed on.
    /// - Returns: how many there are up to the last one that is open.
    static func keepDescriptors(preserved: Int32) throws(RuntimeError) -> Int32 {
        guard preserved <= 65_536 else {
            throw .usage("--preserve-fds: more than 65536 descriptors")
        }
        let first = 3 + (try listenDescriptors())
        for number in 3..<first where !ThisProcess.isOpen(number) {
            throw .usage("descriptor \(number) is to be passed on to the container, and is not open")
        }
        let last = (first..<(first + preserved)).last { ThisProcess.isOpen($0) } ?? first - 1
        do {
            try ThisProcess.closeOnExec(from: last + 1)
            if last >= first { try ThisProcess.occupyNumbers(first...last) }
        } catch {
            throw .system(error, field: "--preserve-fds")
        }
        return last + 1 - first
    }
}

extension CgroupFacts {
    init(_ location: CgroupLocation) {
        let view = location.view
        let joining: Joining =
            switch location.joining {
            case .byItself: .byItself
            case .isMoved: .isMoved
            case .stays: .stays
            }
        self.init(
            hierarchies: view.hierarchies.map {
                Hierarchy(name: $0.name, options: $0.options, directory: $0.directory)
            }, aliases: view.aliases.map { ($0.name, $0.target) }, unified: view.unified,
            isUnifiedHost: location.isUnifiedHost, joining: joining)
    }
}

/// Facts about this host that never change while it runs.
enum Host {
    /// Number of the newest capability that the kernel knows.
    static var lastCapability: UInt8 {
        // Linux 5.9 knows 40. Of one that it does not know the kernel does not say whether it is there.
        var last: UInt8 = 40
        while last < 63, ThisProcess.isCapability(last + 1) { last += 1 }
        while last > 0, !ThisProcess.isCapability(last) { last -= 1 }
        return last
    }

    static var hasAppArmor: Bool {
        (try? Files.readText("/sys/module/apparmor/parameters/enabled")) == "Y"  // Not there: not enabled.
    }

    static var hasSELinux: Bool { Files.exists("/sys/fs/selinux/enforce") }

    /// The floor is Linux 5.14: openat2, clone3, mount_setattr, cgroup.kill.
    static func requireKernel() throws(RuntimeError) {
        let release: String
        do { release = try ThisProcess.kernelRelease() } catch { throw .system(error, field: "") }
        var bytes = release.utf8.makeIterator()
        let version = (number(&bytes), number(&bytes))
        guard version >= (5, 14) else { throw .oldKernel(release: release) }
    }

    /// The decimal number before the next other byte, which is taken as well; 0 if there is no digit.
    private static func number(_ bytes: inout String.UTF8View.Iterator) -> Int {
        var number = 0
        while let byte = bytes.next(), byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") {
            number = number &* 10 &+ Int(byte - UInt8(ascii: "0"))
        }
        return number
    }
}
