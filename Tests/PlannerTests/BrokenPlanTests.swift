import InitProtocol
import OCI
import Planner
import Testing

/// What apus-init makes of plans that nobody would write: it refuses them, or fails a step, but never crashes.
@Suite struct BrokenPlanTests {
    private static let noEntry: Int32 = 2

    /// Steps without effect on anything but the process itself.
    private static let harmless: [Step] = [
        Step(.newSession, .field("process")),
        Step(.setFileModeMask(0o077), .field("process.user.umask")),
        Step(.openPath(nil, path: "/", flags: 0o10200000, into: .root), .field("root.path")),
        Step(.makeTarget(root: .root, path: "/proc/self", .existing, into: .target), .field("process.cwd")),
        Step(.enter(.root), .field("root.path")),
        Step(.changeDirectory("/"), .field("process.cwd")),
        Step(.retryDirectory("/"), .field("process.cwd")),
        Step(.verifyDirectory, .field("process.cwd")),
        Step(.remove(.root, name: "there is no such file"), .field("linux.devices"), tolerating: [1, 2, 13]),
        Step(.setGroups([1, 2]), .field("process.user.additionalGids"), tolerating: [1]),
        Step(.setAmbient(0), .field("process.capabilities.ambient")),
        Step(.findHome(uid: 65534), .field("process.env")),
        Step(
            .findExecutable(name: "x", path: "/no::/there/is/no"), .field("process.args"),
            tolerating: [2]),
        Step(.execute(arguments: ["x", "y"], environment: ["A=1"]), .field("process.args")),
    ]

    /// A step that fails stands first, so that nothing of what follows happens; yet everything is checked.
    private static let checkedOnly: [Step] =
        [Step(.changeDirectory("/there is no such directory"), .field("process.cwd"))]
        + RecordCase.all.map { Step($0.operation, .field("process")) }

    // MARK: Plans that are sound

    @Test func harmlessPlanRunsToItsLastStep() throws {
        // Nothing was found to execute: execve gets an empty path.
        let outcome = try InitProgram(answers: 0).run(Blob(Self.harmless))
        #expect(outcome.failed(at: Self.harmless.count - 1, Self.noEntry), "\(outcome)")
    }

    /// Nobody would know of the program: it is not started.
    @Test func processWhoseHostIsGoneEndsBeforeItsProgram() throws {
        let found =
            Self.harmless.dropLast(2) + [
                Step(.findExecutable(name: "sh", path: "/bin"), .field("process.args")),
                Step(.release, .field("process")),
                Step(.execute(arguments: ["sh", "-c", "exit 7"], environment: []), .field("process.args")),
            ]
        let abandoned = try InitProgram().run(Blob(Array(found)))
        #expect(abandoned.end == .exited(1) && abandoned.phase == .APUS_PHASE_RUNNING, "\(abandoned)")
        let hosted = try InitProgram(answers: 0).run(Blob(Array(found)))
        #expect(hosted.executed(7), "\(hosted)")
    }

    @Test func everyOperationPassesTheCheck() throws {
        let outcome = try InitProgram().run(Blob(Self.checkedOnly))
        #expect(outcome.failed(at: 0, Self.noEntry), "\(outcome)")
    }

    @Test func emptyPlanEndsWithoutAnExec() throws {
        let outcome = try InitProgram().run(Blob([]))
        #expect(outcome.end == .exited(1))
        #expect(outcome.phase == .APUS_PHASE_RUNNING)
    }

    @Test(arguments: GoldenCase.all)
    func goldenPlansPassTheCheck(_ golden: GoldenCase) throws {
        guard var plan = try golden.plan() else { return }
        plan.steps.insert(Self.checkedOnly[0], at: 0)
        plan.gate? += 1
        let outcome = try InitProgram().run(Blob(plan))
        #expect(outcome.failed(at: 0, Self.noEntry), "\(outcome)")
    }

    @Test func toleratedFailurePassesOverTheStepsThatItSays() throws {
        let fails = Planner.Operation.changeDirectory("/there is no such directory")
        let outcome = try InitProgram().run(
            Blob([
                Step(fails, .field("process.cwd"), tolerating: [2], skip: 2),
                Step(fails, .field("process.cwd")),
                Step(fails, .field("process.cwd")),
                Step(fails, .field("process.cwd")),
            ]))
        #expect(outcome.failed(at: 3, Self.noEntry), "\(outcome)")
    }

    @Test func skipBeyondTheEndIsTheEnd() throws {
        let fails = Planner.Operation.changeDirectory("/there is no such directory")
        let step = Step(fails, .field("process.cwd"), tolerating: [2], skip: 255)
        #expect(try InitProgram().run(Blob([step])).end == .exited(1))
    }

    // MARK: Plans that are cut or changed at one place

    @Test func truncatedPlansAreRefused() throws {
        let program = try InitProgram()
        let whole = Blob(Self.harmless)
        for size in stride(from: 0, to: whole.bytes.count, by: 8) {
            // As it is cut, and with a header that knows of the cut. Where only the last zeros are cut off that one is
            // a whole plan again.
            #expect(try program.run(Array(whole.bytes[..<size])).isRefused, "\(size) bytes")
            guard size >= Blob.headerSize else { continue }
            var cut = Blob(Self.harmless)
            cut.bytes.removeSubrange(size...)
            cut[.size] = size
            let outcome = try program.run(cut)
            #expect(outcome.isRefused || size >= whole[.stepsEnd], "\(size) bytes: \(outcome)")
        }
    }

    @Test(arguments: [
        (Blob.Field.magic, 0), (.magic, 0x7573_7061), (.version, 0), (.version, 2), (.version, 4),
        (.size, 0), (.size, 8), (.size, -8),
        (.steps, 0), (.steps, 1076), (.steps, 1064), (.steps, 1072), (.steps, -8), (.stepsEnd, -8), (.stepsEnd, 1072),
        (.stepCount, 0), (.stepCount, 13), (.stepCount, 15), (.stepCount, -1), (.notesOffset, 1), (.notesOffset, 0),
        (.notesOffset, -8), (.notesCount, 1), (.notesCount, -1), (.firstUnkept, 2), (.firstUnkept, -1),
    ])
    func headersThatLieAreRefused(field: Blob.Field, value: Int) throws {
        var blob = Blob(Self.harmless)
        blob[field] = value
        let outcome = try InitProgram().run(blob)
        #expect(outcome.isRefused, "\(outcome)")
    }

    /// Wherever the records are said to begin or to end, but for where they do.
    @Test func recordsThatBeginOrEndElsewhereAreRefused() throws {
        let program = try InitProgram()
        let whole = Blob(Self.harmless)
        for field in [Blob.Field.steps, .stepsEnd] {
            for value in stride(from: Blob.headerSize, through: whole.bytes.count, by: 4) where value != whole[field] {
                var blob = whole
                blob[field] = value
                #expect(try program.run(blob).isRefused, "\(field): \(value)")
            }
        }
    }

    /// Without a page there is nobody to tell but by the exit status: EBADF.
    @Test(arguments: [200, -1])
    func aReportPageThatIsNotThereIsToldByTheExitStatus(descriptor: Int) throws {
        var blob = Blob(Self.harmless)
        blob[.report] = descriptor
        let outcome = try InitProgram().run(blob)
        #expect(outcome.end == .exited(9), "\(outcome)")
        #expect(outcome.phase == .APUS_PHASE_STARTING)
    }

    @Test func unknownOperationsAreRefused() throws {
        let program = try InitProgram()
        let count = try ProtocolHeader.entries().count
        for operation in [count, count + 1, 0x7fff, 0xffff] {
            var blob = Blob(.newSession)
            blob.setWord(blob.records[0].offset, operation | 8 << 16)
            #expect(try program.run(blob).isRefused, "operation \(operation)")
        }
    }

    /// Every record with every other size, also those that lead to the next record.
    @Test func wrongSizesAreRefused() throws {
        let program = try InitProgram()
        for record in RecordCase.all {
            let whole = Blob([Self.checkedOnly[0], Step(record.operation, .field("process"))])
            let place = whole.records[1]
            for size in [0, 1, 4, 7, place.size - 8, place.size - 1, place.size + 1, place.size + 8, 0xffff] {
                var blob = whole
                blob.setWord(place.offset, Int(place.operation) | (size & 0xffff) << 16)
                blob[.stepsEnd] = max(place.offset + size, whole[.stepsEnd])
                #expect(try program.run(blob).isRefused, "\(record.testDescription): size \(size)")
            }
        }
    }

    @Test(arguments: SlotPlace.all)
    func slotsOutOfRangeAreRefused(_ place: SlotPlace) throws {
        let program = try InitProgram()
        for slot in [256, 0x7fff, 0xfffe] + (place.mayBeNone ? [] : [0xffff]) {
            var blob = Blob([Self.checkedOnly[0], Step(place.operation, .field("process"))])
            let offset = blob.records[1].offset + place.offset
            blob.bytes[offset] = UInt8(slot & 0xff)
            blob.bytes[offset + 1] = UInt8(slot >> 8)
            let outcome = try program.run(blob)
            #expect(outcome.isRefused, "slot \(slot): \(outcome)")
        }
    }

    @Test(arguments: RangePlace.all)
    func offsetsAndLengthsOutOfRangeAreRefused(_ place: RangePlace) throws {
        let program = try InitProgram()
        let whole = Blob([Self.checkedOnly[0], Step(place.operation, .field("process"))])
        let field = whole.records[1].offset + place.offset
        let size = whole.bytes.count
        let offset = whole.word(field)
        let length = whole.word(field + 4)
        for (newOffset, newLength) in [
            (0, length), (8, length), (1064, length), (whole[.steps], length), (whole[.steps] - 8, 16), (size, length),
            (size + 8, length), (0xffff_fff8, length),
            (offset, size), (offset, 0x7fff_ffff), (offset, 0xffff_ffff), (size - 8, 16), (0xffff_ffff, 0xffff_ffff),
        ] {
            var blob = whole
            blob.setWord(field, newOffset)
            blob.setWord(field + 4, newLength)
            let outcome = try program.run(blob)
            #expect(outcome.isRefused, "\(newOffset), \(newLength): \(outcome)")
        }
    }

    @Test(arguments: RangePlace.all.filter { $0.kind == .text })
    func unterminatedTextsAreRefused(_ place: RangePlace) throws {
        var blob = Blob([Self.checkedOnly[0], Step(place.operation, .field("process"))])
        let field = blob.records[1].offset + place.offset
        blob.bytes[blob.word(field) + blob.word(field + 4)] = UInt8(ascii: "x")
        #expect(try InitProgram().run(blob).isRefused)
    }

    @Test(arguments: RangePlace.all.filter { $0.kind == .list })
    func listsWithoutAnEndOrWithWrongEntriesAreRefused(_ place: RangePlace) throws {
        let program = try InitProgram()
        let whole = Blob([Self.checkedOnly[0], Step(place.operation, .field("process"))])
        let field = whole.records[1].offset + place.offset
        let list = whole.word(field)
        let count = whole.word(field + 4)
        // The entry behind the last one is not 0; one entry too few or too many is counted; unaligned.
        var blob = whole
        blob.setWord(list + 8 * count, Blob.headerSize)
        #expect(try program.run(blob).isRefused)
        blob = whole
        blob.setWord(field + 4, count + 1)
        #expect(try program.run(blob).isRefused)
        blob = whole
        blob.setWord(field, list + 4)
        #expect(try program.run(blob).isRefused)
        for entry in [0, 8, whole.bytes.count, 0xffff_ffff] where count > 0 {
            blob = whole
            blob.setWord(list, entry)
            #expect(try program.run(blob).isRefused, "entry \(entry)")
        }
    }

    @Test func unknownKindsOfTargetsAreRefused() throws {
        var blob = Blob([
            Self.checkedOnly[0],
            Step(.makeTarget(root: .root, path: "/a", .existing, into: .target), .field("mounts")),
        ])
        blob.setWord(blob.records[1].offset + 16, 4)
        #expect(try InitProgram().run(blob).isRefused)
    }

    @Test func pathsLongerThanTheKernelTakesAreRefused() throws {
        let program = try InitProgram()
        for (length, isRefused) in [(4095, false), (4096, true)] {
            let path = "/" + String(repeating: "a", count: length - 1)
            let blob = Blob([
                Self.checkedOnly[0],
                Step(.makeTarget(root: .root, path: path, .directory, into: .target), .field("mounts")),
            ])
            #expect(try program.run(blob).isRefused == isRefused)
        }
    }

    /// HOME goes behind the last entry, and the end of the list behind HOME.
    @Test func homeNeedsRoomInTheListAndInItsBuffer() throws {
        let program = try InitProgram()
        let whole = Blob([
            Self.checkedOnly[0],
            Step(.findHome(uid: 0), .field("process.env")),
            Step(.execute(arguments: [], environment: ["A=1"]), .field("process.args")),
        ])
        let home = whole.records[1].offset
        var blob = whole
        blob.setWord(blob.word(home + 8) + 16, 1)
        #expect(try program.run(blob).isRefused, "an entry behind the end")
        blob = whole
        for end in [blob[.steps], blob.bytes.count] {
            blob = whole
            blob.setWord(home + 8, end - 8)
            blob.setWord(home + 12, 0)
            #expect(try program.run(blob).isRefused, "a list at the very end")
        }
        for (size, isRefused) in [(0, true), (8, true), (15, true), (16, false)] {
            blob = whole
            blob.setWord(home + 20, size)
            #expect(try program.run(blob).isRefused == isRefused, "buffer of \(size)")
        }
    }

    /// The pid takes the place of an entry that is there, and has room for all its digits.
    @Test func pidNeedsAnEntryAndRoomInItsBuffer() throws {
        let program = try InitProgram()
        let whole = Blob([
            Self.checkedOnly[0],
            Step(.tellPID(variable: "PID"), .field("LISTEN_FDS")),
            Step(.execute(arguments: [], environment: ["A=1"]), .field("process.args")),
        ])
        let record = whole.records[1].offset
        for (index, isRefused) in [(0, false), (1, false), (2, true), (0xffff_ffff, true)] {
            var blob = whole
            blob.setWord(record + 24, index)
            #expect(try program.run(blob).isRefused == isRefused, "entry \(index)")
        }
        for (length, isRefused) in [(4, false), (5, true), (15, true), (0xffff_ffff, true)] {
            var blob = whole
            blob.setWord(record + 28, length)
            #expect(try program.run(blob).isRefused == isRefused, "a name of \(length) bytes")
        }
    }

    @Test func filtersAreWholeInstructionsAndNotTooMany() throws {
        let program = try InitProgram()
        for (size, isRefused) in [(8, false), (12, true), (4096 * 8, false), (4097 * 8, true)] {
            let filter = FilterProgram(instructions: [UInt8](repeating: 0, count: size), flags: 0)
            let blob = Blob([Self.checkedOnly[0], Step(.loadSeccomp(filter), .field("linux.seccomp"))])
            #expect(try program.run(blob).isRefused == isRefused, "\(size) bytes")
        }
    }

    @Test func lastByteThatIsNotZeroIsRefused() throws {
        var blob = Blob(Self.harmless)
        blob.bytes[blob.bytes.count - 1] = 1
        #expect(try InitProgram().run(blob).isRefused)
    }

    // MARK: Plans with random changes

    /// The first step fails, and it and the header are left alone: only the check is put to the proof.
    @Test(.timeLimit(.minutes(10)))
    func checkSurvivesRandomChanges() throws {
        let program = try InitProgram()
        let whole = Blob(Self.checkedOnly)
        let first = whole.records[0]
        let text = whole.word(first.offset + 8)
        let guarded = [
            first.offset..<(first.offset + first.size), text..<(text + whole.word(first.offset + 12) + 1),
        ]
        var random = SplitMix(state: 1)
        for round in 0..<2500 {
            var blob = whole
            blob.change(random.next(), &random, in: Blob.headerSize..<(blob.bytes.count))
            for range in guarded { blob.bytes.replaceSubrange(range, with: whole.bytes[range]) }
            let outcome = try program.run(blob)
            #expect(outcome.isRefused || outcome.failed(at: 0, Self.noEntry), "round \(round): \(outcome)")
        }
    }

    @Test(.timeLimit(.minutes(10)))
    func checkSurvivesRandomHeaders() throws {
        let program = try InitProgram()
        // The slots may hold anything; a page and a socket that are none are the host's mistake.
        let fields = Blob.Field.allCases.filter { $0 != .slots && $0 != .report && $0 != .control }
        var random = SplitMix(state: 2)
        for round in 0..<500 {
            var blob = Blob([Self.checkedOnly[0]])
            for _ in 0...(random.next() % 3) {
                let field = fields[Int(random.next() % UInt64(fields.count))]
                blob[field] = random.number(near: blob[field], below: blob.bytes.count)
            }
            let outcome = try program.run(blob)
            #expect(outcome.isOrderly, "round \(round): \(outcome)")
        }
    }

    /// Operations and their sizes are left alone, so that what runs stays harmless: numbers, slots and texts change.
    @Test(.timeLimit(.minutes(10)))
    func stepsSurviveRandomChanges() throws {
        let program = try InitProgram()
        let whole = Blob(Self.harmless)
        let headers = whole.records.map { $0.offset..<($0.offset + 4) }
        var random = SplitMix(state: 3)
        for round in 0..<1000 {
            var blob = whole
            blob.change(random.next(), &random, in: Blob.headerSize..<(blob.bytes.count))
            for header in headers { blob.bytes.replaceSubrange(header, with: whole.bytes[header]) }
            let outcome = try program.run(blob)
            #expect(outcome.isOrderly, "round \(round): \(outcome)")
        }
    }
}
