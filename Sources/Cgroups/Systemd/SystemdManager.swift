internal import DBus
internal import Kernel

/// systemd's manager object (org.freedesktop.systemd1(5)).
final class SystemdManager {
    let instance: SystemdUnit.Instance
    private let bus: Bus

    private static let service = "org.freedesktop.systemd1"
    private static let path = "/org/freedesktop/systemd1"
    private static let interface = "org.freedesktop.systemd1.Manager"
    private static let properties = "org.freedesktop.DBus.Properties"
    /// How long an answer or a job may take. systemd does one thing at a time, and may have many to do.
    static let patience: Int32 = 30_000

    init(_ instance: SystemdUnit.Instance) throws(CgroupError) {
        self.instance = instance
        bus = try SystemdBus.connect(to: instance)
    }

    // MARK: Calls

    private func call(_ member: String, _ arguments: [BusValue]) -> BusCall {
        BusCall(
            destination: Self.service, path: Self.path, interface: Self.interface, member: member,
            arguments: arguments)
    }

    private func get(_ name: String) throws(CgroupError) -> String {
        let call = BusCall(
            destination: Self.service, path: Self.path, interface: Self.properties, member: "Get",
            arguments: [.string(Self.interface), .string(name)])
        do { return try bus.call(call, within: Self.patience).text(0) ?? "" } catch {
            throw failure("get \(name)", nil, error)
        }
    }

    /// The number of systemd's version: 252 for `252.39-1~deb12u1`; 0 if it is none.
    func version() throws(CgroupError) -> Int {
        let text = try get("Version")
        let digits = text.utf8.drop { $0 == UInt8(ascii: "v") }.prefix {
            $0 >= UInt8(ascii: "0") && $0 <= UInt8(ascii: "9")
        }
        return Int(String(decoding: digits, as: UTF8.self)) ?? 0
    }

    /// Where the cgroups of this systemd begin, below the root of the hierarchy.
    func controlGroup() throws(CgroupError) -> String {
        let path = try get("ControlGroup")
        return path == "/" ? "" : path
    }

    /// Refuses a systemd that counts processes otherwise than the caller: it would take another one for the
    /// container's.
    func requireSameProcesses() throws(CgroupError) {
        let seen: UInt32?
        do { seen = try bus.ownProcess(within: Self.patience) } catch { throw failure("connect", nil, error) }
        let own = UInt32(bitPattern: ThisProcess.pid)
        if seen != own {
            throw .systemd(
                "connect", unit: "",
                reason: "it is in another pid namespace: "
                    + "there this process is \(seen.map { "\($0)" } ?? "unknown"), not \(own)",
                hint: "")
        }
    }

    // MARK: Units

    /// Asks for a new unit without waiting for the answer.
    func start(_ unit: SystemdUnit, _ properties: [UnitProperty]) throws(CgroupError) -> PendingReply {
        watchJobs()
        let call = call(
            "StartTransientUnit",
            [.string(unit.name), .string("replace"), UnitProperty.encode(properties), .array(of: "(sa(sv))", [])])
        do { return try bus.send(call, within: Self.patience) } catch { throw failure("start", unit, error) }
    }

    /// Waits until a unit that was asked for is there.
    ///
    /// - Returns: false if there was a unit of this name already.
    func finishStart(of unit: SystemdUnit, _ reply: PendingReply) throws(CgroupError) -> Bool {
        let job: String
        do { job = try reply.wait().text(0) ?? "" } catch {
            if error.name == "\(Self.service).UnitExists" { return false }
            throw failure("start", unit, error)
        }
        try finish(job, "start", unit)
        return true
    }

    /// Stops a unit, and waits until it is gone; one that is not there is fine.
    func stop(_ unit: SystemdUnit) throws(CgroupError) {
        watchJobs()
        let job: String
        do {
            let call = call("StopUnit", [.string(unit.name), .string("replace")])
            job = try bus.call(call, within: Self.patience).text(0) ?? ""
        } catch {
            if Self.isMissing(error) { return }
            throw failure("stop", unit, error)
        }
        try finish(job, "stop", unit)
        try resetFailed(unit)
    }

    /// Lets go of what a unit that failed has left; one that is not there is fine.
    func resetFailed(_ unit: SystemdUnit) throws(CgroupError) {
        do { _ = try bus.call(call("ResetFailedUnit", [.string(unit.name)]), within: Self.patience) } catch {
            if !Self.isMissing(error) { throw failure("reset", unit, error) }
        }
    }

    /// Changes properties of a unit for as long as it lives.
    func set(_ properties: [UnitProperty], of unit: SystemdUnit) throws(CgroupError) {
        let call = call(
            "SetUnitProperties", [.string(unit.name), .boolean(true), UnitProperty.encode(properties)])
        do { _ = try bus.call(call, within: Self.patience) } catch { throw failure("change", unit, error) }
    }

    private static func isMissing(_ error: BusError) -> Bool { error.name == "\(service).NoSuchUnit" }

    // MARK: Jobs

    private func watchJobs() {
        bus.watch("type='signal',sender='\(Self.service)',interface='\(Self.interface)',member='JobRemoved'")
    }

    /// Waits for the end of a job. Where no signal comes, the job itself is asked for now and then.
    private func finish(_ job: String, _ operation: String, _ unit: SystemdUnit) throws(CgroupError) {
        let deadline = Clock.monotonic + Int64(Self.patience) * 1_000_000
        var nextLook = Clock.monotonic + Self.lookInterval
        while true {
            let now = Clock.monotonic
            if now >= deadline {
                throw .systemd(operation, unit: unit.name, reason: "the job did not end within 30 s", hint: "")
            }
            if now >= nextLook {
                nextLook = now + Self.lookInterval
                if try isGone(job) { return }
            }
            let signal: BusSignal?
            let wait = Int32(clamping: (min(nextLook, deadline) - now) / 1_000_000 + 1)
            do { signal = try bus.nextSignal(within: wait) } catch {
                throw failure(operation, unit, error)
            }
            // JobRemoved: number, job, unit, result.
            guard let signal, signal.member == "JobRemoved", signal.text(1) == job else { continue }
            let result = signal.text(3) ?? ""
            if result == "done" { return }
            throw .systemd(
                operation, unit: unit.name, reason: "the job ended as \"\(result)\"",
                hint: instance == .user ? "see journalctl --user" : "see journalctl")
        }
    }

    /// One second, in nanoseconds.
    private static let lookInterval: Int64 = 1_000_000_000

    private func isGone(_ job: String) throws(CgroupError) -> Bool {
        let call = BusCall(
            destination: Self.service, path: job, interface: Self.properties, member: "Get",
            arguments: [.string("\(Self.service).Job"), .string("State")])
        do { _ = try bus.call(call, within: Self.patience) } catch {
            return error.shortName == "UnknownObject" || error.shortName == "UnknownMethod"
        }
        return false
    }

    // MARK: Failures

    private func failure(_ operation: String, _ unit: SystemdUnit?, _ error: BusError) -> CgroupError {
        var reason = error.message.isEmpty ? error.name : error.message
        var hint = ""
        switch error.shortName {
        case "InteractiveAuthorizationRequired", "AccessDenied": hint = Self.advice(instance)
        case "NoReply", "Timeout", "TimedOut": reason = "no answer within 30 s"
        default: break
        }
        return .systemd(operation, unit: unit?.name ?? "", reason: reason, hint: hint)
    }

    /// What to do about a systemd that does not let the caller make units.
    static func advice(_ instance: SystemdUnit.Instance) -> String {
        switch instance {
        case .system: "this takes root on the host, or use --cgroup-manager=cgroupfs"
        case .user:
            "log in to a session of the user, or have 'loginctl enable-linger' start one, so that "
                + "'systemctl --user' works; XDG_RUNTIME_DIR or DBUS_SESSION_BUS_ADDRESS must lead to it; "
                + "or use --cgroup-manager=cgroupfs"
        }
    }
}
