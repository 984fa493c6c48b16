internal import Kernel
internal import Launch
internal import Planner

/// Everybody on the host shares the inode of its null device, and who has a descriptor of it and is its owner can change its mode
/// (fchmod(2)). So a container gets a null device of its own, or one that it cannot change.
extension NullStreams {
    /// makedev(1, 3), as stat(2) has it.
    private static let nullDevice: UInt64 = 0x103

    /// Those of this process. Who is not root of the host cannot change the device, nor protect it.
    static func ofCaller(_ caller: HostFacts.Caller) -> NullStreams {
        var streams = NullStreams()
        guard caller == .root else { return streams }
        for number in numbers {
            // A stream that is closed is no device.
            guard let status = try? Files.status(of: number), isNull(status),
                let mode = try? Descriptor.accessMode(of: number)
            else { continue }
            streams.add(number, accessMode: mode)
        }
        return streams
    }

    private static func isNull(_ status: FileStatus) -> Bool {
        status.kind == .characterDevice && status.specialDevice == nullDevice
    }

    /// What a process gets instead.
    ///
    /// - Parameter root: the root of the container that it joins, where the container's own null device may be.
    func replaced(root: Int32? = nil) throws(SystemError) -> StandardStreams {
        if isEmpty { return StandardStreams() }
        // One that cannot be opened (nodev) serves as little as none.
        if let root, let own = Self.own(in: root), let opened = try? opened(own) { return opened }
        return try opened(try Self.unchangeable())
    }

    private func opened(_ device: borrowing Descriptor) throws(SystemError) -> StandardStreams {
        var opened = StandardStreams()
        for number in Self.numbers {
            guard let accessMode = self[number] else { continue }
            let flags = OpenFlags(rawValue: accessMode).union(.noControllingTerminal)
            opened.set(number, try device.reopened(flags))
        }
        return opened
    }

    /// The container's own null device, held as a place; nil if what it has there is none, or the host's.
    private static func own(in root: Int32) -> Descriptor? {
        let resolution: Resolution = [.inRoot, .noMagicLinks, .noSymbolicLinks]
        // Whatever is wrong with it, the host's serves as well.
        guard let place = try? Descriptor.open("/dev/null", [.path], at: .directory(root), resolve: resolution),
            let status = try? place.status(), isNull(status), let hosts = try? Files.status("/dev/null"),
            (status.device, status.inode) != (hosts.device, hosts.inode)
        else { return nil }
        return place
    }

    /// The host's null device, seen through a read-only mount that is in no mount namespace: nobody can make it writable.
    private static func unchangeable() throws(SystemError) -> Descriptor {
        let tree = try Tree.copy("/dev/null", recursive: false, noFollow: true)
        guard isNull(try tree.status()) else { throw SystemError("open_tree", "/dev/null", .noDevice) }
        try Tree.makeReadOnly(tree)
        return tree
    }
}
