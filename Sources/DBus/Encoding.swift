internal import CDBus

/// A message that is being written or was received, and the owner of its memory.
@safe final class BusMessage {
    let message: OpaquePointer

    /// - Parameter message: owned from here on; nil if there was no memory for it.
    init(owning message: OpaquePointer?) throws(BusError) {
        guard let message = unsafe message else { throw .outOfMemory }
        unsafe self.message = unsafe message
    }

    /// A call as it is sent. Its path may be one that the other side has told.
    convenience init(_ call: BusCall) throws(BusError) {
        guard unsafe cd_is_path(call.path) else { throw .badArguments }
        try unsafe self.init(owning: cd_call(call.destination, call.path, call.interface, call.member))
        try append(call.arguments)
    }

    deinit { unsafe cd_message_free(message) }

    func append(_ arguments: [BusValue]) throws(BusError) {
        // The writer lives as long as this call, and the message longer.
        guard let writer = unsafe cd_writer_new(message) else { throw .outOfMemory }
        for argument in arguments { unsafe argument.encode(to: writer) }
        if !(unsafe cd_writer_free(writer)) { throw .badArguments }
    }

    /// An error that the message is.
    var error: BusError? {
        guard let name = unsafe cd_error_name(message) else { return nil }
        return BusError(name: unsafe String(cString: name), message: text(0) ?? "")
    }

    var signalName: String { unsafe cd_signal_name(message).map { unsafe String(cString: $0) } ?? "" }

    /// An argument, if it is a uint32.
    func number(_ index: Int32) -> UInt32? { unsafe UInt32(exactly: cd_uint32(message, index, -1)) }

    /// An argument, if it is a text or a variant with a text in it.
    func text(_ index: Int32) -> String? { unsafe cd_text(message, index).map { unsafe String(cString: $0) } }
}

extension BusValue {
    /// Writes the value behind what the writer has; what cannot be written the writer remembers.
    @unsafe fileprivate func encode(to writer: OpaquePointer) {
        switch self {
        case .byte(let number): unsafe put("y", UInt64(number), writer)
        case .boolean(let isTrue): unsafe put("b", isTrue ? 1 : 0, writer)
        case .int16(let number): unsafe put("n", UInt64(UInt16(bitPattern: number)), writer)
        case .uint16(let number): unsafe put("q", UInt64(number), writer)
        case .int32(let number): unsafe put("i", UInt64(UInt32(bitPattern: number)), writer)
        case .uint32(let number): unsafe put("u", UInt64(number), writer)
        case .int64(let number): unsafe put("x", UInt64(bitPattern: number), writer)
        case .uint64(let number): unsafe put("t", number, writer)
        case .double(let number): unsafe put("d", number.bitPattern, writer)
        case .string(let text): unsafe put("s", text, writer)
        case .objectPath(let text): unsafe put("o", text, writer)
        case .signature(let text): unsafe put("g", text, writer)
        case .array(let element, let elements): unsafe put("a", element, elements, writer)
        case .structure(let members): unsafe put("r", nil, members, writer)
        case .variant(let value): unsafe put("v", value.signature, [value], writer)
        case .entry(let key, let value): unsafe put("e", nil, [key, value], writer)
        }
    }

    @unsafe private func put(_ type: Unicode.Scalar, _ bits: UInt64, _ writer: OpaquePointer) {
        unsafe cd_put_number(writer, Self.letter(type), bits)
    }

    /// A zero would end the text early: then it is none that D-Bus can carry, as the empty signature is no object path.
    @unsafe private func put(_ type: Unicode.Scalar, _ text: String, _ writer: OpaquePointer) {
        unsafe cd_put_text(writer, text.utf8.contains(0) ? 0 : Self.letter(type), text)
    }

    @unsafe private func put(
        _ type: Unicode.Scalar, _ contained: String?, _ values: [BusValue], _ writer: OpaquePointer
    ) {
        unsafe cd_begin(writer, Self.letter(type), contained)
        for value in values { unsafe value.encode(to: writer) }
        unsafe cd_end(writer)
    }

    private static func letter(_ type: Unicode.Scalar) -> CChar { CChar(truncatingIfNeeded: type.value) }
}
