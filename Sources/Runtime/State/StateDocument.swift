internal import Cgroups
internal import JSON
internal import OCI

/// A container's state with its limits: `state --cgroup`.
enum StateDocument {
    /// The state as `state` prints it, with one more member.
    static func json(of state: State, cgroup: Cgroup, _ inspection: CgroupInspection) -> [UInt8] {
        var writer = JSONWriter(.spaces(2))
        writer.object { writer in
            state.encodeMembers(to: &writer)
            writer.member(
                "cgroup",
                object: { writer in
                    writer.member("driver", cgroup.unit != nil ? "systemd" : cgroup.isAbsent ? "disabled" : "cgroupfs")
                    if let unit = cgroup.unit { writer.member("unit", unit.name) }
                    writer.member(
                        "paths",
                        object: { writer in
                            for directory in cgroup.directories {
                                writer.member(directory.isUnified ? "unified" : directory.label, directory.path)
                            }
                        })
                    writer.member(
                        "settings",
                        array: { writer in
                            for setting in inspection.settings { setting.encode(to: &writer) }
                        })
                    writer.member("devices", object: { inspection.devices.encode(to: &$0) })
                })
        }
        return writer.bytes
    }
}

extension CgroupInspection.Setting {
    fileprivate func encode(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.member("field", "linux.resources.\(asked.field)")
            writer.name("asked")
            switch asked.value {
            case .integer(let number): writer.integer(number)
            case .unsigned(let number): writer.integer(number)
            case .flag(let flag): writer.boolean(flag)
            case .text(let text): writer.string(text)
            }
            writer.member("files", array: { writer in for file in files { file.encode(to: &writer) } })
            if !remarks.isEmpty { writer.member("remarks", remarks) }
        }
    }
}

extension CgroupInspection.File {
    fileprivate func encode(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.member("path", path)
            writer.member("set", set)
            writer.name("value")
            if let value { writer.string(value) } else { writer.null() }
        }
    }
}

extension CgroupInspection.Devices {
    fileprivate func encode(to writer: inout JSONWriter) {
        writer.member("asked", asked)
        for file in files {
            writer.member("path", file.path)
            writer.member("value", (file.value ?? "").split(separator: "\n").map(String.init))
        }
        if files.isEmpty { writer.member("programs", programs) }
    }
}
