// The compiler of plans, and of filters.
import FuzzSupport
import Glibc
import Kernel
import OCI
import Planner

@testable import Runtime
@testable import Seccomp

/// Hosts of all kinds, one of them with a manager that passes sockets on.
private let hosts: [(HostFacts, PlanOptions)] = {
    let names = ["cpu,cpuacct", "cpuset", "memory", "devices", "freezer", "pids", "systemd"]
    let hierarchies = names.map { name in
        CgroupFacts.Hierarchy(
            name: name, options: name.split(separator: ",").map(String.init), directory: "/sys/fs/cgroup/\(name)/x")
    }
    let old = CgroupFacts(hierarchies: hierarchies, aliases: [("cpu", "cpu,cpuacct")])
    let hybrid = CgroupFacts(hierarchies: hierarchies, unified: "/sys/fs/cgroup/unified/x", joining: .isMoved)
    let new = CgroupFacts(unified: "/sys/fs/cgroup/x", isUnifiedHost: true)
    func host(
        _ cgroups: CgroupFacts, _ caller: HostFacts.Caller = .root, labels: Bool = true, makesNodes: Bool = true
    ) -> HostFacts {
        var host = HostFacts(
            bundle: "/b", rootfs: "/b/rootfs", cgroups: cgroups, hasAppArmor: labels, hasSELinux: labels,
            caller: caller)
        host.makesNodes = makesNodes
        if !makesNodes {
            host.nullStreams.add(0, accessMode: 0)
            host.nullStreams.add(2, accessMode: 1)
        }
        return host
    }
    return [
        (host(new), PlanOptions(id: "x")),
        (
            host(old, makesNodes: false),
            PlanOptions(id: "x", hasGate: false, givesStreams: false, noPivot: true, noNewKeyring: true)
        ),
        (
            host(hybrid),
            PlanOptions(
                id: "x", listenDescriptors: 2, preservedDescriptors: 3, listenNames: "a:b", notifyDirectory: "/run/x")
        ),
        (host(new, .ordinaryUser), PlanOptions(id: "x", notifyDirectory: "/run/x")),
        (host(old, .rootOfUserNamespace, labels: false), PlanOptions(id: "x", listenDescriptors: 1)),
        (host(CgroupFacts(joining: .stays), .ordinaryUser), PlanOptions(id: "x", hasGate: false)),
    ]
}()

/// Whatever is planned, apus-init runs it.
func fuzzPlan(_ bytes: [UInt8]) {
    guard let spec = try? Spec.decode(bytes) else { return }
    for (host, given) in hosts {
        var options = given
        if let profile = spec.linux.seccomp {
            options.filter = FilterProgram(instructions: [6, 0, 0, 0, 0, 0, 0, 0], flags: profile.flags?.rawValue ?? 0)
        }
        do throws(PlanError) {
            check(try Plan.create(spec, on: host, options: options))
        } catch {
            require(!error.message.isEmpty && !error.field.isEmpty, "refused without a reason")
        }
        execute(spec, on: host, options)
    }
}

/// One more process, as `exec --process` gives it.
func fuzzExec(_ bytes: [UInt8]) {
    guard let process = try? Process.decode(bytes).process else { return }
    let spec = Spec(process: process, linux: Linux(namespaces: [Namespace(.mount), Namespace(.pid)]))
    for (host, options) in hosts { execute(spec, on: host, options) }
}

private func execute(_ spec: Spec, on host: HostFacts, _ given: PlanOptions) {
    var options = given
    options.hasGate = false
    options.notifyDirectory = nil
    let entries = [
        ExecEntry(namespaces: NamespaceKind.allCases, isTraced: true, meetsHost: true),
        ExecEntry(namespaces: [], changesRoot: true),
    ]
    for entry in entries {
        // What cannot be planned here was told by the other plan.
        if let plan = try? Plan.exec(spec, on: host, options: options, entry: entry) { check(plan) }
    }
}

private func check(_ plan: Plan) {
    let blob = plan.encoded(control: 12, report: 11, descriptors: plan.provisions.map { ($0.slot, 20) })
    keep(blob)
    require(fuzz_plan_is_sound(blob, blob.count), "apus-init does not run this plan")
    require(!plan.printed().isEmpty, "a plan without a text")
    require(plan.memoryNeed.atLeast > 0, "a process that needs no memory")
    for step in plan.steps {
        switch step.operation {
        // A slash would be looked up past links of the image.
        case .makeNode(_, let name, _, _, _, _, _), .makeLink(_, let name, _), .remove(_, let name),
            .copyLink(_, _, let name):
            require(!name.hasSlash, "a name that is a path")
        default: break
        }
    }
}

/// Where plans are kept, for the fuzzer of apus-init to begin with; nil: nowhere.
private let folder: String? = getenv("APUS_FUZZ_PLANS").map { String(cString: $0) }

private func keep(_ blob: [UInt8]) {
    guard let folder else { return }
    let name = String(checksum(blob[...]), radix: 16)
    try? Files.replace("\(folder)/\(name)", with: blob, mode: 0o644)
}

/// `linux.seccomp`, compiled for real.
func fuzzSeccomp(_ bytes: [UInt8]) {
    let head = Array(#"{"ociVersion":"1.0.2","root":{"path":"r"},"linux":{"seccomp":"#.utf8)
    guard let profile = try? Spec.decode(head + bytes + Array("}}".utf8)).linux.seccomp else { return }
    _ = SeccompFilter.unknownCalls(in: profile)
    let errors = SeccompFilter.errors(in: profile)
    guard let filter = try? SeccompFilter.compile(profile) else {
        return require(!errors.isEmpty, "run finds something, check does not")
    }
    require(errors.isEmpty, "check finds something, run does not")
    require(isSound(filter.program), "a filter that leads nowhere")
    let entry = CacheEntry(for: profile)
    require(entry.program(in: entry.file(with: filter.program)) == filter.program, "not what was stored")
}

/// What the kernel checks of a classic BPF program: jumps stay inside, and the end is an answer.
private func isSound(_ program: [UInt8]) -> Bool {
    let count = program.count / Instruction.size
    guard program.count % Instruction.size == 0, (1...SeccompFilter.mostInstructions).contains(count) else {
        return false
    }
    guard program[(count - 1) * 8] & 7 == 6 else { return false }
    return (0..<count).allSatisfy { index in
        let bytes = program[(index * 8)..<(index * 8 + 8)].map { Int($0) }
        guard bytes[0] & 7 == 5 else { return true }
        let rest = count - index - 1
        if bytes[0] & 0xf0 == 0 { return bytes[4] | bytes[5] << 8 | bytes[6] << 16 | bytes[7] << 24 < rest }
        return bytes[2] < rest && bytes[3] < rest
    }
}
