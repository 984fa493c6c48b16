public import Kernel
public import OCI

/// A hook that did not succeed.
public struct HookFailure: Error, Sendable {
    public let kind: HookKind
    public let index: Int
    public let path: String
    /// What happened, such as `exit status 1`.
    public let reason: String
    /// The end of what the hook wrote, standard output and error together.
    public let output: String
    /// The kernel's answer, if the hook could not be executed.
    public let errno: Errno?

    public var field: String { "hooks.\(kind.rawValue)[\(index)]" }
}

extension HookFailure: CustomStringConvertible {
    public var description: String {
        "\(field): hook \(path): \(reason)" + (output.isEmpty ? "" : ", output: \(output)")
    }
}

/// Runs hooks in the runtime's namespaces.
struct HookRunner {
    let state: State
    /// A borrowed descriptor of the process that the hooks are run for: they end with it. nil: they do not.
    var container: Int32?
    /// A borrowed descriptor that is readable when somebody wants them to end. nil: nobody can say so.
    var interruption: Int32?

    init(state: State, container: Int32? = nil, interruption: Int32? = nil) {
        self.state = state
        self.container = container
        self.interruption = interruption
    }

    /// Runs the hooks of a kind in order, up to the first that fails.
    func run(_ hooks: [Hook], _ kind: HookKind) throws(RuntimeError) {
        for (index, hook) in hooks.enumerated() {
            if let failure = try outcome(of: hook, kind, index) { throw .hook(failure) }
        }
    }

    /// Runs all hooks of a kind, and returns what failed.
    func runAll(_ hooks: [Hook], _ kind: HookKind) -> [String] {
        var failures: [String] = []
        for (index, hook) in hooks.enumerated() {
            do {
                if let failure = try outcome(of: hook, kind, index) { failures.append("\(failure)") }
            } catch {
                failures.append("\(error)")
            }
        }
        return failures
    }

    private func outcome(of hook: Hook, _ kind: HookKind, _ index: Int) throws(RuntimeError) -> HookFailure? {
        let end: End
        let output: String
        let targets = try HookTargets(state.annotations)
        let mark = Timeline.begin("hook")
        do {
            let files = try HookFiles(state: state)
            end = try run(hook, files, targets, directory: state.bundle)
            output = end.reason == nil ? "" : files.writtenText()
            files.close()
        } catch {
            throw .system(error, field: "hooks.\(kind.rawValue)[\(index)]")
        }
        Timeline.end(mark)
        return end.reason.map {
            HookFailure(kind: kind, index: index, path: hook.path, reason: $0, output: output, errno: end.errno)
        }
    }

    /// How a hook ended; without a reason it succeeded.
    private struct End {
        var reason: String?
        var errno: Errno?
    }

    /// A hook gets its own environment and no other: what the container's process or apus has in
    /// its environment is none of a hook's business (CVE-2025-23266).
    private func run(
        _ hook: Hook, _ files: borrowing HookFiles, _ targets: borrowing HookTargets, directory: String
    ) throws(SystemError) -> End {
        var spawn = Spawn(.path(hook.path), arguments: hook.args.isEmpty ? [hook.path] : hook.args)
        spawn.environment = hook.env ?? []
        spawn.directory = directory
        spawn.standardInput = files.input.number
        spawn.standardOutput = targets.outputNumber ?? files.output.number
        spawn.standardError = targets.errorNumber ?? files.output.number
        // Nobody waits for it any more when this process is killed.
        spawn.parentDeathSignal = 9
        let process: Kernel.Process
        do { process = try spawn.start() } catch { return End(reason: "\(error.errno)", errno: error.errno) }
        let reason: String?
        do { reason = try reasonToKill(process, after: hook.timeout, files) } catch {
            // Who cannot wait for it does not leave it behind either.
            try? process.signal(9)
            _ = try? process.wait()
            throw error
        }
        if let reason {
            try process.signal(9)
            _ = try process.wait()
            return End(reason: reason)
        }
        let status = try process.wait()
        return End(reason: status == .exited(0) ? nil : "\(status)")
    }

    /// Waits for the end of a hook; a text if it is not to go on any longer.
    private func reasonToKill(
        _ hook: borrowing Kernel.Process, after timeout: UInt32?, _ files: borrowing HookFiles
    ) throws(SystemError) -> String? {
        let deadline = timeout.map { Clock.monotonic + Int64($0) * 1_000_000_000 }
        let waited = [hook.descriptor.number] + [container, interruption].compactMap { $0 }
        while true {
            let ended = try Wait.readable(waited, milliseconds: HookFiles.interval)
            if ended.contains(hook.descriptor.number) { return nil }
            if let interruption, ended.contains(interruption) { return "killed, since a signal asked for the end" }
            if !ended.isEmpty { return "the container was killed meanwhile" }
            if let timeout, let deadline, Clock.monotonic >= deadline {
                return "it did not end within \(timeout) s and was killed"
            }
            files.trim()
        }
    }
}
