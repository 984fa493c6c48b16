internal import Kernel

/// The values that files had before an update wrote to them, so that a failed one can be taken back.
final class Journal {
    /// One thing to take back: nil when that worked, else why it did not.
    private typealias Undoing = () -> String?

    private var undoings: [Undoing] = []
    /// What is kept already, by path and by key in it: the first value is the one to go back to.
    private var known: Set<String> = []

    /// Keeps what a file, or one line of it, says now. A file that cannot be read cannot be restored either, and says
    /// so when it comes to that.
    func keep(_ setting: ControlFiles.Setting, in directory: String) {
        let path = "\(directory)/\(setting.file)"
        if setting.file == "cpu.idle" { keepShares(in: directory) }
        let former = FormerValue(of: setting)
        guard known.insert("\(path) \(former.key)").inserted else { return }
        // A file that is not there is not written to either.
        guard Files.exists(path) else { return }
        guard let bytes = try? Files.read(path) else {
            undoings.append { "\(path): cannot be read" }
            return
        }
        guard let value = former.value(in: String(decoding: bytes, as: UTF8.self)) else {
            undoings.append { "\(path): the former value cannot be written" }
            return
        }
        // A write that was refused has changed nothing.
        undoings.append { (try? Files.read(path)) == bytes ? nil : Self.write(value, to: path) }
    }

    /// A group that becomes idle loses its shares. Kept before, they are restored after it is idle no more.
    private func keepShares(in directory: String) {
        // Of a group that is idle already they are of no use; what cannot be read says so when it is written to.
        guard (try? Files.readOnce("\(directory)/cpu.idle"))?.first == UInt8(ascii: "0") else { return }
        for file in ["cpu.shares", "cpu.weight"] { keep(ControlFiles.Setting(file, "", ""), in: directory) }
    }

    private static func write(_ value: String, to path: String) -> String? {
        do { try Files.writeExisting(path, value) } catch { return "write \"\(value)\" to \(path): \(error.errno)" }
        return nil
    }

    /// Keeps what no single value of a file says.
    func keep(_ undo: @escaping () -> String?) { undoings.append(undo) }

    /// Takes everything back, the last first; returns what could not be. Values that limit each other may need more
    /// than one try.
    func restore() -> [String] {
        var rest = Array(undoings.reversed())
        undoings = []
        known = []
        while true {
            var failures: [String] = []
            var failed: [Undoing] = []
            for undo in rest {
                guard let failure = undo() else { continue }
                failures.append(failure)
                failed.append(undo)
            }
            if failed.isEmpty || failed.count == rest.count { return failures }
            rest = failed
        }
    }
}

/// How the former value of a control file is found in what the file says, and written back.
struct FormerValue {
    private let file: String
    /// The first word of the line that the new value replaces; empty where the file holds one value.
    let key: String

    init(of setting: ControlFiles.Setting) {
        file = setting.file
        let words = setting.value.split(separator: " ")
        if Self.hasLines(file) {
            key = words.first.map(String.init) ?? ""
        } else if Self.hasWeights(file) {
            key = words.count > 1 ? String(words[0]) : "default"
        } else {
            key = ""
        }
    }

    /// Files with a line for each device or interface.
    static func hasLines(_ file: String) -> Bool {
        if file.hasPrefix("blkio."), file.hasSuffix("_device") { return true }
        return [
            "io.max", "io.latency", "rdma.max", "misc.max", "dmem.max", "dmem.low", "dmem.min", "net_prio.ifpriomap",
        ].contains(file)
    }

    /// Files with a weight for all, and lines for devices that have another one. cgroup v1 has no word for the former.
    static func hasWeights(_ file: String) -> Bool {
        file == "io.weight" || file == "io.bfq.weight"
    }

    /// What has to be written to have back what `text` says; nil if nothing would do that.
    func value(in text: String) -> String? {
        let lines = text.split(separator: "\n")
        if file == "memory.oom_control" {
            return lines.first { $0.hasPrefix("oom_kill_disable ") }.map { String($0.dropFirst(17)) }
        }
        if key.isEmpty {
            // An empty text is no write at all; the kernel takes a newline for it.
            guard let first = lines.first else { return "\n" }
            // Of an idle group the weight is not told, and is of no use until it is idle no more.
            if file == "cpu.weight", first == "0" { return "100" }
            return lines.count == 1 ? String(first) : nil
        }
        if let line = lines.first(where: { $0.split(separator: " ").first.map(String.init) == key }) {
            return String(line)
        }
        return absent
    }

    /// What takes a line away again.
    private var absent: String? {
        switch file {
        case "io.max": "\(key) rbps=max wbps=max riops=max wiops=max"
        case "io.latency": "\(key) target=0"
        case "io.weight", "io.bfq.weight", "blkio.bfq.weight_device", "blkio.weight_device": "\(key) default"
        default: file.hasPrefix("blkio.throttle.") ? "\(key) 0" : nil
        }
    }
}
