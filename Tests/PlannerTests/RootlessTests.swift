import OCI
import Planner
import Testing

/// Plans for callers who are not root of the host.
@Suite struct RootlessTests {
    private static let user = HostFacts.plain { $0.caller = .ordinaryUser }
    private static let namespace = HostFacts.plain { $0.caller = .rootOfUserNamespace }
    private static let userNamespaces: [Namespace] = [Namespace(.mount), Namespace(.user)]
    private static let mapping = [IDMapping(containerID: 0, hostID: 1000, size: 1)]

    @Test func mapsOfOneThatIsNotDumpableCouldNotBeWritten() throws {
        for caller in [HostFacts.Caller.ordinaryUser, .rootOfUserNamespace] {
            let plan = try plan(on: .plain { $0.caller = caller }) { $0.linux.namespaces = Self.userNamespaces }
            #expect(
                plan.lines("linux.uidMappings").prefix(3) == [
                    "become dumpable", "meet the host to write the id maps", "become undumpable",
                ])
        }
        let plan = try plan { $0.linux.namespaces = Self.userNamespaces }
        #expect(!plan.lines.contains("become dumpable"))
    }

    @Test func anOrdinaryUserCopiesNothingOnTheHost() throws {
        let mount = Mount(destination: "/data", source: "/srv", action: .bind)
        func plan(on host: HostFacts) throws -> Plan {
            try PlannerTests.plan(on: host) {
                $0.linux.namespaces = Self.userNamespaces
                $0.mounts = [mount]
            }
        }
        #expect(try plan(on: .plain()).provisions.contains { "\($0.source)" == "tree /srv" })
        let rootless = try plan(on: Self.user)
        #expect(rootless.provisions.map(\.source) == [.gateListener])
        // Before the identity changes: what the caller may see, the container's root need not.
        let copy = try #require(rootless.index("open_tree /srv clone -> #24"))
        #expect(try copy < #require(rootless.index("setresuid 0")))
        #expect(rootless.steps[copy].tolerated.isEmpty)
    }

    @Test func hisOwnUserNamespaceIsTheFirstToJoin() throws {
        let namespaces = [Namespace(.mount), Namespace(.network, path: "/n"), Namespace(.user, path: "/u")]
        func joined(on host: HostFacts) throws -> [String] {
            try plan(on: host) { $0.linux.namespaces = namespaces }.lines.filter { $0.hasPrefix("setns") }
        }
        #expect(try joined(on: .plain()) == ["setns #24 net", "setns #25 user"])
        #expect(try joined(on: Self.user) == ["setns #24 user", "setns #25 net"])
    }

    @Test func devicesAreBoundInEveryUserNamespace() throws {
        let plan = try plan(on: Self.namespace) { _ in }
        #expect(plan.lines("linux.devices").contains("open_tree /dev/null clone -> mount"))
        #expect(!plan.lines.contains { $0.hasPrefix("mknod") })
        #expect(plan.lines("linux.uidMappings").isEmpty)
    }

    // MARK: /sys

    private func lines(of mount: Mount, on host: HostFacts, _ namespaces: [NamespaceKind]) throws -> [String] {
        try plan(on: host) {
            $0.linux.namespaces = namespaces.map { Namespace($0) }
            $0.mounts = [mount]
        }.lines("mounts[0]")
    }

    private let readOnlySys = Mount(
        destination: "/sys", source: "/sys", action: .recursiveBind, attributes: AttributeChange(set: .readOnly))

    /// CVE-2023-25809: a read-only /sys whose cgroups stay writable.
    @Test(arguments: ["/sys", "/sys/", "/sys/fs", "/sys/fs/cgroup", "/sys/fs/cgroup/user.slice"])
    func readOnlySysIsSoToItsEnd(source: String) throws {
        var mount = readOnlySys
        mount.source = source
        for host in [HostFacts.plain(), Self.user, Self.namespace] {
            #expect(try lines(of: mount, on: host, [.mount, .user]).contains { $0.hasSuffix("+ro recursive") })
        }
        #expect(try lines(of: mount, on: Self.namespace, [.mount]).contains { $0.hasSuffix("+ro recursive") })
        #expect(try !lines(of: mount, on: .plain(), [.mount]).contains { $0.hasSuffix("+ro recursive") })
    }

    @Test func otherTreesAreReadOnlyAsAsked() throws {
        var mount = readOnlySys
        mount.source = "/sysroot"
        #expect(try !lines(of: mount, on: Self.user, [.mount, .user]).contains { $0.hasSuffix("+ro recursive") })
        mount.source = "/sys"
        mount.attributes = AttributeChange()
        #expect(try !lines(of: mount, on: Self.user, [.mount, .user]).contains { $0.hasSuffix("+ro recursive") })
    }

    @Test func sysfsOfAForeignNetworkIsTheHosts() throws {
        let sysfs = Mount(
            destination: "/sys", source: "sysfs", type: "sysfs", attributes: AttributeChange(set: .noExec))
        #expect(try lines(of: sysfs, on: Self.user, [.mount, .user, .network])[0] == "fsopen sysfs -> fs")
        let bound = try lines(of: sysfs, on: Self.user, [.mount, .user])
        #expect(bound.contains("mount_setattr #24 +ro,noexec"))
        #expect(bound.contains("mount_setattr #24 +ro recursive"))
        #expect(try lines(of: sysfs, on: .plain(), [.mount])[0] == "fsopen sysfs -> fs")
    }

    @Test func accessTimesThatAreLockedStayAsTheyAre() throws {
        let mount = Mount(
            destination: "/data", source: "/srv", action: .bind,
            attributes: AttributeChange(set: [.noSUID, .noATime], clear: .accessTime))
        let plan = try plan(on: Self.user) {
            $0.linux.namespaces = Self.userNamespaces
            $0.mounts = [mount]
        }
        let times = try #require(plan.steps.first { $0.operation.printed.contains("noatime") })
        #expect(times.toleratedNames == ["EPERM"])
        let rest = try #require(plan.steps.first { $0.operation.printed == "mount_setattr #24 +nosuid" })
        #expect(rest.tolerated.isEmpty)
    }

    // MARK: Cgroups

    private let cgroups = Mount(destination: "/sys/fs/cgroup", source: "cgroup", type: "cgroup")

    @Test func withoutACgroupOfItsOwnAContainerSeesNone() throws {
        var host = Self.user
        let cover = [
            "fsopen tmpfs -> fs", "fsconfig ro", "fsconfig nr_inodes=2", "fsconfig create",
            "fsmount ro,nosuid,nodev,noexec -> mount",
        ]
        for isUnified in [false, true] {
            host.cgroups = CgroupFacts(isUnifiedHost: isUnified)
            #expect(try lines(of: cgroups, on: host, [.mount, .user]).prefix(5) == cover[...])
        }
        // A cgroup namespace shows no more than where the caller is.
        #expect(try lines(of: cgroups, on: host, [.mount, .user, .cgroup])[0] == "fsopen cgroup2 -> fs")
        host.cgroups = CgroupFacts()
        #expect(try lines(of: cgroups, on: host, [.mount, .user, .cgroup]).prefix(5) == cover[...])
    }

    @Test func aNamespaceOfTheCallersMayNotMountCgroupsEither() throws {
        #expect(
            try lines(of: cgroups, on: Self.namespace, [.mount])[0] == "open_tree /sys/fs/cgroup/box clone -> mount")
        #expect(try lines(of: cgroups, on: Self.namespace, [.mount, .cgroup])[0] == "fsopen cgroup2 -> fs")
    }

    @Test func aV1HierarchyIsEnteredByWhoOpenedIt() throws {
        let facts = CgroupFacts(hierarchies: [.init(name: "pids", options: ["pids"], directory: "/c/pids/box")])
        let rootless = try plan(on: .plain { ($0.cgroups, $0.caller) = (facts, .ordinaryUser) }) {
            $0.linux.namespaces = Self.userNamespaces
        }
        #expect(try #require(rootless.index("join cgroup #24")) < #require(rootless.index("setresuid 0")))
    }

    // MARK: Refusals

    @Test(arguments: [("uid=1", "mounts[0].options", "uid"), ("gid=5", "mounts[0].options", "gid")])
    func ownersOfFileSystemsMustBeMapped(option: String, field: String, kind: String) {
        let error = #expect(throws: PlanError.self) {
            try plan(on: Self.user) {
                $0.linux.namespaces = Self.userNamespaces
                $0.linux.uidMappings = Self.mapping
                $0.linux.gidMappings = Self.mapping
                $0.mounts = [Mount(destination: "/dev/pts", type: "devpts", data: ["mode=0620", option])]
            }
        }
        #expect(error?.field == field)
        #expect(error?.message.contains("unmapped \(kind)") == true)
    }

    /// Who is in there could trace the process while it is dumpable.
    @Test func aForeignPidNamespaceAndANewUserNamespaceAreForRootAlone() throws {
        let namespaces = [Namespace(.mount), Namespace(.user), Namespace(.pid, path: "/p")]
        for host in [Self.user, Self.namespace] {
            let error = #expect(throws: PlanError.self) { try plan(on: host) { $0.linux.namespaces = namespaces } }
            #expect(error?.message.contains("root of the host alone") == true)
        }
        #expect(try plan { $0.linux.namespaces = namespaces }.lines.contains("meet the host to write the id maps"))
    }

    @Test func mappedOwnersAreFine() throws {
        let plan = try plan(on: Self.user) {
            $0.linux.namespaces = Self.userNamespaces
            $0.linux.uidMappings = Self.mapping
            $0.linux.gidMappings = Self.mapping
            $0.mounts = [Mount(destination: "/dev/pts", type: "devpts", data: ["uid=0", "gid=0"])]
        }
        #expect(plan.lines("mounts[0]").contains("fsconfig gid=0"))
    }
}
