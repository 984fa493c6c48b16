import JSON

/// The configuration that `spec` writes for a start: what runc's has, without inheritable and ambient capabilities
/// (CVE-2022-29162).
public struct SpecTemplate: Sendable, Equatable {
    /// The ids that a rootless container maps to its root; `nil` for a container that root starts.
    public var rootless: Rootless?
    /// Whether the container gets a cgroup namespace, as runc does on a host with cgroup v2 only.
    public var cgroupNamespace: Bool
    public var hostname: String
    /// `root`: the directory, relative to the bundle unless absolute.
    public var root = Root(path: "rootfs", readonly: true)
    /// What is run, and as whom. Of it the terminal, the user, the program, its environment and its directory count; the
    /// rest is the template's own.
    public var process = Process(
        terminal: true, args: ["sh"],
        env: ["PATH=\(SpecTemplate.searchPath)", "TERM=xterm"])
    /// Paths that get a file system in memory, which begins with what the root file system has there.
    public var volumes: [String] = []
    public var annotations: [Annotation] = []

    /// The directories in which programs are looked for.
    static var searchPath: String { "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" }

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

    /// Takes over what an image says: what it runs, where, with which environment; its volumes and its annotations. The root
    /// file system can be written to, as its programs expect. The user is somebody else's business: names have to be
    /// looked up in the image.
    ///
    /// - Parameters:
    ///   - image: the image's configuration.
    ///   - command: takes the place of the image's own `Cmd`, as in Docker; empty: there is none.
    public mutating func take(_ image: ImageConfig, command: [String]) {
        root.readonly = false
        process.args = image.entrypoint + (command.isEmpty ? image.command : command)
        process.cwd = image.workingDirectory
        // What the image does not say stays as it is.
        process.env =
            image.environment
            + process.env.filter { own in
                let name = String(decoding: own.utf8.prefix { $0 != UInt8(ascii: "=") }, as: UTF8.self) + "="
                return !image.environment.contains { $0.begins(with: name) }
            }
        volumes = image.volumes
        annotations = image.annotations
    }

    /// The container has no terminal, and no kind of one.
    public mutating func leaveOutTerminal() {
        process.terminal = false
        process.env.removeAll { $0.begins(with: "TERM=") }
    }

    /// The document: indented with tabs, no newline at the end.
    public func json() -> [UInt8] {
        var writer = JSONWriter(.tabs)
        writer.object { writer in
            writer.member("ociVersion", Spec.currentVersion)
            writer.member("process", object: encodeProcess)
            writer.member(
                "root",
                object: { writer in
                    writer.member("path", root.path)
                    writer.member("readonly", root.readonly)
                })
            writer.member("hostname", hostname)
            writer.member(
                "mounts",
                array: { writer in
                    for mount in mounts { mount.encode(to: &writer) }
                })
            if !annotations.isEmpty {
                writer.member(
                    "annotations",
                    object: { writer in
                        for annotation in annotations { writer.member(annotation.key, annotation.value) }
                    })
            }
            writer.member("linux", object: encodeLinux)
        }
        return writer.bytes
    }

    private func encodeProcess(_ writer: inout JSONWriter) {
        writer.member("terminal", process.terminal)
        writer.member(
            "user",
            object: { writer in
                writer.member("uid", process.user.uid)
                writer.member("gid", process.user.gid)
                let groups = process.user.additionalGids
                if !groups.isEmpty {
                    writer.member("additionalGids", array: { writer in groups.forEach { writer.integer($0) } })
                }
            })
        writer.member("args", process.args)
        writer.member("env", process.env)
        writer.member("cwd", process.cwd)
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

    /// Where every container has a file system in memory that its programs may write to.
    static var writablePlaces: [String] { ["/dev/shm", "/dev/mqueue"] }

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
            + volumes.map {
                TemplateMount(
                    destination: $0, type: "tmpfs", source: "tmpfs", options: ["nosuid", "nodev", "tmpcopyup"])
            }
    }

    // MARK: Linux

    private func encodeLinux(_ writer: inout JSONWriter) {
        if let rootless {
            // Of somebody else the one id of the caller is not enough: the runtime maps what /etc/subuid grants.
            if process.user == User() {
                Self.encodeMapping("uidMappings", of: rootless.uid, to: &writer)
                Self.encodeMapping("gidMappings", of: rootless.gid, to: &writer)
            }
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
