import JSON

extension Reader {
    /// `process`; `nil` where a required part is missing or wrong.
    mutating func process(_ node: JSONNode) -> Process? {
        let terminal = boolean(node, "terminal") ?? false
        // The spec wants the size ignored, whatever it is, where there is no terminal.
        let consoleSize = terminal ? object(node, "consoleSize").flatMap { self.consoleSize($0) } : nil
        let user = object(node, "user").map { self.user($0) } ?? User()
        let args = self.args(node)
        let env = environment(node, "env")
        let cwd = required(node, "cwd").flatMap { absolutePath($0) }
        let capabilities = object(node, "capabilities").map { self.capabilities($0) }
        let rlimits = self.rlimits(node)
        let noNewPrivileges = boolean(node, "noNewPrivileges") ?? false
        let apparmorProfile = text(node, "apparmorProfile")
        let oomScoreAdj: Int32? = integer(node, "oomScoreAdj", in: -1000...1000)
        let scheduler = object(node, "scheduler").flatMap { self.scheduler($0) }
        let selinuxLabel = text(node, "selinuxLabel")
        let ioPriority = object(node, "ioPriority").flatMap { self.ioPriority($0) }
        let execCPUAffinity = object(node, "execCPUAffinity").map { affinity in
            ExecCPUAffinity(
                initial: indexRanges(affinity, "initial"), final: indexRanges(affinity, "final"))
        }
        warnOfWindows(node, "commandLine")
        guard let args, let cwd else { return nil }
        return Process(
            terminal: terminal, consoleSize: consoleSize, user: user, args: args, env: env, cwd: cwd,
            capabilities: capabilities, rlimits: rlimits, noNewPrivileges: noNewPrivileges,
            apparmorProfile: apparmorProfile, oomScoreAdj: oomScoreAdj, scheduler: scheduler,
            selinuxLabel: selinuxLabel, ioPriority: ioPriority, execCPUAffinity: execCPUAffinity)
    }

    /// A text that Windows has instead of one that Linux has (config.md, "Windows Process").
    private mutating func warnOfWindows(_ object: JSONNode, _ name: StaticString) {
        guard let node = object[name], string(node) != nil else { return }
        warn(node, "no effect: this is for Windows, and not for Linux")
    }

    private mutating func consoleSize(_ node: JSONNode) -> ConsoleSize? {
        let height: UInt16? = requiredInteger(node, "height")
        let width: UInt16? = requiredInteger(node, "width")
        guard let height, let width else { return nil }
        return ConsoleSize(height: height, width: width)
    }

    // MARK: User

    private mutating func user(_ node: JSONNode) -> User {
        let uid: UInt32 = integer(node, "uid", in: 0...lastID) ?? 0
        let gid: UInt32 = integer(node, "gid", in: 0...lastID) ?? 0
        warnOfWindows(node, "username")
        if let namespaces {
            checkMapped(node, "uid", uid, namespaces.uidMappings)
            checkMapped(node, "gid", gid, namespaces.gidMappings)
        }
        let groups = array(node, "additionalGids") { reader, element -> UInt32? in
            guard let group: UInt32 = reader.integer(element, in: 0...lastID) else { return nil }
            if let mappings = reader.namespaces?.gidMappings, !reader.isMapped(group, mappings) {
                reader.report(element, "not mapped in the container's user namespace: \(group)")
            }
            return group
        }
        return User(uid: uid, gid: gid, umask: integer(node, "umask", in: 0...0o777), additionalGids: groups)
    }

    private mutating func checkMapped(_ node: JSONNode, _ name: StaticString, _ id: UInt32, _ mappings: [IDMapping]) {
        guard !isMapped(id, mappings) else { return }
        report(node, name, "not mapped in the container's user namespace: \(id)")
    }

    /// Whether an id exists in the container; true where the container has no user namespace of its own making.
    private func isMapped(_ id: UInt32, _ mappings: [IDMapping]) -> Bool {
        guard let namespaces, namespaces.creates(.user), !mappings.isEmpty else { return true }
        return mappings.contains { $0.maps(id) }
    }

    // MARK: Arguments and environment

    private mutating func args(_ node: JSONNode) -> [String]? {
        guard let argsNode = required(node, "args") else { return nil }
        let before = problemCount
        let args = array(node, "args") { reader, element in reader.boundedString(element) }
        guard problemCount == before else { return nil }
        guard let program = args.first else {
            report(argsNode, "empty")
            return nil
        }
        if program.isEmpty, let first = argsNode[0] { report(first, "empty") }
        return args
    }

    /// An environment: each entry has a name and a `=`.
    mutating func environment(_ object: JSONNode, _ name: StaticString) -> [String] {
        array(object, name) { reader, element in
            guard let entry = reader.boundedString(element) else { return nil }
            guard let equals = entry.utf8.firstIndex(of: UInt8(ascii: "=")), equals != entry.utf8.startIndex else {
                reader.report(element, "not of the form NAME=value: \(JSONWriter.excerpt(entry))")
                return nil
            }
            return entry
        }
    }

    /// A string that execve(2) accepts as one argument: `MAX_ARG_STRLEN`, NUL included, is 131072.
    mutating func boundedString(_ node: JSONNode) -> String? {
        guard let text = string(node) else { return nil }
        guard text.utf8.count < 131_072 else {
            report(node, "longer than 131071 bytes: \(JSONWriter.excerpt(text))")
            return nil
        }
        return text
    }

    // MARK: Capabilities and limits

    private mutating func capabilities(_ node: JSONNode) -> Capabilities {
        var capabilities = Capabilities()
        capabilities.bounding = capabilitySet(node, "bounding")
        let before = problemCount
        capabilities.effective = capabilitySet(node, "effective")
        capabilities.inheritable = capabilitySet(node, "inheritable")
        capabilities.permitted = capabilitySet(node, "permitted")
        capabilities.ambient = capabilitySet(node, "ambient")
        guard problemCount == before else { return capabilities }
        // capset(2) refuses this; it is better told here.
        if let extra = capabilities.effective.subtracting(capabilities.permitted).members.first {
            report(node, "effective", "\(extra.name) is not in permitted")
        }
        // prctl(2) refuses to raise such a one, and runc then goes on without it.
        let raisable = capabilities.permitted.intersection(capabilities.inheritable)
        if let extra = capabilities.ambient.subtracting(raisable).members.first {
            warn(node, "ambient", "\(extra.name) ignored, it is not in both permitted and inheritable")
            capabilities.ambient.formIntersection(raisable)
        }
        return capabilities
    }

    /// A capability that is not known cannot be granted: a warning (config.md, "Linux Process").
    private mutating func capabilitySet(_ node: JSONNode, _ name: StaticString) -> CapabilitySet {
        var set = CapabilitySet()
        _ = array(node, name) { reader, element -> Capability? in
            guard let name = reader.string(element) else { return nil }
            guard let capability = Capability(named: name) else {
                reader.warn(element, "unknown capability, ignored: \(JSONWriter.excerpt(name))")
                return nil
            }
            set.insert(capability)
            return capability
        }
        return set
    }

    private mutating func rlimits(_ node: JSONNode) -> [Rlimit] {
        var seen: UInt64 = 0
        return objects(node, "rlimits") { reader, element in
            let kindNode = reader.required(element, "type")
            let kind: RlimitKind? = kindNode.flatMap { reader.named($0, "rlimit") }
            let soft: UInt64? = reader.requiredInteger(element, "soft")
            let hard: UInt64? = reader.requiredInteger(element, "hard")
            if let kind, let kindNode {
                let bit: UInt64 = 1 << UInt64(kind.rawValue)
                if seen & bit != 0 { reader.report(kindNode, "given twice: \(JSONWriter.quoted(kind.name))") }
                seen |= bit
            }
            guard let kind, let soft, let hard else { return nil }
            if soft > hard { reader.report(element, "soft", "above hard: \(soft) > \(hard)") }
            return Rlimit(kind, soft: soft, hard: hard)
        }
    }

    // MARK: Scheduling

    private mutating func scheduler(_ node: JSONNode) -> Scheduler? {
        let policy: SchedulerPolicy? = required(node, "policy").flatMap { named($0, "scheduling policy") }
        let nice: Int32 = integer(node, "nice", in: -20...19) ?? 0
        let priority: Int32? = integer(node, "priority")
        var flags: UInt64 = 0
        for flag: SchedulerFlag in array(node, "flags", { $0.named($1, "scheduling flag") }) { flags |= flag.rawValue }
        let before = problemCount
        let runtime: UInt64? = integer(node, "runtime")
        let deadline: UInt64? = integer(node, "deadline")
        let period: UInt64? = integer(node, "period")
        guard let policy else { return nil }
        checkPriority(node, policy, priority ?? 0)
        if policy != .deadline {
            for (name, value) in [("runtime", runtime), ("deadline", deadline), ("period", period)] {
                guard let value, value != 0 else { continue }
                report(node, member: name, "only for SCHED_DEADLINE: \(value)")
            }
        } else if flags & SchedulerFlag.keepParams.rawValue == 0, problemCount == before {
            checkDeadline(node, runtime ?? 0, deadline ?? 0, period ?? 0)
        }
        warnOfScheduling(node, policy, nice, flags)
        return Scheduler(
            policy: policy, nice: nice, priority: priority ?? 0, flags: SchedulerFlags(rawValue: flags),
            runtime: runtime ?? 0, deadline: deadline ?? 0, period: period ?? 0)
    }

    /// What sched_setattr(2) takes and passes over.
    private mutating func warnOfScheduling(_ node: JSONNode, _ policy: SchedulerPolicy, _ nice: Int32, _ flags: UInt64)
    {
        if flags & SchedulerFlag.keepPolicy.rawValue != 0 {
            return warn(node, "policy", "no effect with SCHED_FLAG_KEEP_POLICY")
        }
        if nice != 0, policy != .other, policy != .batch {
            warn(node, "nice", "no effect with \(policy.name): \(nice)")
        }
        for flag in [SchedulerFlag.reclaim, .deadlineOverrun] where flags & flag.rawValue != 0 && policy != .deadline {
            warn(node, "flags", "\(flag.name) has no effect with \(policy.name)")
        }
    }

    /// The kernel wants 1024 ns <= runtime <= deadline <= period; a period of 0 is the deadline (sched_setattr(2)).
    private mutating func checkDeadline(_ node: JSONNode, _ runtime: UInt64, _ deadline: UInt64, _ period: UInt64) {
        if runtime < 1024 { report(node, "runtime", "below 1024 ns, the least of SCHED_DEADLINE: \(runtime)") }
        if deadline == 0 {
            report(node, "deadline", "missing, SCHED_DEADLINE needs it")
        } else if runtime > deadline {
            report(node, "runtime", "above deadline: \(runtime) > \(deadline)")
        }
        if period != 0, deadline > period { report(node, "deadline", "above period: \(deadline) > \(period)") }
        for (name, value) in [("deadline", deadline), ("period", period)] where value >> 63 != 0 {
            report(node, member: name, "out of range 0...\(Int64.max): \(value)")
        }
    }

    /// Static priorities are 1...99 for the real-time policies and 0 for all others (sched(7)).
    private mutating func checkPriority(_ node: JSONNode, _ policy: SchedulerPolicy, _ priority: Int32) {
        switch policy {
        case .fifo, .roundRobin:
            if !(1...99).contains(priority) { report(node, "priority", "out of range 1...99: \(priority)") }
        case .other, .batch, .iso, .idle, .deadline:
            if priority != 0 { report(node, "priority", "only for SCHED_FIFO and SCHED_RR: \(priority)") }
        }
    }

    private mutating func ioPriority(_ node: JSONNode) -> IOPriority? {
        let ioClass: IOPriorityClass? = required(node, "class").flatMap { named($0, "I/O priority class") }
        let priority: UInt8? = integer(node, "priority", in: 0...7)
        if ioClass == .idle, let priority, priority != 0 {
            warn(node, "priority", "no effect with IOPRIO_CLASS_IDLE: \(priority)")
        }
        return ioClass.map { IOPriority($0, priority: priority ?? 0) }
    }

    /// A list such as `0-3,7`; `nil` when it is missing or empty.
    mutating func indexRanges(_ object: JSONNode, _ name: StaticString) -> IndexRanges? {
        guard let node = object[name], let text = text(object, name) else { return nil }
        guard let ranges = IndexRanges(parsing: text) else {
            report(node, "not a list such as 0-3,7: \(JSONWriter.excerpt(text))")
            return nil
        }
        return ranges
    }
}

extension IndexRanges {
    /// Parses `0-3,7`; blanks around a number are allowed. `nil` for everything else, also the empty text.
    public init?(parsing text: String) {
        var ranges: [ClosedRange<UInt32>] = []
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            let bounds = part.split(separator: "-", omittingEmptySubsequences: false).map { Self.number($0) }
            guard let first = bounds[0], bounds.count <= 2, let last = bounds[bounds.count - 1], first <= last else {
                return nil
            }
            ranges.append(first...last)
        }
        self.init(ranges)
    }

    /// A decimal number up to 65535, far above what a kernel can be built for.
    private static func number(_ text: Substring) -> UInt32? {
        var digits = text
        while digits.first == " " { digits.removeFirst() }
        while digits.last == " " { digits.removeLast() }
        guard !digits.isEmpty, digits.utf8.allSatisfy({ isDigit($0) }), let value = UInt16(digits) else { return nil }
        return UInt32(value)
    }
}
