import OCI
import Planner

extension Spec {
    /// The least that can be planned: a mount namespace and a program. A test shows only its difference.
    static func minimal(_ change: (inout Spec) -> Void = { _ in }) -> Spec {
        var spec = Spec(process: Process(args: ["/bin/true"]), linux: Linux(namespaces: [Namespace(.mount)]))
        change(&spec)
        return spec
    }

    /// The process of a configuration that has one.
    var theProcess: Process {
        get { process ?? Process(args: []) }
        set { process = newValue }
    }
}

extension HostFacts {
    /// A host with cgroup v2 and nothing special.
    static func plain(_ change: (inout HostFacts) -> Void = { _ in }) -> HostFacts {
        var host = HostFacts(
            bundle: "/bundle", rootfs: "/bundle/rootfs", cgroups: CgroupFacts(unified: "/sys/fs/cgroup/box"))
        change(&host)
        return host
    }
}

/// The plan of the minimal configuration with a difference.
func plan(
    on host: HostFacts = .plain(), with options: PlanOptions = PlanOptions(id: "box"), _ change: (inout Spec) -> Void
) throws(PlanError) -> Plan {
    try Plan.create(.minimal(change), on: host, options: options)
}

/// How a procfs is made that only the process itself can reach.
let privateProcfs = ["fsopen proc -> fs", "fsconfig create", "fsmount nosuid,nodev,noexec -> procfs"]

extension Plan {
    /// The steps that come from a place of the configuration, as they are printed.
    func lines(_ field: String) -> [String] {
        steps.filter { $0.origin.text == field }.map { $0.operation.printed }
    }

    /// All steps, as they are printed, without origins.
    var lines: [String] { steps.map { $0.operation.printed } }

    /// Index of the one step that is printed so.
    func index(_ line: String) -> Int? {
        lines.firstIndex(of: line)
    }

    /// Arguments and environment of the program.
    var program: (arguments: [String], environment: [String])? {
        guard case .execute(let arguments, let environment) = steps.last?.operation else { return nil }
        return (arguments, environment)
    }
}
