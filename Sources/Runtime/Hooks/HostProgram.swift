internal import Kernel
internal import OCI

/// A program of the host that did not do what it was started for.
public enum ProgramFailure: Error, Sendable {
    /// It is in no directory of `PATH`.
    case notFound(String)
    /// It ended with a failure; with what it said.
    case failed(String, status: String, message: String)
    case system(String, SystemErrorText)

    /// A failed call, as text.
    public struct SystemErrorText: Sendable {
        let text: String
    }
}

extension ProgramFailure: CustomStringConvertible {
    public var description: String {
        switch self {
        case .notFound(let name): "exec: \"\(name)\": executable file not found in $PATH"
        case .failed(let name, let status, let message): "\(name): \(status)" + (message.isEmpty ? "" : ": \(message)")
        case .system(let name, let error): "\(name): \(error.text)"
        }
    }
}

/// Programs of the host that a command needs.
enum HostProgram {
    /// What ps(1) heeds besides its options, and nothing else of the caller's environment.
    private static var variables: [String] {
        ["PATH", "HOME", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "COLUMNS", "TERM", "PS_FORMAT", "PS_PERSONALITY"]
    }

    /// Runs a program, and returns what it wrote to standard output.
    static func output(of name: String, _ arguments: [String]) throws(ProgramFailure) -> String {
        let run: (output: [UInt8], status: ExitStatus, said: [UInt8])?
        do { run = try Self.run(name, arguments) } catch {
            throw .system(name, ProgramFailure.SystemErrorText(text: "\(error)"))
        }
        guard let run else { throw .notFound(name) }
        guard run.status == .exited(0) else {
            let lines = String(decoding: run.said, as: UTF8.self).split(separator: "\n").joined(separator: "; ")
            throw .failed(name, status: "\(run.status)", message: lines)
        }
        return String(decoding: run.output, as: UTF8.self)
    }

    /// What a program wrote to standard output, how it ended, and what it wrote to standard error; nil: it is in no
    /// directory of `PATH`.
    private static func run(
        _ name: String, _ arguments: [String]
    ) throws(SystemError) -> (output: [UInt8], status: ExitStatus, said: [UInt8])? {
        let pipe = try Descriptor.pipe()
        let errors = try Descriptor.memoryFile("errors")
        guard let process = try start(name, arguments, pipe.second.number, errors.number) else { return nil }
        // The end comes when nobody can write any more.
        let reader = try pipe.first.duplicate()
        _ = consume pipe
        let output = try reader.readAll(limit: 256 << 20)
        let status = try process.wait()
        return (output, status, try Files.read("/proc/self/fd/\(errors.number)", limit: 1 << 20))
    }

    /// nil: no directory of `PATH` has the program.
    private static func start(
        _ name: String, _ arguments: [String], _ output: Int32, _ errors: Int32
    ) throws(SystemError) -> Kernel.Process? {
        let path = ThisProcess.environment("PATH") ?? "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        for directory in path.split(separator: ":") where directory.isAbsolute {
            var spawn = Spawn(.path("\(directory)/\(name)"), arguments: [name] + arguments)
            spawn.environment = variables.compactMap { variable in
                ThisProcess.environment(variable).map { "\(variable)=\($0)" }
            }
            spawn.standardOutput = output
            spawn.standardError = errors
            do { return try spawn.start() } catch {
                guard error.errno == .noEntry || error.errno == .accessDenied || error.errno == .notDirectory else {
                    throw error
                }
            }
        }
        return nil
    }
}
