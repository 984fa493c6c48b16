internal import Cgroups
internal import Kernel
internal import OCI

/// The cgroup of a container that is being created: what of it is there.
///
/// On pure cgroup v2 all of it is made before the clone, since the process is cloned into it. Where there are v1
/// hierarchies, which the process joins by itself, their directories are made while it is busy with its first mounts.
/// systemd needs a living process for a scope: it is asked after the clone, and its answer awaited when the process
/// needs its cgroup.
struct ContainerCgroup {
    private let location: CgroupLocation
    private let id: String
    private let resources: Resources?
    private let annotations: [Annotation]
    private let owner: UInt32?
    /// A cgroup below this one in which the process goes on.
    private let delegated: String?
    private var cloneTarget: CloneTarget?
    private var unit: UnitStart?
    private var cgroup: Cgroup?
    /// Whether somebody else has come to the same place meanwhile, who may be in the clone target too.
    private var isTaken = false

    /// - Parameter leavesOutPids: whether the limit on processes is not set, for who needs more of them at first.
    init(_ preparation: Preparation, leavesOutPids: Bool = false) {
        location = preparation.location
        id = preparation.id.text
        var resources = preparation.spec.linux.resources
        if leavesOutPids { resources?.pids = nil }
        self.resources = resources
        annotations = preparation.spec.annotations
        owner = Cgroup.owner(for: preparation.spec)
        delegated = CrunAnnotations(preparation.spec.annotations).delegatedCgroup
    }

    /// Whether systemd moves the process while it works.
    var isMoved: Bool {
        switch location.joining {
        case .isMoved: true
        case .byItself, .stays: false
        }
    }

    /// What has to be there before the clone; returns the cgroup2 directory to clone into.
    mutating func prepare() throws(RuntimeError) -> Descriptor? {
        do {
            unit = try UnitStart(location, resources, id: id, annotations: annotations)
            switch location.joining {
            case .isMoved, .stays: return nil
            case .byItself: break
            }
            // A slice is there before its processes.
            if let unit { return try own(try unit.finish(nil)).openUnified() }
            guard location.view.hierarchies.isEmpty else {
                cloneTarget = try location.makeCloneTarget()
                return try cloneTarget?.open()
            }
            return try own(try location.create(resources)).openUnified()
        } catch {
            throw .cgroup(error)
        }
    }

    /// Asks systemd for the cgroup, without waiting for it.
    ///
    /// - Parameter pid: the process that is to be moved.
    mutating func send(_ pid: Int32) throws(RuntimeError) {
        do { try unit?.send(pid) } catch { throw .cgroup(error) }
    }

    /// Makes the rest; returns what of the limits has no effect here.
    ///
    /// - Parameter pid: the container's process.
    mutating func complete(_ pid: Int32) throws(RuntimeError) -> [String] {
        do {
            if cgroup == nil {
                switch location.joining {
                case .stays: return []
                case .isMoved: if let unit { _ = try own(try unit.finish(pid)) }
                case .byItself: cgroup = try location.create(resources, after: cloneTarget)
                }
            }
            return (cgroup?.notes ?? []).map { "\($0)" }
        } catch {
            if case .occupied = error { isTaken = true }
            throw .cgroup(error)
        }
    }

    /// Takes a cgroup over, and gives the container what of it is to be its own.
    private mutating func own(_ cgroup: Cgroup) throws(CgroupError) -> Cgroup {
        self.cgroup = cgroup
        if let owner { try cgroup.delegate(to: owner) }
        return cgroup
    }

    /// What the process enters by itself, in the order of the plan: the `tasks` files of the v1 hierarchies, or
    /// `cgroup.procs` of the cgroup that it is to manage.
    func openTasks(into table: inout DescriptorTable) throws(RuntimeError) -> [Int32] {
        var numbers: [Int32] = []
        do {
            for index in location.view.hierarchies.indices {
                if let cgroup { numbers.append(table.add(try cgroup.openTasks(index))) }
            }
            if let delegated, let cgroup {
                numbers.append(table.add(try cgroup.makeDelegated(delegated, owner: owner)))
            }
        } catch {
            throw .cgroup(error)
        }
        return numbers
    }

    /// Moves a process into it that cannot go there by itself.
    func add(_ pid: Int32) throws(RuntimeError) {
        do { try cgroup?.add(pid) } catch { throw .cgroup(error) }
    }

    /// Moves a process out of it again, to where the caller is.
    func release(_ pid: Int32) throws(RuntimeError) {
        do { try cgroup?.release(pid) } catch { throw .cgroup(error) }
    }

    /// Lets nobody in it run, where there is a freezer.
    func freeze() { try? cgroup?.freeze() }

    func thaw() throws(RuntimeError) {
        guard let cgroup, cgroup.freezerPath != nil else { return }
        do { try cgroup.thaw() } catch { throw .cgroup(error) }
    }

    /// Sets the limit on processes that was left out.
    func limitPids(_ pids: Resources) throws(RuntimeError) {
        do { _ = try cgroup?.update(resources ?? Resources(), with: pids, origin: "linux.resources") } catch {
            throw .cgroup(error)
        }
    }

    var hasRunOutOfMemory: Bool { cgroup?.hasRunOutOfMemory() ?? false }

    /// Takes back what is there; nothing can be done about a failure to do so.
    func discard() {
        try? cgroup?.killAll()
        unit?.cancel()
        try? cgroup?.discard()
        if isTaken { cloneTarget?.leave() } else { cloneTarget?.discard() }
    }
}
