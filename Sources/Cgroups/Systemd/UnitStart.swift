internal import DBus
internal import Kernel
public import OCI

/// A unit of systemd on its way: asked for while the container's process works already, and waited for when the process
/// needs its cgroup. It can be taken back at any moment.
public final class UnitStart {
    private enum Progress {
        /// Nothing was asked for.
        case planned
        case sent(PendingReply)
        /// The unit is there, and it is ours.
        case done
        /// There is nothing of ours.
        case refused
    }

    private let location: CgroupLocation
    private let unit: SystemdUnit
    private let manager: SystemdManager
    private let resources: Resources
    private var properties: [UnitProperty]
    private var progress = Progress.planned

    /// - Parameters:
    ///   - location: where the cgroup is to be.
    ///   - resources: the limits; nil: none.
    ///   - id: the container's id, for the unit's description.
    ///   - annotations: those of the configuration; `org.systemd.property.NAME` sets a property.
    public init?(
        _ location: CgroupLocation, _ resources: Resources?, id: String, annotations: [Annotation]
    ) throws(CgroupError) {
        guard let place = location.place else { return nil }
        self.location = location
        self.resources = resources ?? Resources()
        unit = place.unit
        // What is wrong with the annotations is said before anything else happens.
        let annotated = try AnnotatedProperties.read(annotations)
        manager = try SystemdManager(place.unit.instance)
        try manager.requireSameProcesses()
        let context = LimitProperties.Context(
            isUnified: location.directories.allSatisfy { $0.isUnified }, hasBFQ: location.hasBFQ,
            isUser: place.unit.instance == .user, version: try manager.version())
        properties = Self.properties(of: place, id: id, context)
        properties += LimitProperties.make(self.resources, context) + annotated
    }

    private static func properties(
        of place: SystemdPlace, id: String, _ context: LimitProperties.Context
    ) -> [UnitProperty] {
        var list: [UnitProperty] = []
        list.add("Description", "apus container \(id)")
        if place.unit.isSlice {
            // As runc does: the slice above is wanted, not required.
            if let dash = place.unit.name.lastIndex(of: "-") {
                let above = "\(place.unit.name[..<dash])\(SystemdPlace.sliceSuffix)"
                list.append(UnitProperty("Wants", .strings([above])))
            }
        } else {
            list.add("Slice", place.slice)
            // The container may manage cgroups of its own: systemd keeps its hands off what is below.
            list.add("Delegate", true)
            // A unit that failed is let go of too.
            list.add("CollectMode", "inactive-or-failed")
            // From version 253 on a scope would be stopped as a whole when one of its processes runs out of memory.
            if context.version >= 253 { list.add("OOMPolicy", "continue") }
        }
        list.add("DefaultDependencies", false)
        for accounting in ["CPU", "Memory", "Tasks", context.isUnified ? "IO" : "BlockIO"] {
            list.add("\(accounting)Accounting", true)
        }
        return list
    }

    /// Asks for the unit, without waiting: nothing of the container's but its state may be there before.
    ///
    /// - Parameter pid: the process that a scope begins with; a slice begins without one.
    public func send(_ pid: Int32?) throws(CgroupError) {
        if let pid { properties.append(UnitProperty("PIDs", .array(of: "u", [.uint32(UInt32(bitPattern: pid))]))) }
        progress = .sent(try manager.start(unit, properties))
    }

    /// Waits for the unit, and makes the rest of the cgroup: the directories that systemd does not make, and the limits
    /// that it does not know.
    ///
    /// - Parameter pid: the process that has to be in the cgroup by now.
    public func finish(_ pid: Int32?) throws(CgroupError) -> Cgroup {
        if case .planned = progress { try send(pid) }
        try finishUnit()
        if let pid, !(try location.holds(pid)) {
            throw .systemd(
                "start", unit: unit.name, reason: "process \(pid) is not in \(location.directories.last?.path ?? "")",
                hint: "does an annotation change the unit's slice, or its processes?")
        }
        return try location.adopt(resources, pid)
    }

    private func finishUnit() throws(CgroupError) {
        guard case .sent(let reply) = progress else { return }
        progress = .done
        if try manager.finishStart(of: unit, reply) { return }
        progress = .refused
        // One that failed, or ended a moment ago, can be let go of. One that runs cannot.
        try manager.resetFailed(unit)
        let again = try manager.start(unit, properties)
        progress = .done
        if try manager.finishStart(of: unit, again) { return }
        progress = .refused
        throw .systemd("start", unit: unit.name, reason: "there is a unit of this name already", hint: "")
    }

    /// Takes the unit back; its processes have been killed. Nothing can be done about a failure to do so.
    public func cancel() {
        switch progress {
        case .planned, .refused: return
        case .sent(let reply):
            // Whether it came into being shows only when systemd has answered.
            progress = .refused
            guard (try? manager.finishStart(of: unit, reply)) != false else { return }
        case .done: break
        }
        try? manager.stop(unit)
    }
}

extension CgroupLocation {
    /// Whether block devices are weighed by BFQ here: a cgroup above has its file then.
    var hasBFQ: Bool {
        guard let directory = directories.last, directory.isUnified else { return false }
        var path = parent(of: directory.path)
        while path.utf8.count > directory.mountPoint.utf8.count {
            if Files.exists("\(path)/io.weight") || Files.exists("\(path)/io.bfq.weight") {
                return Files.exists("\(path)/io.bfq.weight")
            }
            path = parent(of: path)
        }
        return false
    }

    /// Makes a cgroup out of what systemd has made: the directories that are missing, and the limits.
    ///
    /// - Parameter pid: the process that systemd has put there.
    func adopt(_ resources: Resources, _ pid: Int32?) throws(CgroupError) -> Cgroup {
        var maker = CgroupMaker()
        do {
            for directory in directories where !Files.exists(directory.path) { try maker.make(directory) }
            if let pid { try enterSubgroup(pid) }
            var cgroup = Cgroup(
                directories, made: maker.made, isPermissive: isPermissive, needsDeviceRules: needsDeviceRules,
                unit: place?.unit)
            cgroup.notes = try cgroup.apply(resources, .creation)
            return cgroup
        } catch {
            maker.undo()
            throw error
        }
    }
}

extension Cgroup {
    /// Tells systemd the limits that the files have got, so that it keeps them.
    ///
    /// - Parameter taken: limits that it was told before, and that hold no more.
    func updateProperties(
        of unit: SystemdUnit, _ resources: Resources, insteadOf taken: Resources? = nil
    ) throws(CgroupError) {
        let manager = try SystemdManager(unit.instance)
        var context = LimitProperties.Context(
            isUnified: isUnifiedOnly, isUser: unit.instance == .user, version: try manager.version(), isNew: false)
        if isUnifiedOnly, let unified {
            let files = ControlFiles(directory: unified, controller: "", isNew: false, origin: "", obstacle: "")
            context.hasBFQ = files.exists("io.bfq.weight")
            context.memoryLimit = files.exists("memory.max") ? files.number("memory.max") ?? -1 : nil
            let maximum = (try? files.read("cpu.max", "cpu"))?.split(separator: " ") ?? []  // Without it: no limit.
            if maximum.count == 2 {
                context.quota = Int64(maximum[0]) ?? -1
                context.period = UInt64(maximum[1])
            }
        }
        var properties = LimitProperties.make(resources, context)
        if let taken {
            let lifted = LimitProperties.make(taken, context).filter { old in
                !properties.contains { $0.name == old.name }
            }
            properties += lifted.map { $0.lifted }
        }
        if properties.isEmpty { return }
        // On cgroup v1 systemd denies every device before it allows some again: nobody may notice.
        let isFrozen = try isFrozen()
        let freezes = !isUnifiedOnly && !isFrozen
        guard freezes else { return try manager.set(properties, of: unit) }
        try freeze()
        do { try manager.set(properties, of: unit) } catch {
            try? thaw()  // The first error is the one to tell.
            throw error
        }
        try thaw()
    }
}
