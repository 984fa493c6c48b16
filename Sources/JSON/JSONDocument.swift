import CJSON

/// A parsed JSON document: the tree that json-c built, and the owner of its memory.
///
/// Accepts RFC 8259 text in UTF-8 and nothing else: no comments, no trailing commas, no numbers beyond 64 bits, no
/// text after the end. Of a key that occurs twice in an object the last value counts, as in Go's decoder.
/// Nodes keep their document alive.
@safe public final class JSONDocument {
    /// json-c's root object; `nil` for the document `null`.
    private let tree: OpaquePointer?

    /// Parses a whole document.
    ///
    /// - Parameters:
    ///   - bytes: the text; at most 2 GiB, which is json-c's bound.
    ///   - maximumDepth: how deep arrays and objects may nest; json-c's own default is 32.
    /// - Throws: ``JSONSyntaxError`` with line, column and, where it can be told, the path of the offending value.
    public init(parsing bytes: [UInt8], maximumDepth: Int32 = 32) throws(JSONSyntaxError) {
        guard bytes.count < Int32.max else {
            throw JSONSyntaxError(.tooLong, at: 0, in: [])
        }
        do throws(UTF8.ValidationError) {
            _ = try UTF8Span(validating: bytes.span)
        } catch {
            throw JSONSyntaxError(.invalidUTF8, at: error.byteOffsets.lowerBound, in: bytes)
        }
        let outcome = unsafe bytes.withUnsafeBufferPointer { buffer in
            unsafe Self.parse(buffer, maximumDepth: maximumDepth)
        }
        unsafe tree = outcome.tree
        if let failure = unsafe outcome.failure {
            throw unsafe JSONSyntaxError(failure, at: outcome.end, in: bytes)
        }
        if let extra = unsafe bytes[outcome.end...].firstIndex(where: { !isSpace($0) }) {
            throw JSONSyntaxError(.textAfterEnd, at: extra, in: bytes)
        }
        if let (reason, offset) = Strictness.firstOffence(in: bytes) {
            throw JSONSyntaxError(reason, at: offset, in: bytes)
        }
    }

    deinit {
        // The document owns the one reference that the parser returned.
        _ = unsafe json_object_put(tree)
    }

    /// The document's value; `nil` when that is `null`.
    public var root: JSONNode? {
        guard let tree = unsafe tree else { return nil }
        return unsafe JSONNode(document: self, object: tree)
    }

    /// What json-c made of a text; the tree belongs to whoever gets this.
    @unsafe private struct Outcome {
        var tree: OpaquePointer?
        var failure: JSONSyntaxError.Reason?
        /// Offset of the byte after the value, or of the byte that is wrong.
        var end = 0
    }

    /// Runs json-c's parser over bytes that are known to be UTF-8 and shorter than 2 GiB.
    private static func parse(_ bytes: UnsafeBufferPointer<UInt8>, maximumDepth: Int32) -> Outcome {
        var outcome = unsafe Outcome()
        guard let tokener = unsafe json_tokener_new_ex(maximumDepth) else {
            unsafe outcome.failure = .outOfMemory
            return unsafe outcome
        }
        defer { unsafe json_tokener_free(tokener) }
        unsafe json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_ALLOW_TRAILING_CHARS)
        // json-c reads exactly the bytes of the buffer; a number at the end needs the NUL of the second call.
        var tree = unsafe bytes.baseAddress.flatMap { start in
            unsafe start.withMemoryRebound(to: CChar.self, capacity: bytes.count) { text in
                unsafe json_tokener_parse_ex(tokener, text, Int32(bytes.count))
            }
        }
        unsafe outcome.end = bytes.isEmpty ? 0 : json_tokener_get_parse_end(tokener)
        if unsafe bytes.isEmpty || json_tokener_get_error(tokener) == json_tokener_continue {
            unsafe tree = json_tokener_parse_ex(tokener, "", 1)
            unsafe outcome.end = bytes.count
        }
        unsafe outcome.tree = tree
        unsafe outcome.failure = JSONSyntaxError.Reason(json_tokener_get_error(tokener))
        return unsafe outcome
    }
}

/// White space of JSON (RFC 8259, section 2).
func isSpace(_ byte: UInt8) -> Bool {
    byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09
}
