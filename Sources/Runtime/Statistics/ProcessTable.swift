internal import Cgroups
internal import JSON
internal import Kernel
internal import OCI
internal import Spelling

extension Lifecycle {
    /// The processes of a container as the host numbers them, in ascending order; none when it has stopped.
    public func processes(_ id: String) throws(RuntimeError) -> [Int32] {
        let container = try Container(try Self.checked(id), in: store)
        let cgroup = try container.requireCgroup()
        do { return try cgroup.processes().sorted() } catch { throw .cgroup(error) }
    }

    /// What ps(1) of the host says about the processes of a container: its header, and their lines.
    ///
    /// - Parameters:
    ///   - id: the container's.
    ///   - options: for ps; none stands for `-ef`.
    public func processTable(_ id: String, options: [String]) throws(RuntimeError) -> String {
        let pids = Set(try processes(id))
        let text: String
        do { text = try HostProgram.output(of: "ps", options.isEmpty ? ["-ef"] : options) } catch {
            throw .program(error)
        }
        guard let table = ProcessTable.lines(of: text, about: pids) else {
            throw .status("couldn't find PID field in ps output")
        }
        return table
    }
}

/// What ps(1) prints, and what of it is about some processes.
public enum ProcessTable {
    /// The header and the lines whose column `PID` holds one of the process ids; nil if there is no such column.
    static func lines(of text: String, about pids: Set<Int32>) -> String? {
        let lines = text.components(between: "\n")
        guard let header = lines.first,
            let column = header.components(between: " ").firstIndex(where: { $0.hasBytes(of: "PID") })
        else { return nil }
        var result = Quoting.line(header)
        for line in lines.dropFirst() {
            let fields = line.components(between: " ")
            guard fields.count > column, let pid = Int32(fields[column]), pids.contains(pid) else { continue }
            // What a process calls itself: not every ps(1) makes it harmless.
            result += Quoting.line(line)
        }
        return result
    }

    /// The process ids as a JSON array on one line; `null` if there is none, as runc has it.
    public static func json(of pids: [Int32]) -> [UInt8] {
        var writer = JSONWriter(.compact)
        if pids.isEmpty {
            writer.null()
        } else {
            writer.array { writer in for pid in pids { writer.integer(pid) } }
        }
        return writer.bytes
    }
}
