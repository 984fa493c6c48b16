internal import Cgroups
internal import Kernel
public import OCI

extension Lifecycle {
    /// Changes limits of a container that has not stopped. What is not given stays; a failure leaves the old limits.
    ///
    /// - Parameters:
    ///   - id: the container's.
    ///   - change: the limits that are to change.
    ///   - l3Cache: schema of the L3 cache for the container's class of service (resctrl); nil leaves it as it is.
    ///   - memoryBandwidth: schema of the memory bandwidth, likewise.
    public func update(
        _ id: String, with change: Resources, l3Cache: String? = nil, memoryBandwidth: String? = nil
    ) throws(RuntimeError) {
        let id = try Self.checked(id)
        let entry = try store.lock(id)
        var container = try Container(id, in: store)
        switch try container.status(holdsLock: true) {
        case .created, .running, .paused: break
        case .creating, .stopped: throw .status("container not running")
        }
        let change = change.asMeant(in: container.record.ociVersion)
        let asked = try container.askedResources()
        let wanted = asked.updated(with: change)
        if let problem = wanted.contradictions().first {
            throw .cgroup(.value(field: "resources.\(problem.path)", reason: problem.message))
        }
        if l3Cache != nil || memoryBandwidth != nil, container.resctrl == nil {
            throw .status("Intel RDT: the container has no class of service")
        }
        let update = try setLimits(of: container, asked, change)
        let recorded = container.record.resources
        container.record.resources = .known(wanted)
        do {
            try entry.write(container.record)
            try Self.setSchemas(of: container, l3Cache, memoryBandwidth)
        } catch {
            update.undo().forEach(warn)
            container.record.resources = recorded
            try? entry.write(container.record)  // The first error is the one to tell.
            throw error
        }
        update.notes.forEach { warn("\($0)") }
    }

    private static func setSchemas(
        of container: Container, _ l3Cache: String?, _ memoryBandwidth: String?
    ) throws(RuntimeError) {
        if l3Cache == nil, memoryBandwidth == nil { return }
        do {
            try container.resctrl?.update(l3Cache: l3Cache, memoryBandwidth: memoryBandwidth)
        } catch {
            throw .cgroup(error)
        }
    }

    /// The one place where an update takes effect; systemd is told in there, if it is in charge.
    private func setLimits(
        of container: Container, _ asked: Resources, _ change: Resources
    ) throws(RuntimeError) -> CgroupUpdate {
        let cgroup = try container.requireCgroup()
        do { return try cgroup.update(asked, with: change) } catch { throw .cgroup(error) }
    }
}

extension Lifecycle {
    /// The state of a container with its limits, as they were asked for and as the kernel has them: JSON.
    public func stateWithLimits(_ id: String) throws(RuntimeError) -> [UInt8] {
        let container = try Container(try Self.checked(id), in: store)
        let cgroup = container.cgroup
        return StateDocument.json(
            of: container.state(try container.status()), cgroup: cgroup, cgroup.inspect(try container.askedResources()))
    }
}

extension Container {
    /// The limits that were asked for, by `config.json` and by updates.
    func askedResources() throws(RuntimeError) -> Resources {
        guard let resources = record.resources else {
            return try configuration(Spec.decode).linux.resources ?? Resources()
        }
        do { return try resources.value() } catch {
            throw .brokenState(path: "\(store.path(of: record.id))/\(Record.fileName)", reason: "resources: \(error)")
        }
    }
}

/// Where the limits of an update come from.
public enum ResourcesDocument {
    /// Reads and checks a JSON document with limits.
    ///
    /// - Parameter path: nil for standard input.
    /// - Parameter warn: takes what has no effect in it.
    public static func read(_ path: String?, warn: (String) -> Void = { _ in }) throws(RuntimeError) -> Resources {
        var bytes: [UInt8] = []
        do {
            if let path {
                bytes = try Files.read(path)
            } else {
                bytes = try Streams.readAll(0)
            }
        } catch {
            throw .system(error, field: "--resources")
        }
        do {
            let (resources, warnings) = try Resources.inspect(bytes)
            warnings.forEach { warn($0.located) }
            return resources
        } catch {
            throw .config(path: path ?? "standard input", error)
        }
    }
}
