import Glibc

/// An OCI runtime that has runc's command line.
public struct Runtime: Sendable {
    public let path: String
    /// The first line that `--version` prints: name and version.
    public let version: String

    /// `APUS_BINARY`, else the `apus` that was built next to the test bundle. Nil when there is none.
    public static let underTest: Runtime? = candidates.lazy.compactMap(Runtime.init(at:)).first

    /// Debian's runc, to compare with.
    public static let peer: Runtime? = Host.path(of: "runc").flatMap(Runtime.init(at:))

    /// True for runc itself: then the harness is being tried, and what only apus promises is left out.
    public var isRunc: Bool { version.hasPrefix("runc ") }
    public var isApus: Bool { version.hasPrefix("apus ") }

    public var name: String { Files.name(of: path) }

    private static var candidates: [String] {
        if let chosen = getenv("APUS_BINARY") { return [String(cString: chosen)] }
        let products = Files.parent(of: Files.target(ofLink: "/proc/self/exe") ?? "/")
        return ["\(products)/apus", "\(products)/../release/apus", "\(products)/../debug/apus"]
    }

    public init?(at path: String) {
        guard Files.isExecutable(path) else { return nil }
        // Two runtimes may be asked at the same time.
        let scratch = "/tmp/apus-version-\(getpid())-\(UInt32.random(in: 0...UInt32.max))"
        defer { unlink(scratch) }
        let command = Command(
            arguments: [path, "--version"], environment: [], directory: "/", output: scratch, errors: "/dev/null")
        guard let outcome = try? command.run(), outcome.succeeded else { return nil }
        self.path = path
        version = String(outcome.output.split(separator: "\n").first ?? "")
    }
}
