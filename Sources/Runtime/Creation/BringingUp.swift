internal import Kernel
internal import Launch
internal import OCI
internal import Planner

extension Lifecycle {
    /// Brings a new container to where its process is ready.
    ///
    /// Who has CAP_MKNOD may be refused devices all the same: by the device cgroup that he is in, by a filter, or by a file
    /// system. It shows only when one is made, which is before any hook has run: then everything is taken back, and begun
    /// anew with the host's devices, bound.
    func bringUp(
        _ request: CreateRequest, _ preparation: Preparation, interruption: Int32?
    ) throws(RuntimeError) -> Creation {
        do { return try bringUp(request, preparation, interruption, isRepeatable: true) } catch {
            guard preparation.host.makesNodes, error.isRefusedDevice else { throw error }
        }
        try preparation.bindDevices().forEach(warn)
        do { return try bringUp(request, preparation, interruption, isRepeatable: false) } catch {
            guard case .step(let failure) = error, failure.field.begins(with: "linux.devices") else { throw error }
            throw .explained(error, hint: "no device can be made here, so the host's are bound, and have to be there")
        }
    }

    private func bringUp(
        _ request: CreateRequest, _ preparation: Preparation, _ interruption: Int32?, isRepeatable: Bool
    ) throws(RuntimeError) -> Creation {
        var creation = try Creation.begin(request, preparation, in: store, interruption: interruption, warn: warn)
        do {
            try creation.keepMeetings()
            try creation.publish()
        } catch {
            let isRetried = isRepeatable && preparation.host.makesNodes && error.isRefusedDevice
            creation.undo(isRetried: isRetried).forEach(warn)
            throw error
        }
        return creation
    }
}

extension RuntimeError {
    /// Whether the kernel refused to make a device, for the process or for the host.
    fileprivate var isRefusedDevice: Bool {
        switch self {
        case .step(let failure): failure.isRefusedDevice
        case .system(let error, let field, _):
            // The state has a file that is made by mknod(2) too.
            field != "--root" && error.operation == "mknod"
                && (error.errno == .notPermitted || error.errno == .accessDenied)
        default: false
        }
    }
}
