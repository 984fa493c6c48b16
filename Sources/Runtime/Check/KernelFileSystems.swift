internal import Kernel
internal import OCI

/// What this kernel can mount (/proc/filesystems, and modules that it would load).
final class KernelFileSystems {
    enum Kind {
        /// Lives on a device.
        case device
        case other
        /// In a module that the kernel loads when it is asked for.
        case module
    }

    private var kinds: [[UInt8]: Kind] = [:]
    private let modules: String?
    /// File systems in modules; read when the first is asked for.
    private var loadable: Set<[UInt8]>?

    /// - Parameters:
    ///   - list: of the file systems that are there, as /proc/filesystems has it; nil: nothing is known.
    ///   - modules: the folder with what depmod(8) writes; nil: there are no modules.
    init(list: String?, modules: String?) {
        self.modules = modules
        guard let list else { return }
        for line in list.split(separator: "\n") {
            let words = line.split(whereSeparator: { $0 == "\t" || $0 == " " })
            guard let name = words.last else { continue }
            kinds[Array(name.utf8)] = words.count == 1 ? .device : .other
        }
    }

    /// Those of this host.
    convenience init() {
        // Without procfs nothing is known, and the kernel decides.
        self.init(
            list: try? Files.readText("/proc/filesystems"),
            modules: (try? ThisProcess.kernelRelease()).map { "/lib/modules/\($0)" })
    }

    /// nil: unknown. Only FUSE has subtypes (`fuse.sshfs`): with any other type the kernel refuses them (get_fs_type() of
    /// fs/filesystems.c, `FS_HAS_SUBTYPE`).
    func kind(of type: String) -> Kind? {
        if kinds.isEmpty { return .other }
        let name = Array(type.utf8.prefix { $0 != UInt8(ascii: ".") })
        let hasSubtype = name.count < type.utf8.count
        if hasSubtype, name != Array("fuse".utf8), name != Array("fuseblk".utf8) { return nil }
        if let kind = kinds[name] { return kind }
        let loadable = self.loadable ?? Self.loadable(from: modules)
        self.loadable = loadable
        return loadable.contains(Self.plain(name[...])) ? .module : nil
    }

    /// The kernel asks modprobe(8) for `fs-TYPE`, which is an alias of a module, of whatever name.
    private static func loadable(from modules: String?) -> Set<[UInt8]> {
        guard let modules, let files = try? Files.read("\(modules)/modules.dep", limit: mostBytes) else { return [] }
        let names = Set(files.split(separator: UInt8(ascii: "\n")).compactMap { moduleName(in: $0) })
        // Without that list the names have to do.
        guard let aliases = try? Files.read("\(modules)/modules.alias", limit: mostBytes) else { return names }
        var loadable: Set<[UInt8]> = []
        for line in aliases.split(separator: UInt8(ascii: "\n")) where line.starts(with: "alias fs-".utf8) {
            let words = line.split(separator: UInt8(ascii: " "))
            if words.count == 3, names.contains(plain(words[2])) { loadable.insert(plain(words[1].dropFirst(3))) }
        }
        return loadable
    }

    /// Lists of distributions have up to 2 MB.
    private static var mostBytes: Int { 16 << 20 }

    /// `isofs` of `kernel/fs/isofs/isofs.ko.xz: kernel/...`
    private static func moduleName(in line: ArraySlice<UInt8>) -> [UInt8]? {
        let path = line.prefix { $0 != UInt8(ascii: ":") }
        guard let base = path.split(separator: UInt8(ascii: "/")).last,
            let dot = base.firstIndex(of: UInt8(ascii: ".")), base[dot...].starts(with: ".ko".utf8)
        else { return nil }
        return plain(base[..<dot])
    }

    /// To modprobe(8) a dash and an underscore are the same.
    private static func plain(_ name: ArraySlice<UInt8>) -> [UInt8] {
        name.map { $0 == UInt8(ascii: "-") ? UInt8(ascii: "_") : $0 }
    }
}
