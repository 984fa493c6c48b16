internal import OCI

/// What a service manager has to do with a container: the socket at which it says that it is ready, and sockets that it
/// gets from its manager.
extension PlanBuilder {
    /// Where the container finds the directory of its socket.
    private static let notifyDirectory = NotifyDirectory.path

    /// Puts the directory with the socket into the container: a small file system of the container's own, so that no
    /// inode of the host is in reach.
    ///
    /// An ordinary user, who cannot make one outside, gives a directory of his own, in which whoever starts the container
    /// makes the socket.
    mutating func mountNotifySocket() throws(PlanError) {
        guard let directory = options.notifyDirectory else { return }
        guard makesMounts else {
            throw PlanError(
                field: "linux.namespaces",
                message: "NOTIFY_SOCKET takes a mount namespace that is made for the container")
        }
        let origin = Origin.field("NOTIFY_SOCKET")
        var slot = Slot.mount
        if host.caller == .ordinaryUser {
            // He has no right to copy mounts on the host, and owns the directory.
            add(.openTree(nil, path: directory, flags: TreeFlag.clone, into: slot), origin)
            add(.setMountAttributes(slot, set: 0xf), origin)  // ro, nosuid, nodev, noexec
        } else {
            slot = provide(.notifyDirectory, origin)
            if options.hasGate { notifySocket = provide(.notifySocket, origin) }
        }
        add(.makeTarget(root: .root, path: Self.notifyDirectory, .directory, .notInProc, into: .target), origin)
        add(.moveMount(slot, to: .target), origin)
    }

    /// Replaces what the configuration says of both: the values of a manager are about the manager's own process.
    func withServices(_ given: [String]) -> [String] {
        var environment = given
        if options.listenDescriptors > 0 {
            environment.removeAll { entry in Self.listenVariables.contains { entry.begins(with: $0) } }
            environment.append("LISTEN_FDS=\(options.listenDescriptors)")
            if hasFirstPID { environment.append("LISTEN_PID=1") }
            if let names = options.listenNames { environment.append("LISTEN_FDNAMES=\(names)") }
        }
        if options.notifyDirectory != nil {
            environment.removeAll { $0.begins(with: "NOTIFY_SOCKET=") }
            environment.append("NOTIFY_SOCKET=\(Self.notifyDirectory)/notify.sock")
        }
        return environment
    }

    private static let listenVariables = ["LISTEN_FDS=", "LISTEN_PID=", "LISTEN_FDNAMES="]

    /// Whether the process is number 1 of a pid namespace that is made for it.
    private var hasFirstPID: Bool { isFirstProcess && spec.linux.creates(.pid) }

    /// Where others number the processes, the process itself knows its number, and nobody before.
    mutating func tellPID() {
        guard options.listenDescriptors > 0, !hasFirstPID else { return }
        add(.tellPID(variable: "LISTEN_PID"), .field("LISTEN_FDS"))
    }
}

/// Where a container has the directory with the socket at which it says that it is ready.
public enum NotifyDirectory {
    public static var path: String { "/run/notify" }
}
