import Kernel
import Planner
import Testing

@testable import Runtime

@Suite struct RightsTests {
    @Test(
        arguments: [
            (0x4000_0000, "a limit on namespaces in /proc/sys/user is reached"),
            (0x5000_0000, "user.max_user_namespaces, or another limit in /proc/sys/user, is reached"),
        ] as [(UInt64, String)])
    func aLimitOnNamespacesIsTold(flags: UInt64, hint: String) {
        var plan = Plan()
        plan.cloneFlags = flags
        let error = Rights.explain(SystemError("spawn", "apus-init", .noSpace), cloning: plan, cgroup: nil)
        #expect("\(error)" == "linux.namespaces: spawn apus-init: no space left on device (\(hint))")
    }
}
