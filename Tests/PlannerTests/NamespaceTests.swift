import OCI
import Planner
import Testing

@Suite struct NamespaceTests {
    private static let user: UInt64 = 0x1000_0000
    private static let pid: UInt64 = 0x2000_0000
    private static let network: UInt64 = 0x4000_0000
    private static let mount: UInt64 = 0x2_0000

    private func plan(_ namespaces: [Namespace], on host: HostFacts = .plain()) throws -> Plan {
        try PlannerTests.plan(on: host) { $0.linux.namespaces = namespaces }
    }

    @Test func newNamespacesAreMadeByTheClone() throws {
        let plan = try plan([Namespace(.mount), Namespace(.pid), Namespace(.network), Namespace(.uts), Namespace(.ipc)])
        #expect(plan.cloneFlags == Self.mount | Self.pid | Self.network | 0x0400_0000 | 0x0800_0000)
        #expect(plan.lines.first == "bring up lo")
    }

    /// Where the process is in its cgroup from the beginning, the container would pay for it.
    @Test func newNetworkIsMadeWhileTheHostMakesCgroups() throws {
        let v1 = HostFacts.plain { $0.cgroups.unified = nil }
        let plan = try plan([Namespace(.mount), Namespace(.network), Namespace(.user)], on: v1)
        #expect(plan.cloneFlags == Self.mount | Self.user)
        #expect(plan.lines[0..<3] == ["unshare net", "bring up lo", "meet the host to write the id maps"])
        let joined = try self.plan(
            [Namespace(.network), Namespace(.mount, path: "/m"), Namespace(.user, path: "/u")], on: v1)
        #expect(joined.lines[2..<5] == ["setns #24 mnt", "setns #25 user", "unshare net"])
    }

    @Test func loopbackOfAJoinedNetworkIsLeftAlone() throws {
        let plan = try plan([Namespace(.mount), Namespace(.network, path: "/run/netns/a")])
        #expect(plan.index("bring up lo") == nil)
        #expect(plan.lines.first == "setns #24 net")
        #expect(plan.provisions.first?.source == .namespace(path: "/run/netns/a", kind: .network, reliance: nil))
    }

    /// What would be done to the host's namespace if the path were its own is named, for who opens the path.
    @Test(
        arguments: [
            (NamespaceKind.network, "linux.sysctl"), (.uts, "hostname"), (.ipc, nil), (.cgroup, "mounts[0]"),
        ] as [(NamespaceKind, String?)])
    func aJoinedNamespaceIsReliedOnByName(kind: NamespaceKind, field: String?) throws {
        let plan = try PlannerTests.plan {
            $0.linux.namespaces = [Namespace(.mount), Namespace(kind, path: "/n")]
            $0.linux.sysctl = [Sysctl(key: "net.ipv4.ip_forward", value: "1")]
            $0.hostname = "box"
            $0.mounts = [Mount(destination: "/sys/fs/cgroup", type: "cgroup")]
        }
        let provision = try #require(plan.provisions.first)
        guard case .namespace(_, _, let reliance) = provision.source else {
            Issue.record("no namespace is opened")
            return
        }
        #expect(reliance?.text == field)
    }

    @Test(
        arguments: [
            (NamespaceKind.network, ["net.core.somaxconn"], nil, nil, "linux.sysctl"),
            (.network, ["kernel.domainname", "kernel.sem"], "h", "d", nil),
            (.ipc, ["kernel.shmmax"], nil, nil, "linux.sysctl"),
            (.ipc, ["fs.mqueue.msg_max"], nil, nil, "linux.sysctl"),
            (.ipc, ["net.core.somaxconn"], "h", "d", nil), (.uts, [], "h", nil, "hostname"),
            (.uts, [], nil, "d", "domainname"), (.uts, [], "", "", nil),
            (.uts, ["kernel.domainname"], nil, nil, "linux.sysctl"),
            (.user, ["user.max_net_namespaces"], nil, nil, "linux.sysctl"), (.user, ["kernel.sem"], "h", "d", nil),
            (.cgroup, ["kernel.sem"], "h", "d", nil),
        ] as [(NamespaceKind, [String], String?, String?, String?)])
    func whatWouldBeDoneToTheCallersNamespace(
        kind: NamespaceKind, sysctls: [String], hostname: String?, domainname: String?, field: String?
    ) {
        let spec = Spec.minimal {
            $0.linux.sysctl = sysctls.map { Sysctl(key: $0, value: "1") }
            $0.hostname = hostname
            $0.domainname = domainname
            $0.mounts = [Mount(destination: "/c", source: "/sys/fs/cgroup", type: "cgroup", action: .bind)]
        }
        #expect(Plan.reliance(on: kind, in: spec)?.text == field)
    }

    /// In there /proc is somebody else's.
    @Test func procOfTheHostIsHeldFromBeforeAMountNamespaceIsJoined() throws {
        let joined = try plan([Namespace(.mount, path: "/m"), Namespace(.pid, path: "/p")])
        #expect(
            joined.lines.filter { $0.hasSuffix("own-fds") } == [
                "open /proc -> own-fds", "open own-fds:self/fd -> own-fds", "close own-fds",
            ])
        #expect(joined.lines.first == "open /proc -> own-fds")
        // Its own descriptors are those of the process that goes on.
        let fork = try #require(joined.lines.firstIndex { $0.hasPrefix("clone a sibling") })
        #expect(try #require(joined.index("open own-fds:self/fd -> own-fds")) > fork)
        let made = try plan([Namespace(.mount)])
        #expect(made.lines.filter { $0.hasSuffix("own-fds") } == ["open /proc/self/fd -> own-fds", "close own-fds"])
    }

    /// Nothing is held that nobody asks for.
    @Test func ownDescriptorsAreForWhoOpensWhatAnImageHas() throws {
        func holds(on host: HostFacts = .plain(), _ change: (inout Spec) -> Void) throws -> Bool {
            try PlannerTests.plan(on: host) {
                $0.theProcess.env = ["HOME=/"]
                change(&$0)
            }.lines.contains { $0.hasSuffix("own-fds") }
        }
        #expect(try !holds { _ in })
        #expect(try holds { $0.theProcess.env = [] })
        #expect(try holds { $0.theProcess.terminal = true })
        #expect(try holds { $0.mounts = [Mount(destination: "/a", type: "tmpfs", tmpcopyup: true)] })
        #expect(try holds(on: .plain { $0.nullStreams.add(1, accessMode: 1) }) { _ in })
    }

    /// What clones what: a joined pid namespace and a new time namespace have only children in them, and the owner of
    /// new namespaces has to be entered, or made, before them.
    @Test(
        arguments: [
            ([Namespace(.mount), Namespace(.pid, path: "/p")], 0, mount),
            ([Namespace(.mount), Namespace(.time)], 0, mount),
            ([Namespace(.mount), Namespace(.user, path: "/u")], 0, mount),
            ([Namespace(.mount), Namespace(.user), Namespace(.network, path: "/n")], 0, mount | user),
            ([Namespace(.mount, path: "/m"), Namespace(.user, path: "/u")], 0, nil),
            ([Namespace(.mount), Namespace(.network, path: "/n")], mount, nil),
            ([Namespace(.mount), Namespace(.time, path: "/t")], mount, nil),
            ([Namespace(.mount), Namespace(.user), Namespace(.pid)], mount | user | pid, nil),
        ] as [([Namespace], UInt64, UInt64?)])
    func forksOnlyWhereItHasTo(namespaces: [Namespace], cloned: UInt64, forked: UInt64?) throws {
        let plan = try plan(namespaces)
        #expect(plan.cloneFlags == cloned)
        var flags: [UInt64] = []
        for step in plan.steps { if case .fork(let value) = step.operation { flags.append(value) } }
        #expect(flags == (forked.map { [$0] } ?? []))
    }

    @Test func userNamespaceIsJoinedLastAndBeforeTheFork() throws {
        let plan = try plan([
            Namespace(.user, path: "/u"), Namespace(.pid, path: "/p"), Namespace(.mount), Namespace(.ipc, path: "/i"),
        ])
        #expect(plan.lines[1..<5] == ["setns #24 pid", "setns #25 ipc", "setns #26 user", "clone a sibling mnt"])
        #expect(plan.steps[3].origin.text == "linux.namespaces[0].path")
    }

    @Test func idMapsAreWrittenOnceTheirNamespaceIsThere() throws {
        let cloned = try plan([Namespace(.mount), Namespace(.user)])
        #expect(cloned.lines.first == "meet the host to write the id maps")
        let forked = try plan([Namespace(.mount), Namespace(.user), Namespace(.network, path: "/n")])
        #expect(
            forked.lines.prefix(3) == [
                "setns #24 net", "clone a sibling user,mnt", "meet the host to write the id maps",
            ])
        let joined = try plan([Namespace(.mount), Namespace(.user, path: "/u")])
        #expect(joined.index("meet the host to write the id maps") == nil)
    }

    @Test func timeOffsetsAreWrittenBeforeTheFork() throws {
        let plan = try PlannerTests.plan {
            $0.linux.namespaces = [Namespace(.mount), Namespace(.time)]
            $0.linux.timeOffsets = TimeOffsets(boottime: TimeOffset(secs: -5, nanosecs: 7))
        }
        #expect(
            plan.lines.prefix(3) == [
                "unshare time", #"write /proc/self/timens_offsets "boottime -5 7\n""#, "clone a sibling mnt",
            ])
    }

    /// It belongs to the user namespace in which it is made, and an ordinary user may make it nowhere else.
    @Test func timeNamespaceIsMadeInsideTheUserNamespace() throws {
        func lines(_ namespaces: [Namespace], on host: HostFacts) throws -> (Plan, [String]) {
            let plan = try PlannerTests.plan(on: host) {
                $0.linux.namespaces = namespaces
                $0.linux.timeOffsets = TimeOffsets(monotonic: TimeOffset(secs: 1))
            }
            return (plan, Array(plan.lines.prefix { $0 != "setsid" }))
        }
        let all = [Namespace(.mount), Namespace(.pid), Namespace(.time), Namespace(.user)]
        let offsets = #"write /proc/self/timens_offsets "monotonic 1 0\n""#
        let (root, byRoot) = try lines(all, on: .plain())
        #expect(root.cloneFlags == Self.user)
        #expect(byRoot == ["meet the host to write the id maps", "unshare time", offsets, "clone a sibling pid,mnt"])
        let (user, byUser) = try lines(all, on: .plain { $0.caller = .ordinaryUser })
        #expect(user.cloneFlags == Self.user)
        #expect(
            byUser == [
                "become dumpable", "meet the host to write the id maps", "unshare time", offsets, "become undumpable",
                "clone a sibling pid,mnt",
            ])
        let (joining, byJoining) = try lines(all + [Namespace(.network, path: "/n")], on: .plain())
        #expect(joining.cloneFlags == 0)
        #expect(
            byJoining == [
                "setns #24 net", "unshare user", "meet the host to write the id maps", "unshare time", offsets,
                "clone a sibling pid,mnt",
            ])
        let joined = [Namespace(.mount, path: "/m"), Namespace(.time), Namespace(.user, path: "/u")]
        let (_, byJoined) = try lines(joined, on: .plain())
        #expect(byJoined.contains("unshare time"))
        #expect(
            try #require(byJoined.firstIndex(of: "setns #26 user")) < #require(byJoined.firstIndex(of: "unshare time")))
        // The /proc of the mount namespace that was joined is not asked.
        #expect(byJoined.contains(#"write #24:self/timens_offsets "monotonic 1 0\n""#))
        // An ordinary user's file is opened before anybody in there could trace the process.
        let (_, byUserJoined) = try lines(joined, on: .plain { $0.caller = .ordinaryUser })
        let order = [
            "become dumpable", "open /proc/self/timens_offsets write-only -> #24", "become undumpable",
            "setns #25 user",
            "unshare time", #"write #24 "monotonic 1 0\n""#, "close #24",
        ]
        #expect(byUserJoined.filter(order.contains) == order)
    }

    @Test func timeNamespaceWithoutOffsetsIsNotWrittenTo() throws {
        let plan = try plan([Namespace(.mount), Namespace(.time)])
        #expect(plan.lines.prefix(2) == ["unshare time", "clone a sibling mnt"])
    }

    /// Its root is the cgroup that its maker is in.
    @Test func cgroupNamespaceIsMadeInsideTheCgroup() throws {
        let host = HostFacts.plain {
            $0.cgroups = CgroupFacts(hierarchies: [.init(name: "pids", options: ["pids"], directory: "/c/pids")])
        }
        let plan = try plan([Namespace(.mount), Namespace(.cgroup)], on: host)
        #expect(plan.cloneFlags == Self.mount)
        let join = try #require(plan.index("join cgroup #24"))
        #expect(plan.lines[join + 1] == "unshare cgroup")
        #expect(plan.steps[join + 1].origin.text == "linux.namespaces[1]")
    }

    /// The container manages the cgroup that is the root of its namespace, and its process is below.
    @Test(arguments: [CgroupFacts.Joining.byItself, .isMoved])
    func aDelegatedCgroupIsEnteredFromItsNamespace(joining: CgroupFacts.Joining) throws {
        let host = HostFacts.plain {
            $0.cgroups = CgroupFacts(unified: "/c/x", isUnifiedHost: true, joining: joining)
        }
        let plan = try PlannerTests.plan(on: host) {
            $0.linux.namespaces = [Namespace(.mount), Namespace(.cgroup)]
            $0.annotations = [Annotation(key: "run.oci.delegate-cgroup", value: "mine")]
        }
        let meeting = try #require(plan.lines.firstIndex { $0.hasPrefix("meet the host to make the cgroups") })
        #expect(plan.lines[(meeting + 1)...(meeting + 2)] == ["unshare cgroup", "join cgroup #24"])
        let refused = #expect(throws: PlanError.self) {
            try PlannerTests.plan {
                $0.linux.namespaces = [Namespace(.mount), Namespace(.cgroup)]
                $0.annotations = [Annotation(key: "run.oci.delegate-cgroup", value: "mine")]
            }
        }
        #expect(refused?.field == #"annotations["run.oci.delegate-cgroup"]"#)
    }

    @Test func joinedCgroupNamespaceIsNotUnshared() throws {
        let plan = try plan([Namespace(.mount), Namespace(.cgroup, path: "/c")])
        #expect(plan.lines.prefix(2) == ["setns #24 cgroup", "setsid"])
    }

    /// Whatever the process makes belongs to the container.
    @Test func processIsRootBeforeItMakesAnything() throws {
        let plan = try plan([Namespace(.mount), Namespace(.user)])
        let root = try #require(plan.index("setresuid 0"))
        let devices = try #require(plan.lines("linux.devices").first)
        #expect(plan.lines[root - 2...root] == ["setgroups []", "setresgid 0", "setresuid 0"])
        #expect(try root < #require(plan.index(devices)))
        #expect(plan.steps[root - 2].toleratedNames == ["EPERM"])
    }

    @Test func hostAndDomainNameAreSet() throws {
        let plan = try PlannerTests.plan {
            $0.hostname = "box"
            $0.domainname = "example.test"
        }
        #expect(plan.lines("hostname") == [#"sethostname "box""#])
        #expect(plan.lines("domainname") == [#"setdomainname "example.test""#])
    }

    /// Its message queues belong to its maker: that has to be the container's root.
    @Test func ipcNamespaceOfANewUserNamespaceIsMadeByItsRoot() throws {
        let plan = try plan([Namespace(.user), Namespace(.ipc), Namespace(.mount)])
        #expect(plan.cloneFlags == Self.mount | Self.user)
        let unshare = try #require(plan.index("unshare ipc"))
        #expect(plan.lines[unshare - 1] == "setresuid 0")
        #expect(plan.steps[unshare].origin.text == "linux.namespaces[1]")
        let joined = try self.plan([Namespace(.user, path: "/u"), Namespace(.ipc), Namespace(.mount)])
        #expect(joined.index("unshare ipc") == nil)
    }

    /// Nobody's groups come along.
    @Test func groupsAreDroppedBeforeAUserNamespaceIsJoined() throws {
        let plan = try plan([Namespace(.mount), Namespace(.user, path: "/u"), Namespace(.network, path: "/n")])
        #expect(plan.lines.prefix(4) == ["setgroups []", "setns #24 net", "setns #25 user", "clone a sibling mnt"])
    }

    @Test(
        arguments: [
            ([Namespace(.mount)], 0x8_0000), ([Namespace(.mount), Namespace(.user)], 0x8),
        ] as [([Namespace], UInt32)])
    func keyringIsSearchableForTheUserOfTheContainer(namespaces: [Namespace], permissions: UInt32) throws {
        let plan = try plan(namespaces)
        let step = try #require(plan.steps.first { "\($0.operation)" == "join session keyring _ses.box" })
        guard case .joinSessionKeyring(name: "_ses.box", permissions: permissions) = step.operation else {
            Issue.record("\(step)")
            return
        }
        #expect(step.toleratedNames == ["ENOSYS"])
    }

    @Test func keyringIsTheCallersIfItSaysSo() throws {
        let plan = try PlannerTests.plan(with: PlanOptions(id: "box", noNewKeyring: true)) { _ in }
        #expect(!plan.lines.contains { $0.contains("keyring") })
    }
}
