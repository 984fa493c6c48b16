import OCI
import Planner
import Testing

/// Who the process is and what it may do.
@Suite struct IdentityTests {
    private let kill = CapabilitySet([.kill])

    @Test func identityIsTakenOnInThisOrder() throws {
        let plan = try plan {
            $0.theProcess.user = User(uid: 1, gid: 2, umask: 0o077, additionalGids: [3, 4])
            $0.theProcess.cwd = "/w"
            $0.theProcess.env = ["HOME=/"]
            $0.theProcess.capabilities = Capabilities(
                bounding: [.all], effective: kill, inheritable: kill, permitted: kill, ambient: kill)
        }
        let first = try #require(plan.index("chdir /w"))
        #expect(
            plan.lines[first..<(first + 11)] == [
                "chdir /w", "drop bounding 0x0", "keep capabilities across setuid", "setgroups [3, 4]", "setresgid 2",
                "setresuid 1", "umask 077", "capset effective 0x20 permitted 0x20 inheritable 0x20", "set ambient 0x20",
                "chdir /w if it was refused before", "verify that the working directory is inside the root",
            ])
    }

    /// CVE-2023-25173: exactly these, also when there are none.
    @Test func groupsAreSetEvenToNone() throws {
        #expect(try plan { _ in }.lines("process.user.additionalGids") == ["setgroups []"])
    }

    @Test(arguments: [(40, "0x1ffffffffdf"), (41, "0x3ffffffffdf"), (63, "0xffffffffffffffdf")] as [(UInt8, String)])
    func boundingSetLosesAllThatTheKernelKnows(last: UInt8, mask: String) throws {
        let plan = try plan(on: .plain { $0.lastCapability = last }) {
            $0.theProcess.capabilities = Capabilities(bounding: kill)
        }
        #expect(plan.lines("process.capabilities.bounding") == ["drop bounding \(mask)"])
    }

    /// Without no_new_privs seccomp(2) asks for CAP_SYS_ADMIN, which the exec takes away again.
    @Test(arguments: [(true, false, "0x200020"), (true, true, "0x20"), (false, false, "0x20")])
    func filterKeepsOneCapabilityUpToTheExec(hasFilter: Bool, noNewPrivileges: Bool, set: String) throws {
        let filter = hasFilter ? FilterProgram(instructions: [], flags: 0) : nil
        let plan = try plan(with: PlanOptions(id: "box", filter: filter)) {
            $0.theProcess.noNewPrivileges = noNewPrivileges
            $0.theProcess.capabilities = Capabilities(effective: kill, permitted: kill)
        }
        #expect(plan.lines("process.capabilities").last == "capset effective \(set) permitted \(set) inheritable 0x0")
        #expect(plan.lines("process.noNewPrivileges") == (noNewPrivileges ? ["set no_new_privs"] : []))
    }

    @Test func limitsAreSetByTheProcessOrInAUserNamespaceByTheHost() throws {
        let limits: (inout Spec) -> Void = {
            $0.theProcess.rlimits = [Rlimit(.nofile, soft: 100, hard: 200), Rlimit(.core, soft: 0, hard: .max)]
        }
        let own = try plan(limits)
        #expect(own.lines("process.rlimits[0]") == ["setrlimit RLIMIT_NOFILE 100 200"])
        #expect(own.lines("process.rlimits[1]") == ["setrlimit RLIMIT_CORE 0 unlimited"])
        #expect(own.hostLimits.isEmpty)
        let host = try plan {
            limits(&$0)
            $0.linux.namespaces = [Namespace(.mount), Namespace(.user)]
        }
        #expect(host.lines("process.rlimits") == ["meet the host to set resource limits"])
        #expect(host.lines("process.rlimits[0]").isEmpty)
        #expect(host.hostLimits.map(\.index) == [0, 1])
        #expect(host.hostLimits.map(\.limit.soft) == [100, 0])
    }

    /// The gate and hooks need some; a hard limit can only be raised early.
    @Test(
        arguments: [
            (100, 200, ["setrlimit RLIMIT_NOFILE 100 200"]),
            (64, 64, ["setrlimit RLIMIT_NOFILE 64 64"]),
            (10, 64, ["setrlimit RLIMIT_NOFILE 64 64", "setrlimit RLIMIT_NOFILE 10 64"]),
            (10, 1 << 20, ["setrlimit RLIMIT_NOFILE 64 1048576", "setrlimit RLIMIT_NOFILE 10 1048576"]),
            (3, 20, ["setrlimit RLIMIT_NOFILE 3 20"]),
        ] as [(UInt64, UInt64, [String])])
    func fewDescriptorsAreLeftToTheVeryEnd(soft: UInt64, hard: UInt64, lines: [String]) throws {
        let plan = try plan { $0.theProcess.rlimits = [Rlimit(.nofile, soft: soft, hard: hard)] }
        #expect(plan.lines("process.rlimits[0]") == lines)
        let last = try #require(plan.steps.lastIndex { $0.origin.text == "process.rlimits[0]" })
        #expect((soft < 64) == (last == plan.steps.count - 2))
    }

    @Test func fewDescriptorsAreLeftToTheEndInAUserNamespaceToo() throws {
        let plan = try plan {
            $0.linux.namespaces = [Namespace(.mount), Namespace(.user)]
            $0.theProcess.rlimits = [Rlimit(.nofile, soft: 10, hard: 100), Rlimit(.nofile, soft: 5, hard: 5)]
        }
        #expect(plan.hostLimits.map(\.index) == [0])
        #expect(plan.hostLimits.map(\.limit.soft) == [64])
        #expect(plan.lines("process.rlimits[0]") == ["setrlimit RLIMIT_NOFILE 10 100"])
        #expect(plan.lines("process.rlimits[1]") == ["setrlimit RLIMIT_NOFILE 5 5"])
    }

    @Test func standardStreamsBelongToTheUser() throws {
        let plan = try plan { $0.theProcess.user.uid = 7 }
        #expect(
            plan.lines("process.user.uid") == [
                "chown stdin to 7", "chown stdout to 7", "chown stderr to 7", "setresuid 7",
            ])
        let first = try #require(plan.index("chown stdin to 7"))
        #expect(plan.steps[first].toleratedNames == ["EPERM", "EINVAL", "EROFS"])
        #expect(try PlannerTests.plan { _ in }.lines("process.user.uid") == ["setresuid 0"])
        // In the foreground they stay the caller's.
        let foreground = try PlannerTests.plan(with: PlanOptions(id: "box", givesStreams: false)) {
            $0.theProcess.user.uid = 7
        }
        #expect(foreground.lines("process.user.uid") == ["setresuid 7"])
        #expect(foreground.sharesPipes && plan.sharesPipes)
        #expect(try !PlannerTests.plan { _ in }.sharesPipes)
        #expect(
            try !PlannerTests.plan {
                $0.theProcess.user.uid = 7
                $0.theProcess.terminal = true
            }.sharesPipes)
    }

    @Test func usualMaskIs022() throws {
        #expect(try plan { _ in }.lines("process.user.umask") == ["umask 022"])
        #expect(try plan { $0.theProcess.user.umask = 0 }.lines("process.user.umask") == ["umask 00"])
    }

    @Test(arguments: [("/", []), ("/work", ["make target root:/work directory -> target"])])
    func missingWorkingDirectoryIsMade(cwd: String, lines: [String]) throws {
        let plan = try plan { $0.theProcess.cwd = cwd }
        #expect(plan.lines("process.cwd").filter { $0.hasPrefix("make") } == lines)
    }

    // MARK: Labels

    @Test func labelsAreWrittenThroughThePrivateProcfs() throws {
        let armoured = try plan(on: .plain { $0.hasAppArmor = true }) { $0.theProcess.apparmorProfile = "own" }
        let profile = #"write procfs:self/attr/apparmor/exec "exec own""#
        #expect(armoured.lines("process.apparmorProfile") == privateProcfs + [profile])
        let labelled = try plan(on: .plain { $0.hasSELinux = true }) { $0.theProcess.selinuxLabel = "u:r:t:s0" }
        let label = #"write procfs:self/attr/exec "u:r:t:s0""#
        #expect(labelled.lines("process.selinuxLabel") == privateProcfs + [label])
        // One is enough for everything: it comes from what is written first.
        let both = try plan(on: .plain { $0.hasAppArmor = true }) {
            $0.theProcess.apparmorProfile = "own"
            $0.linux.sysctl = [Sysctl(key: "kernel.sem", value: "1")]
        }
        #expect(both.lines("linux.sysctl") == privateProcfs + [#"write procfs:sys/kernel/sem "1""#])
        #expect(both.lines("process.apparmorProfile") == [profile])
    }

    // MARK: Scheduling

    @Test func schedulingIsSetWhileTheProcessMay() throws {
        let plan = try plan {
            $0.theProcess.scheduler = Scheduler(policy: .fifo, priority: 9)
            $0.theProcess.ioPriority = IOPriority(.idle, priority: 7)
            $0.linux.personality = .linux32
        }
        #expect(plan.lines("process.scheduler") == ["sched_setattr policy 1 nice 0 priority 9 flags 0x0"])
        #expect(plan.lines("process.ioPriority") == ["ioprio_set class 3 level 7"])
        #expect(plan.lines("linux.personality") == ["personality 0x8"])
        #expect(try #require(plan.index("personality 0x8")) < #require(plan.index("setresuid 0")))
    }

    @Test func deadlineIsSetWithItsTimesAndFlags() throws {
        let plan = try plan {
            $0.theProcess.scheduler = Scheduler(
                policy: .deadline, flags: SchedulerFlags(rawValue: 0x5), runtime: 1, deadline: 2, period: 3)
        }
        #expect(
            plan.lines("process.scheduler") == [
                "sched_setattr policy 6 nice 0 priority 0 flags 0x5 runtime 1 deadline 2 period 3 ns"
            ])
    }

    @Test(
        arguments: [
            (nil, []),
            ([0...0], [1, 0, 0, 0, 0, 0, 0, 0]),
            ([0...3, 7...7], [0x8f, 0, 0, 0, 0, 0, 0, 0]),
            ([7...7, 0...3, 1...2], [0x8f, 0, 0, 0, 0, 0, 0, 0]),
            ([63...63], [0, 0, 0, 0, 0, 0, 0, 0x80]),
            ([63...64], [0, 0, 0, 0, 0, 0, 0, 0x80, 1, 0, 0, 0, 0, 0, 0, 0]),
        ] as [([ClosedRange<UInt32>]?, [UInt8])])
    func memoryNodesAreAMaskInWholeWords(ranges: [ClosedRange<UInt32>]?, mask: [UInt8]) throws {
        let plan = try plan {
            $0.linux.memoryPolicy = MemoryPolicy(
                .interleave, nodes: ranges.map { IndexRanges($0) }, flags: MemoryPolicyFlags(rawValue: 0x8000))
        }
        let step = try #require(plan.steps.first { $0.origin.text == "linux.memoryPolicy" })
        guard case .setMemoryPolicy(let mode, let nodes) = step.operation else {
            Issue.record("\(step)")
            return
        }
        #expect(mode == 0x8003)
        #expect(nodes == mask)
    }
}
