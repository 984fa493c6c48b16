import OCI
import Planner
import Testing

@Suite struct SysctlTests {
    private let spec: (inout Spec) -> Void = {
        $0.linux.namespaces = [Namespace(.mount), Namespace(.network), Namespace(.ipc)]
    }

    @Test(arguments: [
        ("kernel.shmmax", "sys/kernel/shmmax"),
        ("net.ipv4.conf.eth0/100.forwarding", "sys/net/ipv4/conf/eth0.100/forwarding"),
        ("net/ipv4/conf/eth0.100/forwarding", "sys/net/ipv4/conf/eth0.100/forwarding"),
        ("fs.mqueue/queues.max", "sys/fs/mqueue.queues/max"),
    ])
    func firstSeparatorDecidesWhatTheOtherMeans(key: String, file: String) throws {
        let plan = try plan {
            spec(&$0)
            $0.linux.sysctl = [Sysctl(key: key, value: "1")]
        }
        #expect(plan.lines("linux.sysctl").last == "write procfs:\(file) \"1\"")
    }

    @Test func theyAreWrittenThroughAPrivateProcfs() throws {
        let plan = try plan {
            spec(&$0)
            $0.linux.sysctl = [Sysctl(key: "kernel.sem", value: "250 32000 32 128")]
            $0.mounts = [Mount(destination: "/proc", source: "proc", type: "proc")]
        }
        #expect(
            plan.lines("linux.sysctl") == privateProcfs + ["write procfs:sys/kernel/sem \"250 32000 32 128\""])
        // Before anything of the image is touched.
        let first = plan.steps.firstIndex { $0.origin.text == "mounts[0]" }
        #expect(try #require(plan.index("fsmount nosuid,nodev,noexec -> procfs")) < #require(first))
    }

    @Test func withoutAMountNamespaceTheyAreSetToo() throws {
        let plan = try plan {
            $0.linux.namespaces = [Namespace(.ipc)]
            $0.linux.sysctl = [Sysctl(key: "kernel.shmmni", value: "77")]
        }
        let write = try #require(plan.index(#"write procfs:sys/kernel/shmmni "77""#))
        #expect(try #require(plan.index("fsmount nosuid,nodev,noexec -> procfs")) < write)
    }

    /// A user namespace may mount procfs only for a pid namespace of its own; a copy of the host's has to do then.
    @Test(arguments: [([Namespace(.user)], true), ([Namespace(.user), Namespace(.pid)], false), ([], false)])
    func procfsOfAnotherPidNamespaceIsCopied(namespaces: [Namespace], isCopied: Bool) throws {
        let plan = try plan {
            $0.linux.namespaces += namespaces + [Namespace(.ipc)]
            $0.linux.sysctl = [Sysctl(key: "kernel.shmmni", value: "77")]
        }
        let create = try #require(plan.index("fsconfig create"))
        #expect((plan.index("open_tree /proc clone,recursive -> procfs") != nil) == isCopied)
        #expect(plan.steps[create].toleratedNames == (isCopied ? ["EPERM"] : []))
        #expect(plan.steps[create].skip == (isCopied ? 1 : 0))
    }

    @Test func withoutAnythingToWriteThereIsNoProcfs() throws {
        #expect(try !plan(spec).lines.contains("fsopen proc -> fs"))
    }

    @Test func theyAreInTheOrderOfTheConfiguration() throws {
        let plan = try plan {
            spec(&$0)
            $0.linux.sysctl = [Sysctl(key: "net.b", value: "1"), Sysctl(key: "net.a", value: "2")]
        }
        let writes = plan.lines("linux.sysctl").suffix(2)
        #expect(writes == [#"write procfs:sys/net/b "1""#, #"write procfs:sys/net/a "2""#])
    }
}
