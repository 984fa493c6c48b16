internal import Kernel
public import OCI

/// Limits that were changed, and can be changed back.
public struct CgroupUpdate {
    /// What has no effect on this host, and why.
    public let notes: [Problem]
    private let journal: Journal

    init(notes: [Problem], journal: Journal) {
        self.notes = notes
        self.journal = journal
    }

    /// Takes the update back; returns what could not be restored.
    public func undo() -> [String] { journal.restore() }
}

extension Cgroup {
    /// Changes limits of a container that may be running. What is not mentioned stays; a failure restores what was
    /// changed before it, and the error tells what could not be restored.
    ///
    /// - Parameters:
    ///   - asked: the limits that were asked for up to now.
    ///   - change: what is to be changed; of a zero the same holds as in ``apply(_:_:origin:)``.
    ///   - origin: what messages put before a field's name.
    public func update(
        _ asked: Resources, with change: Resources, origin: String = "resources"
    ) throws(CgroupError) -> CgroupUpdate {
        let written = try Self.written(asked, change, origin)
        let journal = Journal()
        var limits = Limits(self, written, .update, origin, .journal(journal, former: asked))
        do {
            try limits.apply()
            try tellUnit(written, former: asked, origin, journal)
        } catch {
            let failures = journal.restore()
            throw failures.isEmpty ? error : .notRestored(error, failures)
        }
        return CgroupUpdate(notes: limits.notes, journal: journal)
    }

    /// systemd has to know what the files have got, or it would set its own values again. It writes them, rounded, at
    /// once: the files get theirs once more.
    private func tellUnit(
        _ written: Resources, former: Resources, _ origin: String, _ journal: Journal
    ) throws(CgroupError) {
        guard let unit else { return }
        // Taken back before the files are.
        journal.keep { self.restoreProperties(of: unit, former, after: written) }
        try updateProperties(of: unit, written)
        var again = Limits(self, written, .update, origin)
        try again.apply()
    }

    private func restoreProperties(of unit: SystemdUnit, _ former: Resources, after written: Resources) -> String? {
        do { try updateProperties(of: unit, former, insteadOf: written) } catch { return "\(error)" }
        return nil
    }

    /// What has to be written for a change: a group that stops being idle has lost its shares.
    private static func written(
        _ asked: Resources, _ change: Resources, _ origin: String
    ) throws(CgroupError) -> Resources {
        guard let cpu = change.cpu else { return change }
        let isShared = cpu.shares != nil && cpu.shares != 0
        if isShared, asked.cpu?.idle == 1, cpu.idle != 0 {
            throw .value(
                field: "\(origin).cpu.shares", reason: "the cgroup is idle and takes none: cpu.idle has to become 0")
        }
        var result = change
        if !isShared, cpu.idle == 0, let shares = asked.cpu?.shares { result.cpu?.shares = shares }
        return result
    }
}
