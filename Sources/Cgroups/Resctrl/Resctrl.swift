internal import Kernel
public import OCI

/// The resctrl file system: classes of service for caches and memory bandwidth (Documentation/filesystems/resctrl.rst
/// of the kernel; config-linux.md, "IntelRdt").
public struct Resctrl: Sendable {
    /// Where it is mounted, absolute.
    let root: String
    /// Called with each directory that was made. In resctrl the kernel itself fills a new directory with files; in a
    /// directory that is only laid out like it, a test has to.
    let hasMade: @Sendable (String) -> Void

    init(root: String, hasMade: @escaping @Sendable (String) -> Void = { _ in }) {
        self.root = root
        self.hasMade = hasMade
    }

    /// The container's class of service on this host, decided and not made yet; nil if it asks for none.
    public static func group(for intelRdt: IntelRdt?, id: String) throws(CgroupError) -> ResctrlGroup? {
        guard let intelRdt else { return nil }
        return try mounted().group(for: intelRdt, id: id)
    }

    /// The one that this host has mounted.
    public static func mounted() throws(CgroupError) -> Resctrl {
        let bytes: [UInt8]
        do { bytes = try Files.read("/proc/self/mountinfo") } catch { throw .system(error, field: field(""), hint: "") }
        guard let path = mountPoint(in: bytes, isReachable: CgroupLayout.isReachable) else {
            throw .value(field: "linux.intelRdt", reason: "resctrl is not mounted on this host")
        }
        return Resctrl(root: path)
    }

    /// The mount point in a line such as `40 25 0:36 / /sys/fs/resctrl rw,relatime - resctrl resctrl rw`.
    ///
    /// - Parameter isReachable: whether a mount counts.
    static func mountPoint(
        in mountinfo: [UInt8], isReachable: (LayoutParser.Mount) -> Bool = { _ in true }
    ) -> String? {
        for line in mountinfo.split(separator: UInt8(ascii: "\n")) {
            let words = line.split(separator: UInt8(ascii: " "))
            guard let separator = words.firstIndex(where: { $0.elementsEqual("-".utf8) }), separator > 4,
                words.count > separator + 1, words[separator + 1].elementsEqual("resctrl".utf8)
            else { continue }
            let mount = LayoutParser.Mount(
                id: UInt64(String(decoding: words[0], as: UTF8.self)) ?? 0,
                mountPoint: LayoutParser.unescaped(words[4]))
            if isReachable(mount) { return mount.mountPoint }
        }
        return nil
    }

    static func field(_ name: String) -> String { name.isEmpty ? "linux.intelRdt" : "linux.intelRdt.\(name)" }

    // MARK: What is asked for

    /// Decides where a container belongs, and what of that has to be made.
    func group(for intelRdt: IntelRdt, id: String) throws(CgroupError) -> ResctrlGroup {
        let lines = Schemata.lines(
            l3Cache: intelRdt.l3CacheSchema, memoryBandwidth: intelRdt.memBwSchema, other: intelRdt.schemata)
        try check(l3Cache: intelRdt.l3CacheSchema, memoryBandwidth: intelRdt.memBwSchema, field: Self.field)
        let name = intelRdt.closID ?? id
        let directory = name == "/" ? root : "\(root)/\(name)"
        let exists = Files.exists(directory)
        if exists, !Files.exists("\(directory)/tasks") {
            throw .value(field: Self.field("closID"), reason: "\(directory) is no class of service")
        }
        if exists, intelRdt.closID == nil {
            throw .value(field: Self.field("closID"), reason: "\(directory) exists, and is not this container's")
        }
        if !exists, intelRdt.closID != nil, lines.isEmpty {
            throw .value(field: Self.field("closID"), reason: "there is no \(directory), and no schema to make it with")
        }
        var made = exists ? [] : [directory]
        if intelRdt.enableMonitoring {
            guard Files.exists("\(root)/info/L3_MON") else {
                throw .value(field: Self.field("enableMonitoring"), reason: "this host cannot monitor (no info/L3_MON)")
            }
            made.append("\(directory)/mon_groups/\(id)")
        }
        return ResctrlGroup(
            resctrl: self, directory: directory, made: made, isNamed: intelRdt.closID != nil, schemata: lines)
    }

    /// Whether the host can do what schemas are for.
    func check(
        l3Cache: String?, memoryBandwidth: String?, field: (String) -> String
    ) throws(CgroupError) {
        if l3Cache?.isEmpty == false, !["L3", "L3CODE"].contains(where: { Files.exists("\(root)/info/\($0)") }) {
            throw .value(field: field("l3CacheSchema"), reason: "this host cannot divide its L3 cache (no info/L3)")
        }
        if memoryBandwidth?.isEmpty == false, !Files.exists("\(root)/info/MB") {
            throw .value(
                field: field("memBwSchema"), reason: "this host cannot divide its memory bandwidth (no info/MB)")
        }
    }
}
