internal import JSON
internal import Spelling

/// The properties that the specification names (its JSON schemas, 1.3.0), by the kind of place that they are in.
///
/// A runtime ignores all others (config.md, "Extensibility"): a property that is misspelt has no effect and no error.
/// Whoever checks a configuration wants to be told. What other platforms read is not looked into.
enum KnownProperties {
    /// The names in the objects at a place. `[]` stands for any element, `*` for any member.
    private static let names: [(place: StaticString, names: StaticString)] = [
        (
            "",
            "annotations domainname freebsd hooks hostname linux mounts ociVersion process root solaris vm windows zos"
        ),
        ("root", "path readonly"),
        ("mounts[]", "destination gidMappings options source type uidMappings"),
        ("mounts[].uidMappings[]", "containerID hostID size"),
        ("mounts[].gidMappings[]", "containerID hostID size"),
        (
            "process",
            """
            apparmorProfile args capabilities commandLine consoleSize cwd env execCPUAffinity ioPriority noNewPrivileges \
            oomScoreAdj rlimits scheduler selinuxLabel terminal user
            """
        ),
        ("process.consoleSize", "height width"),
        ("process.user", "additionalGids gid uid umask username"),
        ("process.capabilities", "ambient bounding effective inheritable permitted"),
        ("process.ioPriority", "class priority"),
        ("process.scheduler", "deadline flags nice period policy priority runtime"),
        ("process.rlimits[]", "hard soft type"),
        ("process.execCPUAffinity", "final initial"),
        ("hooks", "createContainer createRuntime poststart poststop prestart startContainer"),
        ("hooks.*[]", "args env path timeout"),
        (
            "linux",
            """
            cgroupsPath devices gidMappings intelRdt maskedPaths memoryPolicy mountLabel namespaces netDevices \
            personality readonlyPaths resources rootfsPropagation seccomp sysctl timeOffsets uidMappings
            """
        ),
        ("linux.devices[]", "fileMode gid major minor path type uid"),
        ("linux.netDevices.*", "name"),
        ("linux.uidMappings[]", "containerID hostID size"),
        ("linux.gidMappings[]", "containerID hostID size"),
        ("linux.namespaces[]", "path type"),
        ("linux.resources", "blockIO cpu devices hugepageLimits memory network pids rdma unified"),
        ("linux.resources.devices[]", "access allow major minor type"),
        ("linux.resources.pids", "limit"),
        (
            "linux.resources.blockIO",
            """
            leafWeight throttleReadBpsDevice throttleReadIOPSDevice throttleWriteBpsDevice throttleWriteIOPSDevice \
            weight weightDevice
            """
        ),
        ("linux.resources.blockIO.throttleReadBpsDevice[]", "major minor rate"),
        ("linux.resources.blockIO.throttleWriteBpsDevice[]", "major minor rate"),
        ("linux.resources.blockIO.throttleReadIOPSDevice[]", "major minor rate"),
        ("linux.resources.blockIO.throttleWriteIOPSDevice[]", "major minor rate"),
        ("linux.resources.blockIO.weightDevice[]", "leafWeight major minor weight"),
        ("linux.resources.cpu", "burst cpus idle mems period quota realtimePeriod realtimeRuntime shares"),
        ("linux.resources.hugepageLimits[]", "limit pageSize"),
        (
            "linux.resources.memory",
            "checkBeforeUpdate disableOOMKiller kernel kernelTCP limit reservation swap swappiness useHierarchy"
        ),
        ("linux.resources.network", "classID priorities"),
        ("linux.resources.network.priorities[]", "name priority"),
        ("linux.resources.rdma.*", "hcaHandles hcaObjects"),
        (
            "linux.seccomp",
            "architectures defaultAction defaultErrnoRet flags listenerMetadata listenerPath syscalls"
        ),
        ("linux.seccomp.syscalls[]", "action args errnoRet names"),
        ("linux.seccomp.syscalls[].args[]", "index op value valueTwo"),
        ("linux.intelRdt", "closID enableMonitoring l3CacheSchema memBwSchema schemata"),
        ("linux.memoryPolicy", "flags mode nodes"),
        ("linux.personality", "domain flags"),
        ("linux.timeOffsets", "boottime monotonic"),
        ("linux.timeOffsets.*", "nanosecs secs"),
    ]

    /// The same, made once for looking at every value of a document.
    private static let table: [String: [String]] = {
        var table: [String: [String]] = [:]
        for entry in names { table["\(entry.place)"] = "\(entry.names)".split(separator: " ").map(String.init) }
        return table
    }()

    /// The places in which there are places of the table: what is in any other one is not looked at.
    private static let outer: Set<String> = {
        var outer: Set<String> = []
        for entry in names {
            let place = "\(entry.place)"
            for (index, byte) in zip(place.utf8.indices, place.utf8)
            where byte == UInt8(ascii: ".") || byte == UInt8(ascii: "[") {
                outer.insert(String(place[..<index]))
            }
        }
        return outer
    }()

    /// The places of all of them, such as `mounts[].options`.
    static var places: [String] {
        names.flatMap { entry in
            "\(entry.names)".split(separator: " ").map {
                entry.place.utf8CodeUnitCount == 0 ? "\($0)" : "\(entry.place).\($0)"
            }
        }
    }

    /// Reports every property of a `config.json` that the specification does not name.
    ///
    /// - Parameter place: what of a configuration the document is; empty for a whole one.
    static func warn(about root: JSONNode, as place: String = "", _ reader: inout Reader) {
        look(at: root, place: place, &reader)
    }

    private static func look(at node: JSONNode, place: String, _ reader: inout Reader) {
        // Names that are data make places of any length and number: of those the table has none.
        guard table[place] != nil || outer.contains(place) else { return }
        for index in 0..<node.count {
            if let element = node[index] { look(at: element, place: "\(place)[]", &reader) }
        }
        let known = table[place]
        for member in node.members {
            if let known, !known.contains(member.name) {
                reader.warn(
                    node, member: member.name,
                    "unknown property, which has no effect\(Suggestion.phrase(for: member.name, among: known))")
            } else if let value = member.value {
                look(at: value, place: memberPlace(member.name, in: place), &reader)
            }
        }
    }

    /// The kind of place that a member is: its own, or that of any member.
    private static func memberPlace(_ name: String, in place: String) -> String {
        let any = "\(place).*"
        let isAny = table[any] != nil || table["\(any)[]"] != nil
        return isAny ? any : place.isEmpty ? name : "\(place).\(name)"
    }
}
