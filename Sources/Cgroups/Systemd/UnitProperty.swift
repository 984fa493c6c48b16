internal import DBus

/// One property of a unit on its way to systemd.
struct UnitProperty: Equatable {
    let name: String
    let value: BusValue

    init(_ name: String, _ value: BusValue) {
        self.name = name
        self.value = value
    }

    /// An amount; nil is "no limit", which systemd writes as the greatest number.
    init(_ name: String, _ amount: UInt64?) { self.init(name, .uint64(amount ?? .max)) }

    /// An amount of which a negative one is "no limit".
    init(_ name: String, limit: Int64) { self.init(name, limit < 0 ? nil : UInt64(limit)) }

    /// The property as a unit has it that was never given one.
    var lifted: UnitProperty {
        switch value {
        case .array(let element, _): UnitProperty(name, .array(of: element, []))
        case .uint64: UnitProperty(name, name == "MemoryLow" || name == "MemoryMin" ? 0 : nil)
        case .byte, .boolean, .int16, .uint16, .int32, .uint32, .int64, .double, .string, .objectPath, .signature,
            .structure, .variant, .entry:
            self
        }
    }

    /// `(sv)`, as the calls of systemd's manager take it.
    var encoded: BusValue { .structure([.string(name), .variant(value)]) }

    static func encode(_ properties: [UnitProperty]) -> BusValue {
        .array(of: "(sv)", properties.map { $0.encoded })
    }
}

extension [UnitProperty] {
    mutating func add(_ name: String, _ amount: UInt64?) { append(UnitProperty(name, amount)) }
    mutating func add(_ name: String, limit: Int64) { append(UnitProperty(name, limit: limit)) }
    mutating func add(_ name: String, _ isTrue: Bool) { append(UnitProperty(name, .boolean(isTrue))) }
    mutating func add(_ name: String, _ text: String) { append(UnitProperty(name, .string(text))) }
}
