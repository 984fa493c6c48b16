internal import Kernel
internal import OCI

/// The devices controller of cgroup v1 (Documentation/admin-guide/cgroup-v1/devices.rst).
enum DevicesV1 {
    static func set(_ rules: [Resources.DeviceRule], _ files: ControlFiles) throws(CgroupError) {
        let list = try wanted(rules, files)
        var current: DeviceList?
        if !files.isNew { current = DeviceList(text: try files.read("devices.list", "devices")) }
        try write(list.changes(from: current), files)
    }

    /// The list that the rules make, with the rules that every container gets.
    private static func wanted(
        _ rules: [Resources.DeviceRule], _ files: ControlFiles
    ) throws(CgroupError) -> DeviceList {
        var list = DeviceList()
        for (index, rule) in DeviceRules.complete(rules).enumerated() {
            do { try list.apply(rule) } catch {
                throw .value(
                    field: files.field("devices[\(index)]"),
                    reason: "cgroup v1 cannot except \"\(error.rule)\" from \"\(error.exception)\"")
            }
        }
        return list.decisive
    }

    /// Writes the changes in their order, each line with a write of its own.
    private static func write(_ changes: [DeviceList.Change], _ files: ControlFiles) throws(CgroupError) {
        var rest = changes[...]
        while let allow = rest.first?.allow {
            let alike = rest.prefix { $0.allow == allow }
            try write(alike, to: files.path(allow ? "devices.allow" : "devices.deny"), files)
            rest = rest.dropFirst(alike.count)
        }
    }

    private static func write(
        _ changes: ArraySlice<DeviceList.Change>, to path: String, _ files: ControlFiles
    ) throws(CgroupError) {
        let file: Descriptor
        do { file = try Descriptor.open(path, [.writeOnly]) } catch {
            throw .system(error, field: files.field("devices"), hint: "")
        }
        for change in changes {
            do { try file.write(Array(change.line.utf8)) } catch {
                // What the cgroup above denies, a container in a container say, nobody can allow; that the standard
                // devices are among it is no reason to fail.
                if error.errno == .notPermitted, isStandard(change) {
                    // It may be only making them that is denied.
                    if let use = change.withoutMaking { try? file.write(Array(use.utf8)) }
                    continue
                }
                throw .write(
                    SystemError(error.operation, path, error.errno), value: change.line, field: files.field("devices"),
                    hint: hint(error.errno))
            }
        }
    }

    private static func isStandard(_ change: DeviceList.Change) -> Bool {
        var list = DeviceList()
        // The standard rules only allow, and nothing is excepted from a list that denies.
        for rule in DeviceRules.standard { try? list.apply(rule) }
        return change.allow && list.exceptions.contains { $0.line == change.line }
    }

    private static func hint(_ errno: Errno) -> String {
        switch errno {
        case .invalidArgument: "the cgroup has cgroups below it, which keep what they are allowed"
        case .notPermitted: "the cgroup above does not allow it"
        default: ""
        }
    }
}
