internal import Kernel
internal import OCI

/// The container's paths as they are once everything is mounted, found without mounting anything: each path is walked from
/// component to component through the root file system, the sources of bind mounts, and file systems that are new.
///
/// Links stay inside, as openat2(2) with RESOLVE_IN_ROOT has it.
final class Places {
    /// What shows itself below a mount point.
    enum Content {
        case tree(Tree)
        /// A new file system in memory.
        case empty
        /// A file system of which only the kernel knows what is in it.
        case unknown
    }

    /// A directory of the host with all that is in it, or a file. It is named and not kept open: there may be more of them
    /// than a process may have descriptors.
    struct Tree {
        fileprivate let source: String
        fileprivate let noFollow: Bool
        /// Below the source, without links; empty for the source itself.
        fileprivate let relative: String
        fileprivate let status: FileStatus
    }

    /// Something that is mounted.
    private struct Cover {
        let content: Content
        /// Later ones hide what is below them.
        let serial: Int
        let isDirectory: Bool
        let rights: MountRights
    }

    /// What of a mount's attributes decides about files in it.
    struct MountRights: OptionSet {
        let rawValue: UInt8
        static var readOnly: MountRights { MountRights(rawValue: 1) }
        static var noExec: MountRights { MountRights(rawValue: 2) }
        /// A procfs, in which only certain things may be mounted.
        static var isProc: MountRights { MountRights(rawValue: 4) }
        /// One of the kernel's own file systems, in which nothing can be made.
        static var isFixed: MountRights { MountRights(rawValue: 8) }
    }

    /// A place that is there.
    struct Place {
        /// As the container calls it, without links.
        let path: String
        let kind: FileStatus.Kind
        /// nil for what is only made with the container.
        let status: FileStatus?
        fileprivate let serial: Int
        fileprivate let content: Content
        fileprivate let relative: String
        let rights: MountRights

        var isDirectory: Bool { kind == .directory }
    }

    enum Outcome {
        case found(Place)
        /// The directory in which the next component is missing, and what is missing.
        case missing(below: Place, [String])
        /// Only the kernel knows.
        case unknown
        /// `at`: the component that is in the way.
        case failed(Errno, at: Place)
    }

    /// Nearly everything is looked for in there.
    private let root: Descriptor
    private let rootPath: String
    private var covers: [[UInt8]: Cover] = [:]
    /// Directories and files that are made on the way, and the mount that they are made in.
    private var made: [[UInt8]: (isDirectory: Bool, serial: Int)] = [:]
    private var lastSerial = 0

    /// - Parameter root: the root file system on the host, or the root directory of a process.
    init(root: String) throws(SystemError) {
        self.root = try Descriptor.open(root, [.path, .directory])
        rootPath = root
        let tree = Tree(source: root, noFollow: false, relative: "", status: try self.root.status())
        covers[Array("/".utf8)] = Cover(content: .tree(tree), serial: 0, isDirectory: true, rights: [])
    }

    /// A tree of the host for ``mount(_:at:isDirectory:rights:)``.
    func content(_ source: String, noFollow: Bool) throws(SystemError) -> Content {
        let descriptor = try Descriptor.open(source, noFollow ? [.path, .noFollow] : [.path])
        return .tree(Tree(source: source, noFollow: noFollow, relative: "", status: try descriptor.status()))
    }

    /// What a directory shows, as the content of a mount: what is copied from it looks like it.
    func content(of place: Place) -> Content {
        guard let status = place.status, case .tree(let tree) = place.content else { return .empty }
        return .tree(
            Tree(
                source: tree.source, noFollow: tree.noFollow, relative: Self.path(place.relative, in: tree),
                status: status))
    }

    /// The names in a directory; none where it is not one of the host.
    func names(in place: Place) -> [String] {
        guard let descriptor = open(place) else { return [] }
        return (try? Files.list("/proc/self/fd/\(descriptor.number)")) ?? []
    }

    /// Whether something is mounted at a place itself, or was on the host.
    func isMountPoint(_ place: Place) -> Bool {
        if place.relative.isEmpty { return place.status != nil || place.kind == .directory }
        guard case .tree(let tree) = place.content, let descriptor = open(place), let above = try? open("", in: tree),
            let own = try? Files.mountID("/proc/self/fd/\(descriptor.number)"),
            let other = try? Files.mountID("/proc/self/fd/\(above.number)")
        else { return true }
        return own != other
    }

    // MARK: What changes

    func mount(_ content: Content, at path: String, isDirectory: Bool, rights: MountRights) {
        lastSerial += 1
        covers[Array(path.utf8)] = Cover(
            content: content, serial: lastSerial, isDirectory: isDirectory, rights: rights)
    }

    /// Notes down that a directory or file is made where `look` has found it missing; returns its path.
    @discardableResult
    func make(_ names: [String], below place: Place, isDirectory: Bool) -> String {
        var path = place.path
        for (index, name) in names.enumerated() {
            path = Self.join(path, name)
            made[Array(path.utf8)] = (isDirectory || index < names.count - 1, place.serial)
        }
        return path
    }

    // MARK: Looking

    /// The kernel follows so many links (path_resolution(7)).
    private static var mostLinks: Int { 40 }

    /// - Parameters:
    ///   - followsLast: whether a link at the end of the path is followed.
    ///   - hasLinks: whether a link on the way is followed at all, or an error.
    ///   - visit: told of each directory that is searched.
    func look(
        _ path: String, followsLast: Bool = true, hasLinks: Bool = true, visit: (Place) -> Errno? = { _ in nil }
    ) -> Outcome {
        guard var current = place(at: "/") else { return .unknown }
        var links = 0
        var rest: [String] = path.components(between: "/").reversed()
        while let name = rest.popLast() {
            if name == "." { continue }
            guard current.isDirectory else { return .failed(.notDirectory, at: current) }
            if let errno = visit(current) { return .failed(errno, at: current) }
            if name == ".." {
                guard let parent = place(at: Self.parent(of: current.path)) else { return .unknown }
                current = parent
                continue
            }
            switch step(name, in: current) {
            case .found(let next):
                guard next.kind == .symbolicLink, followsLast || !rest.isEmpty else {
                    current = next
                    continue
                }
                links += 1
                guard hasLinks, links <= Self.mostLinks, let target = target(of: next) else {
                    return .failed(.tooManyLinks, at: next)
                }
                rest += target.components(between: "/").reversed()
                if target.isAbsolute, let root = place(at: "/") { current = root }
            case .missing(let place, let names): return .missing(below: place, names + rest.reversed())
            case .unknown: return .unknown
            case .failed(let errno, let place): return .failed(errno, at: place)
            }
        }
        return .found(current)
    }

    private func step(_ name: String, in directory: Place) -> Outcome {
        let path = Self.join(directory.path, name)
        let key = Array(path.utf8)
        if let cover = covers[key], cover.serial > directory.serial { return root(of: cover, at: path) }
        if let entry = made[key], entry.serial == directory.serial {
            return .found(
                Place(
                    path: path, kind: entry.isDirectory ? .directory : .regular, status: nil, serial: directory.serial,
                    content: .empty, relative: "", rights: directory.rights))
        }
        switch directory.content {
        case .empty: return .missing(below: directory, [name])
        case .unknown: return .unknown
        case .tree(let tree):
            let relative = directory.relative.isEmpty ? name : "\(directory.relative)/\(name)"
            do {
                let status = try open(relative, in: tree).status()
                return .found(
                    Place(
                        path: path, kind: status.kind, status: status, serial: directory.serial,
                        content: directory.content, relative: relative, rights: directory.rights))
            } catch {
                return error.errno == .noEntry
                    ? .missing(below: directory, [name]) : .failed(error.errno, at: directory)
            }
        }
    }

    /// What a mount shows at its own place.
    private func root(of cover: Cover, at path: String) -> Outcome {
        guard case .tree(let tree) = cover.content else {
            return .found(
                Place(
                    path: path, kind: cover.isDirectory ? .directory : .regular, status: nil, serial: cover.serial,
                    content: cover.content, relative: "", rights: cover.rights))
        }
        return .found(
            Place(
                path: path, kind: tree.status.kind, status: tree.status, serial: cover.serial, content: cover.content,
                relative: "", rights: cover.rights))
    }

    /// A place by its path without links: through the last mount that shows it.
    private func place(at path: String) -> Place? {
        guard let cover = covers[Array("/".utf8)], case .found(var current) = root(of: cover, at: "/") else {
            return nil
        }
        for name in path.components(between: "/") {
            guard case .found(let next) = step(name, in: current) else { return nil }
            current = next
        }
        return current
    }

    private func target(of link: Place) -> String? {
        guard let descriptor = open(link) else { return nil }
        return try? Files.readLink("", at: .directory(descriptor.number))
    }

    /// A regular file for reading; nothing else is opened, and nil where it is none of the host, or may not be read.
    func reader(of place: Place) -> Descriptor? {
        guard let descriptor = open(place), (try? descriptor.status())?.kind == .regular else { return nil }
        return try? Descriptor.open("/proc/self/fd/\(descriptor.number)", [.readOnly, .nonBlocking])
    }

    /// Whether the caller may write in a directory, or execute a file: where that depends on the file system and not on
    /// permission bits, root is told the truth as well (access(2)).
    func permits(_ right: Right, _ place: Place) -> Bool {
        if place.rights.contains(right == .write ? .readOnly : .noExec) { return false }
        guard let descriptor = open(place) else { return true }
        let path = "/proc/self/fd/\(descriptor.number)"
        return right == .write ? Files.isWritable(path) : Files.isExecutable(path)
    }

    enum Right { case write, execute }

    private func open(_ place: Place) -> Descriptor? {
        guard place.status != nil, case .tree(let tree) = place.content else { return nil }
        return try? open(place.relative, in: tree)
    }

    /// - Parameter relative: without links.
    private func open(_ relative: String, in tree: Tree) throws(SystemError) -> Descriptor {
        let path = Self.path(relative, in: tree)
        if tree.source.hasBytes(of: rootPath) { return try Self.open(path, below: root) }
        let base = try Descriptor.open(tree.source, tree.noFollow ? [.path, .noFollow] : [.path])
        return path.isEmpty ? base : try Self.open(path, below: base)
    }

    private static func open(_ path: String, below base: borrowing Descriptor) throws(SystemError) -> Descriptor {
        if path.isEmpty { return try base.duplicate() }
        return try Descriptor.open(
            path, [.path, .noFollow], at: .directory(base.number), resolve: [.inRoot, .noMagicLinks])
    }

    private static func path(_ relative: String, in tree: Tree) -> String {
        if tree.relative.isEmpty || relative.isEmpty { return tree.relative + relative }
        return "\(tree.relative)/\(relative)"
    }

    static func join(_ directory: String, _ name: String) -> String {
        directory.utf8.count == 1 ? "/\(name)" : "\(directory)/\(name)"
    }

    private static func parent(of path: String) -> String {
        guard let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")), slash > path.utf8.startIndex else { return "/" }
        return String(Substring(path.utf8[..<slash]))
    }
}
