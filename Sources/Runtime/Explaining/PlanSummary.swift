internal import Cgroups
internal import Kernel
internal import OCI
internal import Planner
internal import Spelling

/// What a container gets, on one screen: `plan --summary`.
public struct PlanSummary {
    private let spec: Spec
    private let host: HostSide
    private let preparation: Preparation
    private var lines: [(title: String, text: String)] = []

    /// Lines of a list that may be long, at most.
    private static let most = 12

    public static func text(of preparation: Preparation) -> String {
        var summary = PlanSummary(preparation)
        summary.describe()
        let width = 14
        return summary.lines.map { title, text in
            let line = title + String(repeating: " ", count: width - title.utf8.count) + text
            return Quoting.line(String(decoding: line.utf8.map { $0 == 0 ? 0x20 : $0 }, as: UTF8.self))
        }.joined()
    }

    /// A text of the configuration, or one that quotes it: no line is broken at its blanks, so that none begins with what
    /// somebody else wrote. They are NUL bytes until then, which no text of a configuration has.
    private static func whole(_ text: String) -> String {
        String(decoding: text.utf8.map { $0 == 0x20 ? 0 : $0 }, as: UTF8.self)
    }

    private init(_ preparation: Preparation) {
        self.preparation = preparation
        spec = preparation.spec
        host = HostSide(preparation)
    }

    /// The order is that in which a person asks: what runs, where, what it sees, what it may do, what it may use.
    private mutating func describe() {
        describeProcess()
        describeNamespaces()
        describeMounts()
        describeRights()
        describeLimits()
        describeHooks()
        add("masked", spec.linux.maskedPaths.map(Self.whole).joined(separator: " "))
        add("read-only", spec.linux.readonlyPaths.map(Self.whole).joined(separator: " "))
        add("sysctl", spec.linux.sysctl.map { Self.whole("\($0.key)=\($0.value)") }.joined(separator: " "))
        list("note", preparation.plan.warnings.map(Self.whole) + spec.warnings.map { Self.whole("\($0)") })
    }

    /// A line; nothing where there is nothing to say. Long lists go on below: what is not ``whole(_:)`` is broken at blanks.
    private mutating func add(_ title: String, _ text: String) {
        if text.isEmpty { return }
        var line = ""
        var title = title
        for word in text.components(between: " ") {
            if !line.isEmpty, line.utf8.count + 1 + word.utf8.count > 104 {
                lines.append((title, line))
                (title, line) = ("", "")
            }
            line += (line.isEmpty ? "" : " ") + word
        }
        lines.append((title, line))
    }

    /// A line for each entry, and how many are not shown.
    private mutating func list(_ title: String, _ entries: [String]) {
        for (index, entry) in entries.prefix(Self.most).enumerated() { add(index == 0 ? title : "", entry) }
        let rest = entries.count - Self.most
        if rest > 0 { lines.append(("", "and \(rest) more")) }
    }

    // MARK: What runs

    private mutating func describeProcess() {
        let root = preparation.host.rootfs
        lines.append(("root", root + (spec.root.readonly ? ", read-only" : ", writable")))
        guard let process = spec.process else {
            return lines.append(("process", "none: it can be created, not started"))
        }
        lines.append(("process", process.args.map(Quoting.quoted).joined(separator: " ")))
        let user = process.user
        let groups =
            user.additionalGids.isEmpty ? "" : " groups \(user.additionalGids.map { "\($0)" }.joined(separator: ","))"
        add(
            "",
            "user \(user.uid):\(user.gid)\(groups), in \(Self.whole(process.cwd)), \(process.terminal ? "with a" : "without a") terminal"
        )
    }

    private mutating func describeNamespaces() {
        let linux = spec.linux
        let made = linux.namespaces.filter { $0.path == nil }.map { $0.kind.rawValue }
        let shared = NamespaceKind.allCases.filter { !linux.separates($0) }.map { $0.rawValue }
        add("namespaces", made.isEmpty ? "" : "new: \(made.joined(separator: " "))")
        for namespace in linux.namespaces {
            if let path = namespace.path { add("", "joined: \(namespace.kind.rawValue) \(Self.whole(path))") }
        }
        add(made.isEmpty ? "namespaces" : "", shared.isEmpty ? "" : "the host's: \(shared.joined(separator: " "))")
        add("user ids", Self.text(linux.uidMappings))
        add("group ids", Self.text(linux.gidMappings))
        if linux.separates(.uts), let name = spec.hostname { add("hostname", Self.whole(name)) }
    }

    private static func text(_ mappings: [IDMapping]) -> String {
        mappings.map { mapping in
            let last = mapping.size > 1 ? "-\(UInt64(mapping.containerID) + UInt64(mapping.size) - 1)" : ""
            return "\(mapping.containerID)\(last) is the host's \(mapping.hostID)" + (last.isEmpty ? "" : " and so on")
        }.joined(separator: ", ")
    }

    // MARK: What it sees

    private mutating func describeMounts() {
        list("mounts", spec.mounts.map(Self.text))
        let devices = spec.linux.devices.map { "\(Self.whole($0.path)) \($0.kind.rawValue) \($0.major):\($0.minor)" }
        let usual = Plan.defaultDevices.map { String($0.path.dropFirst(5)) }.joined(separator: " ")
        add("devices", "in /dev: \(usual)")
        list("", devices)
    }

    private static func text(_ mount: Mount) -> String {
        let names: [(MountAttributes, String)] = [
            (.readOnly, "ro"), (.noSUID, "nosuid"), (.noDev, "nodev"), (.noExec, "noexec"),
        ]
        var options = names.filter { mount.attributes.set.contains($0.0) }.map { $0.1 }
        if mount.superblock.set.contains(.readOnly), !options.contains("ro") { options.insert("ro", at: 0) }
        options += mount.data.map(whole)
        let what =
            switch mount.action {
            case .new: whole(mount.type ?? "none")
            case .bind: "the host's \(whole(mount.source ?? ""))"
            case .recursiveBind: "the host's \(whole(mount.source ?? "")) with all below it"
            case .remount, .bindRemount: "mounted anew"
            }
        return "\(whole(mount.destination)): \(what)" + (options.isEmpty ? "" : " (\(options.joined(separator: ",")))")
    }

    // MARK: What it may do

    private mutating func describeRights() {
        let process = spec.process
        let sets = process?.capabilities ?? Capabilities()
        let named: [(String, CapabilitySet)] = [
            ("bounding", sets.bounding), ("effective", sets.effective), ("permitted", sets.permitted),
            ("inheritable", sets.inheritable), ("ambient", sets.ambient),
        ]
        // Sets that are the same are told once.
        var rest = named
        var title = "capabilities"
        while let (_, set) = rest.first {
            let same = rest.filter { $0.1 == set }.map { $0.0 }
            rest.removeAll { $0.1 == set }
            add(title, "\(same.joined(separator: ", ")): \(Self.text(set))")
            title = ""
        }
        add(
            "new rights", process?.noNewPrivileges == true ? "none by execve (no_new_privs)" : "by set-user-ID programs"
        )
        add("seccomp", seccomp)
        add("AppArmor", Self.whole(process?.apparmorProfile ?? ""))
        add("SELinux", Self.whole(process?.selinuxLabel ?? ""))
    }

    private static func text(_ set: CapabilitySet) -> String {
        let all = set.members
        if all.isEmpty { return "none" }
        if all.count == Capability.allCases.count { return "every one" }
        return all.map { String($0.name.dropFirst(4)) }.joined(separator: " ")
    }

    private var seccomp: String {
        guard let profile = spec.linux.seccomp else { return "none: every system call" }
        for step in preparation.plan.steps {
            guard case .loadSeccomp(let filter) = step.operation else { continue }
            let count = filter.instructions.count / 8
            return "default \(profile.defaultAction.rawValue), \(profile.syscalls.count) rules, \(count) instructions"
        }
        return "default \(profile.defaultAction.rawValue), \(profile.syscalls.count) rules, which need no filter"
    }

    // MARK: What it may use

    private mutating func describeLimits() {
        var entries: [String] = []
        for setting in host.cgroup.settings {
            let files = setting.files.map { Self.whole("\($0.path) \($0.set)") }
            let remarks =
                setting.remarks.isEmpty ? "" : " (\(setting.remarks.map(Self.whole).joined(separator: "; ")))"
            entries.append(
                "\(Self.whole(setting.asked.field)): \(files.isEmpty ? "nothing" : files.joined(separator: ", "))\(remarks)"
            )
        }
        list("limits", entries)
        if entries.isEmpty { add("limits", "none") }
        if let unit = host.cgroup.unit { add("", "of \(Self.whole(unit)), which systemd makes") }
        list(
            "cgroup",
            host.cgroup.directories.isEmpty ? ["the caller's own"] : host.cgroup.directories.map(Self.whole))
        let rules = spec.linux.resources?.devices.count ?? 0
        if host.cgroup.deviceRules.isEmpty {
            add("device rules", "none")
        } else {
            let enforcement = Self.whole(host.cgroup.deviceEnforcement)
            add("device rules", "\(rules) of the configuration, and the usual ones: \(enforcement)")
        }
        add(
            "rlimits",
            (spec.process?.rlimits ?? []).map { limit in
                "\(limit.kind.name.dropFirst(7)) \(Self.text(limit.soft))/\(Self.text(limit.hard))"
            }.joined(separator: " "))
    }

    private static func text(_ value: UInt64) -> String { value == .max ? "unlimited" : "\(value)" }

    private mutating func describeHooks() {
        var entries: [String] = []
        for kind in HookKind.allCases {
            let place = kind == .createContainer || kind == .startContainer ? "inside" : "host"
            for hook in spec.hooks[kind] {
                entries.append("\(kind.rawValue) (\(place)): \(Self.whole(HostSide.text(hook)))")
            }
        }
        list("hooks", entries)
    }
}
