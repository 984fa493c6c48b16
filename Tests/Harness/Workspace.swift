import Glibc
import Synchronization

/// Everything that one test makes on this machine: a directory, the runtime's `--root`, cgroups and processes,
/// all of them recognisable by one unique word.
public final class Workspace: @unchecked Sendable {
    /// The workspace of the running test, set by the `.leavesNothing` trait.
    @TaskLocal public static var current: Workspace?

    /// The unique word: part of every path, container id and cgroup name, and of every command's environment.
    public let tag: String
    public let directory: String
    /// What the runtime gets as `--root`.
    public let root: String
    /// The host as it was before the test.
    public let before: HostSnapshot

    private(set) var bundles: [Bundle] = []
    private var commands: [RunningCommand] = []
    private var outputs = 0
    /// Processes of the test that are not to be taken for leftovers, and containers whose end was waited for.
    private var pidsBefore: Set<pid_t> = []

    private static let open = Mutex(0)

    public init() throws {
        tag = "apus-test-" + String(UInt32.random(in: 0x1000_0000...UInt32.max), radix: 16)
        directory = "/tmp/\(tag)"
        root = "\(directory)/root"
        pidsBefore = Set(HostSnapshot.allProcesses())
        before = HostSnapshot(tag: tag, root: root, ignoring: pidsBefore)
        try Files.makeDirectory("\(directory)/io")
        try Workspace.open.withLock { count in
            if count == 0 { try Host.adoptOrphans(true) }
            count += 1
        }
    }

    func add(_ bundle: Bundle) { bundles.append(bundle) }

    /// A command that is known to this workspace, with its own output files.
    public func command(_ arguments: [String], environment: [String] = []) -> Command {
        outputs += 1
        return Command(
            arguments: arguments,
            environment: ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "APUS_TEST=\(tag)"]
                + environment,
            directory: directory, output: "\(directory)/io/\(outputs).out", errors: "\(directory)/io/\(outputs).err")
    }

    public func start(_ command: Command) throws -> RunningCommand {
        let running = try command.start()
        commands.append(running)
        return running
    }

    /// A directory beside the bundles, for things that a container is given or must not reach.
    public func makeDirectory(_ name: String, mode: mode_t = 0o755) throws -> String {
        try Files.makeDirectory("\(directory)/\(name)", mode: mode)
        return "\(directory)/\(name)"
    }

    /// A process that holds new namespaces (`unshare` options) open until the test ends; its pid.
    public func holdNamespaces(_ options: String...) throws -> pid_t {
        let ready = "\(directory)/io/holder-\(outputs)"
        let holder = try start(
            command(
                ["/usr/bin/unshare"] + options + ["/bin/sh", "-c", "echo > \(ready); exec sleep 1000"]))
        guard eventually({ Files.exists(ready) }) else {
            throw HarnessError("unshare \(options): \(holder.wait(limit: 0))")
        }
        return holder.pid
    }

    /// What the host has now that it had not before the test. Things need a moment to go: asks until the answer is
    /// empty or the time is over.
    public func leftovers(since earlier: HostSnapshot? = nil, within seconds: Double = 30) -> [String] {
        let ignored = pidsBefore.union(commands.map(\.pid))
        var left: [String] = []
        _ = eventually(within: seconds) {
            left = HostSnapshot(tag: tag, root: root, ignoring: ignored).changes(since: earlier ?? before)
            return left.isEmpty
        }
        return left
    }

    /// Ends processes of hooks that outlived a killed runtime.
    public func killHooks() { snapshot().killProcesses() }

    /// Removes the test's cgroups, when nobody else can.
    public func removeCgroups() { HostSnapshot.removeCgroups(tag: tag) }

    public func snapshot() -> HostSnapshot {
        HostSnapshot(tag: tag, root: root, ignoring: pidsBefore.union(commands.map(\.pid)))
    }

    /// Ends the test on this machine: deletes its containers as a manager would, says what is left then, and
    /// removes that too.
    public func close() -> [String] {
        for command in commands where command.isRunning { command.kill() }
        for command in commands { command.wait(limit: 2) }
        var problems: [String] = []
        for bundle in bundles {
            let outcome = try? bundle.delete("--force")
            if let outcome, !outcome.succeeded { problems.append("delete --force failed: \(outcome)") }
            bundle.reap()
        }
        problems += leftovers()
        if !problems.isEmpty { HostSnapshot(tag: tag, root: root, ignoring: pidsBefore).killProcesses() }
        HostSnapshot.removeCgroups(tag: tag)
        if !before.mountsChanged(below: directory) { Files.removeTree(directory) }
        Workspace.open.withLock { count in
            count -= 1
            if count == 0 { try? Host.adoptOrphans(false) }  // it worked with true
        }
        return problems
    }
}
