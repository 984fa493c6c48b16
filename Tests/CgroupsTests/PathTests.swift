import Foundation
import Kernel
import OCI
import Testing

@testable import Cgroups

@Suite struct PathTests {
    private let pids = Hierarchy(label: "pids", mountPoint: "/c/pids", ownPath: "/own/cg")
    private let root = Hierarchy(label: "", mountPoint: "/c", ownPath: "")

    @Test(arguments: [
        ("/docker/8d", "/c/pids/docker/8d", "/c/pids/docker/8d"),
        ("//docker/./8d/", "/c/pids/docker/8d", "/c/pids/docker/8d"),
        ("docker/8d", "/c/pids/own/cg/docker/8d", "/c/pids/own/docker/8d"),
        (nil, "/c/pids/own/cg/the-id", "/c/pids/own/the-id"),
        ("", "/c/pids/own/cg/the-id", "/c/pids/own/the-id"),
        ("a.slice:b:c", "/c/pids/own/cg/a.slice:b:c", "/c/pids/own/a.slice:b:c"),
        ("/..a/b..", "/c/pids/..a/b..", "/c/pids/..a/b.."),
    ])
    func `a path goes below the mount point, below our own cgroup, or beside it`(
        text: String?, v1: String, v2: String
    ) throws {
        let path = try CgroupPath(text, id: "the-id")
        #expect(path.directory(in: pids) == v1)
        #expect(path.directory(inUnified: pids) == v2)
    }

    @Test func `in the root of cgroup2 a relative path stays below the mount point`() throws {
        #expect(try CgroupPath("x", id: "i").directory(inUnified: root) == "/c/x")
        #expect(try CgroupPath("/x", id: "i").directory(inUnified: root) == "/c/x")
    }

    @Test(arguments: [
        ("/../x", "must not contain \"..\""), ("a/../b", "must not contain \"..\""), ("..", "must not contain \"..\""),
        ("/", "names the root of the hierarchy, not a cgroup in it"),
        ("./", "names the root of the hierarchy, not a cgroup in it"),
        ("/a\nb", "contains a zero or a newline"), ("/a\0b", "contains a zero or a newline"),
        ("/" + String(repeating: "n", count: 256), "has a name longer than 255 bytes"),
    ])
    func `a path that leads elsewhere is refused`(text: String, reason: String) {
        let error = #expect(throws: CgroupError.self) { try CgroupPath(text, id: "i") }
        #expect(error.map { "\($0)" } == "linux.cgroupsPath: \(reason): \"\(text)\"")
    }

    @Test func `the state describes the cgroup completely`() throws {
        let layout = CgroupLayout.v1(
            [pids, Hierarchy(label: "name=systemd", mountPoint: "/c/systemd", ownPath: "")],
            unified: Hierarchy(label: "", mountPoint: "/c/unified", ownPath: "/u"))
        let location = try CgroupLocation(CgroupPath("a:b/c", id: "i"), in: layout)
        let text = ["pids:/c/pids/own/cg/a:b/c", "name=systemd:/c/systemd/a:b/c", ":/c/unified/u/a:b/c"]
        #expect(location.stateText == text)
        let cgroup = Cgroup(restoring: text)
        #expect(cgroup.stateText == text)
        #expect(cgroup.unified == "/c/unified/u/a:b/c")
        #expect(cgroup.v1("pids") == "/c/pids/own/cg/a:b/c")
        #expect(cgroup.v1("systemd") == nil)
    }

    @Test func `a state that was tampered with names no relative path`() {
        #expect(Cgroup(restoring: ["", "pids", "pids:", "pids:x/y", ":x"]).directories.isEmpty)
    }

    @Test func `without cgroups there is no location`() {
        let error = #expect(throws: CgroupError.self) {
            try CgroupLocation(CgroupPath("/x", id: "i"), in: CgroupLayout.none)
        }
        #expect(
            error.map { "\($0)" } == "linux.cgroupsPath: no cgroup file system is mounted on this host "
                + "(with --rootless=true containers without limits go without)")
    }

    @Test func `a caller without privileges goes without what he may not write to`() throws {
        let missing = Hierarchy(label: "", mountPoint: "/nonexistent", ownPath: "")
        let path = try CgroupPath("/x", id: "i")
        for layout in [CgroupLayout.none, .v2(missing), .v1([pids], unified: missing)] {
            let location = try CgroupLocation(path, in: layout, permissive: true)
            #expect(location.directories.isEmpty)
            #expect(location.view == CgroupView())
            let cgroup = try location.create()
            #expect(try cgroup.processes().isEmpty)
            try cgroup.killAll()
            try cgroup.discard()
            let error = #expect(throws: CgroupError.self) { try location.create(Resources(pids: .init(limit: 5))) }
            #expect(
                error.map { "\($0)" } == "linux.resources.pids: the pids controller is not available: "
                    + "it is not mounted, or not delegated to the caller")
        }
        #expect(try CgroupLocation(path, in: .v2(missing)).directories.count == 1)
    }

    @Test func `nothing is left out where the configuration names a place`() throws {
        let missing = Hierarchy(label: "", mountPoint: "/nonexistent", ownPath: "")
        let path = try CgroupPath("/x", id: "i")
        #expect(throws: CgroupError.self) {
            try CgroupLocation(path, in: .none, permissive: true, isWanted: true)
        }
        let location = try CgroupLocation(path, in: .v2(missing), permissive: true, isWanted: true)
        #expect(location.directories.map(\.path) == ["/nonexistent/x"])
        #expect(throws: CgroupError.self) { try location.create() }
    }

    @Test func `entering takes the right to write above both places`() throws {
        let root = "/tmp/apus-cgroups-enter-\(getpid())"
        for directory in [root, "\(root)/user", "\(root)/user/session", "\(root)/user/apps"] {
            try Files.makeDirectory(directory, mode: 0o755)
        }
        defer { _ = try? FileManager.default.removeItem(atPath: root) }
        let place = CgroupDirectory(label: "", path: "\(root)/user/apps/box", mountPoint: root)
        // As long as the common directory has no file that the caller may write to.
        #expect(!place.canBeEntered(from: "\(root)/user/session"))
        try Descriptor.open("\(root)/user/cgroup.procs", [.writeOnly, .create], mode: 0o644).write([])
        #expect(place.canBeEntered(from: "\(root)/user/session"))
        #expect(!place.canBeEntered(from: "\(root)/other"))
    }

    // MARK: What the container sees

    @Test func `hierarchies with several controllers have links for each`() throws {
        let layout = CgroupLayout.v1(
            [
                Hierarchy(label: "cpu,cpuacct", mountPoint: "/sys/fs/cgroup/cpu,cpuacct", ownPath: ""),
                Hierarchy(label: "name=systemd", mountPoint: "/sys/fs/cgroup/systemd", ownPath: ""),
                Hierarchy(label: "memory", mountPoint: "/sys/fs/cgroup/memory", ownPath: "/o"),
            ],
            unified: Hierarchy(label: "", mountPoint: "/sys/fs/cgroup/unified", ownPath: ""))
        let view = try CgroupLocation(CgroupPath("x", id: "i"), in: layout).view
        #expect(view.hierarchies.map(\.name) == ["cpu,cpuacct", "systemd", "memory"])
        #expect(view.hierarchies.map(\.options) == [["cpu", "cpuacct"], ["none", "name=systemd"], ["memory"]])
        #expect(view.hierarchies[2].directory == "/sys/fs/cgroup/memory/o/x")
        #expect(view.aliases.map { "\($0.name)>\($0.target)" } == ["cpu>cpu,cpuacct", "cpuacct>cpu,cpuacct"])
        #expect(view.unified == "/sys/fs/cgroup/unified/x")
    }

    @Test func `a v2 host has one directory and nothing else to see`() throws {
        let view = try CgroupLocation(CgroupPath("/x", id: "i"), in: .v2(root)).view
        #expect(view.hierarchies.isEmpty)
        #expect(view.aliases.isEmpty)
        #expect(view.unified == "/c/x")
    }
}
