import OCI
import Planner
import Testing

/// What is executed: which file, with which environment and descriptors, and behind which gate.
@Suite struct ProgramTests {
    private func candidates(_ program: String, _ env: [String] = []) throws -> [String] {
        var process = Process(args: [program, "x"])
        process.env = env
        return Array(Plan.programCandidates(of: process))
    }

    private func searched(_ program: String, _ env: [String]) throws -> String? {
        let plan = try plan {
            $0.theProcess.args = [program, "x"]
            $0.theProcess.env = env
        }
        for step in plan.steps {
            if case .findExecutable(let name, let path) = step.operation, name == program { return path }
        }
        return nil
    }

    private func environment(_ env: [String], _ options: PlanOptions = PlanOptions(id: "box")) throws -> [String] {
        try #require(try plan(with: options) { $0.theProcess.env = env }.program).environment
    }

    @Test(arguments: [
        ("sh", ["PATH=/bin:/usr/bin"], ["/bin/sh", "/usr/bin/sh"]),
        // Empty elements are the working directory (execvp(3)).
        ("sh", ["PATH=:/bin:"], ["./sh", "/bin/sh", "./sh"]),
        ("sh", ["PATH="], ["./sh"]),
        ("sh", ["PATH=/a", "X=1", "PATH=/b"], ["/b/sh"]),
        ("sh", ["XPATH=/a", "PATH=/b"], ["/b/sh"]),
        // A slash anywhere, and there is no search.
        ("/bin/sh", ["PATH=/a"], ["/bin/sh"]),
        ("./sh", ["PATH=/a"], ["./sh"]),
        ("bin/sh", ["PATH=/a"], ["bin/sh"]),
    ])
    func programIsLookedForInThePathOfTheContainer(program: String, env: [String], candidates: [String]) throws {
        #expect(try self.candidates(program, env) == candidates)
    }

    @Test(arguments: [(["PATH=/bin:/usr/bin"], "/bin:/usr/bin"), (["PATH=/a", "PATH="], "")])
    func thePathIsSearchedByTheProcessItself(env: [String], path: String) throws {
        #expect(try searched("sh", env) == path)
    }

    @Test func candidatesAreNoLongerThanAPathCanBe() throws {
        let path = String(repeating: "/d:", count: 1000) + "/" + String(repeating: "d", count: 5000)
        #expect(try candidates(String(repeating: "n", count: 4094), ["PATH=\(path)"]).isEmpty)
        #expect(try candidates(String(repeating: "n", count: 4092), ["PATH=\(path)"]).count == 1000)
    }

    @Test func withoutAPathThereIsTheUsualOne() throws {
        let usual = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        #expect(try candidates("sh") == usual.split(separator: ":").map { "\($0)/sh" })
        // The program is not told of it.
        #expect(try environment(["A=1"]) == ["A=1"])
        #expect(try environment(["PATH=/a"]) == ["PATH=/a"])
        #expect(try environment(["PATH="]) == ["PATH="])
    }

    @Test func argumentsAreThoseOfTheConfiguration() throws {
        let plan = try plan {
            $0.theProcess.args = ["a", "", "b c"]
            $0.theProcess.env = ["PATH=/x", "B=d e"]
        }
        #expect(plan.program?.arguments == ["a", "", "b c"])
        #expect(plan.lines("process.args[0]") == ["find a in /x"])
        #expect(plan.lines("process.args") == [#"execve ["a", "", "b c"] with ["PATH=/x", "B=d e"]"#])
    }

    /// CVE-2016-3697: a number is never a name. An empty HOME is none.
    @Test(arguments: [
        ([], true), (["HOME="], true), (["HOME=/x", "HOME="], true), (["HOME=/x"], false),
        (["HOME=", "HOME=/x"], false),
        (["HOMES=/x"], true),
    ])
    func homeIsLookedUpByNumberWhereItIsNotGiven(env: [String], isLookedUp: Bool) throws {
        let plan = try plan {
            $0.theProcess.user.uid = 1000
            $0.theProcess.env = env
        }
        #expect((plan.index("find HOME of 1000") != nil) == isLookedUp)
        // It comes behind the list: an empty one would win.
        #expect(isLookedUp == !(plan.program?.environment.contains { $0.hasPrefix("HOME=") } ?? true))
    }

    @Test func lastOfSeveralValuesCounts() throws {
        let env = ["A=1", "PATH=/a", "B=2", "A=3", "PATH=/b"]
        #expect(try environment(env) == ["B=2", "A=3", "PATH=/b"])
        let others = (0..<100).map { "X\($0)=\($0)" }
        #expect(try environment(env + others) == ["B=2", "A=3", "PATH=/b"] + others)
    }

    @Test func passedSocketsAreCountedAnew() throws {
        let options = PlanOptions(id: "box", listenDescriptors: 2)
        let env = ["LISTEN_FDS=9", "PATH=/a", "LISTEN_PID=44", "LISTEN_FDS_X=1"]
        let plan = try plan(with: options) {
            $0.linux.namespaces.append(Namespace(.pid))
            $0.theProcess.env = env
        }
        #expect(plan.program?.environment == ["PATH=/a", "LISTEN_FDS_X=1", "LISTEN_FDS=2", "LISTEN_PID=1"])
        #expect(plan.index("tell LISTEN_PID") == nil)
        #expect(try environment(env) == env)
    }

    @Test func namesOfPassedSocketsReplaceThoseOfTheConfiguration() throws {
        let options = PlanOptions(id: "box", listenDescriptors: 2, listenNames: "web:admin")
        let env = ["LISTEN_FDNAMES=x", "PATH=/a"]
        #expect(
            try environment(env, options) == ["PATH=/a", "LISTEN_FDS=2", "LISTEN_FDNAMES=web:admin"])
    }

    /// Only the process itself knows its number then.
    @Test(arguments: [nil, "/proc/7/ns/pid"] as [String?])
    func pidOfASharedNamespaceIsToldByTheProcessItself(path: String?) throws {
        let plan = try plan(with: PlanOptions(id: "box", listenDescriptors: 2)) {
            $0.linux.namespaces.removeAll { $0.kind == .pid }
            if let path { $0.linux.namespaces.append(Namespace(.pid, path: path)) }
            $0.theProcess.env = ["PATH=/a", "LISTEN_PID=44"]
        }
        #expect(plan.program?.environment == ["PATH=/a", "LISTEN_FDS=2"])
        #expect(plan.index("tell LISTEN_PID") != nil)
    }

    @Test func socketForReadinessIsTheLastMountAndItsNameReplacesTheConfigurationS() throws {
        let plan = try plan(with: PlanOptions(id: "box", notifyDirectory: "/run/apus/box/notify")) {
            $0.mounts = [Mount(destination: "/run", source: "tmpfs", type: "tmpfs")]
            $0.theProcess.env = ["PATH=/a", "NOTIFY_SOCKET=/of/somebody/else"]
        }
        let target = try #require(plan.index("make target root:/run/notify directory (not in proc) -> target"))
        let mount = try #require(plan.index("make target root:/run directory (not in proc) -> target"))
        #expect(mount < target)
        let provision = try #require(plan.provisions.first { $0.source == .notifyDirectory })
        #expect(plan.lines[target + 1] == "move_mount \(provision.slot.name) to target")
        #expect(plan.program?.environment == ["PATH=/a", "NOTIFY_SOCKET=/run/notify/notify.sock"])
    }

    @Test func socketForReadinessTakesAMountNamespace() {
        #expect(throws: PlanError.self) {
            try plan(with: PlanOptions(id: "box", notifyDirectory: "/run/apus/box/notify")) {
                $0.linux.namespaces.removeAll { $0.kind == .mount }
            }
        }
    }

    /// Hooks are forked, and SCHED_DEADLINE forbids that; it takes a capability that is held until the exec.
    @Test func deadlineIsSetBehindTheHooks() throws {
        let plan = try plan {
            $0.theProcess.scheduler = Scheduler(
                policy: .deadline, runtime: 1_000_000, deadline: 2_000_000, period: 2_000_000)
            $0.theProcess.capabilities = Capabilities()
            $0.hooks.startContainer = [Hook(path: "/h")]
        }
        let hook = try #require(plan.lines.firstIndex { $0.hasPrefix("run hook /h") })
        let scheduler = try #require(plan.lines.firstIndex { $0.hasPrefix("sched_setattr policy 6") })
        #expect(hook < scheduler)
        #expect(plan.index("capset effective 0x800000 permitted 0x800000 inheritable 0x0") != nil)
    }

    @Test(arguments: [(0, 0, 3), (2, 0, 5), (0, 4, 7), (2, 4, 9)] as [(Int32, Int32, Int32)])
    func onlyTheDescriptorsThatArePassedOnAreKept(listen: Int32, preserved: Int32, first: Int32) throws {
        let options = PlanOptions(id: "box", listenDescriptors: listen, preservedDescriptors: preserved)
        let plan = try plan(with: options) { _ in }
        #expect(plan.firstUnkept == first)
        #expect(plan.index("close from \(first) on exec") == plan.steps.count - 2)
    }

    @Test func gateStandsBehindEverythingButHooksAndFilter() throws {
        let plan = try plan(with: PlanOptions(id: "box", filter: FilterProgram(instructions: [], flags: 0))) {
            $0.theProcess.env = ["PATH=/x"]
            $0.hooks.startContainer = [Hook(path: "/h", args: ["h", "x"], env: ["A=1"], timeout: 7)]
        }
        let gate = try #require(plan.gate)
        #expect(plan.lines[gate - 2..<gate] == ["meet the host: ready", "wait at the gate"])
        #expect(
            plan.lines[gate...] == [
                #"run hook /h ["h", "x"] for at most 7 s under the seccomp filter with ["A=1"]"#,
                "close from 3 on exec", "load seccomp filter, 0 instructions, flags 0",
                #"execve ["/bin/true"] with ["PATH=/x"]"#,
            ])
        #expect(plan.provisions.last?.source == .gateListener)
        #expect(plan.provisions.last?.slot == .gateListener)
        guard case .waitAtGate(receive: .hookInput, count: 2, notify: nil) = plan.steps[gate - 1].operation else {
            Issue.record("the gate brings what hooks read and write: \(plan.steps[gate - 1])")
            return
        }
    }

    @Test func runHasNoGate() throws {
        let plan = try plan(with: PlanOptions(id: "box", hasGate: false)) {
            $0.hooks.startContainer = [Hook(path: "/h")]
        }
        #expect(plan.gate == nil)
        #expect(plan.provisions.isEmpty)
        #expect(plan.index("meet the host: ready taking 2 descriptors") != nil)
        #expect(plan.index("wait at the gate") == nil)
    }

    // MARK: Hooks

    @Test func hookWithoutArgumentsIsItsOwnFirstOneAndGetsNoEnvironmentButItsOwnUnlessItIsTheImages() throws {
        let plan = try plan {
            $0.theProcess.env = ["SECRET=1"]
            $0.hooks.createContainer = [Hook(path: "/h"), Hook(path: "/i", env: ["A=1"])]
            $0.hooks.startContainer = [Hook(path: "/j"), Hook(path: "/k", env: [])]
        }
        var hooks: [[String]] = []
        for step in plan.steps {
            if case .runHook(let path, let arguments, let environment, let timeout, _) = step.operation {
                hooks.append([path] + arguments + (environment ?? ["the program's"]) + ["\(timeout)"])
            }
        }
        #expect(
            hooks == [
                ["/h", "/h", "0"], ["/i", "/i", "A=1", "0"], ["/j", "/j", "the program's", "0"], ["/k", "/k", "0"],
            ])
        #expect(plan.lines("hooks.startContainer[0]") == [#"run hook /j ["/j"] with the program's environment"#])
        #expect(plan.lines("hooks.createContainer").last == "fchdir root")
    }

    @Test(arguments: [
        (Hooks(prestart: [Hook(path: "/p")]), "hooks.prestart"),
        (Hooks(createRuntime: [Hook(path: "/r")]), "hooks.createRuntime"),
    ])
    func hooksOfTheRuntimeAreTheHostsWork(hooks: Hooks, field: String) throws {
        let plan = try plan { $0.hooks = hooks }
        #expect(plan.lines(field) == ["meet the host to run its hooks"])
        #expect(!plan.lines.contains { $0.hasPrefix("run hook") })
        #expect(try #require(plan.index("meet the host to run its hooks")) < #require(plan.index("pivot_root")))
    }

    @Test func hooksBehindTheExecAreNotThePlansMatter() throws {
        let plan = try plan { $0.hooks = Hooks(poststart: [Hook(path: "/a")], poststop: [Hook(path: "/b")]) }
        #expect(!plan.steps.contains { $0.origin.text.hasPrefix("hooks") })
    }
}
