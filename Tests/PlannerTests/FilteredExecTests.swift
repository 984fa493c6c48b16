import InitProtocol
import OCI
import Planner
import Seccomp
import Testing

/// `exec` into a container that may trace its processes and has a filter, without no_new_privs: loading a filter takes
/// CAP_SYS_ADMIN then, and no process that has it is to be seen by the container.
@Suite struct FilteredExecTests {
    private static let filter = FilterProgram(instructions: [6, 0, 0, 0, 0, 0, 0xff, 0x7f], flags: 0)
    private static let load = "load seccomp filter, 1 instructions, flags 0"
    private static let fork = "clone a sibling (no new namespace)"

    private func exec(
        _ entry: ExecEntry = ExecEntry(namespaces: [.mount, .pid], isTraced: true), on host: HostFacts = .plain(),
        filter: FilterProgram? = filter, listening: Int32 = 0, _ change: (inout Spec) -> Void = { _ in }
    ) throws -> Plan {
        let options = PlanOptions(id: "box", hasGate: false, listenDescriptors: listening, filter: filter)
        return try Plan.exec(.minimal(change), on: host, options: options, entry: entry)
    }

    // MARK: The order

    @Test func filterIsLoadedBeforeTheContainerSeesTheProcess() throws {
        let kill = CapabilitySet([.kill])
        let plan = try exec {
            $0.theProcess.capabilities = Capabilities(effective: kill, permitted: kill)
            $0.theProcess.execCPUAffinity = ExecCPUAffinity(final: IndexRanges([1...2]))
            $0.linux.memoryPolicy = MemoryPolicy(.bind, nodes: IndexRanges([0...0]))
        }
        let load = try #require(plan.index(Self.load))
        // What the filter may forbid and what can be done before it is done; the right to load it goes right after it.
        #expect(
            plan.lines[(load - 4)...(load + 3)] == [
                "sched_setaffinity 6:0:0:0:0:0:0:0", "set_mempolicy 0x2 nodes 1:0:0:0:0:0:0:0", "find /bin/true",
                "close from 3 on exec", Self.load, "capset effective 0x20 permitted 0x20 inheritable 0x0", Self.fork,
                "setsid",
            ])
        #expect(
            plan.lines("process.capabilities").suffix(2) == [
                "capset effective 0x200020 permitted 0x200020 inheritable 0x0",
                "capset effective 0x20 permitted 0x20 inheritable 0x0",
            ])
        // Each once.
        for line in [Self.load, Self.fork, "find /bin/true", "close from 3 on exec"] {
            #expect(plan.lines.filter { $0 == line }.count == 1, "\(line)")
        }
        #expect(plan.lines.last?.hasPrefix("execve") == true)
    }

    @Test func limitsOnDescriptorsAndProcessesStayBehindTheFork() throws {
        let plan = try exec(ExecEntry(namespaces: [.pid], isTraced: true, meetsHost: true)) {
            $0.theProcess.rlimits = [Rlimit(.nofile, soft: 5, hard: 9), Rlimit(.nproc, soft: 3, hard: 3)]
        }
        let fork = try #require(plan.index(Self.fork))
        #expect(
            plan.lines[(fork + 1)...].dropLast() == [
                "setsid", "setrlimit RLIMIT_NPROC 3 3", "meet the host: ready", "setrlimit RLIMIT_NOFILE 5 9",
                "outlive the parent",
            ])
    }

    /// With no_new_privs the filter takes no right; who cannot trace, or sees nobody, can take none.
    @Test(arguments: [
        (ExecEntry(namespaces: [.pid], isTraced: true), true), (ExecEntry(namespaces: [.pid]), false),
        (ExecEntry(namespaces: [.mount], isTraced: true), false),
    ])
    func otherwiseTheFilterIsTheLastStepBeforeTheProgram(entry: ExecEntry, noNewPrivileges: Bool) throws {
        let plan = try exec(entry) { $0.theProcess.noNewPrivileges = noNewPrivileges }
        let load = try #require(plan.index(Self.load))
        #expect(load == plan.steps.count - 2)
        // The filter may permit nothing but the exec.
        #expect(plan.lines[(load - 2)..<load] == ["close from 3 on exec", "outlive the parent"])
        if entry.namespaces.contains(.pid) {
            #expect(try #require(plan.index(Self.fork)) < #require(plan.index("find /bin/true")))
        }
        #expect(plan.lines("process.capabilities").filter { $0.hasPrefix("capset") }.count == 1)
        #expect(plan.callsBehindFilter.isEmpty)
    }

    @Test func withoutAFilterNothingIsLoadedNorCalledBehindIt() throws {
        let plan = try exec(filter: nil)
        #expect(!plan.lines.contains { $0.hasPrefix("load") })
        #expect(plan.callsBehindFilter.isEmpty)
        #expect(try #require(plan.index(Self.fork)) < #require(plan.index("find /bin/true")))
    }

    // MARK: A filter with a listener

    private static let asking = FilterProgram(instructions: [6, 0, 0, 0, 0, 0, 0xff, 0x7f], flags: 8)
    private static let handOver = [
        "load seccomp filter, 1 instructions, flags 8", "the host to hand the listener on (listener)", "close listener",
    ]

    @Test(arguments: [true, false])
    func theListenerIsHandedOverBeforeAnythingCanWaitForTheAgent(hasGate: Bool) throws {
        let options = PlanOptions(id: "box", hasGate: hasGate, filter: Self.asking)
        let plan = try Plan.create(.minimal(), on: .plain(), options: options)
        #expect(plan.lines.suffix(4).dropLast() == Self.handOver[...])
        #expect(plan.callsBehindFilter.map { "\($0.name)" } == ["sendmsg", "recvmsg"])
        guard case .handOver(_, let socket) = plan.steps[plan.steps.count - 3].operation else {
            Issue.record("no hand-over")
            return
        }
        #expect(socket == (hasGate ? .gateConnection : nil))
    }

    @Test func hooksInsideAreUnderTheFilterOfTheProgram() throws {
        let options = PlanOptions(id: "box", hasGate: true, filter: Self.asking)
        let hook = Hook(path: "/hook")
        let plan = try Plan.create(.minimal { $0.hooks.startContainer = [hook, hook] }, on: .plain(), options: options)
        let load = try #require(plan.index(Self.handOver[0]))
        #expect(plan.lines[load..<(load + 3)] == Self.handOver[...])
        #expect(
            plan.lines[(load + 3)..<(load + 5)].allSatisfy { $0.hasPrefix("run hook /hook") && !$0.hasSuffix("filter") }
        )
        #expect(plan.lines.filter { $0.hasPrefix("load") }.count == 1)
    }

    @Test func execHandsItOverWhereverTheFilterIsLoaded() throws {
        for isTraced in [true, false] {
            let plan = try exec(ExecEntry(namespaces: [.mount, .pid], isTraced: isTraced), filter: Self.asking)
            let load = try #require(plan.index(Self.handOver[0]))
            #expect(plan.lines[load..<(load + 3)] == Self.handOver[...])
            #expect(try (load < #require(plan.index(Self.fork))) == isTraced)
        }
    }

    // MARK: What is called behind the filter

    /// The system calls of apus-init for an operation, until it has succeeded or the process has ended.
    private static func calls(of operation: Planner.Operation) -> [String]? {
        let guarded = ["prctl(4)", "prctl(1, 9)"]  // PR_SET_DUMPABLE, PR_SET_PDEATHSIG
        let failure = ["exit_group()"]
        switch operation {
        case .setCapabilities: return ["capget()", "capset()"] + guarded + failure
        // CLONE_PARENT; the one process ends, the other one presents itself.
        case .fork(flags: 0):
            return ["clone(32768)", "getpid()", "pidfd_open()", "sendmsg()", "close()", "recvmsg()"] + guarded + failure
        case .newSession: return ["setsid()"] + failure
        case .setControllingTerminal: return ["ioctl(0, 21518)"] + failure  // TIOCSCTTY
        case .tellPID: return ["getpid()"]
        case .joinCgroup: return ["write()", "close()"] + failure
        case .setLimit: return ["prlimit64()"] + failure
        case .meet(.ready, send: nil, receive: _, count: 0): return ["sendmsg()", "recvmsg()"] + failure
        case .release: return ["ppoll()", "prctl(1)"] + failure
        case .execute: return ["execve()"] + failure
        default: return nil
        }
    }

    private func made(behindTheFilterOf plan: Plan) throws -> Set<String> {
        let load = try #require(plan.index(Self.load))
        var made: Set<String> = []
        for step in plan.steps[(load + 1)...] {
            made.formUnion(try #require(Self.calls(of: step.operation), "\(step.operation) is not in the table"))
        }
        return made
    }

    private func listed(_ plan: Plan) -> Set<String> {
        Set(plan.callsBehindFilter.map { "\($0.name)(\($0.arguments.map(String.init).joined(separator: ", ")))" })
    }

    private static let v1 = HostFacts.plain {
        $0.cgroups.hierarchies = ["pids", "devices"].map {
            CgroupFacts.Hierarchy(name: $0, options: [], directory: "/\($0)")
        }
    }

    static let variants: [Variant] = [
        Variant("nothing special"), Variant("a terminal") { $0.theProcess.terminal = true },
        Variant("cgroup v1", on: v1),
        Variant("few descriptors") { $0.theProcess.rlimits = [Rlimit(.nofile, soft: 5, hard: 9)] },
        Variant("few processes") { $0.theProcess.rlimits = [Rlimit(.nproc, soft: 5, hard: 9)] },
        Variant("another limit") { $0.theProcess.rlimits = [Rlimit(.core, soft: 5, hard: 9)] },
        Variant("a meeting", meetsHost: true), Variant("sockets", listening: 2),
        Variant("a user") { $0.theProcess.user = User(uid: 5, gid: 6, additionalGids: [7]) }, Variant.everything,
    ]

    @Test(arguments: variants)
    func everyCallBehindTheFilterIsListed(_ variant: Variant) throws {
        let plan = try plan(variant)
        #expect(try made(behindTheFilterOf: plan).subtracting(listed(plan)).isEmpty)
    }

    @Test func noOtherCallIsListed() throws {
        let plan = try plan(.everything)
        #expect(try listed(plan).subtracting(made(behindTheFilterOf: plan)).isEmpty)
        #expect(try listed(exec()).isDisjoint(with: ["ioctl(0, 21518)", "write()", "prlimit64()"]))
    }

    /// For real: a filter that lets the listed calls through, and kills at any other one, lets the process come to its
    /// program. What needs more than the process's own rights is replaced.
    @Test(arguments: variants)
    func listedCallsSuffice(_ variant: Variant) throws {
        let plan = try plan(variant)
        let load = try #require(plan.index(Self.load))
        let rules = plan.callsBehindFilter.map { call in
            SeccompRule(
                names: ["\(call.name)"], action: .allow,
                args: call.arguments.enumerated().filter { $0.element != 0 }.map {
                    SeccompArgument(index: UInt32($0.offset), value: $0.element, op: .equal)
                })
        }
        let strict = try SeccompFilter.compile(SeccompProfile(defaultAction: .killProcess, syscalls: rules))
        var steps: [Step] = []
        for provision in plan.provisions {
            // Something to write to.
            steps.append(Step(.openPath(nil, path: "/dev/null", flags: 1, into: provision.slot), provision.origin))
        }
        if plan.index("make peer the controlling terminal") != nil { steps += Self.terminal }
        steps.append(Step(.findExecutable(name: "/bin/true", path: ""), .field("process.args")))
        let filter = FilterProgram(instructions: strict.program, flags: strict.flags)
        steps.append(Step(.loadSeccomp(filter), .field("linux.seccomp")))
        steps += plan.steps[(load + 1)...]
        let outcome = try InitProgram(answers: 2).run(Blob(steps))
        #expect(outcome.phase == .APUS_PHASE_EXECUTING, "\(outcome)")
        #expect(outcome.step == steps.count - 1 && outcome.errno == 0, "\(outcome)")
    }

    /// A pseudoterminal that is nobody's yet.
    private static let terminal: [Step] = [
        Step(.openPath(nil, path: "/dev/ptmx", flags: 0o402, into: .terminal), .field("process.terminal")),
        Step(.unlockTerminal(.terminal), .field("process.terminal")),
        Step(.openPeer(.terminal, into: .terminalPeer), .field("process.terminal")),
    ]

    private func plan(_ variant: Variant) throws -> Plan {
        let entry = ExecEntry(namespaces: [.mount, .pid], isTraced: true, meetsHost: variant.meetsHost)
        return try exec(entry, on: variant.host, listening: variant.listening, variant.change)
    }

    /// A difference of a configuration, or of what is asked for, that makes a difference behind the filter.
    struct Variant: Sendable, CustomTestStringConvertible {
        let name: String
        var host = HostFacts.plain()
        var meetsHost = false
        var listening: Int32 = 0
        let change: @Sendable (inout Spec) -> Void

        init(
            _ name: String, on host: HostFacts = .plain(), meetsHost: Bool = false, listening: Int32 = 0,
            change: @escaping @Sendable (inout Spec) -> Void = { _ in }
        ) {
            self.name = name
            self.host = host
            self.meetsHost = meetsHost
            self.listening = listening
            self.change = change
        }

        var testDescription: String { name }

        static let everything = Variant("everything", on: v1, meetsHost: true, listening: 1) {
            $0.theProcess.terminal = true
            $0.theProcess.rlimits = [Rlimit(.nofile, soft: 5, hard: 9), Rlimit(.nproc, soft: 5, hard: 9)]
        }
    }
}

extension Plan {
    fileprivate var callsBehindFilter: [FilteredCall] { filterDemand?.calls ?? [] }
}
