import Foundation
import Testing

@testable import Runtime

/// Which file systems this kernel has, or gets by loading a module.
@Suite struct KernelFileSystemsTests {
    private func folder(_ files: [String: String]) throws -> String {
        let path = NSTemporaryDirectory() + "/apus-modules-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        for (name, text) in files { try text.write(toFile: "\(path)/\(name)", atomically: false, encoding: .utf8) }
        return path
    }

    private let list = "nodev\tproc\nnodev\tfuse\n\text4\n"
    private let dependencies = """
        kernel/fs/isofs/isofs.ko.xz: kernel/lib/zlib.ko.xz
        kernel/fs/nfs/nfs.ko.zst:
        kernel/fs/nfs/nfsv4.ko.gz: kernel/fs/nfs/nfs.ko.zst
        kernel/fs/fat/msdos.ko:
        kernel/fs/ubifs/ubifs-x.ko:

        """
    private let aliases = """
        # Aliases extracted from modules themselves.
        alias fs-iso9660 isofs
        alias iso9660 isofs
        alias fs-nfs4 nfsv4
        alias fs-nfs nfs
        alias fs-ubifs ubifs_x
        alias fs-two-words msdos
        alias fs-lost lost

        """

    @Test func aModuleIsFoundByWhatItCallsItsFileSystems() throws {
        let path = try folder(["modules.dep": dependencies, "modules.alias": aliases])
        defer { try? FileManager.default.removeItem(atPath: path) }
        let known = KernelFileSystems(list: list, modules: path)
        for type in ["iso9660", "nfs4", "nfs", "ubifs", "two_words", "two-words"] {
            #expect(known.kind(of: type) == .module, "\(type)")
        }
        // A module of that name that has no such alias is not what the kernel asks for, and nor is one without a file.
        for type in ["isofs", "msdos", "lost", "zlib"] { #expect(known.kind(of: type) == nil, "\(type)") }
        #expect(known.kind(of: "ext4") == .device)
        #expect(known.kind(of: "proc") == .other)
    }

    @Test func onlyFUSEHasSubtypes() {
        let known = KernelFileSystems(list: list, modules: nil)
        #expect(known.kind(of: "fuse.sshfs") == .other)
        #expect(known.kind(of: "proc.x") == nil)
        #expect(known.kind(of: "iso9660") == nil)
    }

    @Test func withoutAliasesTheNamesOfModulesCount() throws {
        let path = try folder(["modules.dep": dependencies])
        defer { try? FileManager.default.removeItem(atPath: path) }
        let known = KernelFileSystems(list: list, modules: path)
        #expect(known.kind(of: "isofs") == .module && known.kind(of: "nfs") == .module)
        #expect(known.kind(of: "iso9660") == nil)
    }

    @Test func withoutProcfsTheKernelDecides() {
        #expect(KernelFileSystems(list: nil, modules: nil).kind(of: "anything") == .other)
    }
}
