public import Cgroups
internal import JSON
public import OCI
internal import Spelling

/// What the host does for a container, beside the steps of its first process: its cgroup, and the hooks that run outside.
public struct HostSide: Sendable {
    public let cgroup: CgroupForecast
    /// The hooks of the host, with the place of each, in the order in which they run.
    public let hooks: [(field: String, hook: Hook)]

    /// Of a container that is prepared.
    public init(_ preparation: Preparation) {
        let spec = preparation.spec
        cgroup = preparation.location.forecast(spec.linux.resources ?? Resources())
        hooks = [HookKind.prestart, .createRuntime, .poststart, .poststop].flatMap { kind in
            spec.hooks[kind].enumerated().map { ("hooks.\(kind.rawValue)[\($0.offset)]", $0.element) }
        }
    }

    // MARK: As text

    /// A line for each thing that is done, with the place in the configuration that it comes from.
    public func printed() -> String {
        var lines = cgroup.directories.map { ("cgroup  \($0)", "linux.cgroupsPath") }
        if let unit = cgroup.unit { lines.append(("unit    \(unit), which systemd makes", "linux.cgroupsPath")) }
        for setting in cgroup.settings {
            let field = "linux.resources.\(setting.asked.field)"
            for file in setting.files { lines.append(("write   \(file.path) \(file.set)", field)) }
            for remark in setting.remarks { lines.append(("note    \(remark)", field)) }
        }
        for rule in cgroup.deviceRules { lines.append(("device  \(rule)", "linux.resources.devices")) }
        if !cgroup.deviceEnforcement.isEmpty {
            lines.append(("note    the rules for devices go to \(cgroup.deviceEnforcement)", "linux.resources.devices"))
        }
        for (field, hook) in hooks { lines.append(("hook    \(Self.text(hook))", field)) }
        return "---- the host: what it does beside\n" + lines.map { Quoting.line("\($0.0)    [\($0.1)]") }.joined()
    }

    /// What the words of a plan mean.
    public static var legend: String {
        """
        ---- legend
        clone   the first process is made, in these new namespaces
        give    a descriptor that the process gets from the host; what stands behind "->" is one that it opens itself
        0, 1..  its steps, each a call of the kernel, and in brackets the place in config.json that it comes from
        meet    the process waits until the host has done what is said
        cgroup  the host makes the directory; write: a control file, and what is written to it
        device  who may use which device: c(haracter) or b(lock), its numbers, r(ead) w(rite) m(ake)
        hook    a program of the host
        plan    where an id is needed, this one is taken

        """
    }

    static func text(_ hook: Hook) -> String {
        let arguments = hook.args.isEmpty ? "" : " [" + hook.args.map(Quoting.quoted).joined(separator: ", ") + "]"
        return hook.path + arguments + (hook.timeout.map { " for at most \($0) s" } ?? "")
    }

    // MARK: As JSON

    func encode(to writer: inout JSONWriter) {
        writer.member("cgroups", cgroup.directories)
        if let unit = cgroup.unit { writer.member("unit", unit) }
        writer.member(
            "writes",
            array: { writer in
                for setting in cgroup.settings {
                    for file in setting.files {
                        writer.object { writer in
                            writer.member("path", file.path)
                            writer.member("value", file.set)
                            writer.member("field", "linux.resources.\(setting.asked.field)")
                        }
                    }
                }
            })
        writer.member("deviceRules", cgroup.deviceRules)
        writer.member(
            "hooks",
            array: { writer in
                for (field, hook) in hooks {
                    writer.object { writer in
                        writer.member("path", hook.path)
                        writer.member("args", hook.args)
                        writer.member("field", field)
                    }
                }
            })
    }
}
