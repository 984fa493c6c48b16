import JSON

extension Reader {
    /// `linux.seccomp`; `nil` where a required part is missing or wrong.
    mutating func seccomp(_ node: JSONNode) -> SeccompProfile? {
        let action: SeccompAction? = required(node, "defaultAction").flatMap { named($0, "seccomp action") }
        let errnoRet = errno(node, "defaultErrnoRet", action)
        let architectures: [SeccompArchitecture] = array(node, "architectures") { $0.named($1, "seccomp architecture") }
        let flags = node["flags"].map { _ in seccompFlags(node) }
        let before = problemCount
        let listenerPath = absolutePath(node, "listenerPath") ?? seccompReceiver
        let hasListener = listenerPath != nil || problemCount > before
        let listenerMetadata = text(node, "listenerMetadata")
        let syscalls = objects(node, "syscalls") { reader, rule in reader.seccompRule(rule) }
        if listenerMetadata != nil, !hasListener {
            report(node, "listenerMetadata", "needs listenerPath")
        }
        guard let action else { return nil }
        let profile = SeccompProfile(
            defaultAction: action, defaultErrnoRet: errnoRet, architectures: architectures, flags: flags,
            listenerPath: listenerPath, listenerMetadata: listenerMetadata, syscalls: syscalls)
        // Without a supervisor that was told by the very calls that it supervises nothing would go on.
        if action == .notify { report(node, "defaultAction", "SCMP_ACT_NOTIFY cannot be the default action") }
        if profile.notifies, !hasListener {
            report(node, "listenerPath", "missing, SCMP_ACT_NOTIFY needs it")
        }
        return profile
    }

    private mutating func seccompFlags(_ node: JSONNode) -> SeccompFlags {
        let flags: [SeccompFlag] = array(node, "flags") { $0.named($1, "seccomp flag") }
        return SeccompFlags(rawValue: flags.reduce(0) { $0 | $1.rawValue })
    }

    private mutating func seccompRule(_ node: JSONNode) -> SeccompRule? {
        let names = array(node, "names") { reader, element -> String? in
            guard let name = reader.string(element) else { return nil }
            if name.isEmpty { reader.report(element, "empty") }
            return name
        }
        if let namesNode = required(node, "names"), namesNode.kind == .array, namesNode.count == 0 {
            report(namesNode, "empty")
        }
        let actionNode = required(node, "action")
        let action: SeccompAction? = actionNode.flatMap { named($0, "seccomp action") }
        let errnoRet = errno(node, "errnoRet", action)
        let args = objects(node, "args") { reader, argument in reader.seccompArgument(argument) }
        // The runtime itself has to write to the socket after the filter is there.
        if action == .notify, let actionNode, names.contains("write") {
            report(actionNode, "SCMP_ACT_NOTIFY cannot be used for write")
        }
        return action.map { SeccompRule(names: names, action: $0, errnoRet: errnoRet, args: args) }
    }

    /// An errno of at most 4095 (`MAX_ERRNO`), for the actions that take one; a tracer gets any 16 bits.
    private mutating func errno(_ node: JSONNode, _ name: StaticString, _ action: SeccompAction?) -> UInt16? {
        guard let errnoNode = node[name] else { return nil }
        let errno: UInt16? = integer(errnoNode, in: 0...(action == .trace ? UInt16.max : 4095))
        if let action, !action.takesErrno {
            report(errnoNode, "\(action.rawValue) takes no errno")
        }
        return errno
    }

    private mutating func seccompArgument(_ node: JSONNode) -> SeccompArgument? {
        let index: UInt32? = requiredInteger(node, "index", in: 0...5)
        let value: UInt64? = requiredInteger(node, "value")
        let valueTwo: UInt64? = integer(node, "valueTwo")
        let op: SeccompOperator? = required(node, "op").flatMap { named($0, "seccomp operator") }
        guard let index, let value, let op else { return nil }
        return SeccompArgument(index: index, value: value, valueTwo: valueTwo ?? 0, op: op)
    }
}
