internal import Kernel
internal import OCI

/// A bundle as people name it: its directory, or a configuration in it.
public struct BundlePath {
    public let bundle: String
    /// Relative to the bundle unless absolute.
    public let config: String

    /// `config`: nil: the file that is given, or `config.json`.
    public init(_ given: String, config: String?) {
        // What is not there is told of as a bundle.
        guard let status = try? Files.status(given, follow: true), status.kind != .directory else {
            bundle = given
            self.config = config ?? "config.json"
            return
        }
        let slash = given.utf8.lastIndex(of: UInt8(ascii: "/"))
        let name = slash.map { String(Substring(given.utf8[given.utf8.index(after: $0)...])) } ?? given
        let directory = slash.map { String(Substring(given.utf8[..<$0])) } ?? "."
        bundle = directory.isEmpty ? "/" : directory
        self.config = config ?? name
    }
}
