import JSON

extension Features {
    /// What `features` prints: runc's layout (four spaces), no newline at the end.
    public func json() -> [UInt8] {
        var writer = JSONWriter(.spaces(4))
        writer.object { writer in
            writer.member("ociVersionMin", "1.0.0")
            writer.member("ociVersionMax", Spec.currentVersion)
            writer.member("hooks", HookKind.allCases.map { $0.rawValue })
            writer.member("mountOptions", MountOption.allCases.map { $0.rawValue })
            writer.member("linux", object: encodeLinux)
            if !annotations.isEmpty {
                writer.name("annotations")
                Annotation.encode(annotations, to: &writer)
            }
            if !potentiallyUnsafeConfigAnnotations.isEmpty {
                writer.member("potentiallyUnsafeConfigAnnotations", potentiallyUnsafeConfigAnnotations)
            }
        }
        return writer.bytes
    }

    private func encodeLinux(_ writer: inout JSONWriter) {
        writer.member("namespaces", NamespaceKind.allCases.map { $0.rawValue })
        writer.member("capabilities", Capability.allCases.map { $0.name })
        writer.member("cgroup", object: encodeCgroup)
        writer.member("seccomp", object: encodeSeccomp)
        writer.member("apparmor", object: { $0.member("enabled", apparmor) })
        writer.member("selinux", object: { $0.member("enabled", selinux) })
        writer.member(
            "intelRdt",
            object: { writer in
                writer.member("enabled", intelRdt.enabled)
                writer.member("schemata", intelRdt.schemata)
                writer.member("monitoring", intelRdt.monitoring)
            })
        if memoryPolicy {
            writer.member(
                "memoryPolicy",
                object: { writer in
                    writer.member("modes", MemoryPolicyMode.allCases.map { $0.name })
                    writer.member("flags", MemoryPolicyFlag.allCases.map { $0.name })
                })
        }
        writer.member(
            "mountExtensions",
            object: { writer in
                writer.member("idmap", object: { $0.member("enabled", idmap) })
            })
        writer.member("netDevices", object: { $0.member("enabled", netDevices) })
    }

    private func encodeCgroup(_ writer: inout JSONWriter) {
        writer.member("v1", cgroup.v1)
        writer.member("v2", cgroup.v2)
        writer.member("systemd", cgroup.systemd)
        writer.member("systemdUser", cgroup.systemdUser)
        writer.member("rdma", cgroup.rdma)
    }

    private func encodeSeccomp(_ writer: inout JSONWriter) {
        writer.member("enabled", seccomp.enabled)
        writer.member("actions", SeccompAction.allCases.map { $0.rawValue })
        writer.member("operators", SeccompOperator.allCases.map { $0.rawValue })
        writer.member("archs", seccomp.architectures.map { $0.rawValue })
        writer.member("knownFlags", SeccompFlag.allCases.map { $0.name })
        writer.member("supportedFlags", seccomp.supportedFlags.map { $0.name })
    }
}
