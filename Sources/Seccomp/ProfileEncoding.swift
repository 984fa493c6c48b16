import OCI

/// The bytes that a filter depends on: the whole profile, unambiguously, so that two profiles have the same bytes only
/// if they are equal. Every number has a fixed width, every text and list its length before it, every optional a mark.
struct ProfileEncoding {
    private(set) var bytes: [UInt8] = []

    init(_ profile: SeccompProfile) {
        bytes.reserveCapacity(16_384)
        put(profile.defaultAction.rawValue)
        put(optional: profile.defaultErrnoRet)
        put(profile.architectures) { $0.put($1.rawValue) }
        put(optional: profile.flags?.rawValue)
        put(optional: profile.listenerPath)
        put(optional: profile.listenerMetadata)
        put(profile.syscalls) { $0.put($1) }
    }

    private mutating func put(_ rule: SeccompRule) {
        put(rule.names) { $0.put($1) }
        put(rule.action.rawValue)
        put(optional: rule.errnoRet)
        put(rule.args) { encoding, argument in
            encoding.put(argument.index)
            encoding.put(argument.value)
            encoding.put(argument.valueTwo)
            encoding.put(argument.op.rawValue)
        }
    }

    private mutating func put<Element>(_ list: [Element], _ element: (inout ProfileEncoding, Element) -> Void) {
        put(UInt32(list.count))
        for item in list { element(&self, item) }
    }

    private mutating func put(optional value: (some FixedWidthInteger)?) {
        bytes.append(value == nil ? 0 : 1)
        if let value { put(value) }
    }

    private mutating func put(optional text: String?) {
        bytes.append(text == nil ? 0 : 1)
        if let text { put(text) }
    }

    private mutating func put(_ text: String) {
        put(UInt32(text.utf8.count))
        bytes.append(contentsOf: text.utf8)
    }

    private mutating func put(_ value: some FixedWidthInteger) { bytes.append(integer: value) }
}

extension [UInt8] {
    /// Appends an integer as it lies in this machine's memory.
    mutating func append(integer value: some FixedWidthInteger) {
        // The bytes are copied while `value` lives.
        unsafe Swift.withUnsafeBytes(of: value) { unsafe append(contentsOf: $0) }
    }
}
