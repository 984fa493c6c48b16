internal import JSON
public import Planner

/// A plan as JSON, for programs.
public enum PlanDocument {
    /// The clone, the descriptors that the host gives, every step with its origin, and what the host does beside.
    public static func json(of plan: Plan, _ host: HostSide) -> [UInt8] {
        var writer = JSONWriter(.spaces(2))
        writer.object { writer in
            writer.member("namespaces", plan.namespaces)
            writer.member(
                "provisions",
                array: { writer in
                    for provision in plan.provisions {
                        writer.object { writer in
                            writer.member("slot", provision.slot.name)
                            writer.member("source", "\(provision.source)")
                            writer.member("field", provision.origin.text)
                        }
                    }
                })
            writer.member(
                "steps",
                array: { writer in
                    for (index, step) in plan.steps.enumerated() { write(step, index, plan.gate, &writer) }
                })
            writer.member("host", object: { host.encode(to: &$0) })
            writer.member("warnings", plan.warnings)
        }
        return writer.bytes + [UInt8(ascii: "\n")]
    }

    private static func write(_ step: Step, _ index: Int, _ gate: Int?, _ writer: inout JSONWriter) {
        writer.object { writer in
            writer.member("index", index)
            writer.member("operation", step.operation.printed)
            writer.member("field", step.origin.text)
            if !step.tolerated.isEmpty {
                writer.member("tolerates", step.toleratedNames)
                writer.member("skips", Int(step.skip))
            }
            if let gate, index >= gate { writer.member("behindGate", true) }
        }
    }
}
