import FuzzSupport
import Glibc

// What comes over a message bus.
@testable import Cgroups
@testable import DBus

/// One message, with everything that is ever asked of one.
func fuzzMessage(_ bytes: [UInt8]) {
    guard let received = fuzz_demarshal(bytes, bytes.count), let message = try? BusMessage(owning: received) else {
        return
    }
    if let error = message.error { require(!error.shortName.isEmpty, "an error without a name") }
    _ = message.signalName
    for index: Int32 in 0..<5 {
        _ = message.number(index)
        // The path of a job is one that was told.
        if let text = message.text(index) { _ = try? BusMessage(call(text, [.string(text), .objectPath(text)])) }
    }
}

/// A call that nobody has.
func call(_ path: String, _ arguments: [BusValue]) -> BusCall {
    BusCall(destination: "a.b", path: path, interface: "a.b", member: "c", arguments: arguments)
}

private let address: String = {
    guard let address = fuzz_bus_open() else { fatalError("no socket for a bus") }
    return String(cString: address)
}()

/// A bus that says anything: all that is done with systemd.
func fuzzBus(_ bytes: [UInt8]) {
    setenv("DBUS_SYSTEM_BUS_ADDRESS", address, 1)
    fuzz_bus_give(bytes, bytes.count)
    guard let manager = try? SystemdManager(.system) else { return }
    let unit = SystemdUnit(.system, "apus-box.scope")
    _ = try? manager.version()
    try? manager.requireSameProcesses()
    _ = try? manager.controlGroup()
    if let reply = try? manager.start(unit, [UnitProperty("Delegate", .boolean(true))]) {
        _ = try? manager.finishStart(of: unit, reply)
    }
    try? manager.stop(unit)
}
