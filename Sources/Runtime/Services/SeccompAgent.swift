internal import JSON
internal import Kernel
internal import OCI
internal import Planner
internal import Seccomp

/// Who decides about the calls that a filter leaves open (`SCMP_ACT_NOTIFY`): the program that listens at `listenerPath`.
struct SeccompAgent {
    /// A Unix socket of the host; nil: the configuration does not name one.
    private let path: String?
    private let metadata: String?

    static let field = "linux.seccomp.listenerPath"

    init(_ profile: SeccompProfile?) {
        path = profile?.listenerPath
        metadata = profile?.listenerMetadata
    }

    /// Why nobody can listen, as far as that is known before anything is made: there is no socket. It is not connected to: an
    /// agent would take that for a container.
    func absence() -> SystemError? {
        guard let path else { return nil }
        do {
            return try Files.status(path, follow: true).kind == .socket ? nil : SystemError("connect", path, .notSocket)
        } catch {
            return SystemError("connect", path, error.errno)
        }
    }

    func requirePresence() throws(RuntimeError) {
        _ = try requiredPath()
        if let error = absence() { throw .system(error, field: Self.field, hint: Self.hint(error)) }
    }

    static func hint(_ error: SystemError) -> String {
        switch error.errno {
        case .noEntry, .connectionRefused: "start the seccomp agent that listens there first"
        case .timedOut:
            "the seccomp agent that listens there has not answered for \(Descriptor.patience) s: is it stuck?"
        default: ""
        }
    }

    /// Sends the listener, with the container process state (config-linux.md, "The Container Process State").
    ///
    /// - Parameters:
    ///   - listener: borrowed; what seccomp(2) has made.
    ///   - pid: of the process that the filter is loaded in, as the host sees it.
    func take(_ listener: borrowing Descriptor, of pid: Int32, in state: State) throws(RuntimeError) {
        let path = try requiredPath()
        do {
            let socket = try Descriptor.connected(to: path, .stream, patience: Descriptor.patience)
            try socket.send(message(pid, state), descriptors: [listener.number])
        } catch {
            throw .system(error, field: Self.field, hint: Self.hint(error))
        }
    }

    func message(_ pid: Int32, _ state: State) -> [UInt8] {
        var writer = JSONWriter(.compact)
        writer.object { writer in
            writer.member("ociVersion", state.ociVersion)
            writer.member("fds", ["seccompFd"])
            writer.member("pid", pid)
            if let metadata { writer.member("metadata", metadata) }
            writer.name("state")
            state.encodeSpecified(to: &writer)
        }
        return writer.bytes
    }

    private func requiredPath() throws(RuntimeError) -> String {
        guard let path else {
            throw .plan(PlanError(field: Self.field, message: "missing, SCMP_ACT_NOTIFY needs it"))
        }
        return path
    }
}

extension Plan {
    /// A filter that is in force before the program runs must let through what comes in between.
    func requirePermitted(by filter: FilterProgram?) throws(RuntimeError) {
        guard let filter, let demand = filterDemand else { return }
        let machine = FilterMachine(filter.instructions)
        guard let forbidden = demand.calls.first(where: { !machine.permits($0.name, $0.arguments) }) else { return }
        throw .plan(
            PlanError(
                field: "linux.seccomp",
                message: "\(demand.caller) needs \(forbidden.name), which the filter does not permit\(demand.advice)"))
    }
}
