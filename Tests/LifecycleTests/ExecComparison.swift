import Glibc
import Harness
import Testing

/// One `exec` that both runtimes do.
struct ExecComparison: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let flags: [String]
    let change: @Sendable (Bundle) throws -> Void
    /// The process for `--process`, made of the container's own.
    let process: (@Sendable (inout Value) -> Void)?

    init(
        _ name: String, _ flags: String..., in change: @escaping @Sendable (Bundle) throws -> Void = { _ in }
    ) {
        testDescription = "exec: \(name)"
        self.flags = flags
        self.change = change
        process = nil
    }

    init(_ name: String, process: @escaping @Sendable (inout Value) -> Void) {
        testDescription = "exec: \(name)"
        self.process = process
        flags = []
        change = { _ in }
    }

    func view(of bundle: Bundle) throws -> Value {
        bundle.config.run("/assert", "sleep")
        try change(bundle)
        try bundle.begin()
        var view = try report(in: bundle)
        try bundle.kill("KILL").ok()
        guard bundle.waitForExit() == 137 else { throw HarnessError("the container did not end") }
        // The other runtime has processes of its own beside it for a while.
        try bundle.delete("--force").ok()
        view = try Comparison.comparable(view, of: bundle)
        for fact in ["pid", "processGroup", "session"] { view.remove(fact) }
        view.terminal.remove("foregroundGroup")
        return view
    }

    /// Detached: in the foreground runc puts pipes of its own between the process and the caller's streams.
    private func report(in bundle: Bundle) throws -> Value {
        let pidFile = "\(bundle.directory)/exec.pid"
        let socket = try ConsoleSocket(in: bundle.workspace.directory, named: "\(bundle.name)-exec.sock")
        var flags = flags + ["--detach", "--pid-file", pidFile]
        let hasTerminal = flags.contains("--tty")
        if hasTerminal { flags += ["--console-socket", socket.path] }
        var arguments = ["/assert", "report"]
        if let process {
            var changed = bundle.config.process
            changed.args = Value(arguments)
            process(&changed)
            try Files.write("\(changed)", to: "\(bundle.directory)/process.json")
            flags += ["--process", "\(bundle.directory)/process.json"]
            arguments = []
        }
        let command = bundle.executing(arguments, flags)
        try command.run().ok()
        let terminal = hasTerminal ? try socket.receive() : nil
        terminal?.readToEnd()
        guard let pid = Files.line(pidFile).flatMap({ pid_t($0) }), eventually({ waitpid(pid, nil, WNOHANG) == pid })
        else {
            throw HarnessError("the assert program did not end")
        }
        if let terminal { return terminal.reports.first ?? .null }
        return try Value(parsing: (Files.read(command.output) ?? "").split(separator: "\n").first ?? "")
    }

    static let all: [ExecComparison] = [
        ExecComparison("default"),
        ExecComparison("user and groups", "--user", "1000:1001", "-g", "5", "-g", "6") {
            $0.config.process.user = ["uid": 1, "gid": 2, "additionalGids": [3], "umask": 63]
        },
        ExecComparison("user without a group", "--user", "1000"),
        ExecComparison("environment and working directory", "--env", "A=1", "--env", "PATH=/bin", "--cwd", "/bin") {
            $0.config.process.env = ["PATH=/none", "B=2"]
            try $0.put("etc/passwd", "root:x:0:0:root:/root:/bin/sh\n")
        },
        ExecComparison("capabilities", "--cap", "CAP_NET_RAW", "--cap", "CAP_CHOWN"),
        ExecComparison("capabilities of an ordinary user", "--cap", "CAP_NET_RAW", "--user", "1000") {
            $0.config.grant(["CAP_KILL", "CAP_CHOWN"])
        },
        ExecComparison("no_new_privs", "--no-new-privs") { $0.config.process.noNewPrivileges = false },
        ExecComparison("no_new_privs taken away", "--no-new-privs=false"),
        ExecComparison("terminal", "--tty"),
        ExecComparison("limits and scores") {
            $0.config.process.rlimits = [
                ["type": "RLIMIT_CORE", "soft": 0, "hard": 0], ["type": "RLIMIT_NPROC", "soft": 100, "hard": 200],
            ]
            $0.config.process.oomScoreAdj = 500
        },
        ExecComparison("user namespace") { $0.config.mapUsers() },
        ExecComparison("cgroup namespace") { $0.config.unshare("cgroup") },
        ExecComparison("seccomp") {
            $0.config.linux.seccomp = [
                "defaultAction": "SCMP_ACT_ALLOW",
                "syscalls": [["names": ["getpriority"], "action": "SCMP_ACT_ERRNO", "errnoRet": 95]],
            ]
            $0.config.process.noNewPrivileges = false
        },
        ExecComparison("the host's network, ipc and uts") {
            $0.config.share("network", "ipc", "uts")
            $0.config.unmount("/dev/mqueue")
            $0.config.remove("hostname")
        },
        ExecComparison(
            "a process file",
            process: {
                $0 = [
                    "args": ["/assert", "report"], "cwd": "/bin", "user": ["uid": 9, "gid": 8, "additionalGids": [7]],
                    "env": ["PATH=/x", "OWN=1"],
                ]
            }),
        ExecComparison(
            "a process file with everything",
            process: {
                // Go 1.19, which runc 1.1.5 is made with, raises the soft limit of files to the hard one as it starts, and
                // that is before or after runc sets them.
                $0.rlimits = [
                    ["type": "RLIMIT_NOFILE", "soft": 200, "hard": 200],
                    ["type": "RLIMIT_MSGQUEUE", "soft": 100, "hard": 200],
                ]
                $0.capabilities = [
                    "bounding": ["CAP_CHOWN", "CAP_KILL"], "permitted": ["CAP_KILL"], "effective": ["CAP_KILL"],
                    "inheritable": ["CAP_KILL"], "ambient": ["CAP_KILL"],
                ]
                $0.user = ["uid": 1000, "gid": 1000, "umask": 0]
                $0.noNewPrivileges = false
            }),
    ]
}
