import Testing

@testable import Cgroups

/// `linux.cgroupsPath` as systemd's manager reads it. What runc 1.1.5 makes of the same texts was measured.
@Suite struct SystemdUnitTests {
    @Test(arguments: [
        (nil, "apus-web.scope", "system.slice", "/system.slice/apus-web.scope"),
        ("", "apus-web.scope", "system.slice", "/system.slice/apus-web.scope"),
        (":docker:8d3f", "docker-8d3f.scope", "system.slice", "/system.slice/docker-8d3f.scope"),
        ("machine.slice:libpod:8d3f", "libpod-8d3f.scope", "machine.slice", "/machine.slice/libpod-8d3f.scope"),
        (
            "kubepods-burstable-pod1.slice:cri:c", "cri-c.scope", "kubepods-burstable-pod1.slice",
            "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod1.slice/cri-c.scope"
        ),
        ("-:p:n", "p-n.scope", "-.slice", "/p-n.scope"), ("-.slice:p:n", "p-n.scope", "-.slice", "/p-n.scope"),
        ("m.slice::n", "-n.scope", "m.slice", "/m.slice/-n.scope"),
        ("m.slice:p:", "p-web.scope", "m.slice", "/m.slice/p-web.scope"),
        ("m.slice:p:a-b.slice", "a-b.slice", "", "/a.slice/a-b.slice"),
    ])
    func place(text: String?, unit: String, slice: String, path: String) throws {
        let place = try SystemdPlace(text, id: "web", .system)
        #expect(place.unit == SystemdUnit(.system, unit))
        #expect(place.slice == slice)
        #expect(place.path == path)
        #expect(place.unit.isSlice == slice.isEmpty)
    }

    @Test func usersHaveTheirOwnDefaultSlice() throws {
        #expect(try SystemdPlace(nil, id: "web", .user).path == "/user.slice/apus-web.scope")
    }

    @Test(arguments: [
        "/docker/8d3f", "web", "a:b", "a.slice:b:c:d", "a/b.slice:p:n", "m:p:n", ".slice:p:n", "a--b.slice:p:n",
        "-a.slice:p:n", "a-.slice:p:n", "m.slice:p:../x", "m.slice:p:a/b", "m.slice:p:a b", "m.slice:p:é",
        "m.slice:p:-.slice", "../m.slice:p:n", "m.slice:p:a\nb",
    ])
    func notPlaces(text: String) {
        #expect(throws: CgroupError.self) { try SystemdPlace(text, id: "web", .system) }
    }

    @Test func aLongNameIsNoUnit() {
        let name = String(repeating: "x", count: 250)
        #expect(throws: CgroupError.self) { try SystemdPlace(":p:\(name)", id: "web", .system) }
    }

    @Test(arguments: [SystemdUnit(.system, "apus-a.scope"), SystemdUnit(.user, "a:b.scope")])
    func aUnitIsRestoredFromTheState(unit: SystemdUnit) {
        let cgroup = Cgroup(restoring: [":/sys/fs/cgroup/x", unit.stateText])
        #expect(cgroup.unit == unit)
        #expect(cgroup.directories.map(\.path) == ["/sys/fs/cgroup/x"])
        #expect(cgroup.stateText == [":/sys/fs/cgroup/x", unit.stateText])
    }

    @Test(arguments: ["systemd:system", "systemd:other:a.scope", ":/x", "pids:/x", "systemd:system:"])
    func otherLinesAreNoUnit(text: String) {
        #expect(Cgroup(restoring: [text]).unit == nil)
    }
}

/// Who is asked, and how.
@Suite struct SystemdBusTests {
    @Test(arguments: [
        ("         0          0 4294967295\n", true), ("0 0 4294967295", true), ("0 100000 65536\n", false),
        ("0 0 4294967294\n", false), ("0 1000 1\n1 100000 65536\n", false), ("", false),
    ])
    func initialMap(text: String, isInitial: Bool) {
        #expect(SystemdBus.isInitialMap(text) == isInitial)
    }

    @Test(
        arguments: [
            (0, 1000), (1, 100_000), (65_536, 165_535), (65_537, nil),
        ] as [(UInt32, UInt32?)])
    func outerUser(inside: UInt32, outside: UInt32?) {
        #expect(SystemdBus.outer(inside, in: "         0       1000          1\n  1 100000 65536\n") == outside)
    }

    @Test(arguments: [
        ("/run/user/1000", "/run/user/1000"), ("/a b;c,d=e", "/a%20b%3bc%2cd%3de"), ("/ä\n", "/%c3%a4%0a"),
    ])
    func escapedPaths(path: String, text: String) {
        #expect(SystemdBus.escaped(path) == text)
    }

    @Test(arguments: [
        "tcp:host=localhost", "unixexec:path=/bin/sh", "autolaunch:", "unix:path=/x;tcp:host=a", "", "/run/bus",
    ])
    func otherThanLocalSocketsAreRefused(address: String) {
        #expect(throws: CgroupError.self) { try SystemdBus.checked(address, .user) }
    }

    @Test func severalLocalSockets() throws {
        let address = "unix:path=/a;unix:abstract=b"
        #expect(try SystemdBus.checked(address, .user) == address)
    }

    @Test func aMissingBusIsSaidWithItsAddress() {
        let error = CgroupError.noBus(.user, address: "unix:path=/x", reason: "No such file or directory")
        #expect(
            "\(error)".hasPrefix("cannot connect to the user bus at unix:path=/x: No such file or directory (log in"))
        #expect("\(error)".contains("enable-linger"))
        #expect("\(error)".contains("--cgroup-manager=cgroupfs"))
    }
}
