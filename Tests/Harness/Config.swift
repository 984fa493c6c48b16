/// The configuration that every bundle starts from: what `runc spec` prints, without a terminal and with the
/// assert program as the process.
let startingConfig = """
    {
      "ociVersion": "1.0.2",
      "process": {
        "terminal": false,
        "user": {"uid": 0, "gid": 0},
        "args": ["/assert", "report"],
        "env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "TERM=xterm"],
        "cwd": "/",
        "capabilities": {
          "bounding": ["CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"],
          "effective": ["CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"],
          "permitted": ["CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"]
        },
        "rlimits": [{"type": "RLIMIT_NOFILE", "hard": 1024, "soft": 1024}],
        "noNewPrivileges": true
      },
      "root": {"path": "rootfs", "readonly": true},
      "hostname": "apus",
      "mounts": [
        {"destination": "/proc", "type": "proc", "source": "proc"},
        {"destination": "/dev", "type": "tmpfs", "source": "tmpfs",
         "options": ["nosuid", "strictatime", "mode=755", "size=65536k"]},
        {"destination": "/dev/pts", "type": "devpts", "source": "devpts",
         "options": ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"]},
        {"destination": "/dev/shm", "type": "tmpfs", "source": "shm",
         "options": ["nosuid", "noexec", "nodev", "mode=1777", "size=65536k"]},
        {"destination": "/dev/mqueue", "type": "mqueue", "source": "mqueue", "options": ["nosuid", "noexec", "nodev"]},
        {"destination": "/sys", "type": "sysfs", "source": "sysfs", "options": ["nosuid", "noexec", "nodev", "ro"]},
        {"destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup",
         "options": ["nosuid", "noexec", "nodev", "relatime", "ro"]}
      ],
      "linux": {
        "resources": {"devices": [{"allow": false, "access": "rwm"}]},
        "namespaces": [{"type": "pid"}, {"type": "network"}, {"type": "ipc"}, {"type": "uts"}, {"type": "mount"}],
        "maskedPaths": ["/proc/acpi", "/proc/asound", "/proc/kcore", "/proc/keys", "/proc/latency_stats",
                        "/proc/timer_list", "/proc/timer_stats", "/proc/sched_debug", "/sys/firmware", "/proc/scsi"],
        "readonlyPaths": ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"]
      }
    }
    """

/// Short forms for the changes that many tests make to a configuration.
extension Value {
    /// Questions for the assert program: `ask("--stat", "/etc")`.
    public mutating func ask(_ options: String...) { self.process.args.append(contentsOf: options.map(Value.string)) }

    /// Another program as the container's process.
    public mutating func run(_ arguments: String...) { self.process.args = Value(arguments) }

    /// A busybox shell as the container's process.
    public mutating func shell(_ script: String) { self.process.args = Value(["/bin/sh", "-c", script]) }

    public mutating func mount(_ type: String, at destination: String, source: String? = nil, _ options: String...) {
        var entry: Value = ["destination": .string(destination), "type": .string(type)]
        entry.source = .string(source ?? type)
        if !options.isEmpty { entry.options = Value(options) }
        self.mounts.append(entry)
    }

    public mutating func bind(_ source: String, to destination: String, _ options: String...) {
        self.mounts.append([
            "destination": .string(destination), "type": "bind", "source": .string(source),
            "options": Value(options.contains("bind") || options.contains("rbind") ? options : ["bind"] + options),
        ])
    }

    /// Takes the mount at this destination out.
    public mutating func unmount(_ destination: String) {
        self.mounts.removeAll { $0.destination == .string(destination) }
    }

    /// New namespaces of these kinds.
    public mutating func unshare(_ kinds: String...) {
        for kind in kinds { self.linux.namespaces.append(["type": .string(kind)]) }
    }

    /// The namespace of this kind stays the caller's.
    public mutating func share(_ kinds: String...) {
        self.linux.namespaces.removeAll { $0.type.text.map(kinds.contains) ?? false }
    }

    public mutating func join(_ kind: String, _ path: String) {
        self.linux.namespaces.removeAll { $0.type == .string(kind) }
        self.linux.namespaces.append(["type": .string(kind), "path": .string(path)])
    }

    /// A user namespace whose ids 0... are these on the host.
    public mutating func mapUsers(to hostID: Int = 100_000, size: Int = 65536) {
        unshare("user")
        let mapping: Value = [["containerID": 0, "hostID": Value(hostID), "size": Value(size)]]
        self.linux.uidMappings = mapping
        self.linux.gidMappings = mapping
    }

    /// These capabilities, and no others, in all sets or in those listed.
    public mutating func grant(
        _ names: [String], in sets: [String] = ["bounding", "effective", "permitted", "inheritable", "ambient"]
    ) {
        for set in sets { self.process.capabilities[set] = Value(names) }
    }

    /// A process that mounts a file system of its own (FUSE) on a directory in memory, and never answers.
    public mutating func serveInSilence(at directory: String) {
        self.root.readonly = false
        grant(["CAP_SYS_ADMIN"])
        self.linux.devices = [["path": "/dev/fuse", "type": "c", "major": 10, "minor": 229]]
        self.linux.resources.devices.append(["allow": true, "type": "c", "major": 10, "minor": 229, "access": "rw"])
        mount("tmpfs", at: directory, source: "own")
        run("/assert", "silence", directory)
    }

    public mutating func hook(
        _ kind: String, _ path: String, args: [String]? = nil, env: [String]? = nil, timeout: Int? = nil
    ) {
        var entry: Value = ["path": .string(path)]
        if let args { entry.args = Value(args) }
        if let env { entry.env = Value(env) }
        if let timeout { entry.timeout = Value(timeout) }
        self.hooks[kind].append(entry)
    }
}
