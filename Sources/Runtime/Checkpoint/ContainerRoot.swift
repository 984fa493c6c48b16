internal import Kernel
internal import OCI

/// Looks for paths in the root of a process that may exchange them meanwhile, and does not run: a file system of its own
/// would have nobody to answer. For one that runs there is ``MountSearch``.
struct ContainerRoot: ~Copyable {
    private let root: Descriptor

    /// The root of a process.
    init(of pid: Int32) throws(SystemError) { root = try Descriptor.open("/proc/\(pid)/root", [.path, .directory]) }

    init(_ root: consuming Descriptor) { self.root = root }

    /// Gives the root away.
    consuming func release() -> Descriptor {
        let root = root
        return root
    }

    /// What a path leads to inside the root; nil if nothing is there.
    func find(_ path: String) throws(SystemError) -> Descriptor? {
        for _ in 0..<Self.mostTries {
            do {
                return try Descriptor.open(
                    path, [.path], at: .directory(root.number), resolve: [.inRoot, .noMagicLinks])
            } catch {
                // Somebody renames something at this very moment (openat2(2)).
                if error.errno == .tryAgain { continue }
                if error.errno == .noEntry || error.errno == .notDirectory { return nil }
                throw error
            }
        }
        throw SystemError("openat2", path, .tryAgain)
    }

    private static var mostTries: Int { 100 }

    /// The mount that a path inside the root leads to; nil if nothing is there.
    func mount(at path: String) throws(SystemError) -> UInt64? {
        guard let place = try find(path) else { return nil }
        return try Tree.place(of: place.number).id
    }

    /// Makes sure that there is something at a path to be mounted on. What is missing is made, inside the root whatever
    /// the image has there.
    func makeMountPoint(_ path: String, isDirectory: Bool, owner: (UInt32, UInt32)) throws(SystemError) {
        if try find(path) != nil { return }
        let clean = lexicallyClean(path)
        guard let slash = clean.utf8.lastIndex(of: UInt8(ascii: "/")) else {
            throw SystemError("mkdir", path, .invalidArgument)
        }
        let name = String(clean[clean.utf8.index(after: slash)...])
        let parent = slash == clean.startIndex ? "/" : String(clean[..<slash])
        try makeMountPoint(parent, isDirectory: true, owner: owner)
        guard let directory = try find(parent) else { throw SystemError("mkdir", path, .noEntry) }
        do throws(SystemError) {
            if isDirectory {
                try Files.makeDirectory(name, mode: 0o755, at: .directory(directory.number))
            } else {
                try Files.makeFile(name, mode: 0o755, at: .directory(directory.number))
            }
            if owner != (0, 0) {
                try Files.changeOwner(name, uid: owner.0, gid: owner.1, at: .directory(directory.number))
            }
        } catch {
            // Somebody else has made it, or it is a link that leads nowhere, which CRIU will complain about.
            if error.errno != .exists { throw error }
        }
    }
}
