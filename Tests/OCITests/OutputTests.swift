import Foundation
import JSON
import OCI
import Testing

@Suite struct OutputTests {
    // MARK: spec

    @Test func theTemplatesAreTheFixtures() throws {
        #expect(SpecTemplate().json() == (try Fixtures.bytes("configs/default.json")))
        let rootless = SpecTemplate(rootless: SpecTemplate.Rootless(uid: 1000, gid: 1000))
        #expect(rootless.json() == (try Fixtures.bytes("configs/rootless.json")))
    }

    @Test func theTemplateIsAValidConfiguration() throws {
        let template = SpecTemplate(
            rootless: SpecTemplate.Rootless(uid: 1000, gid: 100), cgroupNamespace: true, hostname: "box")
        let spec = try Spec.decode(template.json())
        #expect(spec.linux.namespaces.map(\.kind) == [.pid, .ipc, .uts, .mount, .cgroup, .user])
        #expect(spec.linux.gidMappings == [IDMapping(containerID: 0, hostID: 100, size: 1)])
        #expect(spec.process?.capabilities?.inheritable == [])
        #expect(spec.process?.capabilities?.ambient == [])
        #expect(spec.hostname == "box")
        #expect(spec.warnings.isEmpty)
    }

    // MARK: state

    private let state = State(
        ociVersion: "1.2.0", id: "box", status: .running, pid: 15301, bundle: "/srv/box", rootfs: "/srv/box/rootfs",
        created: 1_795_323_853_836_703_482,
        annotations: [Annotation(key: "b", value: "x"), Annotation(key: "a", value: "é\"")], owner: "root")

    @Test func stateAsRuncPrintsIt() {
        #expect(
            String(decoding: state.json(), as: UTF8.self) == """
                {
                  "ociVersion": "1.2.0",
                  "id": "box",
                  "pid": 15301,
                  "status": "running",
                  "bundle": "/srv/box",
                  "rootfs": "/srv/box/rootfs",
                  "created": "2026-11-22T05:04:13.836703482Z",
                  "annotations": {
                    "a": "é\\"",
                    "b": "x"
                  },
                  "owner": "root"
                }
                """)
    }

    @Test func aStoppedContainerHasNoPid() {
        var state = state
        state.status = .stopped
        state.pid = 0
        state.annotations = []
        let text = String(decoding: state.json(), as: UTF8.self)
        #expect(text.contains("\n  \"pid\": 0,\n  \"status\": \"stopped\",\n"))
        #expect(!text.contains("annotations"))
        #expect(
            String(decoding: state.hookInput(), as: UTF8.self)
                == #"{"ociVersion":"1.2.0","id":"box","status":"stopped","bundle":"/srv/box"}"#)
    }

    @Test func hooksGetWhatTheSpecNames() {
        #expect(
            String(decoding: state.hookInput(), as: UTF8.self)
                == #"{"ociVersion":"1.2.0","id":"box","status":"running","pid":15301,"bundle":"/srv/box","#
                + #""annotations":{"a":"é\"","b":"x"}}"#)
    }

    @Test(arguments: [
        (0, "1970-01-01T00:00:00Z"), (1, "1970-01-01T00:00:00.000000001Z"),
        (951_782_400_000_000_000, "2000-02-29T00:00:00Z"), (951_868_799_500_000_000, "2000-02-29T23:59:59.5Z"),
        (951_868_800_000_000_000, "2000-03-01T00:00:00Z"), (1_798_761_599_000_000_000, "2026-12-31T23:59:59Z"),
        (4_107_542_400_000_000_000, "2100-03-01T00:00:00Z"), (4_107_542_399_000_000_000, "2100-02-28T23:59:59Z"),
    ])
    func times(created: UInt64, text: String) {
        var state = state
        state.created = created
        #expect(state.createdText == text)
    }

    @Test func timesAgreeWithFoundation() {
        let style = Date.ISO8601FormatStyle()
        for day in stride(from: UInt64(0), to: 60000, by: 13) {
            var state = state
            state.created = (day * 86400 + day % 86400) * 1_000_000_000
            let date = Date(timeIntervalSince1970: TimeInterval(day * 86400 + day % 86400))
            #expect(state.createdText == date.formatted(style))
        }
    }

    // MARK: hooks and annotations in the private state

    @Test func hooksAreReadBackAsTheyWere() throws {
        let hooks = try Spec.decode(try Fixtures.bytes("configs/hooks.json")).hooks
        var writer = JSONWriter(.compact)
        writer.object { writer in
            writer.name("hooks")
            hooks.encode(to: &writer)
            writer.name("annotations")
            Annotation.encode([Annotation(key: "z", value: "1"), Annotation(key: "a.b", value: "\u{1}")], to: &writer)
        }
        let root = try #require(try JSONDocument(parsing: writer.bytes).root)
        #expect(try Hooks.decode(try #require(root["hooks"])) == hooks)
        let expected = [Annotation(key: "a.b", value: "\u{1}"), Annotation(key: "z", value: "1")]
        #expect(try Annotation.decode(member: "annotations", of: root) == expected)
    }

    @Test func noHooksAreAnEmptyObject() {
        var writer = JSONWriter(.compact)
        Hooks().encode(to: &writer)
        #expect(writer.text == "{}")
    }

    @Test func damagedHooksAreAnError() throws {
        let root = try #require(try JSONDocument(parsing: Array(#"{"poststop":[{"path":"x"}]}"#.utf8)).root)
        #expect(throws: SpecError(problems: [Problem(path: "poststop[0].path", message: "not absolute: \"x\"")])) {
            try Hooks.decode(root)
        }
    }

    // MARK: features

    private let features = Features(
        cgroup: Features.CgroupSupport(v1: true, v2: true, systemd: false, systemdUser: false, rdma: true),
        seccomp: Features.SeccompSupport(
            enabled: true, architectures: SeccompArchitecture.allCases, supportedFlags: [.log, .specAllow]),
        apparmor: true,
        selinux: false, intelRdt: Features.IntelRdtSupport(enabled: false, schemata: false, monitoring: false),
        memoryPolicy: true, idmap: true, netDevices: false, annotations: [Annotation(key: "org.example", value: "1")],
        potentiallyUnsafeConfigAnnotations: ["org.systemd.property."])

    @Test func featuresHaveTheSpecsMembersInRuncsOrder() throws {
        let root = try #require(try JSONDocument(parsing: features.json()).root)
        #expect(
            root.members.map(\.name) == [
                "ociVersionMin", "ociVersionMax", "hooks", "mountOptions", "linux", "annotations",
                "potentiallyUnsafeConfigAnnotations",
            ])
        let linux = try #require(root["linux"])
        #expect(
            linux.members.map(\.name) == [
                "namespaces", "capabilities", "cgroup", "seccomp", "apparmor", "selinux", "intelRdt", "memoryPolicy",
                "mountExtensions", "netDevices",
            ])
        #expect(linux["capabilities"]?.count == 41)
        #expect(try linux["capabilities"]?[40]?.string() == "CAP_CHECKPOINT_RESTORE")
        #expect(linux["namespaces"]?.count == 8)
        #expect(linux["memoryPolicy"]?["modes"]?.count == 7)
        #expect(try linux["seccomp"]?["supportedFlags"]?[1]?.string() == "SECCOMP_FILTER_FLAG_SPEC_ALLOW")
        #expect(linux["seccomp"]?["knownFlags"]?.count == 4)
        #expect(linux["seccomp"]?["archs"]?.count == 23)
        #expect(linux["seccomp"]?["actions"]?.count == 9)
        #expect(linux["seccomp"]?["operators"]?.count == 7)
        #expect(try linux["mountExtensions"]?["idmap"]?["enabled"]?.boolean() == true)
        #expect(try linux["netDevices"]?["enabled"]?.boolean() == false)
        #expect(try linux["cgroup"]?["rdma"]?.boolean() == true)
        let text = String(decoding: features.json(), as: UTF8.self)
        #expect(text.hasPrefix("{\n    \"ociVersionMin\": \"1.0.0\",\n    \"ociVersionMax\": \"1.3.0\""))
    }

    /// The options of the spec's table, and those that runc 1.1.5 prints.
    @Test func featuresNameEveryMountOptionOfTheSpec() {
        let known = Set(MountOption.allCases.map(\.rawValue))
        let spec =
            "async atime bind defaults dev diratime dirsync exec iversion lazytime loud mand noatime nodev "
            + "nodiratime noexec noiversion nolazytime nomand norelatime nostrictatime nosuid nosymfollow "
            + "private ratime rbind rdev rdiratime relatime remount rexec rnoatime rnodev rnodiratime rnoexec "
            + "rnorelatime rnostrictatime rnosuid rnosymfollow ro rprivate rrelatime rro rrw rshared rslave "
            + "rstrictatime rsuid rsymfollow runbindable rw shared silent slave strictatime suid symfollow "
            + "sync tmpcopyup unbindable idmap ridmap acl noacl"
        #expect(known.isSuperset(of: spec.split(separator: " ").map(String.init)))
    }
}

@Suite struct ContainerIDTests {
    @Test(arguments: ["a", "box-1", "A_b+c.d", "...", "-x", ".hidden", "0", String(repeating: "a", count: 1024)])
    func accepts(text: String) throws {
        #expect(try ContainerID(text).description == text)
    }

    @Test(arguments: [
        ".", "..", "a/b", "../x", "a b", "a:b", "é", "$(id)", "a\n", "a\0", "٣", String(repeating: "a", count: 1025),
    ])
    func refuses(text: String) {
        #expect(throws: ContainerIDError.invalidFormat) { try ContainerID(text) }
        #expect(ContainerIDError.invalidFormat.description == "invalid container ID format")
    }

    @Test func anEmptyOneHasItsOwnText() {
        #expect(throws: ContainerIDError.empty) { try ContainerID("") }
        #expect(ContainerIDError.empty.description == "container id cannot be empty")
    }
}
