import Foundation
import Kernel
import OCI
import Testing

@testable import Cgroups

/// Classes of service in a directory laid out like resctrl: no machine with the hardware was at hand. What the kernel
/// does there by itself, filling new directories, a test does here.
@Suite struct ResctrlTests {
    // MARK: The mount

    @Test(
        arguments: [
            ("40 25 0:36 / /sys/fs/resctrl rw,relatime - resctrl resctrl rw", "/sys/fs/resctrl"),
            ("40 25 0:36 / /my\\040dir rw shared:3 master:1 - resctrl none rw,cdp", "/my dir"),
            ("40 25 0:36 / /resctrl rw - tmpfs resctrl rw", nil),
            ("40 25 0:36 / - - resctrl", nil),
            ("", nil),
        ] as [(String, String?)])
    func `the mount is found by its type`(line: String, path: String?) {
        let before = "23 1 8:1 / / rw - ext4 /dev/sda1 rw\n"
        #expect(Resctrl.mountPoint(in: Array((before + line + "\n").utf8)) == path)
        #expect(Resctrl.mountPoint(in: Array((before + line + "\n").utf8)) { _ in false } == nil)
    }

    @Test(.enabled(if: (try? Resctrl.mounted()) == nil, "this host has resctrl"))
    func `without the file system there is no class of service`() {
        let error = #expect(throws: CgroupError.self) { try Resctrl.group(for: IntelRdt(closID: "a"), id: "box") }
        #expect(error.map { "\($0)" } == "linux.intelRdt: resctrl is not mounted on this host")
    }

    @Test func `who asks for none needs none`() throws {
        #expect(try Resctrl.group(for: nil, id: "box") == nil)
    }

    // MARK: Schemas

    @Test(
        arguments: [
            (nil, nil, [], []),
            ("L3:0=f", nil, [], ["L3:0=f"]),
            (nil, "MB:0=20", [], ["MB:0=20"]),
            ("L3:0=f\nMB:0=10\n", "MB:0=20", [], ["L3:0=f", "MB:0=20"]),
            ("L3CODE:0=f\nL3DATA:0=f0", "", ["L2:0=3", ""], ["L3CODE:0=f", "L3DATA:0=f0", "L2:0=3"]),
            ("L3:0=f\nMB:0=10", nil, ["L2:0=3"], ["L3:0=f", "MB:0=10", "L2:0=3"]),
        ] as [(String?, String?, [String], [String])])
    func `schemas are combined`(l3Cache: String?, bandwidth: String?, other: [String], lines: [String]) {
        #expect(Schemata.lines(l3Cache: l3Cache, memoryBandwidth: bandwidth, other: other) == lines)
    }

    @Test(
        arguments: [
            (["L3:0=ff"], nil), (["L3:0=0ff;1=C0"], nil), (["MB:1= 70"], nil), (["L3:0=fe"], "L3:0=fe"),
            (["L3:2=ff"], "L3:2=ff"), (["L2:0=ff"], "L2:0=ff"), (["L3"], "L3"), (["MB:0=20", "L3:1=c1"], "L3:1=c1"),
        ] as [([String], String?)])
    func `schemas are compared by value`(lines: [String], difference: String?) {
        let content = "    MB:0= 20;1= 70\n    L3:0=000ff;1=000c0\n"
        #expect(Schemata.firstDifference(of: lines, from: content) == difference)
    }

    // MARK: A class of its own

    @Test func `without a name the class has the container's id, and goes with it`() throws {
        let fake = try FakeResctrl()
        var group = try fake.resctrl.group(for: IntelRdt(l3CacheSchema: "L3:0=f", memBwSchema: "MB:0=20"), id: "box")
        #expect(group.stateText == ["\(fake.root)/box", "\(fake.root)/box"])
        #expect(!fake.exists("box"))
        try group.make()
        #expect(fake.read("box/schemata") == "MB:0=20\n")  // Line by line: the last one stands in an ordinary file.
        try group.add(4711)
        #expect(fake.read("box/tasks") == "4711")
        // The process has ended.
        fake.write("box/tasks", "")
        let restored = try #require(ResctrlGroup(restoring: group.stateText))
        fake.empty("box")
        try restored.remove()
        #expect(!fake.exists("box"))
        try restored.remove()
    }

    @Test func `every line is a write of its own`() throws {
        let fake = try FakeResctrl(schemata: .appends)
        var group = try fake.resctrl.group(for: IntelRdt(schemata: ["L2:0=1"], l3CacheSchema: "L3:0=f"), id: "box")
        try group.make()
        #expect(fake.lines == ["L3:0=f", "L2:0=1"])
    }

    @Test func `a directory that is there with the container's id is not its own`() throws {
        let fake = try FakeResctrl()
        fake.addClass("box")
        let error = #expect(throws: CgroupError.self) { try fake.resctrl.group(for: IntelRdt(), id: "box") }
        #expect(error.map { "\($0)" }?.contains("exists, and is not this container's") == true)
    }

    @Test func `a failure takes the class back`() throws {
        let fake = try FakeResctrl(schemata: .missing)
        var group = try fake.resctrl.group(for: IntelRdt(l3CacheSchema: "L3:0=zz"), id: "box")
        let error = #expect(throws: CgroupError.self) { try group.make() }
        let text = error.map { "\($0)" } ?? ""
        #expect(text.hasPrefix("linux.intelRdt.schemata: write \"L3:0=zz\" to \(fake.root)/box/schemata:"))
        #expect(text.contains("mask contains more than one range"))
        #expect(!fake.exists("box"))
    }

    // MARK: A named class

    @Test func `a named class that is there is joined, and stays`() throws {
        let fake = try FakeResctrl()
        fake.addClass("gold")
        var group = try fake.resctrl.group(for: IntelRdt(closID: "gold"), id: "box")
        #expect(group.stateText == ["\(fake.root)/gold"])
        try group.make()
        try group.add(4711)
        #expect(fake.read("gold/tasks") == "4711")
        #expect(fake.read("gold/schemata") == FakeResctrl.schemata)
        try group.remove()
        #expect(fake.exists("gold"))
    }

    @Test func `its schemas have to be those that are asked for`() throws {
        let fake = try FakeResctrl()
        fake.addClass("gold")
        var same = try fake.resctrl.group(for: IntelRdt(closID: "gold", l3CacheSchema: "L3:0=ff"), id: "box")
        try same.make()
        var other = try fake.resctrl.group(for: IntelRdt(closID: "gold", l3CacheSchema: "L3:0=f"), id: "box")
        let error = #expect(throws: CgroupError.self) { try other.make() }
        #expect(error.map { "\($0)" }?.hasSuffix("exists, and its schemata are not \"L3:0=f\"") == true)
        #expect(fake.exists("gold"))
        #expect(fake.read("gold/schemata") == FakeResctrl.schemata)
    }

    @Test func `a named class is made where schemas say how, and not otherwise`() throws {
        let fake = try FakeResctrl()
        let error = #expect(throws: CgroupError.self) { try fake.resctrl.group(for: IntelRdt(closID: "gold"), id: "b") }
        #expect(error.map { "\($0)" }?.contains("no schema to make it with") == true)
        var group = try fake.resctrl.group(for: IntelRdt(closID: "gold", schemata: ["L3:0=f"]), id: "box")
        try group.make()
        #expect(fake.read("gold/schemata") == "L3:0=f\n")
        // It stays when the container goes.
        #expect(group.stateText == ["\(fake.root)/gold"])
        fake.empty("gold")
        try #require(ResctrlGroup(restoring: group.stateText)).remove()
        #expect(fake.exists("gold"))
    }

    @Test func `a named class that was made for a container that did not come to be goes again`() throws {
        let fake = try FakeResctrl()
        let asked = IntelRdt(closID: "gold", schemata: ["L3:0=f"], enableMonitoring: true)
        var group = try fake.resctrl.group(for: asked, id: "box")
        try group.make()
        #expect(group.stateText == ["\(fake.root)/gold", "\(fake.root)/gold/mon_groups/box"])
        fake.empty("gold/mon_groups/box")
        fake.empty("gold")
        try group.remove()
        #expect(!fake.exists("gold"))
    }

    @Test func `a class that others have joined stays`() throws {
        let fake = try FakeResctrl()
        var group = try fake.resctrl.group(for: IntelRdt(closID: "gold", schemata: ["L3:0=f"]), id: "box")
        try group.make()
        fake.write("gold/tasks", "99\n")
        try group.remove()
        #expect(fake.exists("gold"))
    }

    @Test func `one that somebody else makes meanwhile is his`() throws {
        let fake = try FakeResctrl()
        var group = try fake.resctrl.group(for: IntelRdt(closID: "gold", schemata: ["L3:0=ff"]), id: "box")
        fake.addClass("gold")
        try group.make()
        #expect(group.stateText == ["\(fake.root)/gold"])
    }

    @Test func `the root is a class too`() throws {
        let fake = try FakeResctrl()
        var group = try fake.resctrl.group(for: IntelRdt(closID: "/"), id: "box")
        try group.make()
        try group.add(4711)
        #expect(fake.read("tasks") == "4711")
        try group.remove()
        #expect(fake.exists("tasks"))
    }

    @Test func `not every directory is a class`() throws {
        let fake = try FakeResctrl()
        #expect(throws: CgroupError.self) { try fake.resctrl.group(for: IntelRdt(closID: "info"), id: "box") }
    }

    // MARK: Monitoring

    @Test func `a monitoring group is made below, and goes with the container`() throws {
        let fake = try FakeResctrl()
        fake.addClass("gold")
        var group = try fake.resctrl.group(for: IntelRdt(closID: "gold", enableMonitoring: true), id: "box")
        try group.make()
        try group.add(4711)
        #expect(fake.read("gold/tasks") == "4711")
        #expect(fake.read("gold/mon_groups/box/tasks") == "4711")
        fake.empty("gold/mon_groups/box")
        try #require(ResctrlGroup(restoring: group.stateText)).remove()
        #expect(!fake.exists("gold/mon_groups/box"))
        #expect(fake.exists("gold/schemata"))
    }

    // MARK: What the hardware lacks

    @Test(arguments: [
        (IntelRdt(l3CacheSchema: "L3:0=f"), "linux.intelRdt.l3CacheSchema", "info/L3"),
        (IntelRdt(memBwSchema: "MB:0=10"), "linux.intelRdt.memBwSchema", "info/MB"),
        (IntelRdt(enableMonitoring: true), "linux.intelRdt.enableMonitoring", "info/L3_MON"),
    ])
    func `what this host cannot do is an error`(intelRdt: IntelRdt, field: String, missing: String) throws {
        let fake = try FakeResctrl()
        try FileManager.default.removeItem(atPath: "\(fake.root)/\(missing)")
        let error = #expect(throws: CgroupError.self) { try fake.resctrl.group(for: intelRdt, id: "box") }
        let text = error.map { "\($0)" } ?? ""
        #expect(text.hasPrefix("\(field): ") && text.contains(missing))
    }

    // MARK: Changes

    @Test func `an update writes other schemas`() throws {
        let fake = try FakeResctrl(schemata: .appends)
        var group = try fake.resctrl.group(for: IntelRdt(), id: "box")
        try group.make()
        let restored = try #require(ResctrlGroup(restoring: group.stateText))
        try restored.update(l3Cache: "L3:0=3", memoryBandwidth: nil)
        try restored.update(l3Cache: "L3:0=7\nMB:0=1", memoryBandwidth: "MB:0=50")
        #expect(fake.lines == ["L3:0=3", "L3:0=7", "MB:0=50"])
    }

    @Test func `a state that was tampered with describes no class`() {
        #expect(ResctrlGroup(restoring: []) == nil)
        #expect(ResctrlGroup(restoring: ["relative"]) == nil)
        #expect(ResctrlGroup(restoring: ["/a", "b"]) == nil)
    }
}

/// A directory laid out like resctrl.
private final class FakeResctrl: @unchecked Sendable {
    enum NewSchemata { case plain, missing, appends }

    static let schemata = "    MB:0=100;1=100\n    L3:0=ff;1=ff\n"

    let root: String
    private let kind: NewSchemata

    init(schemata kind: NewSchemata = .plain) throws {
        root = "/tmp/apus-resctrl-\(UInt64.random(in: 0...UInt64.max))"
        self.kind = kind
        for path in ["", "/info", "/info/L3", "/info/MB", "/info/L3_MON", "/mon_groups"] {
            try FileManager.default.createDirectory(atPath: root + path, withIntermediateDirectories: true)
        }
        write("info/last_cmd_status", "mask contains more than one range\n")
        write("tasks", "")
        write("schemata", Self.schemata)
    }

    deinit { try? FileManager.default.removeItem(atPath: root) }

    var resctrl: Resctrl { Resctrl(root: root) { [self] in fill($0) } }

    /// What the kernel does with a new directory.
    private func fill(_ path: String) {
        let name = String(path.dropFirst(root.count + 1))
        if kind == .missing { return }
        write("\(name)/tasks", "")
        if name.contains("mon_groups") { return }
        try? FileManager.default.createDirectory(atPath: "\(path)/mon_groups", withIntermediateDirectories: false)
        switch kind {
        case .plain: write("\(name)/schemata", "")
        case .appends: mkfifo("\(path)/schemata", 0o600)
        case .missing: break
        }
        if kind == .appends { pipe = open("\(path)/schemata", O_RDWR | O_NONBLOCK) }
    }

    private var pipe: Int32 = -1

    /// What was written to the schemata of a class that `appends`.
    var lines: [String] {
        var buffer = [UInt8](repeating: 0, count: 4096)
        let count = Glibc.read(pipe, &buffer, buffer.count)
        return String(decoding: buffer.prefix(max(0, count)), as: UTF8.self).split(separator: "\n").map(String.init)
    }

    /// A class of service that somebody has made before.
    func addClass(_ name: String) {
        try? FileManager.default.createDirectory(
            atPath: "\(root)/\(name)/mon_groups", withIntermediateDirectories: true)
        write("\(name)/tasks", "")
        write("\(name)/schemata", Self.schemata)
    }

    func exists(_ name: String) -> Bool { Files.exists("\(root)/\(name)") }
    func read(_ name: String) -> String? { try? String(contentsOfFile: "\(root)/\(name)", encoding: .utf8) }
    func write(_ name: String, _ text: String) {
        let isWritten = FileManager.default.createFile(atPath: "\(root)/\(name)", contents: Data(text.utf8))
        #expect(isWritten)
    }

    /// Takes away the files that in resctrl do not keep a directory from being removed.
    func empty(_ name: String) {
        for file in ["tasks", "schemata", "mon_groups"] {
            try? FileManager.default.removeItem(atPath: "\(root)/\(name)/\(file)")
        }
    }
}
