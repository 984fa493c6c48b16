internal import Kernel

/// A container's class of service, and its monitoring group if it has one. A value that can be rebuilt from the
/// container's state.
public struct ResctrlGroup: Sendable {
    /// The directory of the class of service.
    public let directory: String
    private let resctrl: Resctrl?
    /// What was not there before: the class first, then its monitoring group.
    private var made: [String]
    /// Whether the configuration names the class (`closID`): then it stays when the container goes, whoever made it
    /// (config-linux.md, "IntelRdt").
    private let isNamed: Bool
    /// Lines for the `schemata` file.
    private let schemata: [String]

    init(resctrl: Resctrl, directory: String, made: [String], isNamed: Bool, schemata: [String]) {
        self.directory = directory
        self.isNamed = isNamed
        self.resctrl = resctrl
        self.made = made
        self.schemata = schemata
    }

    /// The group that a container's state describes; nil if it has none.
    public init?(restoring stateText: [String]) {
        guard let directory = stateText.first, stateText.allSatisfy({ $0.hasPrefix("/") }) else { return nil }
        self.directory = directory
        resctrl = nil
        made = Array(stateText.dropFirst())
        isNamed = false
        schemata = []
    }

    /// The directory, then what is to be removed with the container.
    public var stateText: [String] { [directory] + made.filter { !isNamed || $0 != directory } }

    /// The monitoring group's directory, if there is one.
    private var monitoring: String? { made.last { $0.hasPrefix("\(directory)/mon_groups/") } }

    // MARK: Making

    /// Makes what is not there. A class that is there already has to have the schemas that are asked for; it stays when
    /// the container goes.
    public mutating func make() throws(CgroupError) {
        var done: [String] = []
        do {
            for path in made {
                if try !makeDirectory(path) {
                    // Another container has made the same class in the meantime.
                    made.removeAll { $0 == path }
                    continue
                }
                done.append(path)
                resctrl?.hasMade(path)
            }
            if done.contains(directory) { try write(schemata, field: Resctrl.field("schemata")) } else { try compare() }
        } catch {
            for path in done.reversed() { try? Files.removeDirectory(path) }
            made = []
            throw error
        }
    }

    /// False if the class of service is there by now.
    private func makeDirectory(_ path: String) throws(CgroupError) -> Bool {
        do { try Files.makeDirectory(path, mode: 0o755) } catch {
            if error.errno == .exists, path == directory { return false }
            let hint = error.errno == .noSpace ? "all classes of service of this processor are in use" : ""
            throw .system(error, field: Resctrl.field(""), hint: hint)
        }
        return true
    }

    private func compare() throws(CgroupError) {
        guard !schemata.isEmpty else { return }
        let content: String
        do { content = try Files.readText("\(directory)/schemata") } catch {
            throw .system(error, field: Resctrl.field("schemata"), hint: "")
        }
        guard let line = Schemata.firstDifference(of: schemata, from: content) else { return }
        throw .value(
            field: Resctrl.field("schemata"), reason: "\(directory) exists, and its schemata are not \"\(line)\"")
    }

    /// Writes each line by itself; the kernel says in words what is wrong with one.
    private func write(_ lines: [String], field: String) throws(CgroupError) {
        for line in lines {
            do { try Files.writeExisting("\(directory)/schemata", line + "\n") } catch {
                throw .write(error, value: line, field: field, hint: lastStatus)
            }
        }
    }

    /// What the kernel says about the last command that failed.
    private var lastStatus: String {
        // Only a hint; without the file there is none.
        let text = (try? Files.readText("\(root)/info/last_cmd_status")) ?? ""
        return text == "ok" ? "" : text
    }

    // MARK: Members

    /// Puts a process into the class of service, and into the monitoring group. What it forks from then on is in there
    /// too.
    public func add(_ pid: Int32) throws(CgroupError) {
        for path in [directory] + (monitoring.map { [$0] } ?? []) {
            do { try Files.writeExisting("\(path)/tasks", "\(pid)") } catch {
                throw .write(error, value: "\(pid)", field: Resctrl.field(""), hint: lastStatus)
            }
        }
    }

    // MARK: Changing and removing

    /// Sets other schemas for the class of service, and so for everybody in it.
    public func update(l3Cache: String?, memoryBandwidth: String?) throws(CgroupError) {
        try Resctrl(root: root).check(l3Cache: l3Cache, memoryBandwidth: memoryBandwidth) { $0 }
        let lines = Schemata.lines(l3Cache: l3Cache, memoryBandwidth: memoryBandwidth)
        try write(lines, field: l3Cache == nil ? "memBwSchema" : "l3CacheSchema")
    }

    /// Where resctrl is mounted: the class is its root, or a directory in it.
    private var root: String {
        resctrl?.root ?? (Files.exists("\(directory)/info") ? directory : parent(of: directory))
    }

    /// Removes what goes with the container, or, of one that is given up, what was made for it. A class that others have
    /// joined stays: the kernel would give it up without a word, and they had no limits any more.
    public func remove() throws(CgroupError) {
        for path in made.reversed() {
            if path == directory, isUsed { continue }
            do { try Files.removeDirectory(path) } catch {
                if error.errno != .noEntry { throw .system(error, field: "", hint: "") }
            }
        }
    }

    /// Whether anybody is in the class.
    private var isUsed: Bool {
        // What cannot be read is gone.
        guard let bytes = try? Files.readOnce("\(directory)/tasks") else { return false }
        return !bytes.isEmpty
    }
}
