internal import JSON
internal import Kernel
internal import OCI

/// What the state directory keeps about a container (`state.json`). Private to apus: engines read `state`.
///
/// It is written before each side effect, so that `delete` finds what a killed `create` has left.
struct Record {
    var id: String
    var ociVersion: String
    var bundle: String
    var rootfs: String
    /// Nanoseconds since 1970.
    var created: UInt64
    /// User id of who created the container.
    var owner: UInt32
    /// The first process: 0 before it is there.
    var pid: Int32 = 0
    /// Tells the process from a later one with the same pid.
    var startTime: UInt64 = 0
    /// How the process ended, as a shell gives it, if somebody waited for it (`run --keep`).
    var exitStatus: Int32?
    /// Directories of the container in the cgroup hierarchies, as ``Cgroups`` writes them.
    var cgroup: [String] = []
    /// The container's class of service, as ``ResctrlGroup`` writes it; empty without one.
    var resctrl: [String] = []
    /// The limits that were asked for in the end; nil where no update has changed those of the configuration.
    var resources: RecordedResources?
    /// Whether its processes stay in their caller's session keyring (`--no-new-keyring`).
    var keepsKeyring = false
    var annotations: [Annotation] = []
    /// The hooks that later commands run.
    var hooks = Hooks()

    static let fileName = "state.json"
    private static let version = 1

    func encoded() -> [UInt8] {
        var writer = JSONWriter(.compact)
        writer.object { writer in
            writer.member("version", Self.version)
            writer.member("id", id)
            writer.member("ociVersion", ociVersion)
            writer.member("bundle", bundle)
            writer.member("rootfs", rootfs)
            writer.member("created", created)
            writer.member("owner", owner)
            writer.member("pid", pid)
            writer.member("startTime", startTime)
            if let exitStatus { writer.member("exitStatus", exitStatus) }
            writer.member("cgroup", cgroup)
            writer.member("resctrl", resctrl)
            if let resources {
                writer.name("resources")
                resources.encode(to: &writer)
            }
            if keepsKeyring { writer.member("keepsKeyring", true) }
            writer.name("annotations")
            Annotation.encode(annotations, to: &writer)
            writer.name("hooks")
            hooks.encode(to: &writer)
        }
        return writer.bytes
    }

    init(decoding bytes: [UInt8], path: String) throws(RuntimeError) {
        do {
            guard let root = try JSONDocument(parsing: bytes).root else { throw Self.broken(path, "it is empty") }
            guard try root["version"]?.integer() == Self.version else {
                throw Self.broken(path, "written by another version of apus")
            }
            // What is always written has to be there: what a state leaves out would be forgotten by `delete`.
            func member(_ name: StaticString) throws -> JSONNode {
                guard let node = root[name] else { throw Self.broken(path, "\(name) is missing") }
                return node
            }
            id = try member("id").string()
            ociVersion = try member("ociVersion").string()
            bundle = try member("bundle").string()
            rootfs = try member("rootfs").string()
            created = try member("created").integer()
            owner = try member("owner").integer()
            pid = try member("pid").integer()
            startTime = try member("startTime").integer()
            keepsKeyring = try root["keepsKeyring"]?.boolean() ?? false
            exitStatus = try root["exitStatus"]?.integer()
            annotations = try Annotation.decode(member: "annotations", of: root)
            cgroup = try Self.texts(member("cgroup"))
            resctrl = try Self.texts(member("resctrl"))
            if let node = root["resources"] { resources = .unread(node) }
            if let node = root["hooks"] { hooks = try Hooks.decode(node) }
        } catch let error as RuntimeError {
            throw error
        } catch {
            throw Self.broken(path, "\(error)")
        }
    }

    init(
        id: String, ociVersion: String, bundle: String, rootfs: String, created: UInt64, owner: UInt32
    ) {
        self.id = id
        self.ociVersion = ociVersion
        self.bundle = bundle
        self.rootfs = rootfs
        self.created = created
        self.owner = owner
    }

    private static func texts(_ list: JSONNode) throws -> [String] {
        guard list.kind == .array else { throw JSONMismatch.notArray }
        return try (0..<list.count).map { index in
            guard let text = list[index] else { throw JSONMismatch.notString }
            return try text.string()
        }
    }

    private static func broken(_ path: String, _ reason: String) -> RuntimeError {
        .brokenState(path: path, reason: reason)
    }
}
