/// The name of a container: `[A-Za-z0-9_+.-]`, 1 to 1024 characters, neither `.` nor `..`.
///
/// What passes is safe as the name of a directory, and means the same to runc.
public struct ContainerID: Sendable, Equatable, CustomStringConvertible {
    /// The name as given.
    public let text: String

    public init(_ text: String) throws(ContainerIDError) {
        guard !text.isEmpty else { throw .empty }
        guard text.utf8.count <= 1024, text != ".", text != "..", text.utf8.allSatisfy({ Self.isAllowed($0) }) else {
            throw .invalidFormat
        }
        self.text = text
    }

    public var description: String { text }

    private static func isAllowed(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "_"), UInt8(ascii: "+"), UInt8(ascii: "."), UInt8(ascii: "-"): true
        default: isDigit(byte) || isLetter(byte)
        }
    }
}

/// Why a text is not the name of a container; the descriptions are runc's.
public enum ContainerIDError: Error, Sendable, Equatable, CustomStringConvertible {
    case empty
    case invalidFormat

    public var description: String {
        switch self {
        case .empty: "container id cannot be empty"
        case .invalidFormat: "invalid container ID format"
        }
    }
}
