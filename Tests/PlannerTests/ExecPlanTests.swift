import OCI
import Planner
import Testing

/// The plan of one more process in a container.
@Suite struct ExecPlanTests {
    /// What the container may trace must not be more than the container: everything that gives something up comes
    /// before the process is in the container's pid namespace.
    @Test func rightsAreGivenUpBeforeThePidNamespaceIsEntered() throws {
        let plan = try execPlan { $0.theProcess.user = User(uid: 5, gid: 6) }
        let fork = try #require(plan.index("clone a sibling (no new namespace)"))
        for line in ["setresuid 5", "setresgid 6", "setgroups []"] {
            #expect(try #require(plan.index(line)) < fork, "\(line)")
        }
        for verb in ["setns", "drop bounding", "capset", "set ambient", "verify that"] {
            #expect(try #require(plan.lines.firstIndex { $0.hasPrefix(verb) }) < fork, "\(verb)")
        }
    }

    @Test func allNamespacesAreEnteredInOneCall() throws {
        let plan = try execPlan(entering: ExecEntry(namespaces: NamespaceKind.allCases)) { _ in }
        let calls = plan.steps.compactMap { step -> UInt64? in
            if case .joinNamespace(_, let flag) = step.operation { flag } else { nil }
        }
        #expect(calls == [NamespaceKind.allCases.reduce(0) { $0 | $1.cloneFlag }])
        #expect(plan.provisions.map { "\($0.source)" } == ["first process"])
    }

    @Test func nothingIsEnteredWhereNothingIsTheContainersOwn() throws {
        let plan = try execPlan(entering: ExecEntry(namespaces: [])) { _ in }
        #expect(plan.provisions.isEmpty)
        #expect(!plan.lines.contains { $0.hasPrefix("setns") || $0.hasPrefix("clone") || $0.hasPrefix("chroot") })
        #expect(plan.lines.contains("setsid"))
    }

    /// Without a fork there is nobody who could be seen half-way.
    @Test func thereIsOneProcessWithoutAPidNamespace() throws {
        let plan = try execPlan(entering: ExecEntry(namespaces: [.mount, .network])) { _ in }
        #expect(!plan.lines.contains { $0.hasPrefix("clone") })
    }

    @Test func aRootThatIsNoMountNamespacesRootIsGiven() throws {
        let plan = try execPlan(entering: ExecEntry(namespaces: [.pid], changesRoot: true)) { _ in }
        #expect(plan.provisions.map { "\($0.source)" } == ["root of the first process", "first process"])
        #expect(plan.lines("root.path") == ["fchdir #24", "close #24", "chroot", "chdir /"])
    }

    /// A file of the host's procfs, and limits that only the host's root may raise: before anything is entered.
    @Test func whatTakesTheHostsRightsComesFirst() throws {
        let plan = try execPlan(entering: ExecEntry(namespaces: [.user, .mount, .pid])) {
            $0.linux.namespaces.append(Namespace(.user))
            $0.theProcess.oomScoreAdj = -900
            $0.theProcess.rlimits = [Rlimit(.core, soft: 1, hard: 2)]
            $0.theProcess.ioPriority = IOPriority(.realTime, priority: 1)
        }
        let entered = try #require(plan.lines.firstIndex { $0.hasPrefix("setns") })
        for line in [
            "write /proc/self/oom_score_adj \"-900\"", "setrlimit RLIMIT_CORE 1 2", "ioprio_set class 1 level 1",
        ] {
            #expect(try #require(plan.index(line)) < entered, "\(line)")
        }
        #expect(plan.hostLimits.isEmpty)
    }

    /// Whoever makes the process counts for a moment.
    @Test func theLimitOnProcessesLeavesRoomForTheMaker() throws {
        let plan = try execPlan { $0.theProcess.rlimits = [Rlimit(.nproc, soft: 3, hard: .max)] }
        #expect(
            plan.lines("process.rlimits[0]") == [
                "setrlimit RLIMIT_NPROC 4 unlimited", "setrlimit RLIMIT_NPROC 3 unlimited",
            ])
        let first = try #require(plan.index("setrlimit RLIMIT_NPROC 4 unlimited"))
        #expect(plan.steps[first].toleratedNames == ["EPERM"])
        let fork = try #require(plan.index("clone a sibling (no new namespace)"))
        #expect(try #require(plan.index("setrlimit RLIMIT_NPROC 3 unlimited")) > fork)
    }

    /// A process with a deadline cannot have children (sched(7)).
    @Test func theHostSetsTheScheduler() throws {
        let plan = try execPlan { $0.theProcess.scheduler = Scheduler(policy: .batch, nice: 5) }
        #expect(plan.hostScheduler?.nice == 5)
        #expect(!plan.lines.contains { $0.hasPrefix("sched_setattr") })
    }

    @Test func labelsAreWrittenWhileProcIsTheHosts() throws {
        let host = HostFacts.plain { ($0.hasAppArmor, $0.hasSELinux) = (true, true) }
        let plan = try execPlan(on: host) {
            ($0.theProcess.apparmorProfile, $0.theProcess.selinuxLabel) = ("p", "l")
        }
        #expect(
            Array(plan.lines.prefix(4)) == [
                "write /proc/self/attr/apparmor/exec \"exec p\"", "write /proc/self/attr/exec \"l\"",
                "open /proc/self/fd -> own-fds", "setns #24 pid,mnt",
            ])
    }

    @Test func memoryPolicyAndAffinityComeBehindTheCgroups() throws {
        let host = HostFacts.plain {
            $0.cgroups.hierarchies = [CgroupFacts.Hierarchy(name: "cpuset", options: [], directory: "/c")]
        }
        let plan = try execPlan(on: host) {
            $0.theProcess.execCPUAffinity = ExecCPUAffinity(initial: IndexRanges([0...0]), final: IndexRanges([1...2]))
        }
        let joined = try #require(plan.lines.firstIndex { $0.hasPrefix("join cgroup") })
        #expect(try #require(plan.index("sched_setaffinity 6:0:0:0:0:0:0:0")) > joined)
        #expect(Plan.mask(of: IndexRanges([0...0])) == [1, 0, 0, 0, 0, 0, 0, 0])
    }

    /// Nothing of the container is opened outside of its device rules; only the count of processes is for the new one.
    @Test func allHierarchiesButThatOfPidsComeFirst() throws {
        let host = HostFacts.plain {
            $0.cgroups.hierarchies = ["pids", "devices"].map {
                CgroupFacts.Hierarchy(name: $0, options: [], directory: "/\($0)")
            }
        }
        let lines = try execPlan(on: host) { _ in }.lines
        let joined = lines.indices.filter { lines[$0].hasPrefix("join cgroup") }
        let entered = try #require(lines.firstIndex { $0.hasPrefix("setns") })
        let forked = try #require(lines.firstIndex { $0.hasPrefix("clone a sibling") })
        #expect(joined.count == 2 && joined[0] < entered && joined[1] > forked)
    }

    @Test func theTerminalControlsTheNewProcessAndIsNoConsole() throws {
        let plan = try execPlan { $0.theProcess.terminal = true }
        let session = try #require(plan.index("setsid"))
        #expect(plan.index("make peer the controlling terminal") == session + 1)
        #expect(!plan.lines.contains { $0.contains("/dev/console") })
    }

    @Test func theHostIsMetOnlyIfItWantsTo() throws {
        func meets(_ wanted: Bool) throws -> Bool {
            let entry = ExecEntry(namespaces: [.pid], meetsHost: wanted)
            return try execPlan(entering: entry) { _ in }.lines.contains { $0.hasPrefix("meet") }
        }
        #expect(try meets(true))
        #expect(try !meets(false))
    }

    @Test func theSessionKeyringIsTheContainersUnlessItHasNone() throws {
        #expect(try execPlan { _ in }.lines.contains("join session keyring _ses.box"))
        #expect(
            try !execPlan(with: PlanOptions(id: "box", hasGate: false, noNewKeyring: true)) { _ in }.lines.contains {
                $0.contains("keyring")
            })
    }

    @Test func aProfileThatThisHostCannotEnforceIsRefused() {
        let error = #expect(throws: PlanError.self) { try execPlan { $0.theProcess.apparmorProfile = "p" } }
        #expect(error?.field == "process.apparmorProfile")
    }

    @Test func aContainerWithoutAProcessIsRefused() {
        let error = #expect(throws: PlanError.self) { try execPlan { $0.process = nil } }
        #expect(error?.field == "process")
    }

    @Test func tooManyDescriptorsAreRefused() {
        let options = PlanOptions(id: "box", hasGate: false, preservedDescriptors: 70_000)
        #expect(throws: PlanError.self) { try execPlan(with: options) { _ in } }
    }
}

private func execPlan(
    entering entry: ExecEntry = ExecEntry(namespaces: [.mount, .pid]), on host: HostFacts = .plain(),
    with options: PlanOptions = PlanOptions(id: "box", hasGate: false), _ change: (inout Spec) -> Void
) throws(PlanError) -> Plan {
    try Plan.exec(.minimal(change), on: host, options: options, entry: entry)
}
