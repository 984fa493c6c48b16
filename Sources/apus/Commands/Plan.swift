internal import Cgroups
internal import CommandLineInterface
internal import Planner
internal import Runtime

extension Command {
    /// `plan`: what `create` would do with a bundle, without doing it.
    static func plan(
        _ options: CommandLineInterface.PlanOptions, _ manager: CgroupManager, _ lifecycle: Lifecycle
    ) throws(RuntimeError) {
        let given = BundlePath(options.bundle, config: options.config)
        let request = CreateRequest(id: "plan", bundle: given.bundle, config: given.config, cgroupManager: manager)
        let plan = try lifecycle.plan(request).plan
        switch options.format {
        case .text: try Output.standard(plan.printed())
        case .json: try Output.standard(PlanDocument.json(of: plan))
        }
    }
}
