import InitProtocol
import OCI
import Planner
import Testing

/// The two sides of the language border, held against each other.
@Suite struct ProtocolTests {
    @Test func everyOperationOfTheHeaderIsMadeByExactlyOneCase() throws {
        let entries = try ProtocolHeader.entries()
        #expect(Set(entries.map(\.name)).count == entries.count)
        #expect(RecordCase.all.map { Int($0.code.rawValue) }.sorted() == Array(entries.indices))
        for record in RecordCase.all {
            #expect(record.operation.expectedCode == record.code)
        }
    }

    @Test func recordsAreAsLongAsTheHeaderSaysAndWholeWords() throws {
        let entries = try ProtocolHeader.entries()
        for record in RecordCase.all {
            let made = Blob(record.operation).records
            let entry = entries[Int(record.code.rawValue)]
            #expect(made.map(\.size) == ProtocolHeader.sizes[entry.record].map { [$0] }, "\(entry.name)")
            #expect(made.allSatisfy { $0.size % 8 == 0 }, "\(entry.name)")
        }
        // The encoder leaves 80 bytes for each record, in front of all texts.
        #expect(ProtocolHeader.sizes.values.allSatisfy { $0 <= 80 })
    }

    /// What the reader of these tests takes for granted.
    @Test func headerIsLaidOutAsTheTestsReadIt() {
        #expect(MemoryLayout<apus_plan>.size == Blob.headerSize)
        #expect(MemoryLayout<apus_plan>.offset(of: \.steps) == Blob.Field.steps.rawValue)
        #expect(MemoryLayout<apus_plan>.offset(of: \.notes) == Blob.Field.notesOffset.rawValue)
        #expect(MemoryLayout<apus_plan>.offset(of: \.slots) == Blob.Field.slots.rawValue)
    }

    @Test(arguments: Meeting.allCases.enumerated().map { Numbered(number: UInt32($0.offset), meeting: $0.element) })
    func meetingsHaveTheNumbersOfTheHeader(_ numbered: Numbered) {
        // FORKED is 0, and only between the processes.
        let blob = Blob(.meet(numbered.meeting))
        #expect(blob.word(blob.records[0].offset + 8) == Int(numbered.number) + 1)
    }

    struct Numbered: Sendable {
        let number: UInt32
        let meeting: Meeting
    }

    @Test(arguments: [
        (TargetKind.directory, 0), (.file, 1), (.like(.mount), 2), (.existing, 3),
    ])
    func kindsOfTargetsHaveTheNumbersOfTheHeader(kind: TargetKind, number: Int) {
        let blob = Blob(.makeTarget(root: .root, path: "/a", kind, into: .target))
        #expect(blob.word(blob.records[0].offset + 16) == number)
    }

    @Test func rulesForTargetsAreThoseOfTheHeader() {
        #expect(Int(TargetRules.noLinks.rawValue) == APUS_TARGET_NO_LINKS)
        #expect(Int(TargetRules.notInProc.rawValue) == APUS_TARGET_NOT_IN_PROC)
        #expect(Int(TargetRules.noFollow.rawValue) == APUS_TARGET_NO_FOLLOW)
    }

    @Test(arguments: [
        (Setting.flag("ro"), 0), (.text(key: "a", value: "b"), 1), (.create, 6), (.reconfigure, 7),
    ])
    func settingsAreTheCommandsOfTheKernel(setting: Setting, command: Int) {
        let blob = Blob(.configure(.fileSystem, setting))
        #expect(blob.word(blob.records[0].offset + 24) == command)
    }

    @Test func pathsBelowASlotNeverLeaveIt() {
        let inside = Blob(.openPath(.root, path: "a", flags: 0, into: .target))
        #expect(inside.longWord(inside.records[0].offset + 24) == 0x10 | 0x02)  // IN_ROOT, NO_MAGICLINKS
        let host = Blob(.writeFile(nil, path: "/proc/self/timens_offsets", value: ""))
        #expect(host.longWord(host.records[0].offset + 24) == 0)
    }

    // MARK: Whole plans

    @Test(arguments: GoldenCase.all)
    func goldenPlansAreSoundOnTheWire(_ golden: GoldenCase) throws {
        guard let plan = try golden.plan() else { return }
        let blob = Blob(plan)
        let records = blob.records
        #expect(blob[.size] == blob.bytes.count)
        #expect(blob.bytes.last == 0)
        #expect(records.count == plan.steps.count)
        #expect(blob[.stepCount] == plan.steps.count)
        #expect(records.allSatisfy { $0.size % 8 == 0 })
        #expect(blob[.stepsEnd] == (records.last.map { $0.offset + $0.size }))
        #expect(blob[.gateStep] == plan.gate ?? plan.steps.count)
        #expect(blob.texts(blob[.notesOffset]).count == plan.steps.count - (plan.gate ?? plan.steps.count))
        for (record, step) in zip(records, plan.steps) {
            #expect(record.operation == UInt16(step.operation.expectedCode.rawValue))
        }
    }

    /// Offsets of texts and lists, by the names that the header gives their fields.
    @Test(arguments: GoldenCase.all)
    func textsLieBeforeTheRecordsAndEndWithZero(_ golden: GoldenCase) throws {
        guard let plan = try golden.plan() else { return }
        let blob = Blob(plan)
        for (record, step) in zip(blob.records, plan.steps) {
            for text in step.operation.textFields {
                let offset = blob.word(record.offset + text)
                let length = blob.word(record.offset + text + 4)
                #expect(offset >= Blob.headerSize)
                #expect(offset + length < blob[.steps])
                #expect(blob.bytes[offset + length] == 0)
            }
            for list in step.operation.listFields {
                let offset = blob.word(record.offset + list)
                let count = blob.word(record.offset + list + 4)
                #expect(offset % 8 == 0)
                #expect(offset >= Blob.headerSize)
                #expect(offset + 8 * (count + 1) <= blob[.steps])
                #expect(blob.texts(offset).count == count)
            }
        }
    }
}

extension Planner.Operation {
    /// Where in the record texts stand.
    fileprivate var textFields: [Int] {
        switch self {
        case .joinSessionKeyring, .openPath, .openTree, .openFileSystem, .setMountAttributes, .makeTarget, .makeNode,
            .remove, .detachMount, .changeDirectory, .retryDirectory, .setHostName, .setDomainName, .runHook:
            [8]
        case .writeFile, .configure, .copyLink, .makeLink, .findExecutable: [8, 16]
        default: []
        }
    }

    /// Where in the record lists of texts stand.
    fileprivate var listFields: [Int] {
        switch self {
        case .findHome, .tellPID: [8]
        case .execute: [8, 16]
        case .runHook: [16, 24]
        default: []
        }
    }
}
