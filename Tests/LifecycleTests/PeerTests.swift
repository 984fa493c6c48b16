import Harness
import Testing

extension Containers {
    /// What the assert program sees under apus is what it sees under Debian's runc, apart from what is written down
    /// in `Difference.deliberate`.
    @Suite(.enabled(if: Runtime.peer != nil, "needs runc to compare with: apt-get install runc"))
    struct PeerTests {
        @Test(arguments: Comparison.all)
        func `apus and runc give the same view`(comparison: Comparison) throws {
            let ours = try comparison.view(of: Bundle.minimal())
            let theirs = try comparison.view(of: Bundle.minimal(on: Runtime.peer))
            let unexplained = ours.differences(from: theirs).filter { line in
                !Difference.deliberate.contains { $0.explains(line, in: comparison.testDescription) }
            }
            #expect(unexplained.isEmpty, "\n\(unexplained.joined(separator: "\n"))")
        }

        @Test(arguments: ExecComparison.all)
        func `apus and runc give one more process the same view`(comparison: ExecComparison) throws {
            let ours = try comparison.view(of: Bundle.minimal())
            let theirs = try comparison.view(of: Bundle.minimal(on: Runtime.peer))
            let unexplained = ours.differences(from: theirs).filter { line in
                !Difference.deliberate.contains { $0.explains(line, in: comparison.testDescription) }
            }
            #expect(unexplained.isEmpty, "\n\(unexplained.joined(separator: "\n"))")
        }
    }
}

/// A difference from runc 1.1.5 that is meant.
struct Difference {
    /// The comparison's name, or nil for all of them.
    let bundle: String?
    /// The start of the place in the view, as `differences(from:)` writes it.
    let place: String
    let reason: String

    func explains(_ line: String, in name: String) -> Bool { (bundle ?? name) == name && line.hasPrefix(place) }

    /// Every difference that is meant, with its reason. Anything else fails the test.
    static let deliberate: [Difference] = [
        Difference(
            bundle: nil, place: "mounts.masked ",
            reason: "masks are a null device and an empty directory of one read-only tmpfs of the container's own; "
                + "runc 1.1.5 binds whatever the container has as /dev/null, and makes a tmpfs per directory"),
        Difference(
            bundle: "masked and read-only paths", place: "paths./secret.mode: \"0755\", not \"1777\"",
            reason: "nobody can write to the empty directory that masks it"),
        Difference(
            bundle: "user namespace", place: "dev.", reason: "devices are the container's own, with its root as owner"),
        Difference(
            bundle: "user namespace", place: "terminal.input.",
            reason: "standard input is the container's own null device"),
        Difference(
            bundle: "user namespace", place: "mounts./dev/",
            reason: "devices are the container's own, nosuid and noexec; runc 1.1.5 binds the host's"),
        Difference(
            bundle: "user namespace with a user and no network", place: "dev.",
            reason: "devices are the container's own, with its root as owner"),
        Difference(
            bundle: "user namespace with a user and no network", place: "terminal.input.",
            reason: "standard input is the container's own null device"),
        Difference(
            bundle: "user namespace with a user and no network", place: "mounts./dev/",
            reason: "devices are the container's own, nosuid and noexec; runc 1.1.5 binds the host's"),
        Difference(
            bundle: "cgroup namespace", place: "mounts./sys/fs/cgroup/systemd.source",
            reason: "the source of a cgroup mount is only a name; runc takes the hierarchy's"),
        Difference(
            bundle: nil, place: "dev.mqueue.gid: 0, not 65534",
            reason: "in a user namespace message queues belong to its root; runc 1.1.5 leaves their group to nobody"),
        Difference(
            bundle: nil, place: "mounts./sys/fs/cgroup.options[0]: \"ro\"",
            reason: "read-only as asked; runc 1.1.5 leaves the directory above the v1 hierarchies writable"),
        Difference(
            bundle: "exec: user and groups", place: "umask", reason: "runc 1.1.5 forgets the process's mask in exec"),
        Difference(
            bundle: "exec: a process file with everything", place: "umask",
            reason: "runc 1.1.5 forgets the process's mask in exec"),
        Difference(
            bundle: "exec: environment and working directory", place: "env",
            reason: "of two values for one name the last stays where it is; runc 1.1.5 puts it where the first was"),
    ]
}

/// One bundle that both runtimes run.
struct Comparison: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let hasTerminal: Bool
    let change: @Sendable (Bundle) throws -> Void

    init(_ name: String, hasTerminal: Bool = false, _ change: @escaping @Sendable (Bundle) throws -> Void) {
        testDescription = name
        self.hasTerminal = hasTerminal
        self.change = change
    }

    /// The report of a created and started container, in terms that do not depend on the run.
    func view(of bundle: Bundle) throws -> Value {
        try change(bundle)
        let report: Value
        if hasTerminal {
            let socket = try ConsoleSocket(in: bundle.workspace.directory, named: "\(bundle.name).sock")
            try bundle.create("--console-socket", socket.path).ok()
            let terminal = try socket.receive()
            try bundle.start().ok()
            terminal.readToEnd()
            report = terminal.reports.first ?? .null
        } else {
            try bundle.create().ok()
            try bundle.start().ok()
            report = try bundle.line()
        }
        guard bundle.waitForExit() == 0 else { throw HarnessError("the assert program failed") }
        try bundle.delete().ok()
        return try Comparison.comparable(report, of: bundle)
    }

    static func comparable(_ report: Value, of bundle: Bundle) throws -> Value {
        let text = "\(report)".replacing(bundle.id, with: "ID").replacing(
            "\(bundle.workspace.tag)/\(bundle.name)", with: "BUNDLE")
        var view = try Value(parsing: text)
        view.remove("clocks")
        view.sessionKeyring.remove("serial")
        for (kind, inode) in view.namespaces.members {
            view.namespaces[kind] = inode == Host.namespace(kind) ? "the host's" : "another"
        }
        for (number, target) in view.descriptors.members where target.text?.contains("/io/") == true {
            view.descriptors[number] = "the caller's"
        }
        let allowed = (view.cgroupLimits["devices.list"].text ?? "").split(separator: "\n").map(String.init)
        view.cgroupLimits["devices.list"] = Value(allowed.sorted())
        view.mounts = mounts(view.mounts.items, masked: bundle.config.linux.maskedPaths)
        return view
    }

    /// The mounts by place: their order is the business of tests of their own.
    private static func mounts(_ table: [Value], masked: Value) -> Value {
        var result: Value = [:]
        for mount in table {
            var view = mount
            view.parent = table.first { $0.id == mount.parent }?.destination ?? "outside"
            view.remove("id")
            // Anonymous devices and peer groups are numbered as they come.
            view.remove("device")
            view.propagation = Value(mount.propagation.strings.map { String($0.prefix { $0 != ":" }) })
            let place = mount.destination.text ?? ""
            result[masked.contains(mount.destination) ? "masked \(place)" : place] = view
        }
        return result
    }

    static let all: [Comparison] = [
        Comparison("default") { _ in },
        Comparison("writable root") { $0.config.root.readonly = false },
        Comparison("user and groups") {
            $0.config.process.user = ["uid": 1000, "gid": 1001, "additionalGids": [5, 6], "umask": 63]
        },
        Comparison("user with ambient capabilities") {
            $0.config.process.user = ["uid": 1000, "gid": 1000]
            $0.config.grant(["CAP_NET_RAW", "CAP_CHOWN"])
        },
        Comparison("user without capabilities") {
            $0.config.process.user = ["uid": 1000, "gid": 1000]
            $0.config.process.remove("capabilities")
        },
        Comparison("root with many capabilities") {
            $0.config.grant(["CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_SETUID", "CAP_SETGID", "CAP_SYS_ADMIN", "CAP_MKNOD"])
            $0.config.process.noNewPrivileges = false
        },
        Comparison("limits and scores") {
            $0.config.process.rlimits = [
                ["type": "RLIMIT_CORE", "soft": 0, "hard": 0], ["type": "RLIMIT_NPROC", "soft": 100, "hard": 200],
            ]
            $0.config.process.oomScoreAdj = 500
        },
        Comparison("environment and working directory") {
            $0.config.process.env = ["PATH=/bin", "B=2", "A=1"]
            $0.config.process.cwd = "/made/here"
            try $0.put("etc/passwd", "root:x:0:0:root:/root:/bin/sh\n")
        },
        Comparison("user namespace") { $0.config.mapUsers() },
        Comparison("user namespace with a user and no network") {
            $0.config.mapUsers()
            $0.config.process.user = ["uid": 1000, "gid": 1000]
        },
        Comparison("cgroup namespace") { $0.config.unshare("cgroup") },
        Comparison("the host's network, ipc and uts") {
            $0.config.share("network", "ipc", "uts")
            $0.config.unmount("/dev/mqueue")
            $0.config.remove("hostname")
        },
        Comparison("bind mounts") {
            let source = try $0.hostDirectory("data")
            try Files.makeDirectory("\(source)/inner")
            $0.config.bind(source, to: "/data")
            $0.config.bind(source, to: "/fixed", "rbind", "ro", "nosuid", "nodev", "noexec")
            $0.config.bind(source, to: "/recursive", "rbind", "rro")
            $0.config.bind(try $0.hostFile("file", "text"), to: "/etc/file", "bind", "ro", "rprivate")
            $0.config.ask(
                "--list", "/data", "--read", "/etc/file", "--try-create", "/fixed/new", "--try-create", "/data/new")
        },
        Comparison("tmpfs mounts") {
            try $0.put("copied/file", "text", mode: 0o640)
            $0.config.mount("tmpfs", at: "/tmp", "nosuid", "nodev", "size=1m", "mode=1777")
            $0.config.mount("tmpfs", at: "/copied", "tmpcopyup", "noexec")
            $0.config.mount("tmpfs", at: "/strict", "strictatime", "nodiratime")
            $0.config.ask("--stat", "/tmp", "--stat", "/copied/file", "--try-create", "/tmp/new")
        },
        Comparison("propagation") {
            $0.config.bind(try $0.hostDirectory("one"), to: "/one", "rbind", "rshared")
            $0.config.bind(try $0.hostDirectory("two"), to: "/two", "rbind", "rslave")
            $0.config.bind(try $0.hostDirectory("three"), to: "/three", "bind", "unbindable")
            $0.config.linux.rootfsPropagation = "rslave"
        },
        Comparison("masked and read-only paths") {
            try $0.put("secret/file", "hidden")
            try $0.put("secret-file", "hidden")
            try $0.put("fixed/file", "text")
            $0.config.root.readonly = false
            $0.config.linux.maskedPaths = ["/secret", "/secret-file", "/absent"]
            $0.config.linux.readonlyPaths = ["/fixed", "/absent"]
            $0.config.ask(
                "--list", "/secret", "--read", "/secret-file", "--try-create", "/fixed/new", "--stat", "/secret")
        },
        Comparison("devices") {
            $0.config.linux.devices = [
                ["path": "/dev/fuse", "type": "c", "major": 10, "minor": 229, "fileMode": 0o640, "uid": 3, "gid": 4],
                ["path": "/dev/pipe", "type": "p", "fileMode": 0o622],
            ]
        },
        Comparison("sysctls") {
            $0.config.linux.sysctl = ["net.ipv4.ip_forward": "1", "kernel.shm_rmid_forced": "1"]
            $0.config.ask("--sysctl", "net.ipv4.ip_forward", "--sysctl", "kernel.shm_rmid_forced")
        },
        Comparison("resources") {
            $0.config.linux.resources.memory = ["limit": Value(64 << 20), "reservation": Value(32 << 20)]
            $0.config.linux.resources.pids.limit = 50
            $0.config.linux.resources.cpu = [
                "shares": 512, "quota": 50_000, "period": 100_000, "cpus": "0", "mems": "0",
            ]
        },
        Comparison("seccomp") {
            $0.config.linux.seccomp = [
                "defaultAction": "SCMP_ACT_ALLOW", "architectures": [Containers.SeccompTests.architecture],
                "syscalls": [["names": ["getpriority"], "action": "SCMP_ACT_ERRNO", "errnoRet": 95]],
            ]
            $0.config.ask("--try-syscall", "\(Containers.SeccompTests.getpriority) 0 0", "--try-syscall", "9999")
        },
        Comparison("only proc") {
            $0.config.mounts = .array($0.config.mounts.items.filter { $0.destination == "/proc" })
            $0.config.root.readonly = false
        },
        Comparison("terminal", hasTerminal: true) {
            $0.config.process.terminal = true
            $0.config.process.consoleSize = ["height": 30, "width": 90]
        },
        Comparison("terminal of a user", hasTerminal: true) {
            $0.config.process.terminal = true
            $0.config.process.user = ["uid": 1000, "gid": 1000]
        },
    ]
}
