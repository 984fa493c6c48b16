internal import JSON
internal import Kernel
internal import OCI

/// What is mounted on the root file system of a container that has no mount namespace of its own. Everything that is
/// mounted for the container is below this one mount, and goes with it.
///
/// The record has it from before anything is mounted: whatever happens then, `delete` finds it.
struct OuterRoot {
    /// The namespace that the container joins, as the configuration names it; nil: the creator's own.
    var namespace: String?
    /// Inode of the namespace: a path may lead to another one later.
    var inode: UInt64
    /// Id of the mount that the root file system was in before.
    var before: UInt64
    /// Id of the container's mount; 0 as long as it is not known.
    var mount: UInt64 = 0

    /// - Parameter rootfs: the root file system's path.
    init(_ linux: Linux, rootfs: String) throws(RuntimeError) {
        namespace = linux.namespace(.mount)?.path
        do {
            let descriptor = try Descriptor.open(namespace ?? Self.ownNamespace, [.readOnly])
            inode = try descriptor.status().inode
            before = try Tree.mountID(of: rootfs, in: namespace == nil ? nil : descriptor.number)
        } catch {
            throw .system(error, field: "root.path")
        }
    }

    private static var ownNamespace: String { "/proc/self/ns/mnt" }

    /// The process is in the root by now. If it has ended already, whatever is mounted there counts as its root.
    mutating func note(_ pid: Int32) {
        mount = (try? Tree.mountID(of: "/proc/\(pid)/root/.")) ?? 0
    }

    /// Takes the mount away. With its namespace it is gone by itself.
    func remove(rootfs: String) throws(RuntimeError) {
        do throws(SystemError) {
            let descriptor: Descriptor
            do { descriptor = try Descriptor.open(namespace ?? Self.ownNamespace, [.readOnly]) } catch {
                if namespace != nil, error.errno == .noEntry { return }
                throw error
            }
            guard try descriptor.status().inode == inode else {
                if namespace != nil { return }
                throw SystemError("umount2", rootfs, .invalidArgument)
            }
            try Tree.unmount(rootfs, above: before, mount: mount, in: namespace == nil ? nil : descriptor.number)
        } catch {
            throw .system(error, field: "root.path", hint: Self.hint(error.errno))
        }
    }

    private static func hint(_ errno: Errno) -> String {
        switch errno {
        case .busy: "something else is mounted over the container's root: unmount that first"
        case .invalidArgument:
            "the container's mounts are in the mount namespace of who created it: delete it from there"
        default: ""
        }
    }

    // MARK: In the record

    func encode(to writer: inout JSONWriter) {
        writer.object { writer in
            if let namespace { writer.member("namespace", namespace) }
            writer.member("inode", inode)
            writer.member("before", before)
            writer.member("mount", mount)
        }
    }

    init(decoding node: JSONNode) throws(JSONMismatch) {
        namespace = try node["namespace"]?.string()
        inode = try Self.number(node, "inode")
        before = try Self.number(node, "before")
        mount = try Self.number(node, "mount")
    }

    private static func number(_ node: JSONNode, _ name: StaticString) throws(JSONMismatch) -> UInt64 {
        guard let member = node[name] else { throw .notInteger }
        return try member.integer()
    }
}
