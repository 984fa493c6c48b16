internal import InitProtocol

extension Plan {
    /// The plan as `apus-init` reads it (init_protocol.h).
    ///
    /// - Parameters:
    ///   - control: descriptor of the socket for meetings.
    ///   - report: descriptor of the report page.
    ///   - descriptors: what the host opened, by slot.
    public func encoded(control: Int32, report: Int32, descriptors: [(Slot, Int32)]) -> [UInt8] {
        var encoder = Encoder(self)
        for step in steps { encoder.encode(step) }
        return encoder.finish(self, control: control, report: report, descriptors: descriptors)
    }

    /// Size of the report page that goes with a plan.
    public static var reportSize: Int { 4096 }
}

/// Writes records one after the other (EncoderRecords.swift has them), and the texts and arrays that they name, which come
/// first in the plan: their places are known before all records are.
struct Encoder {
    var records: [UInt8] = []
    private var data: [UInt8] = []
    private var environment: apus_texts?
    private var encodedFilter: (FilterProgram, apus_bytes)?
    let environmentEntries: [String]
    private static var dataStart: Int { MemoryLayout<apus_plan>.size }
    /// Digits of a pid_t.
    static var longestPID: Int { 10 }

    init(_ plan: Plan) {
        records.reserveCapacity(plan.steps.count * 40)
        data.reserveCapacity(16_384)
        var environment: [String] = []
        if case .execute(arguments: _, environment: let list) = plan.steps.last?.operation { environment = list }
        // What the process tells itself has its place from the start.
        for step in plan.steps {
            if case .tellPID(let variable) = step.operation { environment.append("\(variable)=") }
        }
        environmentEntries = environment
    }

    // MARK: Texts and arrays

    mutating func text(_ string: String) -> apus_text {
        let offset = Self.dataStart + data.count
        let length = string.utf8.count
        data.append(contentsOf: string.utf8)
        data.append(0)
        return apus_text(offset: UInt32(offset), length: UInt32(length))
    }

    private mutating func align() {
        while (Self.dataStart + data.count) % 8 != 0 { data.append(0) }
    }

    /// A list whose array has room for `spare` more entries, and its end.
    mutating func texts(_ strings: [String], spare: Int = 0) -> apus_texts {
        var offsets: [UInt32] = []
        offsets.reserveCapacity(strings.count)
        for string in strings { offsets.append(text(string).offset) }
        align()
        let start = Self.dataStart + data.count
        for offset in offsets { append(UInt64(offset), to: &data) }
        for _ in 0...spare { append(UInt64(0), to: &data) }
        return apus_texts(offset: UInt32(start), count: UInt32(strings.count))
    }

    mutating func bytes(_ bytes: [UInt8]) -> apus_bytes {
        align()
        let start = Self.dataStart + data.count
        data.append(contentsOf: bytes)
        return apus_bytes(offset: UInt32(start), size: UInt32(bytes.count))
    }

    /// A filter's instructions, which are there once: many steps may load the same filter.
    mutating func filter(_ program: FilterProgram?) -> apus_bytes {
        guard let program else { return apus_bytes(offset: 0, size: 0) }
        if let (known, place) = encodedFilter, known == program { return place }
        let place = bytes(program.instructions)
        encodedFilter = (program, place)
        return place
    }

    /// The environment of the program, which FIND_HOME may lengthen by one.
    mutating func programEnvironment() -> apus_texts {
        if let environment { return environment }
        let list = texts(environmentEntries, spare: 1)
        environment = list
        return list
    }

    func append<Value: BitwiseCopyable>(_ value: Value, to bytes: inout [UInt8]) {
        // A trivial value is its bytes; they are copied while `withUnsafeBytes` lends them.
        unsafe withUnsafeBytes(of: value) { unsafe bytes.append(contentsOf: $0) }
    }

    // MARK: The whole

    mutating func finish(
        _ plan: Plan, control: Int32, report: Int32, descriptors: [(Slot, Int32)]
    ) -> [UInt8] {
        let gate = plan.gate ?? plan.steps.count
        var header = apus_plan()
        header.magic = APUS_PLAN_MAGIC
        header.version = APUS_PLAN_VERSION
        header.step_count = UInt32(plan.steps.count)
        header.gate_step = UInt32(gate)
        header.notes = texts(plan.steps[gate...].map { "\($0.origin.text)\t\($0.operation)" })
        align()
        header.steps = UInt32(Self.dataStart + data.count)
        header.steps_end = header.steps + UInt32(records.count)
        // Whatever is cut short, the last byte of a plan is 0.
        let end = [UInt8](repeating: 0, count: 8)
        header.size = header.steps_end + UInt32(end.count)
        header.control = control
        header.report = report
        header.first_unkept = plan.firstUnkept
        unsafe withUnsafeMutableBytes(of: &header.slots) { bytes in
            let slots = unsafe bytes.assumingMemoryBound(to: Int32.self)
            for index in slots.indices { unsafe slots[index] = index < 3 ? Int32(index) : -1 }
            for (slot, number) in descriptors { unsafe slots[Int(slot.number)] = number }
        }

        var blob: [UInt8] = []
        blob.reserveCapacity(Int(header.size))
        append(header, to: &blob)
        blob += data
        blob += records
        blob += end
        return blob
    }
}
