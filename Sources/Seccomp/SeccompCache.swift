import CSeccomp
import Kernel
public import OCI

/// Filters that were compiled before, one file each, in a directory that belongs to the caller alone.
///
/// A file is used only if all of it is as this version of apus, on this architecture and with this libseccomp, would
/// have written it for this very profile; whatever is odd about directory or file, the profile is compiled as if there
/// were no cache. A failure to read or write it is therefore never an error.
public struct SeccompCache: Sendable {
    /// How many files there are at most. A full directory is emptied: with it go the files of former versions.
    public static let capacity = 64

    private let directory: String

    /// `directory` is made when the first filter is stored; the one above it has to be there.
    public init(directory: String) { self.directory = directory }

    /// The filter of `profile`, from the directory if it is there, else compiled and stored.
    public func filter(for profile: SeccompProfile) throws(SeccompError) -> SeccompFilter {
        let flags = try SeccompFilter.kernelFlags(of: profile)
        let entry = CacheEntry(for: profile)
        if let program = stored(entry) {
            return SeccompFilter(program: program, flags: flags, needsNotify: profile.notifies)
        }
        let filter = try SeccompFilter.compile(profile)
        // Without the file the next start compiles again, no more.
        try? store(filter.program, for: entry)
        return filter
    }

    /// The stored program, nil if there is none that can be trusted.
    func stored(_ entry: CacheEntry) -> [UInt8]? {
        // Why it cannot be had does not matter: it is compiled then.
        guard let directory = try? open(), let file = try? read(entry.name, in: directory.number) else { return nil }
        return entry.program(in: file)
    }

    func store(_ program: [UInt8], for entry: CacheEntry) throws(SystemError) {
        if !Files.exists(directory) { try Files.makeDirectory(directory, mode: 0o700) }
        let directory = try open()
        let base = Base.directory(directory.number)
        let names = try Files.list(".", at: base)
        if names.count >= Self.capacity {
            // What cannot be removed (a directory, say) is not ours, and in nobody's way.
            for name in names { try? Files.remove(name, at: base) }
        }
        try Files.replace(entry.name, with: entry.file(with: program), mode: 0o600, at: base)
    }

    /// The directory, if nobody else can have put anything there.
    private func open() throws(SystemError) -> Descriptor {
        let descriptor = try Descriptor.open(directory, [.readOnly, .directory, .noFollow])
        let status = try descriptor.status()
        guard status.uid == ThisProcess.effectiveUser, status.permissions & 0o077 == 0 else {
            throw SystemError("open", directory, .accessDenied)
        }
        return descriptor
    }

    /// The content of a file that is nobody else's, nor known by a second name.
    private func read(_ name: String, in directory: Int32) throws(SystemError) -> [UInt8] {
        // Non-blocking: the open must not wait if it is a FIFO.
        let file = try Descriptor.open(
            name, [.readOnly, .noFollow, .nonBlocking, .noControllingTerminal], at: .directory(directory))
        let status = try file.status()
        guard
            status.kind == .regular, status.uid == ThisProcess.effectiveUser, status.permissions == 0o600,
            status.links == 1, status.size <= CacheEntry.largestFile
        else { throw SystemError("open", name, .accessDenied) }
        return try file.read(atMost: Int(status.size))
    }
}

extension SeccompFilter {
    /// The filter of `profile` from the cache in `directory`, compiled if it is not there; nil: there is no cache.
    public static func compile(
        _ profile: SeccompProfile, cache directory: String?
    ) throws(SeccompError) -> SeccompFilter {
        guard let directory else { return try compile(profile) }
        return try SeccompCache(directory: directory).filter(for: profile)
    }
}
