import JSON

extension Reader {
    /// `linux.sysctl`: only what belongs to a namespace that the container does not share with the host.
    mutating func sysctls(_ linux: JSONNode) -> [Sysctl] {
        map(linux, "sysctl") { reader, key, node in
            guard let value = reader.string(node) else { return nil }
            let sysctl = Sysctl(key: key, value: value)
            guard let path = sysctl.path else {
                reader.report(node, "not the name of a kernel parameter")
                return nil
            }
            reader.checkSysctl(node, path)
            if path == "kernel/domainname", let domainname = reader.domainname, domainname != value {
                reader.report(node, "contradicts domainname, which is \(JSONWriter.excerpt(domainname))")
            }
            return sysctl
        }
    }

    private mutating func checkSysctl(_ node: JSONNode, _ path: String) {
        switch SysctlScope(path: path) {
        case .namespace(let kind):
            guard let namespaces, !namespaces.separates(kind) else { return }
            report(node, "needs \(kind == .ipc ? "an" : "a") \(kind.name) namespace")
        case .hostname:
            report(node, "not allowed, use hostname instead")
        case .host:
            report(node, "not allowed, it is not part of any namespace")
        }
    }
}

/// What a kernel parameter belongs to.
private enum SysctlScope {
    case namespace(NamespaceKind)
    /// `kernel.hostname`, for which the configuration has a property of its own.
    case hostname
    /// The whole machine, or not known.
    case host

    init(path: String) {
        switch path {
        case "kernel/msgmax", "kernel/msgmnb", "kernel/msgmni", "kernel/sem", "kernel/shmall", "kernel/shmmax",
            "kernel/shmmni", "kernel/shm_rmid_forced":
            self = .namespace(.ipc)
        case "kernel/domainname": self = .namespace(.uts)
        case "kernel/hostname": self = .hostname
        default:
            if path.begins(with: "fs/mqueue/") {
                self = .namespace(.ipc)
            } else if path.begins(with: "net/") {
                self = .namespace(.network)
            } else if path.begins(with: "user/") {
                self = .namespace(.user)
            } else {
                self = .host
            }
        }
    }
}

extension Sysctl {
    /// The kind of namespace that the parameter belongs to; nil for one of the whole machine, which no container sets.
    public var namespace: NamespaceKind? {
        guard let path, case .namespace(let kind) = SysctlScope(path: path) else { return nil }
        return kind
    }

    /// The file below `/proc/sys`, such as `net/ipv4/conf/eth0.100/forwarding`; `nil` when the key is no name.
    ///
    /// The first separator of the key decides, as in sysctl(8): in `net.ipv4.conf.eth0/100.forwarding` a slash
    /// stands for the dot of a device's name, in `net/ipv4/conf/eth0.100/forwarding` it separates.
    public var path: String? {
        let slash = UInt8(ascii: "/")
        let dot = UInt8(ascii: ".")
        guard let separator = key.utf8.first(where: { $0 == slash || $0 == dot }) else { return nil }
        let bytes = separator == slash ? Array(key.utf8) : key.utf8.map { $0 == dot ? slash : $0 == slash ? dot : $0 }
        let path = String(decoding: bytes, as: UTF8.self)
        let components = path.utf8.split(separator: slash, omittingEmptySubsequences: false)
        guard components.allSatisfy({ isFileName(String(Substring($0))) }) else { return nil }
        return path
    }
}
