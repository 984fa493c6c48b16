internal import Kernel

extension Cgroup {
    /// The processes in the cgroup and in those below it, in no order; none if it is gone.
    public func processes() throws(CgroupError) -> [Int32] {
        guard let directory = processList ?? unified else { return [] }
        return try ProcessList.processes(in: directory, recursive: true)
    }

    /// Sends a signal to every process. They stand still meanwhile, so that no child escapes it.
    public func signalAll(_ signal: Int32) throws(CgroupError) {
        if signal == ProcessList.kill { return try killAll() }
        // A cgroup that cannot be frozen is signalled as it runs.
        let freezes = try !isFrozen() && (try? freeze(within: 200)) != nil
        do {
            for pid in try processes() { ProcessList.signal(pid, signal) }
        } catch {
            if freezes { try thaw() }
            throw error
        }
        if freezes { try thaw() }
    }

    /// Kills every process, frozen or not. When this returns, each has its SIGKILL; `remove` waits for their end.
    public func killAll() throws(CgroupError) {
        if let unified {
            do { try Files.writeExisting("\(unified)/cgroup.kill", "1") } catch {
                if error.errno != .noEntry, error.errno != .noDevice {
                    throw .write(error, value: "1", field: "", hint: "")
                }
            }
        }
        if let processList { try killAllV1(processList) }
    }

    /// Freezes, kills and thaws until there is nobody who was not killed yet. A frozen task dies when it is thawed.
    private func killAllV1(_ directory: String) throws(CgroupError) {
        var killed: Set<Int32> = []
        for _ in 0..<100 {
            let found = try ProcessList.processes(in: directory, recursive: true)
            if found.isEmpty, killed.isEmpty { return }
            if killed.isSuperset(of: found) { break }
            // If it cannot be frozen, the next round finds who escaped.
            if let freezer, !freezer.isUnified { try? Freezer.set(frozen: true, freezer) }
            for pid in try ProcessList.processes(in: directory, recursive: true) {
                ProcessList.signal(pid, ProcessList.kill)
                killed.insert(pid)
            }
            if let freezer, !freezer.isUnified { try Freezer.thaw(freezer) }
        }
    }
}

/// Who is in a directory of cgroupfs.
enum ProcessList {
    /// SIGKILL.
    static var kill: Int32 { 9 }

    /// The pids of `cgroup.procs`; none if the directory is gone, or if it is a threaded cgroup, whose processes are
    /// those of the cgroup above.
    static func processes(in directory: String, recursive: Bool) throws(CgroupError) -> [Int32] {
        var pids: [Int32] = []
        do { try collect(directory, recursive, into: &pids) } catch {
            throw .system(error, field: "", hint: "")
        }
        return pids
    }

    private static func collect(
        _ directory: String, _ recursive: Bool, into pids: inout [Int32]
    ) throws(SystemError) {
        do {
            try append(directory, to: &pids)
            guard recursive, try hasChildren(directory) else { return }
            for name in try children(of: directory) {
                try collect("\(directory)/\(name)", true, into: &pids)
            }
        } catch {
            // Gone, or going at this very moment.
            if error.errno != .noEntry, error.errno != .noDevice { throw error }
        }
    }

    private static func append(_ directory: String, to pids: inout [Int32]) throws(SystemError) {
        let bytes: [UInt8]
        do { bytes = try Files.read("\(directory)/cgroup.procs") } catch {
            if error.errno == .notSupported { return }
            throw error
        }
        var number: Int32 = 0
        for byte in bytes {
            if byte == UInt8(ascii: "\n") {
                // 0 is a process of another pid namespace.
                if number > 0 { pids.append(number) }
                number = 0
            } else {
                number = number &* 10 &+ Int32(byte &- UInt8(ascii: "0"))
            }
        }
    }

    /// A directory of cgroupfs has a link for itself, one for its entry above, and one for each directory in it.
    static func hasChildren(_ directory: String) throws(SystemError) -> Bool { try Files.linkCount(directory) > 2 }

    /// The names of the cgroups in a directory.
    static func children(of directory: String) throws(SystemError) -> [String] {
        try Files.listDirectories(directory)
    }

    /// A process that has ended in the meantime needs no signal.
    static func signal(_ pid: Int32, _ signal: Int32) { try? Process(opening: pid).signal(signal) }
}
