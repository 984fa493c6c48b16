import JSON

extension Reader {
    /// `mounts`, in the document's order.
    mutating func mounts(_ root: JSONNode) -> [Mount] {
        let mounts = objects(root, "mounts") { reader, node in reader.mount(node) }
        if let node = root["mounts"], node.count > 0 { needMountNamespace(node) }
        return mounts
    }

    mutating func mount(_ node: JSONNode) -> Mount? {
        let before = problemCount
        let destination = mountDestination(node)
        var mount = Mount(destination: destination ?? "/", source: text(node, "source"), type: text(node, "type"))
        var joined: [MountOption] = []
        let options = array(node, "options") { reader, option in reader.mountOptions(option, &mount, &joined) }
        applyMappings(node, &mount)
        guard problemCount == before, let destination else { return nil }
        mount.destination = destination
        checkKind(node, mount)
        checkOptions(node, mount, joined.isEmpty ? options : options + joined)
        checkProc(node, mount)
        return mount
    }

    /// Absolute, or for old configurations relative to `/` (config.md, "Mounts").
    mutating func mountDestination(_ node: JSONNode) -> String? {
        guard let text = requiredText(node, "destination"), let destinationNode = node["destination"] else {
            return nil
        }
        guard !text.isAbsolute else { return hasPathLength(destinationNode, text) ? text : nil }
        guard hasPathLength(destinationNode, "/" + text) else { return nil }
        warn(destinationNode, "not absolute, taken as \(JSONWriter.excerpt("/" + text)): \(JSONWriter.excerpt(text))")
        return "/" + text
    }

    /// Applies the options of one text to the mount; returns the one of ours, or adds those of a text that joins several.
    private mutating func mountOptions(
        _ node: JSONNode, _ mount: inout Mount, _ joined: inout [MountOption]
    ) -> MountOption? {
        guard let text = string(node) else { return nil }
        guard text.utf8.contains(UInt8(ascii: ",")) else { return mountOption(text, node, &mount) }
        for part in MountOption.parts(of: text) {
            if let option = mountOption(part, node, &mount) { joined.append(option) }
        }
        return nil
    }

    /// Applies one option to the mount; returns it when it is one of ours, and else leaves it to the file system.
    private mutating func mountOption(_ text: String, _ node: JSONNode, _ mount: inout Mount) -> MountOption? {
        guard !text.isEmpty else { return nil }
        if let option = MountOption(named: text) {
            option.apply(to: &mount)
            return option
        }
        guard IDMapOption.isOne(text) else {
            mount.data.append(text)
            return nil
        }
        guard let option = IDMapOption(parsing: text) else {
            report(node, "not of the form idmap=uids=0-1000-10;gids=0-1000-10: \(JSONWriter.excerpt(text))")
            return nil
        }
        guard let idMap = option.resolve(namespaces) else {
            report(node, "\"@\" needs a mapping of the container's user namespace: \(JSONWriter.excerpt(text))")
            return nil
        }
        mount.idMap = idMap
        checkRanges(node, idMap.uidMappings)
        checkRanges(node, idMap.gidMappings)
        return idMap.isRecursive ? .ridmap : .idmap
    }

    private mutating func checkRanges(_ node: JSONNode, _ mappings: [IDMapping]) {
        guard mappings.count <= Self.mostMappings else {
            report(node, "more than \(Self.mostMappings) ranges: \(mappings.count)")
            return
        }
        for (index, mapping) in mappings.enumerated() {
            if mapping.lastContainerID > UInt64(lastID) || mapping.lastHostID > UInt64(lastID) {
                report(node, "reaches beyond the last id, \(lastID)")
            }
            if mappings[..<index].contains(where: { $0.overlaps(mapping) }) { report(node, "ranges overlap") }
        }
    }

    /// `uidMappings` and `gidMappings` of the mount itself.
    private mutating func applyMappings(_ node: JSONNode, _ mount: inout Mount) {
        let before = problemCount
        let uidMappings = idMappings(node, "uidMappings")
        let gidMappings = idMappings(node, "gidMappings")
        guard problemCount == before, !uidMappings.isEmpty || !gidMappings.isEmpty else { return }
        if uidMappings.isEmpty { report(node, "uidMappings", "missing, gidMappings needs it") }
        if gidMappings.isEmpty { report(node, "gidMappings", "missing, uidMappings needs it") }
        // Without idmap or ridmap the mapping holds for the mount alone, as in runc.
        var idMap = mount.idMap ?? MountIDMap()
        if !idMap.usesContainerMappings { report(node, "options", "mappings in idmap= and in uidMappings") }
        idMap.uidMappings = uidMappings
        idMap.gidMappings = gidMappings
        mount.idMap = idMap
    }

    // MARK: Rules

    private mutating func checkKind(_ node: JSONNode, _ mount: Mount) {
        switch mount.action {
        case .new:
            if mount.type == "bind" {
                report(node, "options", "neither bind nor rbind, and the type \"bind\" alone makes no bind mount")
            } else if mount.type == nil {
                report(node, "type", "missing, only a bind mount has none")
            }
        case .bind, .recursiveBind:
            if mount.source == nil { report(node, "source", "missing, a bind mount needs it") }
        case .remount, .bindRemount: break
        }
    }

    private mutating func checkOptions(_ node: JSONNode, _ mount: Mount, _ options: [MountOption]) {
        if mount.tmpcopyup, mount.action != .new || mount.type != "tmpfs" {
            report(node, "options", "tmpcopyup is for tmpfs only")
        }
        if !mount.isBind {
            for option in options where option == .copySymlink || option == .srcNofollow {
                report(node, "options", "\(option.rawValue) is for bind mounts only")
            }
        }
        guard let idMap = mount.idMap else { return }
        if mount.isRemount { report(node, "options", "an id mapping cannot be changed by remount") }
        if idMap.usesContainerMappings, let namespaces, !namespaces.separates(.user) {
            let name = idMap.isRecursive ? "ridmap" : "idmap"
            report(node, "options", "\(name) without mappings needs a user namespace")
        }
    }

    /// Compares texts; what lies behind symbolic links is checked when mounting.
    private mutating func checkProc(_ node: JSONNode, _ mount: Mount) {
        if let problem = mount.problemWithProc { report(node, problem.field, problem.message) }
    }
}

extension Mount {
    /// Only procfs may be at `/proc`, and in it only a few files may be replaced: labels and kernel parameters are
    /// written through it (CVE-2019-16884).
    public var problemWithProc: (field: StaticString, message: String)? {
        let clean = lexicallyClean(destination)
        if clean == "/proc" { return problemAsProc }
        guard clean.begins(with: "/proc/"), !Self.isReplaceable(clean) else { return nil }
        let what = "inside /proc, where only a few files may be mounted on"
        return ("destination", "\(what): \(JSONWriter.excerpt(destination))")
    }

    private var problemAsProc: (field: StaticString, message: String)? {
        switch action {
        case .new:
            guard let type, type != "proc" else { return nil }
            return ("type", "only procfs may be mounted on /proc: \(JSONWriter.excerpt(type))")
        case .bind, .recursiveBind:
            guard let source, lexicallyClean(source) != "/proc" else { return nil }
            return ("source", "only procfs may be mounted on /proc: \(JSONWriter.excerpt(source))")
        case .remount, .bindRemount: return nil
        }
    }

    /// Files of procfs that only inform, and that lxcfs and the like replace.
    public static func isReplaceable(_ path: String) -> Bool {
        switch path {
        case "/proc/cpuinfo", "/proc/diskstats", "/proc/meminfo", "/proc/stat", "/proc/swaps", "/proc/uptime",
            "/proc/loadavg", "/proc/slabinfo", "/proc/sys/kernel/ns_last_pid", "/proc/sys/crypto/fips_enabled":
            true
        default: false
        }
    }
}
