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
    var identity = ProcessIdentity.startTime(0)
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
    /// What is mounted for it in a mount namespace of others.
    var outerRoot: OuterRoot?
    /// What was mounted while it ran, in the order in which it was.
    var addedMounts: [AddedMount] = []
    /// Whether its configuration has no process: it can be created, and never started.
    var lacksProcess = false
    /// Whether the container has a user namespace that its configuration does not name.
    var hasAddedUserNamespace = false
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
            switch identity {
            case .inode(let inode, let boot):
                writer.member("inode", inode)
                writer.member("boot", boot)
            case .startTime(let time): writer.member("startTime", time)
            }
            if let exitStatus { writer.member("exitStatus", exitStatus) }
            writer.member("cgroup", cgroup)
            writer.member("resctrl", resctrl)
            if let resources {
                writer.name("resources")
                resources.encode(to: &writer)
            }
            if keepsKeyring { writer.member("keepsKeyring", true) }
            if let outerRoot {
                writer.name("outerRoot")
                outerRoot.encode(to: &writer)
            }
            if !addedMounts.isEmpty {
                writer.member(
                    "addedMounts", array: { writer in for mount in addedMounts { mount.encode(to: &writer) } })
            }
            if lacksProcess { writer.member("lacksProcess", true) }
            if hasAddedUserNamespace { writer.member("hasAddedUserNamespace", true) }
            writer.name("annotations")
            Annotation.encode(annotations, to: &writer)
            writer.name("hooks")
            hooks.encode(to: &writer)
        }
        return writer.bytes
    }

    init(decoding bytes: [UInt8], path: String) throws(RuntimeError) {
        let root: JSONNode?
        do { root = try JSONDocument(parsing: bytes).root } catch { throw Self.broken(path, "\(error)") }
        guard let root else { throw Self.broken(path, "it is empty") }
        func optional<Value>(
            _ name: StaticString, _ read: (JSONNode) throws(JSONMismatch) -> Value
        ) throws(RuntimeError) -> Value? {
            guard let node = root[name] else { return nil }
            do { return try read(node) } catch { throw Self.broken(path, "\(name): \(error.text)") }
        }
        // What is always written has to be there: what a state leaves out would be forgotten by `delete`.
        func member<Value>(
            _ name: StaticString, _ read: (JSONNode) throws(JSONMismatch) -> Value
        ) throws(RuntimeError) -> Value {
            guard let value = try optional(name, read) else { throw Self.broken(path, "\(name) is missing") }
            return value
        }
        guard try optional("version", Self.number) == Self.version else {
            throw Self.broken(path, "written by another version of apus")
        }
        id = try member("id", Self.text)
        ociVersion = try member("ociVersion", Self.text)
        bundle = try member("bundle", Self.text)
        rootfs = try member("rootfs", Self.text)
        created = try member("created", Self.number)
        owner = try member("owner", Self.number)
        pid = try member("pid", Self.number)
        if let inode: UInt64 = try optional("inode", Self.number) {
            identity = .inode(inode, boot: try member("boot", Self.text))
        } else {
            identity = .startTime(try member("startTime", Self.number))
        }
        keepsKeyring = try optional("keepsKeyring", Self.flag) ?? false
        lacksProcess = try optional("lacksProcess", Self.flag) ?? false
        hasAddedUserNamespace = try optional("hasAddedUserNamespace", Self.flag) ?? false
        exitStatus = try optional("exitStatus", Self.number)
        cgroup = try member("cgroup", Self.texts)
        resctrl = try member("resctrl", Self.texts)
        outerRoot = try optional("outerRoot") { node throws(JSONMismatch) in try OuterRoot(decoding: node) }
        addedMounts = try optional("addedMounts", AddedMount.list) ?? []
        if let node = root["resources"] { resources = .unread(node) }
        do {
            annotations = try Annotation.decode(member: "annotations", of: root)
            if let node = root["hooks"] { hooks = try Hooks.decode(node) }
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

    private static func text(_ node: JSONNode) throws(JSONMismatch) -> String { try node.string() }

    private static func number<Value: FixedWidthInteger>(_ node: JSONNode) throws(JSONMismatch) -> Value {
        try node.integer()
    }

    private static func flag(_ node: JSONNode) throws(JSONMismatch) -> Bool { try node.boolean() }

    private static func texts(_ node: JSONNode) throws(JSONMismatch) -> [String] {
        guard node.kind == .array else { throw .notArray }
        var texts: [String] = []
        for index in 0..<node.count {
            guard let text = node[index] else { throw .notString }
            texts.append(try text.string())
        }
        return texts
    }

    private static func broken(_ path: String, _ reason: String) -> RuntimeError {
        .brokenState(path: path, reason: reason)
    }
}
