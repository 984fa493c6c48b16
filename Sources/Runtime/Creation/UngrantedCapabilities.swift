internal import Kernel
internal import OCI

/// The capabilities that a process asks for and cannot get: they are left out with a warning, and are no error
/// (config.md, "Linux Process").
enum UngrantedCapabilities {
    /// The warnings, one for each reason.
    ///
    /// - Parameters:
    ///   - capabilities: what the process asks for.
    ///   - linux: whose namespaces count: whoever comes into a user namespace can have every capability in there
    ///     (user_namespaces(7)).
    ///   - own: the capabilities that this process has now.
    ///   - last: number of the newest capability that the kernel knows.
    static func warnings(_ capabilities: Capabilities?, _ linux: Linux, own: UInt64, last: UInt8) -> [Problem] {
        guard let wanted = capabilities?.all, wanted != [] else { return [] }
        var warnings: [Problem] = []
        let known = CapabilitySet(rawValue: (2 << UInt64(last)) &- 1)
        let unknown = wanted.subtracting(known)
        if unknown != [] {
            warnings.append(Problem(path: place, message: "this kernel does not know \(names(unknown))"))
        }
        let missing = wanted.intersection(known).subtracting(CapabilitySet(rawValue: own))
        if missing != [], !linux.separates(.user), let bounding = boundingSet {
            let refused = missing.subtracting(bounding)
            if refused != [] {
                warnings.append(
                    Problem(
                        path: place,
                        message: "apus itself may not have \(names(refused)), so the container cannot get it"))
            }
        }
        return warnings
    }

    private static let place = "process.capabilities"

    private static func names(_ set: CapabilitySet) -> String {
        set.members.map { $0.name }.joined(separator: ", ")
    }

    /// The capabilities that this process could ever have: `CapBnd` of /proc/self/status.
    private static var boundingSet: CapabilitySet? {
        guard let status = try? Files.readText("/proc/self/status") else { return nil }
        let line = status.split(separator: "\n").first { $0.hasPrefix("CapBnd:") }
        return line?.split(separator: "\t").last.flatMap { UInt64($0, radix: 16) }.map { CapabilitySet(rawValue: $0) }
    }
}

extension Capabilities {
    /// What is in any of the sets.
    fileprivate var all: CapabilitySet {
        bounding.union(effective).union(inheritable).union(permitted).union(ambient)
    }
}
