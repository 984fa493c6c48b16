import Glibc

/// An OCI bundle in the workspace of the running test, and the runtime's commands on its container.
public final class Bundle {
    public let workspace: Workspace
    public let runtime: Runtime
    public let name: String
    public var id: String
    public let directory: String
    /// What becomes config.json when a container is created.
    public var config: Value
    /// The text of config.json when it is to be something that `config` cannot say.
    public var configText: String?
    /// Flags before the command, after `--root`.
    public var globalFlags: [String] = []
    /// Programs in front of the runtime when it makes a container: `["/usr/bin/unshare", "--mount"]`.
    public var wrapper: [String] = []
    /// Added to the environment of the runtime.
    public var environment: [String] = []
    /// Descriptors that the runtime inherits as 3, 4, ...
    public var descriptors: [Int32] = []

    private var lastOutput = ""

    /// A bundle that reports what it sees, with the configuration of `startingConfig` and these changes to it.
    public static func minimal(
        on runtime: Runtime? = nil, _ change: (inout Value) throws -> Void = { _ in }
    ) throws
        -> Bundle
    {
        guard let workspace = Workspace.current else { throw HarnessError("a bundle needs the .leavesNothing trait") }
        guard let runtime = runtime ?? Runtime.underTest else {
            throw HarnessError("no runtime under test: build apus, or set APUS_BINARY")
        }
        let bundle = try Bundle(in: workspace, runtime)
        try change(&bundle.config)
        return bundle
    }

    /// A bundle whose process reports and then waits for SIGTERM.
    public static func sleeping(_ change: (inout Value) throws -> Void = { _ in }) throws -> Bundle {
        try minimal {
            $0.run("/assert", "sleep")
            try change(&$0)
        }
    }

    private init(in workspace: Workspace, _ runtime: Runtime) throws {
        self.workspace = workspace
        self.runtime = runtime
        name = "c\(workspace.bundles.count)"
        id = "\(workspace.tag)-\(name)"
        directory = "\(workspace.directory)/\(name)"
        config = try Value(parsing: startingConfig)
        config.linux.cgroupsPath = "/\(workspace.tag)/\(name)"
        let template = try Template.directory.get()
        try Files.makeDirectory("\(rootfs)/bin")
        try Files.link("\(template)/assert", to: "\(rootfs)/assert")
        try Files.link("\(template)/busybox", to: "\(rootfs)/bin/busybox")
        for applet in Template.applets { try Files.symlink(to: "busybox", at: "\(rootfs)/bin/\(applet)") }
        workspace.add(self)
    }

    public var rootfs: String { "\(directory)/rootfs" }
    public var pidFile: String { "\(directory)/pid" }

    /// Shell commands before the runtime makes a container, in the process that becomes the runtime:
    /// `prepare("umask 0")`. Comes behind the `wrapper` that is there already.
    public func prepare(_ script: String) { wrapper += ["/bin/sh", "-ec", "\(script); exec \"$@\"", "sh"] }

    /// Writes config.json, and gives the rootfs directory to the container's root, so that missing mount points can
    /// be made in a user namespace too. Commands that read config.json do this by themselves.
    public func save() throws {
        try Files.write(configText ?? "\(config)", to: "\(directory)/config.json")
        let owner = config.linux.uidMappings.first { $0.containerID == 0 }.hostID.integer ?? 0
        try Files.changeOwner(rootfs, uid: uid_t(owner), gid: gid_t(owner))
    }

    // MARK: Commands

    /// A command of the runtime with these arguments, ready to be started.
    public func command(_ arguments: [String]) -> Command {
        var command = workspace.command(
            [runtime.path, "--root", workspace.root] + globalFlags + arguments, environment: environment)
        command.descriptors = descriptors
        return command
    }

    /// `run` in the foreground until the container ends.
    @discardableResult
    public func run(_ flags: String...) throws -> Outcome { try creating(["run"] + flags).run() }

    /// `run` in the foreground, not waited for.
    public func startRun(_ flags: String...) throws -> RunningCommand { try workspace.start(creating(["run"] + flags)) }

    @discardableResult
    public func create(_ flags: String...) throws -> Outcome { try creating(["create"] + flags).run() }

    /// A command that makes a container: config.json is written, `--bundle` and `--pid-file` are given.
    public func creating(_ words: [String]) throws -> Command {
        try save()
        var command = command(words + ["--bundle", directory, "--pid-file", pidFile, id])
        command.arguments = wrapper + command.arguments
        lastOutput = command.output
        return command
    }

    @discardableResult
    public func start() throws -> Outcome { try command(["start", id]).run() }

    /// `kill ID SIGNAL`; without a signal the runtime's own default.
    @discardableResult
    public func kill(_ words: String...) throws -> Outcome { try command(["kill", id] + words).run() }

    @discardableResult
    public func delete(_ flags: String...) throws -> Outcome { try command(["delete"] + flags + [id]).run() }

    /// What `state` prints. Throws when there is no such container.
    public func state() throws -> Value { try Value(parsing: try command(["state", id]).run().ok().output) }

    /// The status in `state`, or nil when there is no such container.
    public var status: String? { (try? state())?.status.text }

    // MARK: What the process inside says

    /// What the assert program saw in a foreground run, which must succeed.
    public func report() throws -> Value { try run().report }

    /// The process's standard output so far, of the last `create` or `run`.
    public var output: String { Files.read(lastOutput) ?? "" }

    /// The n-th line that the process of a created and started container wrote, waiting for it.
    public func line(_ number: Int = 0) throws -> Value {
        var lines: [Substring] = []
        let arrived = eventually {
            let text = output
            lines = text.split(separator: "\n", omittingEmptySubsequences: true)
            return lines.count > number + 1 || (lines.count == number + 1 && text.hasSuffix("\n"))
        }
        guard arrived else { throw HarnessError("line \(number) never came; output: \(output.prefix(500))") }
        return try Value(parsing: lines[number])
    }

    /// Waits until the program runs, and the command that has started it knows that: its first line may be there before.
    public func awaitRunning() throws {
        guard eventually({ status == "running" }) else {
            throw HarnessError("it is never running, but \(status ?? "gone")")
        }
        _ = try line()
    }

    /// Whether a sleeping assert program says that it got this signal, waiting for it. (A runtime written in Go may
    /// pass on signals of its own, so others can come before it.)
    public func hasReceived(_ signal: Int) -> Bool {
        eventually { output.contains("{\"signal\":\(signal),") }
    }

    /// The container's process, from the pid file.
    public var pid: pid_t? { Files.line(pidFile).flatMap { pid_t($0) } }

    /// Waits for the end of a detached container's process, as its manager does: its exit code, or 128 and the
    /// signal. Nil when it does not end or is not our child.
    public func waitForExit(within seconds: Double = 30) -> Int32? {
        guard let pid else { return nil }
        var status: Int32 = 0
        var answer: pid_t = 0
        _ = eventually(within: seconds) {
            answer = waitpid(pid, &status, WNOHANG)
            return answer != 0
        }
        return answer == pid ? exitStatus(of: status) : nil
    }

    /// SIGKILL to the container's process, past the runtime.
    public func killFromOutside() { if let pid { Glibc.kill(pid, SIGKILL) } }

    /// Collects the process if it has ended.
    func reap() { if let pid { waitpid(pid, nil, WNOHANG) } }

    // MARK: The host's side

    /// The container's directory in a hierarchy: a v1 controller's, or the v2 one where there is no such controller.
    public func cgroup(_ controller: String) -> String {
        let root = Host.hierarchies[controller] ?? Host.hierarchies["unified"] ?? "/sys/fs/cgroup"
        return "\(root)/\(workspace.tag)/\(name)"
    }

    /// The value of a limit file of the container, seen from the host.
    public func limit(_ controller: String, _ file: String) -> String? { Files.line("\(cgroup(controller))/\(file)") }

    /// Host directory in the workspace: a source for bind mounts.
    public func hostDirectory(_ name: String, mode: mode_t = 0o755) throws -> String {
        try workspace.makeDirectory("\(self.name)-\(name)", mode: mode)
    }

    public func hostFile(_ name: String, _ content: String, mode: mode_t = 0o644) throws -> String {
        let path = "\(workspace.directory)/\(self.name)-\(name)"
        try Files.write(content, to: path, mode: mode)
        return path
    }

    /// A file in the rootfs, with the directories above it.
    public func put(_ path: String, _ content: String = "", mode: mode_t = 0o644) throws {
        try Files.makeDirectory(Files.parent(of: "\(rootfs)/\(path)"))
        try Files.write(content, to: "\(rootfs)/\(path)", mode: mode)
    }

    public func putDirectory(_ path: String, mode: mode_t = 0o755) throws {
        try Files.makeDirectory("\(rootfs)/\(path)", mode: mode)
    }

    public func putLink(_ path: String, to target: String) throws {
        try Files.makeDirectory(Files.parent(of: "\(rootfs)/\(path)"))
        try Files.symlink(to: target, at: "\(rootfs)/\(path)")
    }

    /// What this test has left on the host so far, apart from the containers that exist on purpose.
    public func leftovers(since earlier: HostSnapshot? = nil) -> [String] { workspace.leftovers(since: earlier) }
}
