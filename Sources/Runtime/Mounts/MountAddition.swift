internal import Kernel
internal import Launch
internal import OCI
internal import Planner

extension Lifecycle {
    /// Mounts, in a container that runs or is paused, what a document says: an array as `mounts` in `config.json`. All
    /// of it, or nothing.
    public func addMounts(_ id: String, from path: String) throws(RuntimeError) {
        try requireRights()
        let id = try Self.checked(id)
        let document = try MountChange.document(path)
        let entry = try store.lock(id)
        var container = try Container(id, in: store)
        let change = try MountChange(container)
        let read: (mounts: [Mount], warnings: [Problem])
        do { read = try Mount.decodeAdded(document, for: change.spec.linux) } catch {
            throw .config(path: path, error)
        }
        read.warnings.forEach { warn("\($0)") }
        if read.mounts.isEmpty { return }
        var spec = change.spec
        spec.mounts = read.mounts
        let plan: Plan
        do { plan = try Plan.addMounts(spec, on: change.host, options: change.options, entry: change.entry) } catch {
            throw .plan(error)
        }
        plan.warnings.forEach(warn)
        let termination: TerminationSignals
        do { termination = try TerminationSignals(blocking: ()) } catch { throw .system(error, field: "") }
        do throws(RuntimeError) {
            try add(spec, plan, change, to: &container.record, entry, termination.descriptor.number)
        } catch {
            if let signal = termination.next() { throw .interrupted(signal: signal, error) }
            throw error
        }
    }

    private func add(
        _ spec: Spec, _ plan: Plan, _ change: borrowing MountChange, to record: inout Record,
        _ entry: borrowing Entry, _ interruption: Int32
    ) throws(RuntimeError) {
        // To take back what was mounted needs descriptors as well: there have to be some left for that.
        let reserve = try MountChange.reserve()
        // Who is killed half-way leaves it in the state that these may be there.
        let before = record
        record.addedMounts += spec.mounts.map { AddedMount(destination: $0.destination) }
        try entry.write(record)
        var mounts: [Int32] = []
        var worker: MountWorker
        do {
            worker = try MountWorker.start(plan, change, spec, interruption: interruption)
        } catch {
            try? entry.write(before)  // The first error is the one to tell.
            throw error
        }
        do throws(RuntimeError) {
            try attach(&mounts, worker: &worker, spec, change, &record, first: before.addedMounts.count)
            try entry.write(record)
            worker.finish()
        } catch {
            worker.end()
            _ = consume reserve
            do throws(RuntimeError) {
                try takeBack(mounts, spec, change)
                try entry.write(before)
            } catch let second {
                warn("what was mounted before the failure could not be taken away: \(second)")
            }
            throw error
        }
    }

    /// Keeps the meetings until everything is attached.
    ///
    /// - Parameters:
    ///   - mounts: gets those that are attached or are about to be; the worker owns them.
    ///   - first: index of the first one among the record's.
    private func attach(
        _ mounts: inout [Int32], worker: inout MountWorker, _ spec: Spec, _ change: borrowing MountChange,
        _ record: inout Record, first: Int
    ) throws(RuntimeError) {
        while true {
            let (meeting, descriptor) = try worker.next()
            let index = worker.entry ?? 0
            do throws(SystemError) {
                switch (meeting, descriptor) {
                case (.ready, _):
                    for (index, mount) in mounts.enumerated() {
                        record.addedMounts[first + index].mount = try Tree.place(of: mount).lastingID
                    }
                    return
                case (.target, let target?):
                    record.addedMounts[first + index].place = try Files.readLink("/proc/self/fd/\(target)")
                case (.mount, let mount?): mounts.append(mount)
                default: break
                }
            } catch {
                throw .system(error, field: "mounts[\(index)]")
            }
            if meeting == .target {
                try change.requireFree(record.addedMounts[first + index].place, index)
            } else if meeting == .mapIDs, let tree = descriptor {
                try change.idMapped(spec, index, change.linuxOfProcess())?.map(tree)
                try change.requireProcess()
            }
            try worker.reply()
        }
    }

    /// - Parameter mounts: borrowed; those of them that were not attached stay as they are.
    private func takeBack(_ mounts: [Int32], _ spec: Spec, _ change: borrowing MountChange) throws(RuntimeError) {
        if mounts.isEmpty { return }
        let plan = Plan.takeMountsBack(
            mounts.count, spec, on: change.host, options: change.options, entry: change.entry)
        var worker = try MountWorker.start(plan, change, spec, attached: mounts)
        do throws(RuntimeError) {
            while try worker.next().meeting != .ready { try worker.reply() }
            worker.finish()
        } catch {
            worker.end()
            // What was mounted has gone with the container.
            if (try? change.target.hasEnded(within: 0)) == true { return }
            throw error
        }
    }
}

extension MountChange {
    /// Refuses a place that is not the container's to have something mounted on. By its text: it is the path of what is
    /// held, which only who may mount in the container could move away.
    fileprivate borrowing func requireFree(_ place: String, _ index: Int) throws(RuntimeError) {
        guard let problem = Mount.problemWithDestination(place) ?? protection(at: place).map({ "\(place) \($0)" })
        else { return }
        throw .plan(PlanError(field: "mounts[\(index)].destination", message: problem))
    }
}
