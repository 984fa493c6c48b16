import InitProtocol
import OCI
import Planner
import Testing

/// The wire format, byte by byte, little-endian.
@Suite struct EncoderTests {
    // MARK: The whole

    @Test func headerOfTwoSteps() {
        var plan = Plan()
        plan.steps = [Step(.newSession, .field("process")), Step(.changeDirectory("/"), .field("process.cwd"))]
        plan.gate = 1
        plan.firstUnkept = 5
        let blob = Blob(plan, descriptors: [(.root, 20), (Slot(255), 21)])
        // The header is 1072 bytes (0x430), texts and arrays 40 bytes: records begin at 1112 (0x458).
        #expect(
            blob.hex(0..<64)
                == annotated(
                    """
                    61 70 75 73 | magic: "apus"
                    03 00 00 00 | version
                    78 04 00 00 | size: 1144
                    58 04 00 00 | steps: 1112
                    70 04 00 00 | steps_end: 8 + 16 bytes later
                    02 00 00 00 | step_count
                    01 00 00 00 | gate_step: the second step is behind the gate
                    48 04 00 00 | notes.offset: 1096
                    01 00 00 00 | notes.count
                    0c 00 00 00 | control
                    0b 00 00 00 | report
                    05 00 00 00 | first_unkept
                    00 00 00 00 | slots[0]: standard input
                    01 00 00 00 | slots[1]
                    02 00 00 00 | slots[2]
                    14 00 00 00 | slots[3]: the root
                    """))
        #expect(blob.hex(64..<68) == "ff ff ff ff")
        #expect(blob.hex(1064..<1072) == annotated("ff ff ff ff | slots[254]: empty\n 15 00 00 00 | slots[255]"))
        #expect(
            blob.hex(1072..<1112)
                == annotated(
                    """
                    2f 00 | "/"
                    70 72 6f 63 65 73 73 2e 63 77 64 09 | the note: "process.cwd", a tab,
                    63 68 64 69 72 20 2f 00 | "chdir /"
                    00 00 | up to the next multiple of 8
                    32 04 00 00 00 00 00 00 | the list of notes: its only text is at 1074,
                    00 00 00 00 00 00 00 00 | its end
                    """))
        #expect(
            blob.hex(1112..<1144)
                == annotated(
                    """
                    \(code(.APUS_OPERATION_NEW_SESSION)) 08 00 00 00 00 00 | 8 bytes, nothing tolerated, no skip
                    \(code(.APUS_OPERATION_CHANGE_DIRECTORY)) 10 00 00 00 00 00 | 16 bytes
                    30 04 00 00 01 00 00 00 | text: at 1072, 1 byte
                    00 00 00 00 00 00 00 00 | the end of the plan
                    """))
    }

    @Test func emptyPlanIsAHeaderAndAnEnd() {
        let blob = Blob([])
        #expect(blob[.stepCount] == 0)
        #expect(blob[.steps] == blob[.stepsEnd])
        #expect(blob[.notesCount] == 0)
        #expect(blob.bytes.count == Blob.headerSize + 8 + 8)
    }

    @Test func withoutAGateNothingIsBehindIt() {
        let blob = Blob([Step(.newSession, .field("process"))])
        #expect(blob[.gateStep] == 1)
        #expect(blob[.notesCount] == 0)
    }

    @Test func notesTellTheFieldAndTheStep() {
        let steps = [
            Step(.newSession, .field("process")),
            Step(.closeOnExec(from: 3), .field("process")),
            Step(.execute(arguments: ["a"], environment: ["A=1"]), .element("process.args", 0)),
        ]
        let blob = Blob(steps, gate: 1)
        #expect(blob[.notesCount] == 2)
        #expect(
            blob.texts(blob[.notesOffset]) == [
                "process\tclose from 3 on exec", "process.args[0]\texecve [\"a\"]",
            ])
    }

    // MARK: Texts and lists

    @Test func lengthsAreBytesNotCharacters() {
        let blob = Blob(.setHostName("é"))
        let text = blob.records[0].offset + 8
        #expect(blob.word(text + 4) == 2)
        #expect(blob.hex(blob.word(text)..<(blob.word(text) + 3)) == "c3 a9 00")
    }

    @Test func argumentsAreAnArrayOfOffsetsThatEndsWithZero() {
        let blob = Blob(.execute(arguments: ["sh", "", "-c"], environment: []))
        // Texts at 1072 (0x430): "sh", "", "-c"; the array at the next multiple of 8, 1080 (0x438).
        let list = blob.records[0].offset + 8
        #expect(blob.hex(list..<(list + 8)) == annotated("38 04 00 00 | offset\n 03 00 00 00 | count"))
        #expect(
            blob.hex(1072..<1112)
                == annotated(
                    """
                    73 68 00 00 2d 63 00 00 | "sh", "", "-c"
                    30 04 00 00 00 00 00 00 | "sh"
                    33 04 00 00 00 00 00 00 | ""
                    34 04 00 00 00 00 00 00 | "-c"
                    00 00 00 00 00 00 00 00 | the end
                    """))
    }

    /// FIND_HOME adds an entry to the very list that EXECUTE takes.
    @Test func environmentIsOneListWithRoomForHome() {
        let blob = Blob([
            Step(.findHome(uid: 7), .field("process.env")),
            Step(.execute(arguments: ["a"], environment: ["A=1", "B=2"]), .field("process.args")),
        ])
        let home = blob.records[0].offset
        let execute = blob.records[1].offset
        let list = blob.word(home + 8)
        #expect(list == blob.word(execute + 16))
        #expect(blob.word(home + 12) == 2)
        #expect(blob.word(execute + 20) == 2)
        #expect(blob.texts(list) == ["A=1", "B=2"])
        #expect(blob.hex((list + 16)..<(list + 32)) == Array(repeating: "00", count: 16).joined(separator: " "))
        let buffer = blob.word(home + 16)
        #expect(buffer % 8 == 0)
        #expect(blob.word(home + 20) == 1024)
        #expect(blob.bytes[buffer..<(buffer + 1024)].allSatisfy { $0 == 0 })
    }

    @Test func groupsAndFiltersAreAligned() {
        let blob = Blob([
            Step(.setHostName("x"), .field("hostname")),
            Step(.setGroups([1, 0xffff_fffe]), .field("process.user.additionalGids")),
            Step(
                .loadSeccomp(FilterProgram(instructions: [6, 0, 0, 0, 0, 0, 0xff, 0x7f], flags: 2)),
                .field("linux.seccomp")),
        ])
        let groups = blob.word(blob.records[1].offset + 8)
        let filter = blob.word(blob.records[2].offset + 8)
        #expect(groups % 8 == 0)
        #expect(filter % 8 == 0)
        #expect(blob.hex(groups..<(groups + 8)) == "01 00 00 00 fe ff ff ff")
        #expect(blob.hex(filter..<(filter + 8)) == "06 00 00 00 00 00 ff 7f")
    }

    @Test func toleratedErrorsAndSkip() {
        let blob = Blob(.newSession, tolerating: [2, 20], skip: 3)
        #expect(blob.hex(blob.records[0]) == annotated("08 00 | size\n 02 14 00 | ENOENT, ENOTDIR\n 03 | skip"))
    }

    // MARK: Every layout of records

    @Test(arguments: RecordCase.all + RecordCase.shared)
    func recordIsLaidOutSo(_ record: RecordCase) {
        let blob = Blob(record.operation)
        #expect(blob.records.count == 1)
        #expect(blob.records[0].operation == UInt16(record.code.rawValue))
        #expect(blob.hex(blob.records[0]) == annotated(record.hex))
    }

    private func code(_ operation: apus_operation) -> String { "\(hexByte(operation.rawValue)) 00" }

    private func hexByte(_ value: UInt32) -> String { (value < 16 ? "0" : "") + String(value, radix: 16) }
}
