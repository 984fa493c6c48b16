internal import CDBus

/// A connection to a message bus.
@safe public final class Bus {
    private let connection: OpaquePointer

    /// Connects and says hello.
    ///
    /// - Parameters:
    ///   - address: such as `unix:path=/run/dbus/system_bus_socket` (D-Bus specification, "Server Addresses").
    ///   - user: who the bus sees when it asks the kernel, if that is not the effective user: in a user namespace.
    public init(address: String, as user: UInt32? = nil) throws(BusError) {
        var failure: OpaquePointer?
        guard let connection = unsafe cd_connect(address, user.map { Int64($0) } ?? -1, &failure) else {
            throw try unsafe BusMessage(owning: failure).error ?? .disconnected
        }
        unsafe self.connection = unsafe connection
    }

    deinit { unsafe cd_disconnect(connection) }

    /// The process at this end as the bus sees it, in its own pid namespace (`GetConnectionUnixProcessID`); nil if it
    /// sees none.
    public func ownProcess(within milliseconds: Int32) throws(BusError) -> UInt32? {
        let name = unsafe cd_own_name(connection).map { unsafe String(cString: $0) } ?? ""
        let call = BusCall(
            destination: "org.freedesktop.DBus", path: "/org/freedesktop/DBus", interface: "org.freedesktop.DBus",
            member: "GetConnectionUnixProcessID", arguments: [.string(name)])
        return try self.call(call, within: milliseconds).number(0)
    }

    /// Whether the other side is still there.
    public var isConnected: Bool { unsafe cd_is_connected(connection) }

    /// Sends a call without waiting for its reply.
    ///
    /// - Parameters:
    ///   - call: what is asked, and of whom.
    ///   - milliseconds: how long the reply may take.
    public func send(_ call: BusCall, within milliseconds: Int32) throws(BusError) -> PendingReply {
        let message = try BusMessage(call)
        guard let pending = unsafe cd_send(connection, message.message, milliseconds) else { throw .disconnected }
        return unsafe PendingReply(owning: pending, of: self)
    }

    /// Sends a call and waits for its reply.
    public func call(_ call: BusCall, within milliseconds: Int32) throws(BusError) -> BusReply {
        try send(call, within: milliseconds).wait()
    }

    /// Asks for the signals that a match rule describes (D-Bus specification, "Match Rules").
    public func watch(_ rule: String) { unsafe cd_watch(connection, rule) }

    /// The next signal; nil when the time is over. May return before that without one.
    public func nextSignal(within milliseconds: Int32) throws(BusError) -> BusSignal? {
        guard let message = unsafe cd_next_signal(connection, milliseconds) else {
            if isConnected { return nil }
            throw .disconnected
        }
        return BusSignal(try unsafe BusMessage(owning: message))
    }
}

/// A call of a method.
public struct BusCall: Sendable {
    public var destination: String
    public var path: String
    public var interface: String
    public var member: String
    public var arguments: [BusValue]

    public init(
        destination: String, path: String, interface: String, member: String, arguments: [BusValue] = []
    ) {
        self.destination = destination
        self.path = path
        self.interface = interface
        self.member = member
        self.arguments = arguments
    }
}

/// A call that was sent.
@safe public final class PendingReply {
    private var pending: OpaquePointer?
    /// The connection lives until the reply is there.
    private let bus: Bus

    fileprivate init(owning pending: OpaquePointer, of bus: Bus) {
        unsafe self.pending = unsafe pending
        self.bus = bus
    }

    deinit { if let pending = unsafe pending { unsafe cd_forget(pending) } }

    /// Waits for the reply; to be called once. The other side's refusal is an error, and so is silence.
    public func wait() throws(BusError) -> BusReply {
        guard let pending = unsafe self.pending else { throw .disconnected }
        unsafe self.pending = nil
        let message = try unsafe BusMessage(owning: cd_wait(pending))
        if let error = message.error { throw error }
        return BusReply(message)
    }
}

/// What a method returned.
public struct BusReply {
    private let message: BusMessage

    fileprivate init(_ message: BusMessage) { self.message = message }

    /// A result, if it is a uint32.
    public func number(_ index: Int) -> UInt32? { message.number(Int32(clamping: index)) }

    /// A result, if it is a text or a variant with a text in it.
    public func text(_ index: Int) -> String? { message.text(Int32(clamping: index)) }
}

/// A signal that was received.
public struct BusSignal {
    private let message: BusMessage

    fileprivate init(_ message: BusMessage) { self.message = message }

    public var member: String { message.signalName }

    /// An argument, if it is a text.
    public func text(_ index: Int) -> String? { message.text(Int32(clamping: index)) }
}
