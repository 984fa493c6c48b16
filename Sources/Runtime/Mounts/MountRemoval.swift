internal import JSON
internal import Kernel
internal import Launch
internal import OCI
internal import Planner

extension Lifecycle {
    /// Unmounts, in a container that runs or is paused, what a document names: an array as `mounts` in `config.json`,
    /// of which only the destinations count. Nothing goes unless all of it may; a container that interferes meanwhile can
    /// keep a part.
    ///
    /// Only what was mounted for the container by its configuration, or added, goes; and only if it is what is there.
    public func removeMounts(_ id: String, from path: String) throws(RuntimeError) {
        try requireRights()
        let id = try Self.checked(id)
        let document = try MountChange.document(path)
        let entry = try store.lock(id)
        var container = try Container(id, in: store)
        let change = try MountChange(container)
        let destinations: [String]
        do { destinations = try Mount.decodeDestinations(document) } catch { throw .config(path: path, error) }
        if destinations.isEmpty { return }
        let plan: Plan
        do {
            plan = try Plan.removeMounts(
                at: destinations, change.spec, on: change.host, options: change.options, entry: change.entry)
        } catch {
            throw .plan(error)
        }
        // What has gone is to be written down.
        let termination: TerminationSignals
        do { termination = try TerminationSignals(blocking: ()) } catch { throw .system(error, field: "") }
        var worker = try MountWorker.start(plan, change, change.spec, interruption: termination.descriptor.number)
        var found: [RemovedMount] = []
        do throws(RuntimeError) {
            try detach(destinations, &found, &worker, change, container.record)
            worker.finish()
        } catch {
            worker.end()
            // The first error is the one to tell.
            _ = try? forget(found, destinations, of: &container.record, entry, change)
            if let signal = termination.next() { throw .interrupted(signal: signal, error) }
            throw error
        }
        if let rest = try forget(found, destinations, of: &container.record, entry, change) {
            throw .plan(
                PlanError(
                    field: "mounts[\(rest)].destination",
                    message: "the container has mounted something over it: \(found[rest].destination)"))
        }
    }

    /// Writes down what has gone; returns the index of one that has not.
    private func forget(
        _ found: [RemovedMount], _ destinations: [String], of record: inout Record, _ entry: borrowing Entry,
        _ change: borrowing MountChange
    ) throws(RuntimeError) -> Int? {
        let table = try table(change.target.pid)
        try change.requireProcess()
        let gone = found.filter { table[$0.place.id] == nil }
        record.addedMounts.removeAll { added in
            gone.contains { $0.place.lastingID == added.mount }
                || added.mount == 0 && gone.contains { $0.destination.hasBytes(of: added.destination) }
        }
        try entry.write(record)
        return found.firstIndex { table[$0.place.id] != nil }
    }

    /// Keeps the meetings until everything is detached.
    private func detach(
        _ destinations: [String], _ found: inout [RemovedMount], _ worker: inout MountWorker,
        _ change: borrowing MountChange, _ record: Record
    ) throws(RuntimeError) {
        while true {
            let (meeting, descriptor) = try worker.next()
            if meeting == .ready { return }
            if meeting == .target, let descriptor {
                do {
                    found.append(
                        RemovedMount(
                            destination: destinations[found.count], place: try Tree.place(of: descriptor)))
                } catch {
                    throw .system(error, field: "mounts[\(found.count)].destination")
                }
                if found.count == destinations.count {
                    try MountJudge(try table(worker.pid), change, record).requireRemovable(found)
                }
            }
            try worker.reply()
        }
    }

    private func table(_ pid: Int32) throws(RuntimeError) -> MountTable {
        do { return try MountTable(of: pid) } catch { throw .system(error, field: "mounts") }
    }
}

/// A mount that is to go.
struct RemovedMount {
    let destination: String
    let place: MountPlace
}

/// Says which mounts are a container's own to lose.
struct MountJudge {
    private let table: MountTable
    private let record: Record
    private let configured: [Mount]
    private let bundle: String
    /// Every place at which something was mounted for the container by name.
    private let known: [String]

    init(_ table: MountTable, _ change: borrowing MountChange, _ record: Record) {
        self.table = table
        self.record = record
        bundle = change.host.bundle
        configured = change.spec.mounts.filter { !$0.isRemount }
        known = configured.map { lexicallyClean($0.destination) } + record.addedMounts.map { $0.place }
    }

    func requireRemovable(_ mounts: [RemovedMount]) throws(RuntimeError) {
        for (index, mount) in mounts.enumerated() {
            if let problem = problem(with: mount, among: mounts[..<index], mounts) {
                throw .plan(
                    PlanError(
                        field: "mounts[\(index)].destination",
                        message: "\(problem): \(JSONWriter.excerpt(mount.destination))"))
            }
        }
    }

    private func problem(
        with mount: RemovedMount, among earlier: ArraySlice<RemovedMount>, _ all: [RemovedMount]
    ) -> String? {
        guard mount.place.isRoot else { return "nothing is mounted there" }
        guard let line = table[mount.place.id] else { return "not in the container's mount namespace" }
        if let problem = Mount.problemWithDestination(line.point) { return problem }
        if table.isProtection(line) { return "a masked or read-only path stays so" }
        if let other = earlier.firstIndex(where: { $0.place.id == mount.place.id }) {
            return "the same mount as mounts[\(other)]"
        }
        if !isOwn(mount, line) { return "not what the configuration mounted there, nor what was added" }
        for below in table.descendants(of: line.id) {
            if table.isProtection(below) { return "\(below.point), a masked or read-only path, is below" }
            let isNamed = all.contains { $0.place.id == below.id }
            if !isNamed, known.contains(where: { $0.hasBytes(of: below.point) }) {
                return "\(below.point) would go with it, and is not named"
            }
        }
        return nil
    }

    /// Whether it is the mount that was made for this destination, and not one that the container has moved there.
    private func isOwn(_ mount: RemovedMount, _ line: MountTable.Line) -> Bool {
        let destination = lexicallyClean(mount.destination)
        for added in record.addedMounts {
            let isMeant = lexicallyClean(added.destination).hasBytes(of: destination)
            guard isMeant || added.place.hasBytes(of: destination) else { continue }
            if added.mount == mount.place.lastingID { return true }
            // Whoever added it was killed before it was known which it is: what is there now counts.
            if added.mount == 0, line.point.hasBytes(of: destination) { return true }
        }
        return configured.contains { entry in
            lexicallyClean(entry.destination).hasBytes(of: destination) && isMount(of: entry, mount, line)
        }
    }

    private func isMount(of entry: Mount, _ mount: RemovedMount, _ line: MountTable.Line) -> Bool {
        guard entry.isBind else {
            let source = entry.source ?? ""
            return line.root == "/" && line.type.hasBytes(of: entry.type ?? "")
                && (source.isEmpty || line.source.hasBytes(of: source))
        }
        let source = BindSource(entry, bundle: bundle)
        guard let status = try? Files.status(source.path, follow: !source.noFollow) else { return false }
        return status.inode == mount.place.inode && status.device == mount.place.device
    }
}
