/// Why something on a bus did not work.
public struct BusError: Error, Sendable, Equatable {
    /// The D-Bus name of the error, such as `org.freedesktop.DBus.Error.AccessDenied`.
    public let name: String
    /// What the other side says, in its words; may be empty.
    public let message: String

    public init(name: String, message: String) {
        self.name = name
        self.message = message
    }

    /// The name without what is before its last dot.
    public var shortName: String {
        name.utf8.lastIndex(of: UInt8(ascii: ".")).map { String(name[name.utf8.index(after: $0)...]) } ?? name
    }

    static let outOfMemory = BusError(name: "org.freedesktop.DBus.Error.NoMemory", message: "out of memory")
    static let disconnected = BusError(
        name: "org.freedesktop.DBus.Error.Disconnected", message: "the connection to the bus was closed")
    static let badArguments = BusError(
        name: "org.freedesktop.DBus.Error.InvalidArgs", message: "the arguments of the call cannot be encoded")
}

extension BusError: CustomStringConvertible {
    public var description: String { message.isEmpty ? name : message }
}
