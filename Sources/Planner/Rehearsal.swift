public import OCI

/// What of a plan can be tried without anybody noticing: the steps that only change the process itself, namespaces that are
/// made for it, and file systems and mounts that are detached. Nothing is attached, made in the root file system, written
/// into a namespace that others are in, or run. Who performs it gives no cgroups where it asks for some, but files that take
/// any writing, such as /dev/null.
///
/// So the kernel itself says what it thinks of the options of a file system, of a kernel parameter, a limit or an id, where
/// the container would ask it.
public struct Rehearsal: Sendable {
    /// Ends with the meeting ``Meeting/ready``.
    public private(set) var plan: Plan
    /// For each step, which one of the whole plan it is.
    public private(set) var indices: [Int] = []
    private let spec: Spec
    /// Slots that have something in them at this point of the rehearsal.
    private var filled: Set<UInt16> = []
    /// Those of them that hold a mount, or a place in one, that is attached nowhere.
    private var detached: Set<UInt16> = []
    /// The type of the file system that is being made, or of the mount that was made, by slot.
    private var types: [UInt16: String] = [:]
    /// File systems that exist, and not only their parameters.
    private var made: Set<UInt16> = []
    private var triesNodes = false
    /// Files of kernel parameters of namespaces that are the container's own, as steps name them.
    private let ownParameters: Set<[UInt8]>

    /// `excluded`: indices of steps that are left out as well, with all that depends on them.
    public init(of plan: Plan, _ spec: Spec, leavingOut excluded: Set<Int>) {
        self.spec = spec
        let own = spec.linux.sysctl.lazy.filter { $0.namespace.map { spec.linux.creates($0) } ?? false }
        ownParameters = Set(own.map { Array("sys/\($0.path ?? $0.key)".utf8) })
        self.plan = plan
        self.plan.steps = []
        self.plan.gate = nil
        self.plan.cloneTarget = nil
        self.plan.provisions = plan.provisions.filter { Self.isHarmless($0.source) }
        for provision in self.plan.provisions {
            filled.insert(provision.slot.number)
            if case .namespace = provision.source { continue }
            detached.insert(provision.slot.number)
        }
        for (index, step) in plan.steps.enumerated() {
            if case .waitAtGate = step.operation { break }
            take(step, index, of: plan, leavingOut: excluded)
        }
        add(Step(.meet(.ready), .field("process")), -1)
        fitSkips(to: plan)
    }

    private static func isHarmless(_ source: Provision.Source) -> Bool {
        switch source {
        case .namespace, .tree: true
        default: false
        }
    }

    private mutating func add(_ step: Step, _ index: Int) {
        plan.steps.append(step)
        indices.append(index)
    }

    private mutating func take(_ step: Step, _ index: Int, of plan: Plan, leavingOut excluded: Set<Int>) {
        if !excluded.contains(index), !isOfCgroups(step.origin), let operation = harmless(step.operation, step, index) {
            if let slot = operation.filledSlot { filled.insert(slot.number) }
            var step = step
            step.operation = operation
            add(step, index)
        } else if let slot = step.operation.filledSlot {
            // What is in there now is something else than the steps behind expect.
            filled.remove(slot.number)
            detached.remove(slot.number)
            made.remove(slot.number)
        }
    }

    /// A tolerated failure passes over as many of the steps that are left as it does of the whole plan.
    private mutating func fitSkips(to whole: Plan) {
        for position in plan.steps.indices where plan.steps[position].skip > 0 {
            let last = indices[position] + Int(plan.steps[position].skip)
            let passed = indices[(position + 1)...].prefix { $0 >= 0 && $0 <= last }.count
            plan.steps[position].skip = UInt8(clamping: passed)
        }
    }

    /// What a container sees of its cgroups are directories that are not there yet.
    private func isOfCgroups(_ origin: Origin) -> Bool {
        guard let mount = mount(of: origin) else { return false }
        return mount.action == .new && (mount.type == "cgroup" || mount.type == "cgroup2")
    }

    /// The entry of `mounts` that a step comes from.
    private func mount(of origin: Origin) -> Mount? {
        guard case .element(let list, let index, _) = origin, "\(list)" == "mounts", spec.mounts.indices.contains(index)
        else { return nil }
        return spec.mounts[index]
    }

    // MARK: One step

    private func has(_ slot: Slot) -> Bool { filled.contains(slot.number) }

    private func isDetached(_ slot: Slot) -> Bool { has(slot) && detached.contains(slot.number) }

    /// A step as it is tried; nil: it is not. What is not known to be harmless is left out.
    private mutating func harmless(_ operation: Operation, _ step: Step, _ index: Int) -> Operation? {
        switch operation {
        case .unshare, .fork, .setDumpable, .setGroups, .setGroup, .setUser, .newSession, .setLimit, .setFileModeMask,
            .setPersonality, .setScheduler, .setIOPriority, .setMemoryPolicy, .keepCapabilities, .dropBounding,
            .setCapabilities, .setAmbient, .setNoNewPrivileges, .setAffinity:
            return operation
        // To where relative paths of a file system count from; all other directories are the container's.
        case .changeDirectory: return mount(of: step.origin) == nil ? nil : operation
        case .bringUpLoopback: return spec.linux.creates(.network) ? operation : nil
        case .setHostName, .setDomainName: return spec.linux.creates(.uts) ? operation : nil
        case .joinNamespace(let slot, _), .close(let slot): return has(slot) ? operation : nil
        case .meet(.idMaps, _, _, _), .meet(.limits, _, _, _): return operation
        case .meet(.cgroups, _, let first, let count):
            // As many descriptors as in earnest, of files in which nothing happens.
            for number in first.number..<(first.number + UInt16(count)) { filled.insert(number) }
            return count > 0 ? operation : nil
        case .joinCgroup(let slot): return has(slot) ? operation : nil
        case .writeFile(let slot, let path, _): return mayWrite(path, slot) ? operation : nil
        case .openPath(nil, _, _, let into):
            detached.remove(into.number)
            return operation
        case .openPath(let directory?, _, _, let into): return place(operation, below: directory, into)
        case .openTree(nil, let path, let flags, let into):
            guard flags & TreeFlag.clone != 0, path != "/.." else { return nil }
            detached.insert(into.number)
            return operation
        case .openTree(let directory?, _, _, let into): return place(operation, below: directory, into)
        case .makeTarget(let root, _, _, _, let into): return place(operation, below: root, into)
        case .openFileSystem(let type, let into):
            types[into.number] = type
            made.remove(into.number)
            return operation
        case .pickFileSystem(let mount, let into):
            // Nothing is mounted that could be configured anew: a new one of its type takes the same options.
            guard let type = types[mount.number], detached.contains(mount.number) else { return nil }
            types[into.number] = type
            return .openFileSystem(type: type, into: into)
        case .configure(let slot, let setting): return mayConfigure(slot, setting, step) ? operation : nil
        case .createMount(let fileSystem, _, let into):
            guard made.contains(fileSystem.number) else {
                types[into.number] = nil
                return nil
            }
            types[into.number] = types[fileSystem.number]
            detached.insert(into.number)
            return operation
        case .setMountAttributes(let slot?, _, _, _, _, _), .verifyDevice(let slot, _, _, _):
            return isDetached(slot) ? operation : nil
        case .setMountAttributes(nil, _, _, _, _, _): return spec.linux.creates(.mount) ? operation : nil
        case .makeNode(let directory, _, let mode, let major, let minor, let uid, let gid):
            if isDetached(directory) { return operation }
            makeNodeDirectory(step.origin)
            return .makeNode(
                .tried, name: "\(index)", mode: mode, major: major, minor: minor, uid: uid, gid: gid)
        default: return nil
        }
    }

    /// A place below one that is attached nowhere.
    private mutating func place(_ operation: Operation, below directory: Slot, _ into: Slot) -> Operation? {
        // The root lacks everything that is to be mounted in it.
        guard isDetached(directory), directory != .root else { return nil }
        detached.insert(into.number)
        return operation
    }

    private func mayWrite(_ path: String, _ slot: Slot?) -> Bool {
        if let slot, !has(slot) { return false }
        guard path.begins(with: "sys/") else { return true }
        // A kernel parameter of a namespace that is joined is that of others.
        return ownParameters.contains(Array(path.utf8))
    }

    private mutating func mayConfigure(_ slot: Slot, _ setting: Setting, _ step: Step) -> Bool {
        guard has(slot), let type = types[slot.number] else { return false }
        switch setting {
        case .flag, .text: return true
        case .reconfigure: return false
        case .create:
            guard Self.livesInMemory(type) || isReadOnlyOverlay(type, step.origin) else { return false }
            made.insert(slot.number)
            return true
        }
    }

    /// Whether making such a file system touches nothing that is there already: no device, no server, no instance that
    /// others have.
    private static func livesInMemory(_ type: String) -> Bool {
        ["tmpfs", "ramfs", "proc", "sysfs", "mqueue", "devpts", "hugetlbfs", "bpf"].contains(type)
    }

    /// One that is written to takes its work directory at once.
    private func isReadOnlyOverlay(_ type: String, _ origin: Origin) -> Bool {
        guard type == "overlay", let mount = mount(of: origin) else { return false }
        return !mount.data.contains { $0.begins(with: "upperdir=") }
    }

    /// Device nodes are tried in a file system of their own.
    private mutating func makeNodeDirectory(_ origin: Origin) {
        if triesNodes { return }
        triesNodes = true
        add(Step(.openFileSystem(type: "tmpfs", into: .tried), origin), -1)
        add(Step(.configure(.tried, .create), origin), -1)
        add(Step(.createMount(.tried, attributes: 0, into: .tried), origin), -1)
    }
}

extension Slot {
    /// Where device nodes are tried.
    fileprivate static let tried = Slot(23)
}

extension Operation {
    /// Where the operation puts what it has opened or made.
    fileprivate var filledSlot: Slot? {
        switch self {
        case .openPath(_, _, _, let slot), .openTree(_, _, _, let slot), .openFileSystem(_, let slot),
            .pickFileSystem(_, let slot), .createMount(_, _, let slot), .makeTarget(_, _, _, _, let slot),
            .chooseMask(_, _, _, let slot), .openPeer(_, let slot), .reopen(_, _, let slot):
            slot
        default: nil
        }
    }
}
