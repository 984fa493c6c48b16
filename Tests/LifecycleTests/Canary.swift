import Harness
import Testing

/// A host directory that a container must not change. Compared by names, modes, owners, sizes and contents.
struct Canary {
    let directory: String
    private let before: [String]

    init(_ bundle: Bundle) throws {
        directory = try bundle.hostDirectory("canary")
        try Files.write("content", to: "\(directory)/file")
        try Files.write("terminals", to: "\(directory)/ptmx")
        try Files.makeDirectory("\(directory)/directory")
        before = Canary.fingerprint(directory)
    }

    func expectUntouched(sourceLocation: SourceLocation = #_sourceLocation) {
        #expect(Canary.fingerprint(directory) == before, sourceLocation: sourceLocation)
    }

    private static func fingerprint(_ directory: String) -> [String] {
        ([directory] + Files.tree(directory)).map { path in
            guard let info = Files.status(path) else { return "\(path) is gone" }
            let content = Files.isRegular(path) ? Files.read(path) : nil
            return
                "\(path) \(info.st_mode) \(info.st_uid) \(info.st_gid) \(info.st_rdev) \(info.st_ino) \(content ?? "")"
        }
    }
}
