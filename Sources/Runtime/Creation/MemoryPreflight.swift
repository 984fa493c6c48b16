internal import OCI
internal import Planner

extension Preparation {
    private var memoryLimit: Int64? {
        guard let limit = spec.linux.resources?.memory?.limit, limit > 0 else { return nil }
        return limit
    }

    /// Refuses a limit with which nothing at all could start; any other is tried, and the kernel decides.
    func checkMemory() throws(RuntimeError) {
        guard let limit = memoryLimit, limit < Self.certainlyEnough else { return }
        let need = plan.memoryNeed
        if limit < need.atLeast { throw .memoryLimit(limit, needed: need.about) }
    }

    /// Above this nothing is computed: no list of mounts or arguments that the kernel takes needs more (64 MiB).
    private static var certainlyEnough: Int64 { 64 << 20 }

    /// Whether there is a limit below what is needed.
    var hasTightMemory: Bool {
        guard let limit = memoryLimit, limit < Self.certainlyEnough else { return false }
        return limit < plan.memoryNeed.about
    }

    /// The error that says that the limit ended the set-up.
    var outOfMemory: RuntimeError { .outOfMemory(limit: memoryLimit, needed: plan.memoryNeed.about) }
}
