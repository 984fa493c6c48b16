import Foundation
import OCI

/// The documents under `spec-fixtures`.
enum Fixtures {
    static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appending(path: "spec-fixtures")

    /// Names of the documents of a folder, without `.json`, sorted.
    static func names(in folder: String) -> [String] {
        let files = (try? FileManager.default.contentsOfDirectory(atPath: root.appending(path: folder).path)) ?? []
        return files.filter { $0.hasSuffix(".json") }.map { String($0.dropLast(5)) }.sorted()
    }

    static func bytes(_ path: String) throws -> [UInt8] {
        [UInt8](try Data(contentsOf: root.appending(path: path)))
    }
}

/// A configuration with nothing wrong, as Foundation's JSON values; a test shows only its difference.
func document(_ change: (inout [String: Any]) -> Void = { _ in }) throws -> [UInt8] {
    var document: [String: Any] = [
        "ociVersion": "1.3.0",
        "root": ["path": "rootfs"],
        "process": ["args": ["/bin/true"], "cwd": "/"],
        "linux": ["namespaces": ["pid", "network", "ipc", "uts", "mount", "cgroup"].map { ["type": $0] }],
    ]
    change(&document)
    return [UInt8](try JSONSerialization.data(withJSONObject: document))
}

func decode(_ change: (inout [String: Any]) -> Void) throws -> Spec {
    try Spec.decode(try document(change))
}

/// The error text of a document, or `nil`.
func failure(of bytes: [UInt8]) -> String? {
    do throws(SpecError) {
        _ = try Spec.decode(bytes)
        return nil
    } catch {
        return error.description
    }
}

/// The one mount of a configuration with these options.
func mount(_ options: [String], type: String = "tmpfs") throws -> Mount {
    let spec = try decode {
        $0["mounts"] = [["destination": "/data", "source": "/srv", "type": type, "options": options]]
    }
    return spec.mounts[0]
}
