public import Kernel

/// Why something could not be done with a cgroup. Each error names its place: a field of the configuration, a file or
/// a directory.
public enum CgroupError: Error, Sendable {
    /// `linux.cgroupsPath` names no place in the host's hierarchies.
    case path(String, reason: PathReason)
    /// The host has no cgroup file system in which a cgroup could be made.
    case noCgroups
    /// A new container would share a cgroup with processes that are there already.
    case occupied(directory: String, processes: Int)
    /// A new container would be frozen before it starts.
    case frozen(directory: String)
    /// A container cannot be below a threaded cgroup (cgroups(7), "Thread mode").
    case threaded(directory: String)
    /// A limit needs a controller that the cgroup does not have.
    case noController(String, field: String, reason: String)
    /// A limit needs a file that the controller does not have on this kernel.
    case noFile(String, field: String)
    /// A value that means nothing here, or contradicts another one.
    case value(field: String, reason: String)
    /// A call failed. `field` is empty where no field of the configuration is behind it.
    case system(SystemError, field: String, hint: String)
    /// A file of a cgroup did not take a value.
    case write(SystemError, value: String, field: String, hint: String)
    /// Processes, or cgroups that came into being again and again, kept a cgroup from being removed.
    case inUse(directory: String, processes: [Int32])
    /// No bus leads to the systemd that is to make the cgroup.
    case noBus(SystemdUnit.Instance, address: String, reason: String)
    /// systemd refused something, or did not do it. `unit` is empty where it is about none.
    case systemd(String, unit: String, reason: String, hint: String)
    /// Some task did not freeze in time, and everything was thawed again.
    case freezing(directory: String)
    /// An update failed, and not everything that it had changed could be restored.
    indirect case notRestored(CgroupError, [String])

    /// What is wrong with a `cgroupsPath`.
    public enum PathReason: Sendable, Equatable {
        case leadsOut, namesNothing, badCharacter, tooLong
    }
}

extension CgroupError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .path(let text, let reason): "linux.cgroupsPath: \(reason): \"\(text)\""
        case .noCgroups:
            "linux.cgroupsPath: no cgroup file system is mounted on this host "
                + "(with --rootless=true containers without limits go without)"
        case .occupied(let directory, let processes):
            "linux.cgroupsPath: container's cgroup is not empty: \(processes) process(es) found in \(directory)"
        case .frozen(let directory): "linux.cgroupsPath: container's cgroup unexpectedly frozen: \(directory)"
        case .threaded(let directory): "linux.cgroupsPath: below a threaded cgroup: \(directory)"
        case .noController(let name, let field, let reason):
            "\(field): the \(name) controller is not available: \(reason)"
        case .noFile(let path, let field): "\(field): there is no \(path) on this kernel"
        case .value(let field, let reason): "\(field): \(reason)"
        case .system(let error, let field, let hint): Self.prefix(field) + "\(error)" + Self.suffix(hint)
        case .write(let error, let value, let field, let hint):
            Self.prefix(field) + "write \"\(value)\" to \(error.path): \(error.errno)" + Self.suffix(hint)
        case .inUse(let directory, let processes): Self.inUse(directory, processes)
        case .noBus(let instance, let address, let reason):
            "cannot connect to the \(instance.rawValue) bus" + (address.isEmpty ? "" : " at \(address)") + ": \(reason)"
                + Self.suffix(SystemdManager.advice(instance))
        case .systemd(let operation, let unit, let reason, let hint):
            "systemd: \(operation)" + (unit.isEmpty ? "" : " \(unit)") + ": \(reason)" + Self.suffix(hint)
        case .freezing(let directory): "some task did not freeze in time: \(directory)"
        case .notRestored(let error, let failures):
            "\(error); former values that could not be restored: \(failures.joined(separator: "; "))"
        }
    }

    private static func prefix(_ field: String) -> String { field.isEmpty ? "" : field + ": " }

    private static func suffix(_ hint: String) -> String { hint.isEmpty ? "" : " (\(hint))" }

    private static func inUse(_ directory: String, _ processes: [Int32]) -> String {
        let list = processes.prefix(8).map { "\($0)" }.joined(separator: ", ")
        let more = processes.count > 8 ? ", ..." : ""
        return "cannot remove cgroup \(directory): device or resource busy"
            + (processes.isEmpty ? "" : " (processes \(list)\(more))")
    }
}

extension CgroupError.PathReason: CustomStringConvertible {
    public var description: String {
        switch self {
        case .leadsOut: "must not contain \"..\""
        case .namesNothing: "names the root of the hierarchy, not a cgroup in it"
        case .badCharacter: "contains a zero or a newline"
        case .tooLong: "has a name longer than 255 bytes"
        }
    }
}
