import InitProtocol
import Planner

/// An encoded plan, read by the rules of init_protocol.h and by nothing of the encoder.
struct Blob {
    var bytes: [UInt8]

    /// Offsets of the header's fields.
    enum Field: Int, CaseIterable {
        case magic = 0
        case version = 4
        case size = 8
        case steps = 12
        case stepsEnd = 16
        case stepCount = 20
        case gateStep = 24
        case notesOffset = 28
        case notesCount = 32
        case control = 36
        case report = 40
        case firstUnkept = 44
        case slots = 48
    }

    /// What every record starts with.
    struct Record {
        let offset: Int
        let operation: UInt16
        let size: Int
    }

    static let headerSize = 48 + 4 * 256

    /// Steps as they are encoded for a process that finds its socket and its page at 12 and 11.
    init(_ steps: [Step], gate: Int? = nil, descriptors: [(Slot, Int32)] = []) {
        var plan = Plan()
        plan.steps = steps
        plan.gate = gate
        self.init(plan, descriptors: descriptors)
    }

    init(_ plan: Plan, descriptors: [(Slot, Int32)] = []) {
        bytes = plan.encoded(control: 12, report: 11, descriptors: descriptors)
    }

    /// One step and nothing else.
    init(_ operation: Planner.Operation, tolerating: [UInt8] = [], skip: UInt8 = 0) {
        self.init([Step(operation, .field("process"), tolerating: tolerating, skip: skip)])
    }

    func word(_ offset: Int) -> Int {
        bytes[offset..<(offset + 4)].reversed().reduce(0) { $0 << 8 | Int($1) }
    }

    func longWord(_ offset: Int) -> Int { word(offset) | word(offset + 4) << 32 }

    subscript(field: Field) -> Int {
        get { word(field.rawValue) }
        set { setWord(field.rawValue, newValue) }
    }

    mutating func setWord(_ offset: Int, _ value: Int) {
        for byte in 0..<4 { bytes[offset + byte] = UInt8(truncatingIfNeeded: value >> (8 * byte)) }
    }

    /// The records, from the first to the last.
    var records: [Record] {
        var records: [Record] = []
        var offset = self[.steps]
        while offset < self[.stepsEnd] {
            let first = word(offset)
            records.append(Record(offset: offset, operation: UInt16(truncatingIfNeeded: first), size: first >> 16))
            // A size of 0 would go on for ever.
            offset += max(8, first >> 16)
        }
        return records
    }

    /// The bytes of a record behind its operation, in hexadecimal.
    func hex(_ record: Record) -> String { Self.hex(bytes[(record.offset + 2)..<(record.offset + record.size)]) }

    func hex(_ range: Range<Int>) -> String { Self.hex(bytes[range]) }

    private static func hex(_ bytes: ArraySlice<UInt8>) -> String {
        bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined(separator: " ")
    }

    /// The text that ends with the first 0 at or after an offset.
    func text(_ offset: Int) -> String { String(decoding: bytes[offset...].prefix { $0 != 0 }, as: UTF8.self) }

    /// A list of texts: offsets up to the one that is 0.
    func texts(_ offset: Int) -> [String] {
        var texts: [String] = []
        var entry = offset
        while longWord(entry) != 0 {
            texts.append(text(longWord(entry)))
            entry += 8
        }
        return texts
    }
}

/// Hexadecimal bytes with what they mean behind a bar, as one line.
func annotated(_ text: String) -> String {
    text.split(separator: "\n").flatMap { line in
        (line.split(separator: "|", omittingEmptySubsequences: false).first ?? "").split(separator: " ")
    }.joined(separator: " ")
}
