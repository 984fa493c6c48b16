/// Why a value is not of the form that was asked for.
public enum JSONMismatch: Error, Sendable, Equatable {
    case notBoolean
    case notInteger
    case notString
    case notArray
    case notObject
    /// An integer outside of the bounds, which are given as text.
    case outOfRange(lower: String, upper: String)
    /// A string with a NUL character, which no text of the kernel can hold.
    case holdsNUL

    /// What is wrong, without the value: `not an integer`.
    public var text: String {
        switch self {
        case .notBoolean: "not true or false"
        case .notInteger: "not an integer"
        case .notString: "not a string"
        case .notArray: "not an array"
        case .notObject: "not an object"
        case .outOfRange(let lower, let upper): "out of range \(lower)...\(upper)"
        case .holdsNUL: "holds a NUL character"
        }
    }
}
