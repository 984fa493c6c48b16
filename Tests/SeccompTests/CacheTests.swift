import Foundation
import Kernel
import OCI
import SeccompLoader
import Testing

@testable import Seccomp

/// A directory of its own for one test.
private final class Scratch {
    let path: String
    var cachePath: String { path + "/filters" }
    var cache: SeccompCache { SeccompCache(directory: cachePath) }

    init() throws {
        path = NSTemporaryDirectory() + "seccomp-cache-" + UUID().uuidString
        try Files.makeDirectory(path, mode: 0o700)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    var files: [String] { get throws { try Files.list(cachePath).sorted() } }

    /// The one file that is there.
    var file: String {
        get throws {
            try #require(files.count == 1)
            return try cachePath + "/" + files[0]
        }
    }
}

private let profile = SeccompProfile.refusing(.allow("read"), .errno(5, "getcwd"), architectures: [.x86])
/// What nobody compiles out of `profile`.
private let planted: [UInt8] = [0x06, 0, 0, 0, 0, 0, 0xff, 0x7f]

@Suite(.needsX86_64) struct CacheTests {
    private let scratch: Scratch
    init() throws { scratch = try Scratch() }

    @Test func secondTimeComesFromTheFile() throws {
        let first = try scratch.cache.filter(for: profile)
        #expect(try first == SeccompFilter.compile(profile))
        let entry = CacheEntry(for: profile)
        #expect(scratch.cache.stored(entry) == first.program)
        try scratch.cache.store(planted, for: entry)
        let filter = try scratch.cache.filter(for: profile)
        #expect(filter.program == planted)
        #expect(filter.flags == 0x04)
    }

    @Test func compilingThroughACache() throws {
        let compiled = try SeccompFilter.compile(profile)
        #expect(try SeccompFilter.compile(profile, cache: nil) == compiled)
        #expect(!Files.exists(scratch.cachePath))
        #expect(try SeccompFilter.compile(profile, cache: scratch.cachePath) == compiled)
        #expect(scratch.cache.stored(CacheEntry(for: profile)) == compiled.program)
    }

    @Test func flagsAreOfTheProfile() throws {
        let loud = profile.with { $0.flags = SeccompFlags(rawValue: 2) }
        #expect(try scratch.cache.filter(for: loud).flags == 0x02)
        #expect(try scratch.cache.filter(for: loud).flags == 0x02)
    }

    @Test func directoryAndFilesAreTheCallersAlone() throws {
        let former = ThisProcess.setFileModeMask(0)
        defer { ThisProcess.setFileModeMask(former) }
        _ = try scratch.cache.filter(for: profile)
        #expect(try Files.status(scratch.cachePath).permissions == 0o700)
        let status = try Files.status(scratch.file)
        #expect(status.permissions == 0o600)
        #expect(status.kind == .regular)
        #expect(try scratch.files[0].count == 16)
    }

    @Test func profilesDoNotMix() throws {
        let errno6 = SeccompProfile.refusing(.allow("read"), .errno(6, "getcwd"), architectures: [.x86])
        #expect(try scratch.cache.filter(for: profile).answer(79) == .errno(5))
        #expect(try scratch.cache.filter(for: errno6).answer(79) == .errno(6))
        #expect(try scratch.cache.filter(for: profile).answer(79) == .errno(5))
        #expect(try scratch.files.count == 2)
    }

    @Test func fileOfAnotherProfileUnderThisName() throws {
        let other = CacheEntry(for: .refusing(.allow("write")))
        try plant(other.file(with: planted))
        try expectCompiled()
    }

    @Test(arguments: [
        "empty", "header", "cut", "longer", "program", "last", "key", "key size", "program size", "no program",
    ])
    func damagedFile(damage: String) throws {
        let entry = CacheEntry(for: profile)
        var file = entry.file(with: planted)
        let keySize = file.count - 16 - planted.count
        switch damage {
        case "empty": file = []
        case "header": file = Array(file.prefix(15))
        case "cut": file.removeLast()
        case "longer": file.append(0)
        case "program": file[16 + keySize] ^= 1
        case "last": file[file.count - 1] ^= 1
        case "key": file[16 + 40] ^= 1
        case "key size": file[0] ^= 1
        case "program size": file[4] ^= 8
        default: file = entry.file(with: [])
        }
        try plant(file)
        try expectCompiled()
    }

    @Test(arguments: [SeccompFilter.mostInstructions * 8 + 8, 12])
    func programOfImpossibleSize(size: Int) throws {
        try plant(CacheEntry(for: profile).file(with: Array(repeating: 0, count: size)))
        try expectCompiled()
    }

    @Test func sparseGiant() throws {
        try plant([])
        let file = try Descriptor.open(scratch.file, [.readWrite])
        try file.truncate(to: 1 << 40)
        try expectCompiled()
    }

    @Test(arguments: [0o660, 0o604, 0o700, 0o400, 0o4600] as [UInt32])
    func fileWithOtherPermissions(mode: UInt32) throws {
        try plant()
        try Files.changeMode(scratch.file, to: mode)
        try expectCompiled()
    }

    @Test func fileWithASecondName() throws {
        try plant()
        try FileManager.default.linkItem(atPath: scratch.file, toPath: scratch.path + "/second")
        try expectCompiled()
    }

    @Test func symbolicLinkInPlaceOfTheFile() throws {
        try plant()
        let file = try scratch.file
        try Files.rename(file, to: scratch.path + "/moved")
        try FileManager.default.createSymbolicLink(atPath: file, withDestinationPath: scratch.path + "/moved")
        try expectCompiled()
        #expect(try Files.read(scratch.path + "/moved") == CacheEntry(for: profile).file(with: planted))
    }

    @Test(.timeLimit(.minutes(5))) func fifoInPlaceOfTheFile() throws {
        try plant()
        let file = try scratch.file
        try Files.remove(file)
        #expect(make_fifo(file) == 0)
        try expectCompiled()
    }

    @Test func directoryInPlaceOfTheFile() throws {
        try plant()
        let file = try scratch.file
        try Files.remove(file)
        try Files.makeDirectory(file, mode: 0o700)
        #expect(try scratch.cache.filter(for: profile) == SeccompFilter.compile(profile))
    }

    @Test(.enabled(if: ThisProcess.effectiveUser == 0, "only root can give files away"))
    func fileOfSomebodyElse() throws {
        try plant()
        #expect(give_away(try scratch.file, 1000) == 0)
        try expectCompiled()
    }

    @Test(.enabled(if: ThisProcess.effectiveUser == 0, "only root can give files away"))
    func directoryOfSomebodyElse() throws {
        try plant()
        #expect(give_away(scratch.cachePath, 1000) == 0)
        try expectCompiledWithoutStoring()
    }

    @Test(arguments: [0o701, 0o770, 0o777, 0o1777] as [UInt32])
    func directoryThatOthersMayEnter(mode: UInt32) throws {
        try plant()
        try Files.changeMode(scratch.cachePath, to: mode)
        try expectCompiledWithoutStoring()
    }

    @Test func symbolicLinkInPlaceOfTheDirectory() throws {
        try plant()
        try Files.rename(scratch.cachePath, to: scratch.path + "/moved")
        try FileManager.default.createSymbolicLink(atPath: scratch.cachePath, withDestinationPath: "moved")
        try expectCompiledWithoutStoring()
    }

    @Test func fileInPlaceOfTheDirectory() throws {
        try Files.replace(scratch.cachePath, with: [])
        #expect(try scratch.cache.filter(for: profile) == SeccompFilter.compile(profile))
    }

    @Test func missingParent() throws {
        let cache = SeccompCache(directory: scratch.path + "/a/b")
        #expect(try cache.filter(for: profile) == SeccompFilter.compile(profile))
    }

    @Test func fullDirectoryIsEmptied() throws {
        for number in 0..<SeccompCache.capacity {
            _ = try scratch.cache.filter(for: .allowing(.errno(UInt16(number), "getcwd")))
        }
        #expect(try scratch.files.count == SeccompCache.capacity)
        _ = try scratch.cache.filter(for: profile)
        #expect(try scratch.files == [CacheEntry(for: profile).name])
    }

    @Test func mistakesAreNotStored() throws {
        #expect(throws: SeccompError.self) { try scratch.cache.filter(for: .allowing(architectures: [.s390x])) }
        #expect(!Files.exists(scratch.cachePath))
    }

    @Test func nothingIsLeftOpenOrBeside() throws {
        _ = try scratch.cache.filter(for: profile)
        _ = try scratch.cache.filter(for: profile)
        #expect(try scratch.files == [CacheEntry(for: profile).name])
        let names = try Files.list("/proc/self/fd").compactMap { try? Files.readLink("/proc/self/fd/" + $0) }
        #expect(!names.contains { $0.hasPrefix(scratch.path) })
    }

    /// Stores a file for `profile` that differs from what it is compiled to.
    private func plant(_ content: [UInt8]? = nil) throws {
        let entry = CacheEntry(for: profile)
        try Files.makeDirectory(scratch.cachePath, mode: 0o700)
        try Files.replace(scratch.cachePath + "/" + entry.name, with: content ?? entry.file(with: planted))
        if content == nil { #expect(scratch.cache.stored(entry) == planted) }
    }

    /// The file is ignored, and replaced by a good one.
    private func expectCompiled() throws {
        let compiled = try SeccompFilter.compile(profile)
        #expect(try scratch.cache.filter(for: profile) == compiled)
        #expect(scratch.cache.stored(CacheEntry(for: profile)) == compiled.program)
    }

    private func expectCompiledWithoutStoring() throws {
        #expect(try scratch.cache.filter(for: profile) == SeccompFilter.compile(profile))
        #expect(scratch.cache.stored(CacheEntry(for: profile)) == nil)
    }
}
