import Foundation
import OCI
import Planner

/// The documents under `spec-fixtures`.
enum Fixtures {
    static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appending(path: "spec-fixtures")

    /// Names of the files of a folder that end with `suffix`, without it, sorted.
    static func names(in folder: String, suffix: String) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: root.appending(path: folder).path)
            .filter { $0.hasSuffix(suffix) }.map { String($0.dropLast(suffix.count)) }.sorted()
    }

    /// A configuration that the reader accepts.
    static func spec(_ name: String) throws -> Spec {
        try Spec.decode([UInt8](Data(contentsOf: root.appending(path: "configs/\(name).json"))))
    }

    /// A host, with the root of a configuration on it.
    static func host(_ name: String, for spec: Spec) throws -> HostFacts {
        let data = try Data(contentsOf: root.appending(path: "hosts/\(name).json"))
        return try JSONDecoder().decode(HostFile.self, from: data).facts(for: spec)
    }

    /// The text of a golden plan; nil if there is none yet.
    static func golden(_ name: String) -> String? {
        try? String(contentsOf: root.appending(path: "plans/\(name).txt"), encoding: .utf8)
    }

    static func writeGolden(_ name: String, _ text: String) throws {
        try Data(text.utf8).write(to: root.appending(path: "plans/\(name).txt"))
    }

    /// Whether golden plans are to be written instead of compared.
    static let updatesGolden = ProcessInfo.processInfo.environment["APUS_UPDATE_GOLDEN"] == "1"
}

/// The form of `hosts/*.json`: HostFacts but for the root, which is the configuration's matter.
private struct HostFile: Decodable {
    struct Hierarchy: Decodable {
        var name: String
        var options: [String]
        var directory: String
    }

    struct Alias: Decodable {
        var name: String
        var target: String
    }

    struct Cgroups: Decodable {
        var hierarchies: [Hierarchy]
        var aliases: [Alias]
        var unified: String?
    }

    var bundle: String
    var cgroups: Cgroups
    var lastCapability: UInt8
    var hasAppArmor: Bool
    var hasSELinux: Bool
    var hasCore: Bool
    var caller: String?

    func facts(for spec: Spec) -> HostFacts {
        let root = spec.root.path
        return HostFacts(
            bundle: bundle, rootfs: root.hasPrefix("/") ? root : "\(bundle)/\(root)",
            cgroups: CgroupFacts(
                hierarchies: cgroups.hierarchies.map {
                    .init(name: $0.name, options: $0.options, directory: $0.directory)
                },
                aliases: cgroups.aliases.map { (name: $0.name, target: $0.target) }, unified: cgroups.unified),
            lastCapability: lastCapability, hasAppArmor: hasAppArmor, hasSELinux: hasSELinux, hasCore: hasCore,
            caller: theCaller)
    }

    private var theCaller: HostFacts.Caller {
        switch caller {
        case "user": .ordinaryUser
        case "namespace": .rootOfUserNamespace
        default: .root
        }
    }
}
