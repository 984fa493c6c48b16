/// A unit of systemd that a container's cgroup belongs to.
public struct SystemdUnit: Sendable, Equatable {
    /// Which systemd is in charge: that of the host, or a user's own.
    public enum Instance: String, Sendable {
        case system, user
    }

    public let instance: Instance
    /// Such as `apus-web.scope`.
    public let name: String

    public init(_ instance: Instance, _ name: String) {
        self.instance = instance
        self.name = name
    }

    /// A slice is made without processes, and they are put into its cgroup like into any other.
    public var isSlice: Bool { name.hasSuffix(SystemdPlace.sliceSuffix) }

    // MARK: In a container's state

    private static let label = "systemd"

    /// `systemd:system:apus-web.scope`.
    var stateText: String { "\(Self.label):\(instance.rawValue):\(name)" }

    /// The unit that a line of a container's state describes; nil if it describes something else.
    init?(restoring text: String) {
        guard text.hasPrefix(Self.label) else { return nil }
        let parts = text.utf8.split(separator: UInt8(ascii: ":"), maxSplits: 2).map {
            String(decoding: $0, as: UTF8.self)
        }
        guard parts.count == 3, parts[0] == Self.label, let instance = Instance(rawValue: parts[1]) else { return nil }
        self.init(instance, parts[2])
    }
}

/// Where `linux.cgroupsPath` puts a container under systemd: `slice:prefix:name`, as in runc.
struct SystemdPlace: Sendable, Equatable {
    let unit: SystemdUnit
    /// The slice that the unit is in, such as `machine.slice`; `-.slice` is the root. Empty for a unit that is a slice:
    /// its name says where it is.
    let slice: String
    /// The unit's cgroup below that of the systemd instance, such as `/machine.slice/apus-web.scope`.
    let path: String

    static let sliceSuffix = ".slice"
    private static let scopeSuffix = ".scope"

    /// - Parameter cgroupsPath: nil or empty stands for `:apus:ID`. Without a slice it is `system.slice`, or
    ///   `user.slice` for a user's systemd. `prefix-name.scope` is the unit, but a name that ends in `.slice` is the
    ///   unit itself.
    init(_ cgroupsPath: String?, id: String, _ instance: SystemdUnit.Instance) throws(CgroupError) {
        var parts = ["", "apus", id]
        if let text = cgroupsPath, !text.isEmpty {
            parts = text.utf8.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
                .map { String(decoding: $0, as: UTF8.self) }
            guard parts.count == 3 else {
                throw Self.problem(
                    "expected cgroupsPath to be of format \"slice:prefix:name\" for systemd cgroups, "
                        + "got \"\(text)\" instead")
            }
        }
        let name = parts[2].isEmpty ? id : parts[2]
        if name.hasSuffix(Self.sliceSuffix) {
            unit = SystemdUnit(instance, try Self.checked(name))
            slice = ""
            path = try Self.expand(name)
            if path.isEmpty { throw Self.problem("the root slice is no place for one container") }
        } else {
            unit = SystemdUnit(instance, try Self.checked("\(parts[1])-\(name)\(Self.scopeSuffix)"))
            slice = Self.slice(parts[0], instance)
            path = "\(try Self.expand(slice))/\(unit.name)"
        }
    }

    private static func slice(_ text: String, _ instance: SystemdUnit.Instance) -> String {
        switch text {
        case "": instance == .user ? "user.slice" : "system.slice"
        case "-": "-.slice"
        default: text
        }
    }

    /// The cgroup of a slice: each dash in its name is a level, so `a-b.slice` is `/a.slice/a-b.slice`
    /// (systemd.slice(5)). Empty for the root.
    static func expand(_ slice: String) throws(CgroupError) -> String {
        guard slice.hasSuffix(sliceSuffix), slice.utf8.count > sliceSuffix.utf8.count else {
            throw problem("not the name of a slice: \"\(slice)\"")
        }
        let stem = try checked(slice).dropLast(sliceSuffix.utf8.count)
        if stem == "-" { return "" }
        var path = ""
        var name = ""
        for part in stem.split(separator: "-", omittingEmptySubsequences: false) {
            if part.isEmpty { throw problem("not the name of a slice: \"\(slice)\"") }
            name += name.isEmpty ? String(part) : "-\(part)"
            path += "/\(name)\(sliceSuffix)"
        }
        return path
    }

    /// What a unit may be called (systemd.unit(5)): at most 255 bytes of these.
    private static func checked(_ name: String) throws(CgroupError) -> String {
        let isValid =
            name.utf8.count <= 255
            && name.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: ":"), UInt8(ascii: "_"), UInt8(ascii: "."),
                    UInt8(ascii: "\\"), UInt8(ascii: "-"):
                    true
                default: false
                }
            }
        if !isValid { throw problem("systemd does not take this for the name of a unit: \"\(name)\"") }
        return name
    }

    private static func problem(_ reason: String) -> CgroupError { .value(field: "linux.cgroupsPath", reason: reason) }
}
