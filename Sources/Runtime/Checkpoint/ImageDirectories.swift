internal import Checkpoint
internal import Kernel
internal import OCI

/// The directory with the images, and the one with CRIU's log and work files.
struct ImageDirectories: ~Copyable {
    private let images: Opened
    private let work: Opened
    let logName: String

    /// The directories of a checkpoint: they are made.
    static func forCheckpoint(_ settings: CriuSettings) throws(RuntimeError) -> ImageDirectories {
        let path = settings.imagePath ?? "checkpoint"
        try make(path, "--image-path")
        if let work = settings.workPath { try make(work, "--work-path") }
        return try ImageDirectories(path, settings.workPath, logName: "dump.log", leftovers: ["stats-dump"])
    }

    /// The directories of a restore: that of the images has to be there.
    static func forRestore(_ settings: CriuSettings) throws(RuntimeError) -> ImageDirectories {
        let path = settings.imagePath ?? "checkpoint"
        if let work = settings.workPath { try make(work, "--work-path") }
        let directories = try ImageDirectories(
            path, settings.workPath, logName: "restore.log", leftovers: ["stats-restore"])
        guard Files.exists("inventory.img", at: .directory(directories.imageNumber)) else {
            throw .system(
                SystemError("open", "\(directories.imagePath)/inventory.img", .noEntry), field: "--image-path",
                hint: "there is no checkpoint in this directory")
        }
        try requireFiles(in: directories.imagePath)
        return directories
    }

    /// Fails if images, or earlier ones that they follow, are no files or are cut off: CRIU would wait for whoever writes
    /// into a FIFO, or look for pages without end.
    private static func requireFiles(in imagePath: String) throws(RuntimeError) {
        guard var directory = try? Descriptor.open(imagePath, [.readOnly, .directory]) else { return }
        var path = imagePath
        for _ in 0..<longestHistory {
            for name in (try? Files.list(".", at: .directory(directory.number))) ?? [] {
                try requireFile(name, at: directory.number, path)
            }
            // CRIU says itself what is missing.
            guard
                let parent = try? Descriptor.open("parent", [.readOnly, .directory], at: .directory(directory.number))
            else { return }
            directory = parent
            path += "/parent"
        }
        throw .system(
            SystemError("open", "\(imagePath)/parent", .tooManyLinks), field: "--image-path",
            hint: "the images follow one another in a circle")
    }

    private static func requireFile(_ name: String, at directory: Int32, _ path: String) throws(RuntimeError) {
        guard name.utf8.suffix(4).elementsEqual(".img".utf8),
            let status = try? Files.status(name, at: .directory(directory), follow: true)
        else { return }
        guard status.kind == .regular else {
            throw .system(
                SystemError("open", "\(path)/\(name)", .invalidArgument), field: "--image-path",
                hint: "it is no regular file")
        }
        guard name.begins(with: "pagemap-"),
            let bytes = try? Files.readRegular(name, at: .directory(directory), limit: 64 << 20),
            let map = PageMap(bytes),
            let size = try? Files.status("pages-\(map.file).img", at: .directory(directory), follow: true).size,
            UInt64(clamping: size) / smallestPage < map.pages
        else { return }
        throw CriuFailure.unusable(
            .restore, "\(path)/pages-\(map.file).img is cut off",
            hint: "\(map.pages) pages of memory should be in there")
    }

    private static var smallestPage: UInt64 { 4096 }

    /// Checkpoints that each follow another (`--parent-path`).
    private static let longestHistory = 100

    private init(
        _ imagePath: String, _ workPath: String?, logName: String, leftovers: [String]
    ) throws(RuntimeError) {
        let images = try Self.open(imagePath, "--image-path")
        let work = try Self.open(workPath ?? imagePath, workPath == nil ? "--image-path" : "--work-path")
        // CRIU empties these files, also behind a link that somebody has put into the images.
        for name in [logName] + leftovers where Files.exists(name, at: .directory(work.directory.number)) {
            do { try Files.remove(name, at: .directory(work.directory.number)) } catch {
                throw .system(error, field: workPath == nil ? "--image-path" : "--work-path")
            }
        }
        self.images = images
        self.work = work
        self.logName = logName
    }

    private static func open(_ path: String, _ field: String) throws(RuntimeError) -> Opened {
        try attempt(field) { () throws(SystemError) in
            let real = try Files.realPath(path)
            return Opened(path: real, directory: try Descriptor.open(real, [.readOnly, .directory]))
        }
    }

    /// A directory, and its path without links.
    private struct Opened: ~Copyable {
        let path: String
        let directory: Descriptor
    }

    /// Makes a directory with its parents, as `mkdir -p` does. Only its owner sees what was a container's memory.
    private static func make(_ path: String, _ field: String) throws(RuntimeError) {
        try attempt(field) { () throws(SystemError) in
            try Files.makeDirectories(path, mode: 0o700, parents: 0o700)
        }
    }

    /// Absolute, without links.
    var imagePath: String { images.path }
    var workPath: String { work.path }
    /// Borrowed descriptors.
    var imageNumber: Int32 { images.directory.number }
    var workNumber: Int32 { work.directory.number }
    var logPath: String { "\(workPath)/\(logName)" }

    /// The end of CRIU's log; empty if there is none.
    func log() -> [UInt8] {
        let flags: OpenFlags = [.readOnly, .noFollow, .nonBlocking]
        // Who cannot read it has less to say, and no reason to fail.
        guard let file = try? Descriptor.open(logName, flags, at: .directory(workNumber)),
            let status = try? file.status(), status.kind == .regular
        else { return [] }
        let start = max(0, status.size - Self.longestLog)
        return (try? file.read(atMost: Int(Self.longestLog), from: start)) ?? []
    }

    /// Why CRIU may have been unable to write a log: what becomes of a file that is written beside it.
    func obstacle() -> SystemError? {
        let name = ".space"
        do {
            try Files.replace(name, with: [UInt8](repeating: 0, count: 8192), at: .directory(workNumber))
            try Files.remove(name, at: .directory(workNumber))
            return nil
        } catch {
            return SystemError("write", logPath, error.errno)
        }
    }

    /// Bytes of the log that are looked at. What went wrong is at its end.
    private static let longestLog: Int64 = 4 << 20

    /// Removes what a CRIU that was killed leaves: an empty directory, on which it had mounted cgroups for itself.
    func removeLeftovers() {
        // It is in nobody's way if it cannot be removed.
        guard let names = try? Files.list(".", at: .directory(workNumber)) else { return }
        for name in names where name.begins(with: ".criu.cgyard.") {
            try? Files.removeDirectory(name, at: .directory(workNumber))
        }
    }

    // MARK: Files beside CRIU's

    /// Writes a file into the directory of the images.
    func write(_ name: String, _ bytes: [UInt8]) throws(RuntimeError) {
        do { try Files.replace(name, with: bytes, at: .directory(imageNumber)) } catch {
            throw .system(error, field: "--image-path")
        }
    }

    /// A small file of the images; nil if there is none.
    func read(_ name: String) throws(RuntimeError) -> [UInt8]? {
        do { return try Files.readRegular(name, at: .directory(imageNumber), limit: 1 << 20) } catch {
            if error.errno == .noEntry { return nil }
            throw .system(error, field: "--image-path")
        }
    }
}
