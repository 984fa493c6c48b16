import InitProtocol
import OCI
import Planner
import Seccomp
import Testing

/// What of a container confines its hooks: programs of the image are held as the container's program is.
@Suite struct HookConfinementTests {
    private static let filter = FilterProgram(instructions: [6, 0, 0, 0, 0xe, 0xd, 0xff, 0x7f], flags: 4)

    private func plan(filter: FilterProgram? = filter, _ change: (inout Spec) -> Void = { _ in }) throws -> Plan {
        try PlannerTests.plan(with: PlanOptions(id: "box", filter: filter)) {
            $0.hooks.createContainer = [Hook(path: "/c")]
            $0.hooks.startContainer = [Hook(path: "/s"), Hook(path: "/t", timeout: 3)]
            change(&$0)
        }
    }

    private func confinements(_ plan: Plan) -> [String: HookConfinement] {
        var confinements: [String: HookConfinement] = [:]
        for step in plan.steps {
            if case .runHook(let path, _, _, _, let confinement) = step.operation { confinements[path] = confinement }
        }
        return confinements
    }

    @Test func hooksInTheContainerAreUnderItsFilter() throws {
        let plan = try plan()
        #expect(
            confinements(plan) == [
                "/c": HookConfinement(), "/s": HookConfinement(filter: Self.filter),
                "/t": HookConfinement(filter: Self.filter),
            ])
        #expect(plan.lines("hooks.createContainer[0]") == [#"run hook /c ["/c"]"#])
        #expect(
            plan.lines("hooks.startContainer[1]") == [
                #"run hook /t ["/t"] for at most 3 s under the seccomp filter with the program's environment"#
            ])
        #expect(try confinements(self.plan(filter: nil)).values.allSatisfy { $0 == HookConfinement() })
    }

    /// What the container's program gets only right before its exec, when all hooks have run.
    @Test(
        arguments: [(10, 20, true), (10, 1 << 20, true), (63, 64, true), (64, 64, false), (1024, 4096, false)]
            as [(UInt64, UInt64, Bool)])
    func fewDescriptorsAreFewForThemToo(soft: UInt64, hard: UInt64, isLate: Bool) throws {
        let plan = try plan {
            $0.theProcess.rlimits = [Rlimit(.core, soft: 1, hard: 1), Rlimit(.nofile, soft: soft, hard: hard)]
        }
        let limits = confinements(plan).mapValues(\.files)
        #expect(limits["/c"] == .some(nil))
        for path in ["/s", "/t"] {
            let limit = limits[path] ?? nil
            #expect(limit?.soft == (isLate ? soft : nil))
            #expect(limit?.hard == (isLate ? hard : nil))
            #expect(limit?.resource == (isLate ? 7 : nil))  // RLIMIT_NOFILE
        }
    }

    // MARK: For real

    /// What becomes of a hook that runs a shell; the program behind it ends with 7 if it may make a directory.
    private func run(_ script: String, _ confinement: HookConfinement, in scratch: Scratch) throws -> Outcome {
        let hook = Planner.Operation.runHook(
            path: "/bin/sh", arguments: ["sh", "-c", script], environment: ["PATH=/usr/bin:/bin"], timeout: 30,
            confinement: confinement)
        let operations: [Planner.Operation] = [
            .openPath(nil, path: "/dev/null", flags: 0, into: .hookInput),
            .openPath(nil, path: "/dev/null", flags: 1, into: .hookOutput), .changeDirectory(scratch.path), hook,
            .findExecutable(name: "sh", path: "/bin"),
            .execute(arguments: ["sh", "-c", "mkdir program && exit 7"], environment: ["PATH=/usr/bin:/bin"]),
        ]
        return try InitProgram(answers: 0).run(Blob(operations.map { Step($0, .field("hooks")) }))
    }

    /// The filter is the hook's: who runs it gets its own only later.
    @Test func forbiddenCallFailsInAHookAndNotYetBehindIt() throws {
        let names = SeccompRule(names: ["mkdir", "mkdirat"], action: .errno, errnoRet: 1)
        let strict = try SeccompFilter.compile(SeccompProfile(defaultAction: .allow, syscalls: [names]))
        let filter = HookConfinement(filter: FilterProgram(instructions: strict.program, flags: strict.flags))
        for (confinement, makes) in [(HookConfinement(), true), (filter, false)] {
            let scratch = try Scratch()
            let outcome = try run("mkdir hook \(makes ? "&&" : "&& exit 9 ||") exit 0", confinement, in: scratch)
            #expect(outcome.executed(7), "\(outcome)")
        }
        let outcome = try run("mkdir hook", filter, in: Scratch())
        #expect(outcome.failed(at: 3, 125), "\(outcome)")  // ECANCELED
    }

    @Test func hookHasTheFewDescriptorsOfTheProgram() throws {
        let plan = try plan { $0.theProcess.rlimits = [Rlimit(.nofile, soft: 20, hard: 30)] }
        let files = try #require(confinements(plan)["/s"]).files
        let script = #"[ "$(ulimit -Sn) $(ulimit -Hn)" = "20 30" ]"#
        let limited = try run(script, HookConfinement(files: files), in: Scratch())
        #expect(limited.executed(7), "\(limited)")
        let unlimited = try run(script, HookConfinement(), in: Scratch())
        #expect(unlimited.failed(at: 3, 125), "\(unlimited)")
    }

    // MARK: The wire

    /// Offset and size of the filter of each step that has one.
    private func filters(_ steps: [Planner.Operation]) -> (blob: Blob, places: [[Int]]) {
        let blob = Blob(steps.map { Step($0, .field("hooks")) })
        let places = zip(blob.records, steps).map { record, operation in
            let field = if case .runHook = operation { 40 } else { 8 }
            return [blob.word(record.offset + field), blob.word(record.offset + field + 4)]
        }
        return (blob, places)
    }

    private func hook(_ filter: FilterProgram?, _ files: ResourceLimit? = nil) -> Planner.Operation {
        .runHook(
            path: "/h", arguments: ["h"], environment: [], timeout: 0,
            confinement: HookConfinement(filter: filter, files: files))
    }

    @Test func filterIsInThePlanOnceHoweverManyHooksThereAre() {
        let (blob, places) = filters([hook(Self.filter), hook(Self.filter), hook(nil), .loadSeccomp(Self.filter)])
        #expect(places[0] == places[1] && places[0] == places[3])
        #expect(places[0][0] % 8 == 0 && places[0][1] == 8)
        #expect(places[2] == [0, 0])
        let filter = Self.filter.instructions
        #expect(blob.bytes.indices.count { blob.bytes[$0...].starts(with: filter) } == 1)
        #expect(Array(blob.bytes[places[0][0]..<places[0][0] + 8]) == filter)
    }

    @Test func otherFilterHasAPlaceOfItsOwn() {
        let other = FilterProgram(instructions: [6, 0, 0, 0, 0, 0, 0, 0], flags: 4)
        let (blob, places) = filters([hook(Self.filter), hook(other)])
        #expect(places[0] != places[1])
        #expect(Array(blob.bytes[places[1][0]..<places[1][0] + 8]) == other.instructions)
    }

    @Test func planWithHooksIsNoLongerByAFilterForEach() throws {
        let long = FilterProgram(instructions: [UInt8](repeating: 6, count: 4096 * 8), flags: 0)
        let hooks = (0..<20).map { Hook(path: "/\($0)") }
        let plan = try plan(filter: long) { $0.hooks.startContainer = hooks }
        #expect(Blob(plan).bytes.count < 2 * long.instructions.count)
    }

    @Test func confinementIsLaidOutSo() throws {
        let plan = try plan { $0.theProcess.rlimits = [Rlimit(.nofile, soft: 5, hard: 0x100)] }
        let step = try #require(plan.steps.first { $0.origin.text == "hooks.startContainer[0]" })
        let blob = Blob(step.operation)
        let record = blob.records[0]
        #expect(
            blob.hex((record.offset + 44)..<(record.offset + 72))
                == annotated(
                    """
                    08 00 00 00             | size of the filter
                    04 00 00 00             | its flags
                    01 00                   | limits files
                    11 00                   | where its errors go
                    05 00 00 00 00 00 00 00 | soft
                    00 01 00 00 00 00 00 00 | hard
                    """))
    }
}
