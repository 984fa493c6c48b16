internal import OCI
internal import Planner

extension BundleCheck {
    /// Whether a limit on memory leaves enough for the set-up.
    mutating func checkMemory(_ spec: Spec, _ plan: Plan) {
        guard let limit = spec.linux.resources?.memory?.limit, limit > 0, limit < plan.memoryNeed.about else { return }
        let needed = RuntimeError.size(plan.memoryNeed.about)
        let message = "\(RuntimeError.size(limit)) is too little: this container needs about \(needed)"
        if limit < plan.memoryNeed.atLeast {
            addError("linux.resources.memory.limit", message, "raise it")
        } else {
            addWarning(
                "linux.resources.memory.limit", message + " to start, unless its program is very small", "raise it")
        }
    }
}
