internal import Cgroups
internal import Kernel
internal import OCI

/// The cgroup of a container that is being created: what of it is there.
///
/// On pure cgroup v2 all of it is made before the clone, since the process is born in it. Where there are v1
/// hierarchies, which the process joins by itself, their directories are made while it is busy with its first mounts.
struct ContainerCgroup {
    private let location: CgroupLocation
    private let resources: Resources?
    private let owner: UInt32?
    private var birthplace: Birthplace?
    private var cgroup: Cgroup?

    init(_ preparation: Preparation) {
        location = preparation.location
        resources = preparation.spec.linux.resources
        owner = Cgroup.owner(for: preparation.spec)
    }

    /// What has to be there before the clone; returns the cgroup2 directory to be born in.
    mutating func prepare() throws(RuntimeError) -> Descriptor? {
        do {
            guard location.view.hierarchies.isEmpty else {
                birthplace = try location.makeBirthplace()
                return try birthplace?.open()
            }
            let cgroup = try location.create(resources)
            self.cgroup = cgroup
            if let owner { try cgroup.delegate(to: owner) }
            return try cgroup.openUnified()
        } catch {
            throw .cgroup(error)
        }
    }

    /// Makes the rest; returns what of the limits has no effect here.
    mutating func complete() throws(RuntimeError) -> [String] {
        if let cgroup { return cgroup.notes.map { "\($0)" } }
        do {
            let cgroup = try location.create(resources, after: birthplace)
            self.cgroup = cgroup
            return cgroup.notes.map { "\($0)" }
        } catch {
            throw .cgroup(error)
        }
    }

    /// The `tasks` files of the v1 hierarchies, in the order of the plan.
    func openTasks(into table: inout DescriptorTable) throws(RuntimeError) -> [Int32] {
        var numbers: [Int32] = []
        do {
            for index in location.view.hierarchies.indices {
                if let cgroup { numbers.append(table.add(try cgroup.openTasks(index))) }
            }
        } catch {
            throw .cgroup(error)
        }
        return numbers
    }

    var hasRunOutOfMemory: Bool { cgroup?.hasRunOutOfMemory() ?? false }

    /// Takes back what is there; nothing can be done about a failure to do so.
    func discard() {
        try? cgroup?.killAll()
        try? cgroup?.discard()
        birthplace?.discard()
    }
}
