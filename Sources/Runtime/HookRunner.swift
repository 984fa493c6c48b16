internal import Kernel
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
        let reason: String?
        let output: String
        do {
            let files = try HookFiles(state: state)
            reason = try Self.run(hook, files, directory: state.bundle)
            output = reason == nil ? "" : files.writtenText()
        } catch {
            throw .system(error, field: "hooks.\(kind.rawValue)[\(index)]")
        }
        return reason.map { HookFailure(kind: kind, index: index, path: hook.path, reason: $0, output: output) }
    }

    /// nil: it succeeded. A hook gets its own environment and no other: what the container's process or apus has in
    /// its environment is none of a hook's business (CVE-2025-23266).
    private static func run(
        _ hook: Hook, _ files: borrowing HookFiles, directory: String
    ) throws(SystemError) -> String? {
        var spawn = Spawn(.path(hook.path), arguments: hook.args.isEmpty ? [hook.path] : hook.args)
        spawn.environment = hook.env
        spawn.directory = directory
        spawn.standardInput = files.input.number
        spawn.standardOutput = files.output.number
        spawn.standardError = files.output.number
        let process: Kernel.Process
        do { process = try spawn.start() } catch { return "\(error.errno)" }
        if let timeout = hook.timeout {
            let limit = Int32(clamping: Int64(timeout) * 1000)
            guard try process.hasEnded(within: limit) else {
                try process.signal(9)
                _ = try process.wait()
                return "it did not end within \(timeout) s and was killed"
            }
        }
        let status = try process.wait()
        return status == .exited(0) ? nil : "\(status)"
    }
}

/// What a hook reads and writes: memory files, so that it never waits for anybody.
struct HookFiles: ~Copyable {
    let input: Descriptor
    let output: Descriptor

    init(state: State) throws(SystemError) {
        let input = try Descriptor.memoryFile("state")
        try input.write(state.hookInput())
        let reading = try Descriptor.open("/proc/self/fd/\(input.number)", [.readOnly])
        output = try Descriptor.memoryFile("hook-output")
        self.input = reading
    }

    /// The last kilobyte that hooks wrote, on one line.
    borrowing func writtenText() -> String {
        guard let bytes = try? Files.read("/proc/self/fd/\(output.number)", limit: 64 << 20) else { return "" }
        let text = String(decoding: bytes.suffix(1024), as: UTF8.self)
        return text.split(separator: "\n").joined(separator: "; ")
    }
}
