import CJSON

/// Why a text is not a JSON document, and where.
public struct JSONSyntaxError: Error, Sendable, Equatable, CustomStringConvertible {
    public enum Reason: Sendable, Equatable {
        case tooLong
        case outOfMemory
        case invalidUTF8
        case tooDeep
        case unexpectedEnd
        case unexpectedCharacter
        case textAfterEnd
        case badLiteral
        case badNumber
        case badString
        case nulInName
        case missingKey
        case missingColon
        case missingComma
    }

    public let reason: Reason
    /// Counted from 1.
    public let line: Int
    /// In bytes, counted from 1.
    public let column: Int
    /// Where in the document, such as `process.user.uid`; empty at the top.
    public let path: String
    /// What is wrong, in the words of whoever wrote the text.
    public let message: String
    /// The line, and below it a mark at the place: two lines without a newline at the end. A long line is cut.
    public let excerpt: String

    init(_ reason: Reason, at offset: Int, in bytes: [UInt8]) {
        self.reason = reason
        let mistake = SyntaxMistake.find(reason, at: offset, in: bytes)
        let position = TextPosition(of: mistake.offset, in: bytes)
        line = position.line
        column = position.column
        path = reason == .textAfterEnd ? "" : position.path
        message = mistake.text
        excerpt = bytes.isEmpty ? "" : MarkedLine.text(of: mistake.offset, line: line, in: bytes)
    }

    /// `line 3, column 12: a comma is missing here`, without the path.
    public var description: String {
        "line \(line), column \(column): \(message)"
    }
}

extension JSONSyntaxError.Reason {
    /// What json-c reports; `nil` for success.
    init?(_ error: json_tokener_error) {
        switch error {
        case json_tokener_success: return nil
        case json_tokener_continue, json_tokener_error_parse_eof: self = .unexpectedEnd
        case json_tokener_error_depth: self = .tooDeep
        case json_tokener_error_parse_null, json_tokener_error_parse_boolean: self = .badLiteral
        case json_tokener_error_parse_number: self = .badNumber
        case json_tokener_error_parse_string: self = .badString
        case json_tokener_error_parse_object_key_name: self = .missingKey
        case json_tokener_error_parse_object_key_sep: self = .missingColon
        case json_tokener_error_parse_array, json_tokener_error_parse_object_value_sep: self = .missingComma
        case json_tokener_error_parse_utf8_string: self = .invalidUTF8
        case json_tokener_error_size: self = .tooLong
        // json_tokener_error_parse_unexpected, json_tokener_error_parse_comment; a C enum is open.
        default: self = .unexpectedCharacter
        }
    }

    var text: String {
        switch self {
        case .tooLong: "too long for a JSON document"
        case .outOfMemory: "out of memory"
        case .invalidUTF8: "not UTF-8"
        case .tooDeep: "arrays or objects nested too deep"
        case .unexpectedEnd: "unexpected end"
        case .unexpectedCharacter: "unexpected character"
        case .textAfterEnd: "text after the end of the document"
        case .badLiteral: "neither true, false nor null"
        case .badNumber: "not a number of at most 64 bits"
        case .badString: "bad escape or character in a string"
        case .nulInName: "a name holds a NUL character"
        case .missingKey: "a quoted name expected"
        case .missingColon: "\":\" expected"
        case .missingComma: "\",\" or the end of the array or object expected"
        }
    }
}
