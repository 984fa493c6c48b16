internal import Kernel
internal import OCI

extension Lifecycle {
    /// Waits until a container's process has ended; a created container's too.
    /// - Returns: its exit status as a shell gives it; nil if it is not known.
    public func wait(_ id: String) throws(RuntimeError) -> Int32? {
        let id = try Self.checked(id)
        var record = try Container(id, in: store).record
        while true {
            // A create that is under way has no process yet, or one that another takes the place of.
            if record.pid == 0, try Container(record, in: store).status() == .creating {
                Wait.sleep(milliseconds: 10)
            } else {
                let status = try waitForEnd(of: record)
                guard let later = try current(record), later.pid != record.pid else { return status }
            }
            record = try Container(id, in: store).record
        }
    }

    private func waitForEnd(of record: Record) throws(RuntimeError) -> Int32? {
        if let status = record.exitStatus { return status }
        guard record.pid > 0 else { return nil }
        do {
            let process = try Kernel.Process(opening: record.pid)
            // The pid may have come to mean another process before it was held.
            guard try process.has(record.identity) else { return nil }
            return try process.waitForNonChild()?.shellStatus
        } catch {
            // It has ended, and was reaped before anybody looked.
            if error.errno == .noProcess || error.errno == .noEntry { return nil }
            throw .system(error, field: "")
        }
    }

    /// What the state says now of the same container; nil if it was deleted.
    private func current(_ record: Record) throws(RuntimeError) -> Record? {
        do {
            let now = try Container(record.id, in: store).record
            return now.created == record.created ? now : nil
        } catch {
            if case .unknownContainer = error { return nil }
            throw error
        }
    }
}
