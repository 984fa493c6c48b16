internal import Kernel
public import OCI
internal import Spelling

/// What `spec` reads of an image: its configuration, and who its users are.
public enum ImageFiles {
    /// So long may a configuration or a list of users be, in bytes.
    private static var limit: Int { 4 << 20 }

    /// An image's configuration.
    ///
    /// - Parameter path: a file; `-` for standard input.
    public static func config(at path: String) throws(RuntimeError) -> ImageConfig {
        let bytes: [UInt8]
        do throws(SystemError) {
            bytes = try path == "-" ? Streams.readAll(0, limit: limit) : Files.read(path, limit: limit)
        } catch {
            throw .system(error, field: "--from-image-config")
        }
        do { return try ImageConfig.decode(bytes) } catch { throw .config(path: name(path), error) }
    }

    /// The directory that holds the root file system.
    ///
    /// - Parameters:
    ///   - given: relative to the bundle unless absolute, as in `root.path`.
    ///   - bundle: the bundle's directory.
    public static func root(_ given: String, bundle: String) throws(RuntimeError) -> String {
        let path = given.isAbsolute || bundle == "." ? given : "\(bundle)/\(given)"
        do throws(SystemError) {
            guard try Files.status(path, follow: true).kind == .directory else {
                throw SystemError("open", path, .notDirectory)
            }
        } catch {
            throw .system(
                error, field: "--rootfs", hint: given.isAbsolute ? "" : "it is relative to the bundle, as root.path is")
        }
        return path
    }

    /// Who an image's user is, in numbers (image-spec, config.md and conversion.md): what has digits only is a number, and
    /// everything else a name, which is looked up in the image's own files. Without a group it is the one that the user has,
    /// and for a name those that it is a member of too, each once.
    ///
    /// - Parameters:
    ///   - user: who the image says.
    ///   - root: the directory of the root file system; nil: names cannot be looked up.
    ///   - config: what messages call the image's configuration.
    public static func identity(
        of user: ImageConfig.User, in root: String?, config: String
    ) throws(RuntimeError) -> User {
        do throws(Unresolved) {
            let files: UserFiles? = if let root { try UserFiles(root) } else { nil }
            return try identity(of: user, files)
        } catch {
            let problem = Problem(path: "config.User", message: error.reason)
            throw .config(path: name(config), SpecError(problems: [problem]))
        }
    }

    private static func name(_ path: String) -> String { path == "-" ? "standard input" : path }

    /// Why nobody can be said to be the user.
    private struct Unresolved: Error {
        let reason: String
    }

    private static func identity(of user: ImageConfig.User, _ files: UserFiles?) throws(Unresolved) -> User {
        let number = try ID.number(in: user.user)
        let entry: (uid: UInt32, gid: UInt32)? =
            if let files {
                try files.user { number == nil ? $0[0].hasBytes(of: user.user) : ID.value(of: $0[2]) == number }
            } else { nil }
        if number == nil, entry == nil { throw missing("user", user.user, files, "etc/passwd") }
        var result = User(uid: number ?? entry?.uid ?? 0, gid: entry?.gid ?? 0)
        if let group = user.group {
            result.gid = try id(ofGroup: group, files)
        } else if number == nil, let files {
            let others = try files.groups { line in
                line.count > 3 && line[3].components(between: ",").contains { $0.hasBytes(of: user.user) }
            }
            var seen: Set<UInt32> = [result.gid]
            result.additionalGids = others.filter { seen.insert($0).inserted }
            // NGROUPS_MAX, setgroups(2).
            guard result.additionalGids.count <= 65_536 else {
                throw Unresolved(
                    reason: "\(files.root)/etc/group has \(Quoting.quoted(user.user)) in more than 65536 groups")
            }
        }
        return result
    }

    private static func id(ofGroup group: String, _ files: UserFiles?) throws(Unresolved) -> UInt32 {
        if let number = try ID.number(in: group) { return number }
        if let files, let number = try files.groups({ $0[0].hasBytes(of: group) }).first { return number }
        throw missing("group", group, files, "etc/group")
    }

    /// Ids as texts have them.
    private enum ID {
        /// The number of an id, if a text has digits only; nil for any other text. One that the kernel does not have is an
        /// error: it reads the last number of 32 bits as "unchanged".
        static func number(in text: String) throws(Unresolved) -> UInt32? {
            guard !text.isEmpty, text.utf8.allSatisfy({ UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 }) else {
                return nil
            }
            guard let number = value(of: text) else { throw Unresolved(reason: "\(text.prefix(40)) is no id") }
            return number
        }

        /// The same; nil for what is no id as well.
        static func value(of text: String) -> UInt32? {
            guard text.utf8.allSatisfy({ UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 }) else { return nil }
            return UInt32(text).flatMap { $0 == .max ? nil : $0 }
        }
    }

    private static func missing(_ kind: String, _ name: String, _ files: UserFiles?, _ file: String) -> Unresolved {
        let quoted = Quoting.quoted(name)
        guard let files else {
            return Unresolved(
                reason: "the \(kind) \(quoted) is a name: give --rootfs, in whose /\(file) it is looked up")
        }
        return Unresolved(reason: "\(files.root)/\(file) has no \(kind) \(quoted)")
    }

    /// `/etc/passwd` and `/etc/group` of an image. They are looked for as the container would, and are whatever the image
    /// makes of them: what is no regular file, or made up by the kernel, counts as missing.
    private struct UserFiles {
        let root: String
        private let passwd: [[String]]
        private let group: [[String]]

        init(_ root: String) throws(Unresolved) {
            self.root = root
            passwd = try Self.lines(of: "etc/passwd", in: root)
            group = try Self.lines(of: "etc/group", in: root)
        }

        /// The first user that a line says so of: passwd(5).
        func user(_ isMeant: ([String]) -> Bool) throws(Unresolved) -> (uid: UInt32, gid: UInt32)? {
            guard let line = passwd.first(where: { $0.count >= 4 && isMeant($0) }) else { return nil }
            guard let uid = ID.value(of: line[2]), let gid = ID.value(of: line[3]) else {
                throw Unresolved(reason: "\(root)/etc/passwd has no ids for \(Quoting.quoted(line[0]))")
            }
            return (uid, gid)
        }

        /// The numbers of the groups that a line says so of: group(5).
        func groups(_ isMeant: ([String]) -> Bool) throws(Unresolved) -> [UInt32] {
            var numbers: [UInt32] = []
            for line in group where line.count >= 3 && isMeant(line) {
                guard let number = ID.value(of: line[2]) else {
                    throw Unresolved(reason: "\(root)/etc/group has no id for \(Quoting.quoted(line[0]))")
                }
                numbers.append(number)
            }
            return numbers
        }

        private static func lines(of name: String, in root: String) throws(Unresolved) -> [[String]] {
            do throws(SystemError) {
                let directory = try Descriptor.open(root, [.path, .directory])
                let place = try Descriptor.open(
                    name, [.path], at: .directory(directory.number), resolve: [.inRoot, .noMagicLinks])
                let file = "/proc/self/fd/\(place.number)"
                guard try place.status().kind == .regular, !madeUp.contains(try place.fileSystemType()) else {
                    return []
                }
                let bytes = try Descriptor.open(file, [.readOnly, .nonBlocking, .noControllingTerminal])
                    .readAll(limit: limit)
                return bytes.split(separator: UInt8(ascii: "\n")).map { line in
                    line.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false).map {
                        String(decoding: $0, as: UTF8.self)
                    }
                }
            } catch {
                if error.errno == .noEntry || error.errno == .notDirectory { return [] }
                throw Unresolved(reason: "\(root)/\(name): \(error.errno)")
            }
        }

        /// PROC_SUPER_MAGIC and SYSFS_MAGIC: such files may be endless, and reading them may act on the host.
        private static var madeUp: [Int64] { [0x9fa0, 0x6265_6572] }
    }
}
