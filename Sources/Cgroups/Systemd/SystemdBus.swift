internal import DBus
internal import Kernel

/// Which bus leads to the systemd that is in charge of the caller, and where its cgroups begin.
enum SystemdBus {
    /// The host's systemd for root, a user's own for everybody else, root of a user namespace included.
    static func instance() -> SystemdUnit.Instance {
        ThisProcess.effectiveUser == 0 && !isInUserNamespace ? .system : .user
    }

    /// user_namespaces(7): the initial one maps every id to itself.
    private static var isInUserNamespace: Bool {
        // A kernel without user namespaces has no such file.
        guard let text = try? Files.readText("/proc/self/uid_map") else { return false }
        return !isInitialMap(text)
    }

    static func isInitialMap(_ text: String) -> Bool {
        text.split(separator: " ").map { $0.filter { $0 != "\n" } } == ["0", "0", "4294967295"]
    }

    static func connect(to instance: SystemdUnit.Instance) throws(CgroupError) -> Bus {
        let address = try address(of: instance)
        do { return try Bus(address: address, as: instance == .user ? outerUser() : nil) } catch {
            throw .noBus(instance, address: address, reason: "\(error)")
        }
    }

    // MARK: Addresses

    private static func address(of instance: SystemdUnit.Instance) throws(CgroupError) -> String {
        switch instance {
        case .system:
            try checked(variable("DBUS_SYSTEM_BUS_ADDRESS") ?? "unix:path=/run/dbus/system_bus_socket", instance)
        case .user:
            if let address = variable("DBUS_SESSION_BUS_ADDRESS") {
                try checked(address, instance)
            } else if let directory = variable("XDG_RUNTIME_DIR") {
                "unix:path=\(escaped(directory))/bus"
            } else {
                throw .noBus(
                    instance, address: "",
                    reason: "neither DBUS_SESSION_BUS_ADDRESS nor XDG_RUNTIME_DIR is set")
            }
        }
    }

    private static func variable(_ name: String) -> String? {
        ThisProcess.environment(name).flatMap { $0.isEmpty ? nil : $0 }
    }

    /// Sockets of this host only: other kinds of addresses would run programs, or ask other hosts.
    static func checked(_ address: String, _ instance: SystemdUnit.Instance) throws(CgroupError) -> String {
        let parts = address.split(separator: ";")
        if parts.isEmpty || !parts.allSatisfy({ $0.hasPrefix("unix:") }) {
            throw .noBus(instance, address: address, reason: "not the address of a local socket (unix:)")
        }
        return address
    }

    /// A path as a value in an address (D-Bus specification, "Server Addresses").
    static func escaped(_ path: String) -> String {
        var text = ""
        for byte in path.utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "/"),
                UInt8(ascii: "."):
                text.unicodeScalars.append(Unicode.Scalar(byte))
            default:
                let digits = String(byte, radix: 16)
                text += digits.utf8.count == 1 ? "%0\(digits)" : "%\(digits)"
            }
        }
        return text
    }

    // MARK: Users

    /// The effective user as the bus sees it, which is outside of the caller's user namespace; nil where it is the
    /// same.
    private static func outerUser() -> UInt32? {
        guard isInUserNamespace, let map = try? Files.readText("/proc/self/uid_map") else { return nil }
        return outer(ThisProcess.effectiveUser, in: map)
    }

    /// Translates a user by a uid_map: lines of first id inside, first id outside, number of ids.
    static func outer(_ user: UInt32, in map: String) -> UInt32? {
        for line in map.split(separator: "\n") {
            let numbers = line.split(separator: " ").compactMap { UInt32($0) }
            guard numbers.count == 3, user >= numbers[0], user - numbers[0] < numbers[2] else { continue }
            return numbers[1] &+ (user - numbers[0])
        }
        return nil
    }

    /// Where the cgroups of a systemd begin, below the root of the hierarchy: empty for the host's.
    static func root(of instance: SystemdUnit.Instance, in hierarchy: Hierarchy) throws(CgroupError) -> String {
        switch instance {
        case .system: return ""
        case .user:
            let user = outerUser() ?? ThisProcess.effectiveUser
            let usual = "/user.slice/user-\(user).slice/user@\(user).service"
            if Files.exists(hierarchy.mountPoint + usual) { return usual }
            return try SystemdManager(.user).controlGroup()
        }
    }
}
