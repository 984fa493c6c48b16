internal import Cgroups
internal import OCI

extension Lifecycle {
    /// Stops every process of a container that runs or waits for `start`, and waits until they stand still.
    public func pause(_ id: String) throws(RuntimeError) {
        let id = try Self.checked(id)
        let entry = try store.lock(id)
        let container = try Container(id, in: store)
        switch try container.status(holdsLock: true) {
        case .running, .created: break
        case .creating, .paused, .stopped: throw .status("container not running")
        }
        let cgroup = try container.requireCgroup()
        do { try cgroup.freeze() } catch { throw .cgroup(error) }
        // On cgroup v1 a frozen process does not die. Who sends SIGKILL thaws what is frozen by then; what has become
        // frozen after that is thawed here.
        if container.isToBeKilled {
            try container.thaw()
            throw .status("container not running")
        }
        _ = consume entry  // Locked until here.
    }

    /// Lets the processes of a paused container go on.
    public func resume(_ id: String) throws(RuntimeError) {
        let id = try Self.checked(id)
        let entry = try store.lock(id)
        let container = try Container(id, in: store)
        guard try container.status(holdsLock: true) == .paused else { throw .status("container not paused") }
        _ = try container.requireCgroup()
        try container.thaw()
        _ = consume entry  // Locked until here.
    }
}
