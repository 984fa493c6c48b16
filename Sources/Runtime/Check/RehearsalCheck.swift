internal import Kernel
internal import Launch
internal import OCI
internal import Planner

extension BundleCheck {
    /// Has the kernel judge what can be tried without anybody noticing (``Rehearsal``), in a process like the container's
    /// first one. What it refuses is left out then, so that the next refusal shows too.
    mutating func rehearse(_ spec: Spec, _ plan: Plan) {
        var excluded: Set<Int> = []
        for _ in 0..<Self.mostRehearsals {
            let rehearsal = Rehearsal(of: plan, spec, leavingOut: excluded)
            let outcome: Tryout.Outcome
            do { outcome = try Tryout.perform(rehearsal, spec, rights) } catch {
                // The host's side of it: nothing behind it could be tried.
                return tell(error.details.field ?? "process", error, of: spec)
            }
            guard case .failed(let failure, let position) = outcome else { return }
            tell(failure.field, .step(failure), of: spec)
            guard rehearsal.indices.indices.contains(position) else { return }
            let index = rehearsal.indices[position]
            // Of a file system of its own nothing depends on its place in the plan.
            let step = index < 0 ? rehearsal.plan.steps[position] : plan.steps[index]
            let before = excluded.count
            excluded.formUnion(plan.indicesOfGroup(of: step, at: index))
            if excluded.count == before { return }
        }
    }

    /// As many refusals are told at once.
    private static var mostRehearsals: Int { 16 }

    private mutating func tell(_ place: String, _ error: RuntimeError, of spec: Spec) {
        let field = Self.parameter(of: error, in: spec) ?? place
        // What was looked at already is told in words that know more.
        let isTold = findings.contains { finding in
            finding.severity == .error
                && (finding.field == field || Self.isPart(finding.field, of: Self.entry(field)))
        }
        if isTold { return }
        addError(field, error.textAfterField, error.details.hint ?? obstacle(behind: error) ?? "")
    }

    /// What on the way to a path of the host kept the container's process out.
    private func obstacle(behind error: RuntimeError) -> String? {
        guard case .step(let failure) = error, failure.errno == .accessDenied, let path = failure.path else {
            return nil
        }
        return PathRights.obstacle(on: path)
    }

    /// The steps name `linux.sysctl` as a whole.
    private static func parameter(of error: RuntimeError, in spec: Spec) -> String? {
        guard case .step(let failure) = error, failure.field == "linux.sysctl", let path = failure.path else {
            return nil
        }
        return spec.linux.sysctl.first { path.hasBytes(of: "sys/\($0.path ?? $0.key)") }.map {
            "linux.sysctl[\"\($0.key)\"]"
        }
    }

    /// `mounts[3]` of `mounts[3].source`.
    private static func entry(_ field: String) -> String {
        guard let end = field.utf8.firstIndex(of: UInt8(ascii: "]")) else { return field }
        return String(Substring(field.utf8[...end]))
    }

    private static func isPart(_ field: String, of place: String) -> Bool {
        field == place || field.begins(with: place + ".")
    }
}

extension Plan {
    /// Which steps are in vain without one: for an entry of a list all of that entry, else the step alone.
    fileprivate func indicesOfGroup(of step: Step, at index: Int) -> [Int] {
        guard case .element(let list, let number, _) = step.origin else {
            if index >= 0 { return [index] }
            return steps.indices.filter { steps[$0].origin == step.origin }
        }
        return steps.indices.filter { other in
            if case .element(let otherList, number, _) = steps[other].origin { return "\(list)" == "\(otherList)" }
            return false
        }
    }
}

/// A process that goes through a rehearsal.
private enum Tryout {
    enum Outcome {
        case good
        /// `position`: of the step in the rehearsal.
        case failed(StepFailure, position: Int)
    }

    /// So long a rehearsal may take: none of its steps waits for anything but the kernel (milliseconds).
    private static var longest: Int32 { 20_000 }

    static func perform(_ rehearsal: Rehearsal, _ spec: Spec, _ rights: Rights) throws(RuntimeError) -> Outcome {
        let plan = rehearsal.plan
        var table = DescriptorTable()
        var descriptors: [(Slot, Int32)] = []
        for provision in plan.provisions {
            do {
                guard let opened = try open(provision.source) else { continue }
                descriptors.append((provision.slot, table.add(opened)))
            } catch {
                throw .system(error, field: provision.origin.text)
            }
        }
        var streams = StandardStreams()
        do {
            for number in Int32(0)...2 { streams.set(number, try Descriptor.open("/dev/null", [.readWrite])) }
        } catch {
            throw .system(error, field: "host")
        }
        var child: Child
        do {
            child = try Child(
                running: plan, descriptors: descriptors, cgroup: nil, streams: streams,
                keepsCapabilities: plan.cloneFlags & NamespaceKind.user.cloneFlag != 0)
        } catch {
            throw Rights.explain(error, cloning: plan, cgroup: nil)
        }
        do throws(RuntimeError) {
            let outcome = try follow(&child, plan, spec, rights)
            _ = child.kill()
            return outcome
        } catch {
            _ = child.kill()
            throw error
        }
    }

    private static func open(_ source: Provision.Source) throws(SystemError) -> Descriptor? {
        switch source {
        case .namespace(let path, _, _):
            return try Descriptor.open(path, [.readOnly, .nonBlocking, .noControllingTerminal])
        case .tree(let source):
            // As the container gets it, see `Provider`.
            if try Tree.isRestricted(source.path) { return nil }
            let tree = try Tree.copy(source.path, recursive: source.isRecursive, noFollow: source.noFollow)
            try Tree.becomeSlave(tree)
            return tree
        default: return nil
        }
    }

    private static func follow(
        _ child: inout Child, _ plan: Plan, _ spec: Spec, _ rights: Rights
    ) throws(RuntimeError) -> Outcome {
        while true {
            let request: Request
            do {
                guard try child.hasRequest(within: longest) else { return .good }
                request = try child.nextRequest()
            } catch {
                throw RuntimeError(error)
            }
            switch request {
            case .meeting(.ready, _): return .good
            case .meeting(.cgroups, _): try givePlaceholders(child, plan)
            case .meeting(let meeting, let numbers):
                for number in numbers { _ = Descriptor(owning: number) }
                try keep(meeting, child, plan, spec, rights)
                do { try child.reply() } catch {
                    if !error.isEndOfPeer { throw .system(error, field: "process") }
                }
            case .ended:
                let position = Int(child.currentReport().step)
                return .failed(child.failure(child.kill()), position: position)
            }
        }
    }

    /// Answers with as many descriptors as the container's process gets for its cgroups. What is written to
    /// them goes nowhere.
    private static func givePlaceholders(_ child: borrowing Child, _ plan: Plan) throws(RuntimeError) {
        var table = DescriptorTable()
        var numbers: [Int32] = []
        for step in plan.steps {
            guard case .meet(.cgroups, _, _, let count) = step.operation else { continue }
            do {
                for _ in 0..<count { numbers.append(table.add(try Descriptor.open("/dev/null", [.writeOnly]))) }
                try child.reply(descriptors: numbers)
            } catch {
                if !error.isEndOfPeer { throw .system(error, field: step.origin.text) }
            }
        }
    }

    private static func keep(
        _ meeting: Meeting, _ child: borrowing Child, _ plan: Plan, _ spec: Spec, _ rights: Rights
    ) throws(RuntimeError) {
        switch meeting {
        case .idMaps:
            try IDMaps.write(
                users: spec.linux.uidMappings, groups: spec.linux.gidMappings, at: "linux.", for: child.process.pid,
                rights)
        case .limits:
            for (index, limit) in plan.hostLimits {
                do { try child.process.setLimit(Int32(limit.resource), soft: limit.soft, hard: limit.hard) } catch {
                    let hint = error.errno == .notPermitted ? Rights.limitHint : ""
                    throw .system(error, field: "process.rlimits[\(index)]", hint: hint)
                }
            }
        default: break
        }
    }
}
