internal import Kernel
internal import OCI

extension BundleCheck {
    /// The root file system, resolved; nil if there is none that could be looked into.
    mutating func checkRoot(_ spec: Spec) -> String? {
        let given = absolute(spec.root.path)
        let path: String
        do {
            path = try Files.realPath(given)
            guard try Files.status(path).kind == .directory else {
                addError("root.path", "\(path) is not a directory", "name the directory of the root file system")
                return nil
            }
        } catch {
            failure("root.path", error, "unpack the image there, or correct the path")
            return nil
        }
        guard Files.isExecutable(path), Files.isReadable(path) else {
            if isRoot {
                addError("root.path", "\(path) cannot be searched", "chmod +rx")
            } else {
                addWarning(
                    "root.path", "\(path) may not be looked into, so what is in it was not checked",
                    "run the check as root")
            }
            return nil
        }
        return path
    }
}

/// The root file system as the container resolves paths in it: links stay inside (openat2(2), RESOLVE_IN_ROOT).
struct RootView: ~Copyable {
    let path: String
    private let directory: Descriptor

    init(_ path: String) throws(SystemError) {
        self.path = path
        directory = try Descriptor.open(path, [.path, .directory])
    }

    /// What is at a path of the container, links followed.
    borrowing func status(_ inside: String) throws(SystemError) -> FileStatus {
        try open(inside, [.path]).status()
    }

    /// The first bytes of a regular file. Nothing else is opened, also where a container swaps files meanwhile.
    borrowing func head(_ inside: String, atMost size: Int) throws(SystemError) -> [UInt8] {
        let place = try open(inside, [.path])
        guard try place.status().kind == .regular else { throw SystemError("open", inside, .invalidArgument) }
        return try Descriptor.open("/proc/self/fd/\(place.number)", [.readOnly, .nonBlocking]).read(atMost: size)
    }

    private borrowing func open(_ inside: String, _ flags: OpenFlags) throws(SystemError) -> Descriptor {
        let relative = String(inside.drop { $0 == "/" })
        return try Descriptor.open(
            relative.isEmpty ? "." : relative, flags, at: .directory(directory.number),
            resolve: [.inRoot, .noMagicLinks])
    }
}
