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
        let preparation = try lifecycle.plan(request)
        if options.summary { return try Output.standard(PlanSummary.text(of: preparation)) }
        let (plan, host) = (preparation.plan, HostSide(preparation))
        switch options.format {
        case .text: try Output.standard(plan.printed() + host.printed() + HostSide.legend)
        case .json: try Output.standard(PlanDocument.json(of: plan, host))
        }
    }
}
