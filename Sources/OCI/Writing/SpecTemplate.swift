import JSON

/// The configuration that `spec` writes for a start: what runc's has, without inheritable and ambient capabilities
/// (CVE-2022-29162).
public struct SpecTemplate: Sendable, Equatable {
    /// The ids that a rootless container maps to its root; `nil` for a container that root starts.
    public var rootless: Rootless?
    /// Whether the container gets a cgroup namespace, as runc does on a host with cgroup v2 only.
    public var cgroupNamespace: Bool
    public var hostname: String

    /// Ids of the user who will start the container.
    public struct Rootless: Sendable, Equatable {
        public var uid: UInt32
        public var gid: UInt32

        public init(uid: UInt32, gid: UInt32) {
            self.uid = uid
            self.gid = gid
        }
    }

    public init(rootless: Rootless? = nil, cgroupNamespace: Bool = false, hostname: String = "apus") {
        self.rootless = rootless
        self.cgroupNamespace = cgroupNamespace
        self.hostname = hostname
    }

    /// The document: indented with tabs, no newline at the end.
    public func json() -> [UInt8] {
        var writer = JSONWriter(.tabs)
        writer.object { writer in
            writer.member("ociVersion", Spec.currentVersion)
            writer.member("process", object: Self.encodeProcess)
            writer.member(
                "root",
                object: { writer in
                    writer.member("path", "rootfs")
                    writer.member("readonly", true)
                })
            writer.member("hostname", hostname)
            writer.member(
                "mounts",
                array: { writer in
                    for mount in mounts { mount.encode(to: &writer) }
                })
            writer.member("linux", object: encodeLinux)
        }
        return writer.bytes
    }

    private static func encodeProcess(_ writer: inout JSONWriter) {
        writer.member("terminal", true)
        writer.member(
            "user",
            object: { writer in
                writer.member("uid", 0)
                writer.member("gid", 0)
            })
        writer.member("args", ["sh"])
        writer.member("env", ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "TERM=xterm"])
        writer.member("cwd", "/")
        writer.member(
            "capabilities",
            object: { writer in
                let capabilities = [Capability.auditWrite, .kill, .netBindService].map { $0.name }
                for set in ["bounding", "effective", "permitted"] { writer.member(set, capabilities) }
            })
        writer.member(
            "rlimits",
            array: { writer in
                writer.object { writer in
                    writer.member("type", RlimitKind.nofile.name)
                    writer.member("hard", 1024)
                    writer.member("soft", 1024)
                }
            })
        writer.member("noNewPrivileges", true)
    }

    // MARK: Mounts

    private struct TemplateMount {
        var destination: String
        var type: String
        var source: String
        var options: [String] = []

        func encode(to writer: inout JSONWriter) {
            writer.object { writer in
                writer.member("destination", destination)
                writer.member("type", type)
                writer.member("source", source)
                if !options.isEmpty { writer.member("options", options) }
            }
        }
    }

    private var mounts: [TemplateMount] {
        let devptsOptions = ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"]
        return [
            TemplateMount(destination: "/proc", type: "proc", source: "proc"),
            TemplateMount(
                destination: "/dev", type: "tmpfs", source: "tmpfs",
                options: ["nosuid", "strictatime", "mode=755", "size=65536k"]),
            // The group 5, tty, is not mapped in a rootless container.
            TemplateMount(
                destination: "/dev/pts", type: "devpts", source: "devpts",
                options: rootless == nil ? devptsOptions + ["gid=5"] : devptsOptions),
            TemplateMount(
                destination: "/dev/shm", type: "tmpfs", source: "shm",
                options: ["nosuid", "noexec", "nodev", "mode=1777", "size=65536k"]),
            TemplateMount(
                destination: "/dev/mqueue", type: "mqueue", source: "mqueue", options: ["nosuid", "noexec", "nodev"]),
            // Sysfs may be mounted by the owner of a network namespace only, and rootless inherits the host's.
            rootless == nil
                ? TemplateMount(
                    destination: "/sys", type: "sysfs", source: "sysfs", options: ["nosuid", "noexec", "nodev", "ro"])
                : TemplateMount(
                    destination: "/sys", type: "none", source: "/sys",
                    options: ["rbind", "nosuid", "noexec", "nodev", "ro"]),
            TemplateMount(
                destination: "/sys/fs/cgroup", type: "cgroup", source: "cgroup",
                options: ["nosuid", "noexec", "nodev", "relatime", "ro"]),
        ]
    }

    // MARK: Linux

    private func encodeLinux(_ writer: inout JSONWriter) {
        if let rootless {
            Self.encodeMapping("uidMappings", of: rootless.uid, to: &writer)
            Self.encodeMapping("gidMappings", of: rootless.gid, to: &writer)
        } else {
            writer.member(
                "resources",
                object: { writer in
                    writer.member(
                        "devices",
                        array: { writer in
                            writer.object { writer in
                                writer.member("allow", false)
                                writer.member("access", Resources.DeviceAccess.all.letters)
                            }
                        })
                })
        }
        writer.member(
            "namespaces",
            array: { writer in
                for kind in namespaces { writer.object { $0.member("type", kind.rawValue) } }
            })
        writer.member(
            "maskedPaths",
            [
                "/proc/acpi", "/proc/asound", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list",
                "/proc/timer_stats", "/proc/sched_debug", "/sys/firmware", "/proc/scsi",
            ])
        writer.member("readonlyPaths", ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"])
    }

    private static func encodeMapping(_ name: String, of id: UInt32, to writer: inout JSONWriter) {
        writer.member(
            name,
            array: { writer in
                writer.object { writer in
                    writer.member("containerID", 0)
                    writer.member("hostID", id)
                    writer.member("size", 1)
                }
            })
    }

    private var namespaces: [NamespaceKind] {
        var kinds: [NamespaceKind] = [.pid]
        if rootless == nil { kinds.append(.network) }
        kinds += [.ipc, .uts, .mount]
        if cgroupNamespace { kinds.append(.cgroup) }
        if rootless != nil { kinds.append(.user) }
        return kinds
    }
}
