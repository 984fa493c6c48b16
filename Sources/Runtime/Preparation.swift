internal import Cgroups
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
    public var preservedDescriptors: Int32
    public var noPivot: Bool
    public var noNewKeyring: Bool

    public init(
        id: String, bundle: String, config: String = "config.json", consoleSocket: String? = nil,
        pidFile: String? = nil, preservedDescriptors: Int32 = 0, noPivot: Bool = false, noNewKeyring: Bool = false
    ) {
        self.id = id
        self.bundle = bundle
        self.config = config
        self.consoleSocket = consoleSocket
        self.pidFile = pidFile
        self.preservedDescriptors = preservedDescriptors
        self.noPivot = noPivot
        self.noNewKeyring = noNewKeyring
    }
}

/// Everything that is known of a container before the first effect: nothing in here has touched anything.
public struct Preparation {
    public let spec: Spec
    public internal(set) var plan: Plan
    let id: ContainerID
    let host: HostFacts
    let location: CgroupLocation

    /// Reads, checks and compiles a bundle.
    ///
    /// - Parameters:
    ///   - hasGate: whether the process waits for `start`.
    ///   - givesStreams: whether the standard streams become the container's own.
    ///   - cache: directory for compiled filters; nil: none is used.
    public init(
        _ request: CreateRequest, hasGate: Bool, givesStreams: Bool = true, cache: String?
    ) throws(RuntimeError) {
        do { id = try ContainerID(request.id) } catch { throw .invalidID(error) }
        let bundle = try Self.realPath(request.bundle, "--bundle")
        spec = try Self.readSpec(bundle: bundle, config: request.config)
        guard spec.process != nil else {
            throw .plan(PlanError(field: "process", message: "is missing: there is nothing to run"))
        }
        let root = spec.root.path
        let rootfs = try Self.realPath(root.hasPrefix("/") ? root : "\(bundle)/\(root)", "root.path")
        try Self.requireDirectory(rootfs)
        do {
            location = try CgroupLocation(cgroupsPath: spec.linux.cgroupsPath, id: id.text)
        } catch {
            throw .cgroup(error)
        }
        host = HostFacts(
            bundle: bundle, rootfs: rootfs, cgroups: CgroupFacts(location.view), lastCapability: Host.lastCapability,
            hasAppArmor: spec.process?.apparmorProfile != nil && Host.hasAppArmor,
            hasSELinux: (spec.process?.selinuxLabel != nil || spec.linux.mountLabel != nil) && Host.hasSELinux, hasCore: Files.exists("/proc/kcore"))
        let options = Planner.PlanOptions(
            id: id.text, hasGate: hasGate, givesStreams: givesStreams, noPivot: request.noPivot, noNewKeyring: request.noNewKeyring,
            listenDescriptors: try Self.listenDescriptors(), preservedDescriptors: request.preservedDescriptors,
            filter: try Self.filter(spec, cache: cache))
        do { plan = try Plan.create(spec, on: host, options: options) } catch { throw .plan(error) }
    }

    private static func realPath(_ path: String, _ field: String) throws(RuntimeError) -> String {
        do { return try Files.realPath(path) } catch { throw .system(error, field: field) }
    }

    private static func requireDirectory(_ path: String) throws(RuntimeError) {
        let status: FileStatus
        do { status = try Files.status(path) } catch { throw .system(error, field: "root.path") }
        if status.kind != .directory { throw .system(SystemError("open", path, .notDirectory), field: "root.path") }
    }

    private static func readSpec(bundle: String, config: String) throws(RuntimeError) -> Spec {
        let path = config.hasPrefix("/") ? config : "\(bundle)/\(config)"
        let bytes: [UInt8]
        do { bytes = try Files.read(path) } catch { throw .system(error, field: "") }
        do { return try Spec.decode(bytes) } catch { throw .config(path: path, error) }
    }

    /// The compiled filter: from the cache if the very same profile was compiled before.
    private static func filter(_ spec: Spec, cache: String?) throws(RuntimeError) -> FilterProgram? {
        guard let profile = spec.linux.seccomp, !profile.notifies else { return nil }
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

    /// Sockets that a service manager passes on (sd_listen_fds(3)): descriptors from 3 on.
    private static func listenDescriptors() throws(RuntimeError) -> Int32 {
        guard let text = ThisProcess.environment("LISTEN_FDS"), !text.isEmpty else { return 0 }
        guard let count = Int32(text), count >= 0, count < 1024 else {
            throw .usage("LISTEN_FDS is not a number of descriptors: \"\(text)\"")
        }
        return count
    }

    /// Whether the caller's terminal flags go with the configuration (the words are runc's).
    func checkTerminal(_ request: CreateRequest, detaches: Bool) throws(RuntimeError) {
        let terminal = spec.process?.terminal == true
        if terminal, detaches, request.consoleSocket == nil {
            throw .usage("cannot allocate tty if apus will detach without setting console socket")
        }
        if !(terminal && detaches), request.consoleSocket != nil {
            throw .usage("cannot use console socket if apus will not detach or allocate tty")
        }
    }

    /// Every descriptor from 3 on that is not to be passed on gets close-on-exec; those that are have to be open. To be
    /// called before anything is opened that could be taken for one of them.
    static func checkDescriptors(_ request: CreateRequest) throws(RuntimeError) {
        guard request.preservedDescriptors <= 65_536 else {
            throw .usage("--preserve-fds: more than 65536 descriptors")
        }
        let kept = try listenDescriptors() + request.preservedDescriptors
        for number in 3..<(3 + kept) where !ThisProcess.isOpen(number) {
            throw .usage("descriptor \(number) is to be passed on to the container, and is not open")
        }
        do { try ThisProcess.closeOnExec(from: 3 + kept) } catch { throw .system(error, field: "") }
    }
}

extension CgroupFacts {
    init(_ view: CgroupView) {
        self.init(
            hierarchies: view.hierarchies.map {
                Hierarchy(name: $0.name, options: $0.options, directory: $0.directory)
            }, aliases: view.aliases.map { ($0.name, $0.target) }, unified: view.unified)
    }
}

/// Facts about this host that never change while it runs.
enum Host {
    /// Number of the newest capability that the kernel knows.
    static var lastCapability: UInt8 {
        // Linux 5.9 knows 40; procfs is missing only where nothing else works either.
        (try? Files.readText("/proc/sys/kernel/cap_last_cap")).flatMap { UInt8($0) } ?? 40
    }

    static var hasAppArmor: Bool {
        (try? Files.readText("/sys/module/apparmor/parameters/enabled")) == "Y"  // Not there: not enabled.
    }

    static var hasSELinux: Bool { Files.exists("/sys/fs/selinux/enforce") }

    /// The floor is Linux 5.14: openat2, clone3, mount_setattr, cgroup.kill.
    static func requireKernel() throws(RuntimeError) {
        let release: String
        do { release = try ThisProcess.kernelRelease() } catch { throw .system(error, field: "") }
        let numbers = release.split(whereSeparator: { $0 == "." || $0 == "-" }).prefix(2).map { Int($0) ?? 0 }
        guard numbers.count == 2, (numbers[0], numbers[1]) >= (5, 14) else { throw .oldKernel(release: release) }
    }
}
