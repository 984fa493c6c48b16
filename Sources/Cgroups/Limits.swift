internal import Kernel
public import OCI

/// What limits are set for.
public enum Occasion: Sendable, Equatable {
    /// A new container: it gets the device rules of every container, and the controllers that account for it.
    case creation
    /// A container that runs: what is not mentioned stays as it is.
    case update
}

extension Cgroup {
    /// Sets the limits of `linux.resources`. Nothing is written that is not asked for.
    ///
    /// As in runc, a zero stands for "not given" in the fields of `memory` (but swappiness), `cpu` (but burst and idle)
    /// and in block device weights.
    ///
    /// - Parameters:
    ///   - resources: the limits.
    ///   - occasion: whether the cgroup is new.
    ///   - origin: what messages put before a field's name.
    /// - Returns: what has no effect on this host, and why.
    public func apply(
        _ resources: Resources, _ occasion: Occasion, origin: String = "linux.resources"
    ) throws(CgroupError) -> [Problem] {
        var limits = Limits(self, resources, occasion, origin)
        try limits.apply()
        return limits.notes
    }
}

/// The order in which limits are set, and the choice of the version that is in charge of each controller.
struct Limits {
    let cgroup: Cgroup
    let resources: Resources
    private let occasion: Occasion
    private let origin: String
    private let destination: ControlFiles.Destination
    private var enabling = ControllerEnabling()
    var notes: [Problem] = []

    init(
        _ cgroup: Cgroup, _ resources: Resources, _ occasion: Occasion, _ origin: String,
        _ destination: ControlFiles.Destination = .kernel
    ) {
        self.cgroup = cgroup
        self.resources = resources
        self.occasion = occasion
        self.origin = origin
        self.destination = destination
    }

    mutating func apply() throws(CgroupError) {
        try enableControllers()
        try setMemory()
        try setCPU()
        try setPids()
        try setBlockIO()
        try setHugepages()
        try setNetwork()
        try setRDMA()
        try setUnified()
        // What is allowed here is no value of a file: it is the last to be set, so that it is seldom to be taken back.
        try setDevices()
    }

    // MARK: One section after the other

    mutating func setMemory() throws(CgroupError) {
        guard let memory = resources.memory?.given else { return }
        if (memory.kernel ?? 0) != 0 { note("memory.kernel", "kernel memory limits are ignored") }
        if memory.useHierarchy == false { note("memory.useHierarchy", "cgroups are always hierarchical (Linux 5.11)") }
        guard memory.hasLimits || (occasion == .update && memory.disableOOMKiller != nil) else { return }
        try set("memory", isLimited: memory.isLimited) { files throws(CgroupError) in
            try MemoryV1.set(memory, &files)
        } v2: { files throws(CgroupError) in
            try MemoryV2.set(memory, &files)
        }
    }

    mutating func setCPU() throws(CgroupError) {
        guard let cpu = resources.cpu?.given.map({ asUnitHasIt($0) }) else { return }
        if cpu.hasTime {
            try set("cpu", isLimited: cpu.isTimeLimited) { files throws(CgroupError) in
                try CPUV1.set(cpu, &files)
            } v2: { files throws(CgroupError) in
                try CPUV2.set(cpu, &files)
            }
        }
        if cpu.cpus != nil || cpu.mems != nil {
            try set("cpuset") { files throws(CgroupError) in
                try CpusetV1.set(cpu, &files)
            } v2: { files throws(CgroupError) in
                try CpusetV2.set(cpu, &files)
            }
        }
    }

    mutating func setPids() throws(CgroupError) {
        guard let pids = resources.pids, let limit = pids.limit else { return }
        try set("pids", isLimited: pids.isLimited) { files throws(CgroupError) in
            try Pids.set(limit, &files)
        } v2: { files throws(CgroupError) in
            try Pids.set(limit, &files)
        }
    }

    mutating func setBlockIO() throws(CgroupError) {
        guard let blockIO = resources.blockIO?.given else { return }
        try set("io", v1Name: "blkio") { files throws(CgroupError) in
            try BlockIOV1.set(blockIO, &files)
        } v2: { files throws(CgroupError) in
            try IOV2.set(blockIO, &files)
        }
    }

    mutating func setHugepages() throws(CgroupError) {
        let limits = resources.hugepageLimits
        if limits.isEmpty { return }
        try set("hugetlb") { files throws(CgroupError) in
            try HugetlbV1.set(limits, &files)
        } v2: { files throws(CgroupError) in
            try HugetlbV2.set(limits, &files)
        }
    }

    mutating func setNetwork() throws(CgroupError) {
        guard let network = resources.network?.given else { return }
        if cgroup.isUnifiedOnly {
            // runc ignores these; there is nothing that could be done.
            if network.classID != nil { note("network.classID", "cgroup v2 has no net_cls controller") }
            if !network.priorities.isEmpty { note("network.priorities", "cgroup v2 has no net_prio controller") }
            return
        }
        if let id = network.classID {
            let files = try v1Files("net_cls", "network.classID")
            try NetworkV1.setClass(id, files)
        }
        if !network.priorities.isEmpty {
            let files = try v1Files("net_prio", "network.priorities")
            try NetworkV1.setPriorities(network.priorities, files)
        }
    }

    mutating func setRDMA() throws(CgroupError) {
        let devices = resources.rdma
        if devices.isEmpty { return }
        try set("rdma") { files throws(CgroupError) in
            try RDMA.set(devices, &files)
        } v2: { files throws(CgroupError) in
            try RDMA.set(devices, &files)
        }
    }

    /// A new container gets rules in any case; an update only if it has some.
    private mutating func setDevices(even empty: Bool = false) throws(CgroupError) {
        if occasion == .update, resources.devices.isEmpty, !empty { return }
        if case .journal(let journal, let former) = destination { keepDevices(former.devices, in: journal) }
        if cgroup.v1("devices") != nil {
            try DevicesV1.set(resources.devices, try v1Files("devices", "devices"))
        } else if let unified = cgroup.unified {
            try DevicesV2.set(resources.devices, files("devices", unified), isPermissive: !cgroup.needsDeviceRules)
        } else if !cgroup.isPermissive || (cgroup.needsDeviceRules && !resources.devices.isEmpty) {
            throw .noController("devices", field: field("devices"), reason: "it is not mounted on this host")
        }
    }

    /// The former list is made again from the former rules: the files do not tell everything about it.
    private func keepDevices(_ rules: [Resources.DeviceRule], in journal: Journal) {
        var former = Limits(cgroup, Resources(devices: rules), .update, origin)
        journal.keep { former.restoreDevices() }
    }

    private mutating func restoreDevices() -> String? {
        do { try setDevices(even: true) } catch { return "\(error)" }
        return nil
    }

    mutating func setUnified() throws(CgroupError) {
        if resources.unified.isEmpty { return }
        guard let unified = cgroup.unified else {
            throw .value(field: field("unified"), reason: "this host has no cgroup2 hierarchy")
        }
        for entry in resources.unified.map({ asUnitHasIt($0) }) {
            let controller = String(decoding: entry.file.utf8.prefix { $0 != UInt8(ascii: ".") }, as: UTF8.self)
            try UnifiedV2.set(entry, files(controller, unified))
        }
    }

    // MARK: Who is in charge

    private mutating func note(_ name: String, _ message: String) {
        notes.append(Problem(path: field(name), message: message))
    }

    private func field(_ name: String) -> String { origin.isEmpty ? name : "\(origin).\(name)" }

    private func files(_ controller: String, _ directory: String) -> ControlFiles {
        ControlFiles(
            directory: directory, controller: controller,
            isNew: occasion == .creation && cgroup.made.contains(directory), origin: origin,
            obstacle: directory == cgroup.unified ? enabling.obstacle(to: controller) : "", destination: destination)
    }

    private func v1Files(_ controller: String, _ name: String) throws(CgroupError) -> ControlFiles {
        guard let directory = cgroup.v1(controller) else {
            throw .noController(
                controller, field: field(name), reason: "it is not mounted, or not delegated to the caller")
        }
        return files(controller, directory)
    }

    /// Runs the part for the version that has the controller: v1 if a v1 hierarchy has it, else cgroup2.
    ///
    /// - Parameter isLimited: whether the controller is needed. What is to have no limit needs none.
    private mutating func set(
        _ controller: String, v1Name: String? = nil, isLimited: Bool = true,
        v1: (inout ControlFiles) throws(CgroupError) -> Void, v2: (inout ControlFiles) throws(CgroupError) -> Void
    ) throws(CgroupError) {
        do { try setInPlace(controller, v1Name: v1Name, v1: v1, v2: v2) } catch {
            switch error {
            case .noController where !isLimited, .noFile where !isLimited: return
            default: throw error
            }
        }
    }

    private mutating func setInPlace(
        _ controller: String, v1Name: String?,
        v1: (inout ControlFiles) throws(CgroupError) -> Void, v2: (inout ControlFiles) throws(CgroupError) -> Void
    ) throws(CgroupError) {
        if let directory = cgroup.v1(v1Name ?? controller) {
            var files = files(v1Name ?? controller, directory)
            try v1(&files)
            notes += files.notes
        } else if let unified = cgroup.unified {
            var files = files(controller, unified)
            try v2(&files)
            notes += files.notes
        } else {
            throw .noController(
                v1Name ?? controller, field: field(Self.section(of: controller)),
                reason: "it is not mounted, or not delegated to the caller")
        }
    }

    private static func section(of controller: String) -> String {
        switch controller {
        case "cpuset": "cpu"
        case "io": "blockIO"
        case "hugetlb": "hugepageLimits"
        default: controller
        }
    }

    // MARK: Controllers of cgroup2

    /// Enables what the limits need, and for a new container what accounts for it; never what a v1 hierarchy has.
    private mutating func enableControllers() throws(CgroupError) {
        guard let unified = cgroup.unified else { return }
        var wanted = neededControllers()
        if occasion == .creation { wanted += ["memory", "pids", "cpu", "io"] }
        let isHybrid = !cgroup.isUnifiedOnly
        var missing: [String] = []
        for name in wanted where !missing.contains(name) {
            if isHybrid, cgroup.v1(name == "io" ? "blkio" : name) != nil {
                enabling.note(name, "it belongs to a v1 hierarchy on this host")
            } else {
                missing.append(name)
            }
        }
        if !enabling.enable(missing, for: unified), occasion == .creation, ControllerEnabling.isThreaded(unified) {
            throw .threaded(directory: unified)
        }
    }

    /// Each once.
    func neededControllers() -> [String] {
        var names: [String] = []
        if resources.memory?.given?.isLimited == true { names.append("memory") }
        if let cpu = resources.cpu?.given {
            if cpu.isTimeLimited { names.append("cpu") }
            if cpu.cpus != nil || cpu.mems != nil { names.append("cpuset") }
        }
        if resources.pids?.isLimited == true { names.append("pids") }
        if resources.blockIO?.given != nil { names.append("io") }
        if !resources.hugepageLimits.isEmpty { names.append("hugetlb") }
        if !resources.rdma.isEmpty { names.append("rdma") }
        for entry in resources.unified {
            let name = String(decoding: entry.file.utf8.prefix { $0 != UInt8(ascii: ".") }, as: UTF8.self)
            if name != "cgroup", !names.contains(name) { names.append(name) }
            if names.count == Self.mostControllers { break }
        }
        return names
    }

    /// No kernel has as many: among so many there is one that fails, and the first of those is told.
    private static var mostControllers: Int { 64 }
}
