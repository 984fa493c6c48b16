import JSON

extension Reader {
    /// `linux`, apart from the namespaces, which are read already.
    mutating func linux(_ node: JSONNode, _ namespaces: Linux) -> Linux {
        var linux = namespaces
        linux.timeOffsets = timeOffsets(node)
        linux.devices = devices(node)
        linux.netDevices = netDevices(node)
        linux.cgroupsPath = cgroupsPath(node)
        linux.resources = object(node, "resources").map { resources($0) }
        linux.intelRdt = object(node, "intelRdt").map { intelRdt($0) }
        linux.memoryPolicy = object(node, "memoryPolicy").flatMap { memoryPolicy($0) }
        linux.sysctl = sysctls(node)
        linux.seccomp = object(node, "seccomp").flatMap { seccomp($0) }
        linux.rootfsPropagation = rootfsPropagation(node)
        linux.maskedPaths = pathsToChange(node, "maskedPaths")
        linux.readonlyPaths = pathsToChange(node, "readonlyPaths")
        linux.mountLabel = text(node, "mountLabel")
        linux.personality = object(node, "personality").flatMap { personality($0) }
        return linux
    }

    private mutating func pathsToChange(_ linux: JSONNode, _ name: StaticString) -> [String] {
        if let node = linux[name], node.count > 0 { needMountNamespace(node) }
        return absolutePaths(linux, name)
    }

    /// `shared`, `slave`, `private`, `unbindable`, and with an `r` before it, which runc accepts too.
    private mutating func rootfsPropagation(_ linux: JSONNode) -> MountPropagation? {
        guard let node = linux["rootfsPropagation"], let name = text(linux, "rootfsPropagation") else { return nil }
        if let namespaces, !namespaces.creates(.mount) { report(node, "needs a new mount namespace") }
        for kind in PropagationKind.allCases {
            for propagation in [MountPropagation(kind), MountPropagation(kind, isRecursive: true)]
            where propagation.name == name {
                return propagation
            }
        }
        report(node, "unknown propagation: \(JSONWriter.excerpt(name))")
        return nil
    }

    private mutating func cgroupsPath(_ linux: JSONNode) -> String? {
        guard let node = linux["cgroupsPath"], let path = text(linux, "cgroupsPath") else { return nil }
        guard !path.utf8.split(separator: UInt8(ascii: "/")).contains(where: { $0.elementsEqual("..".utf8) }) else {
            report(node, "must not contain \"..\": \(JSONWriter.excerpt(path))")
            return nil
        }
        return hasPathLength(node, path) ? path : nil
    }

    mutating func personality(_ node: JSONNode) -> Personality? {
        if let flags = node["flags"], !strings(node, "flags").isEmpty {
            warn(flags, "ignored, no flags are supported")
        }
        return required(node, "domain").flatMap { named($0, "personality") }
    }

    // MARK: Devices

    private mutating func devices(_ linux: JSONNode) -> [Device] {
        if let node = linux["devices"], node.count > 0 { needMountNamespace(node) }
        return objects(linux, "devices") { reader, node in reader.device(node) }
    }

    private mutating func device(_ node: JSONNode) -> Device? {
        let kind: DeviceKind? = required(node, "type").flatMap { named($0, "device type") }
        let path = required(node, "path").flatMap { absolutePath($0) }
        let isFIFO = kind == .fifo
        // Bounds: 12 and 20 bits (linux/kdev_t.h).
        let major: UInt32? = isFIFO ? 0 : requiredInteger(node, "major", in: 0...0xFFF)
        let minor: UInt32? = isFIFO ? 0 : requiredInteger(node, "minor", in: 0...0xF_FFFF)
        let mode = kind.flatMap { fileMode(node, $0) }
        let uid: UInt32? = integer(node, "uid", in: 0...lastID)
        let gid: UInt32? = integer(node, "gid", in: 0...lastID)
        guard let kind, let path, let major, let minor else { return nil }
        return Device(kind, path: path, major: major, minor: minor, fileMode: mode, uid: uid, gid: gid)
    }

    /// Permission bits. Some engines add the file type's bits (8630 is `S_IFCHR | 0666`); they are dropped if right.
    private mutating func fileMode(_ node: JSONNode, _ kind: DeviceKind) -> UInt32? {
        guard let modeNode = node["fileMode"], let mode: UInt32 = integer(modeNode, in: 0...0o177777) else {
            return nil
        }
        let typeBits: UInt32 =
            switch kind {
            case .character, .unbuffered: 0o020000
            case .block: 0o060000
            case .fifo: 0o010000
            }
        guard mode & ~0o7777 == 0 || mode & ~0o7777 == typeBits else {
            report(modeNode, "the file type's bits are not those of type \(JSONWriter.quoted(kind.name)): \(mode)")
            return nil
        }
        return mode & 0o7777
    }

    private mutating func netDevices(_ linux: JSONNode) -> [NetDevice] {
        var names: Set<String> = []
        let devices = map(linux, "netDevices") { reader, hostName, node -> NetDevice? in
            guard reader.isObject(node) else { return nil }
            if !isInterfaceName(hostName) { reader.report(node, "not the name of a network device") }
            let name = reader.text(node, "name")
            if let name, let nameNode = node["name"] {
                if !isInterfaceName(name.hasSuffix("%d") ? String(name.dropLast(2)) + "0" : name) {
                    reader.report(nameNode, "not the name of a network device: \(JSONWriter.excerpt(name))")
                }
            }
            let finalName = name ?? hostName
            if !names.insert(finalName).inserted, !finalName.hasSuffix("%d") {
                reader.report(node, "two devices get the name \(JSONWriter.excerpt(finalName))")
            }
            return NetDevice(hostName: hostName, name: name)
        }
        if let namespaces, !devices.isEmpty, !namespaces.separates(.network) {
            report(linux, "netDevices", "needs a network namespace")
        }
        return devices
    }

    // MARK: Memory and cache

    private mutating func intelRdt(_ node: JSONNode) -> IntelRdt {
        let schemata = array(node, "schemata") { reader, element -> String? in
            reader.string(element).flatMap { reader.isLine(element, $0) ? $0 : nil }
        }
        let closID = text(node, "closID")
        if let closID, let closNode = node["closID"], closID != "/", !isFileName(closID) {
            report(closNode, "neither / nor the name of a directory: \(JSONWriter.excerpt(closID))")
        }
        // It may have a line for code and one for data.
        let l3CacheSchema = text(node, "l3CacheSchema")
        let memBwSchema = schema(node, "memBwSchema")
        if let memBwSchema, let schemaNode = node["memBwSchema"], !memBwSchema.hasPrefix("MB:") {
            report(schemaNode, "does not start with \"MB:\": \(JSONWriter.excerpt(memBwSchema))")
        }
        return IntelRdt(
            closID: closID, schemata: schemata, l3CacheSchema: l3CacheSchema, memBwSchema: memBwSchema,
            enableMonitoring: boolean(node, "enableMonitoring") ?? false)
    }

    private mutating func schema(_ node: JSONNode, _ name: StaticString) -> String? {
        guard let schemaNode = node[name], let schema = text(node, name) else { return nil }
        return isLine(schemaNode, schema) ? schema : nil
    }

    private mutating func isLine(_ node: JSONNode, _ text: String) -> Bool {
        guard text.utf8.contains(UInt8(ascii: "\n")) else { return true }
        report(node, "contains a newline: \(JSONWriter.excerpt(text))")
        return false
    }

    /// The combinations that set_mempolicy(2) accepts.
    mutating func memoryPolicy(_ node: JSONNode) -> MemoryPolicy? {
        let mode: MemoryPolicyMode? = required(node, "mode").flatMap { named($0, "memory policy") }
        let before = problemCount
        let nodes = indexRanges(node, "nodes")
        let hasNodes = nodes != nil || problemCount > before
        let flags: [MemoryPolicyFlag] = array(node, "flags") { $0.named($1, "memory policy flag") }
        guard let mode else { return nil }
        switch mode {
        case .default, .local:
            if hasNodes { report(node, "nodes", "\(mode.name) takes no nodes") }
            if !flags.isEmpty { report(node, "flags", "\(mode.name) takes no flags") }
        case .bind, .interleave, .weightedInterleave, .preferredMany:
            if !hasNodes { report(node, "nodes", "missing, \(mode.name) needs it") }
        case .preferred: break
        }
        if flags.contains(.staticNodes), flags.contains(.relativeNodes) {
            report(node, "flags", "MPOL_F_STATIC_NODES and MPOL_F_RELATIVE_NODES exclude each other")
        }
        for flag in flags {
            switch flag {
            case .numaBalancing where mode != .bind && mode != .preferredMany && mode != .default && mode != .local:
                report(node, "flags", "MPOL_F_NUMA_BALANCING is for MPOL_BIND and MPOL_PREFERRED_MANY only")
            case .staticNodes where mode == .preferred && !hasNodes,
                .relativeNodes where mode == .preferred && !hasNodes:
                report(node, "flags", "\(flag.name) needs nodes")
            case .numaBalancing, .staticNodes, .relativeNodes: break
            }
        }
        let bits = flags.reduce(0) { $0 | $1.rawValue }
        return MemoryPolicy(mode, nodes: nodes, flags: MemoryPolicyFlags(rawValue: bits))
    }
}

/// Whether the kernel takes a text as the name of a network device (`dev_valid_name`, net/core/dev.c).
func isInterfaceName(_ name: String) -> Bool {
    guard (1...15).contains(name.utf8.count), name != ".", name != ".." else { return false }
    return name.utf8.allSatisfy { $0 > 0x20 && $0 != 0x7F && $0 != UInt8(ascii: "/") && $0 != UInt8(ascii: ":") }
        && !name.utf8.contains(UInt8(ascii: "%"))
}

/// Whether a text is one component of a path.
func isFileName(_ name: String) -> Bool {
    !name.isEmpty && name.utf8.count <= 255 && name != "." && name != ".." && !name.utf8.contains(UInt8(ascii: "/"))
}
