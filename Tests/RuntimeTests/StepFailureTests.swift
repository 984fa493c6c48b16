import Foundation
import Testing

@testable import Kernel
@testable import OCI
@testable import Planner
@testable import Runtime

/// Every step of a full plan fails once, on purpose: the message names the step, the cause and the place in
/// `config.json`, and nothing is left behind.
///
/// The failing step is put in front of the one in question and takes its origin, so that everything before it has
/// really happened when it fails.
///
/// Each test is a process of its own: what is left behind, children and descriptors among it, is told from what other
/// tests have.
@Suite(
    .serialized, .enabled(if: geteuid() == 0, "containers need root here"),
    .enabled(
        if: ProcessInfo.processInfo.environment["APUS_STEP_FAILURES"] != nil,
        "it counts processes, as the life cycle tests do, and runs apart from them: APUS_STEP_FAILURES=1"))
struct StepFailureTests {
    @Test("a failure at any step of create leaves nothing")
    func createFails() async {
        await #expect(processExitsWith: .success) { try StepFailures(.plain).createFailsAtEveryStep() }
    }

    @Test("a failure at any step of create leaves nothing, in a user namespace")
    func createFailsInUserNamespace() async {
        await #expect(processExitsWith: .success) { try StepFailures(.userNamespace).createFailsAtEveryStep() }
    }

    @Test("a failure at any step of create leaves nothing, in a time namespace")
    func createFailsInTimeNamespace() async {
        await #expect(processExitsWith: .success) { try StepFailures(.timeNamespace).createFailsAtEveryStep() }
    }

    @Test("a failure at any step behind the gate is told by start")
    func startFails() async {
        await #expect(processExitsWith: .success) { try StepFailures(.plain).startFailsAtEveryStep() }
    }

    @Test("a process that is killed at a step is told by name")
    func killed() async {
        await #expect(processExitsWith: .success) { try StepFailures(.plain).isKilledAtSteps() }
    }
}

/// What went wrong where.
struct Deviation: Error, CustomStringConvertible {
    let description: String
}

/// The failures of one bundle.
struct StepFailures {
    /// What fails: a directory that is not there.
    private static let sabotage = Operation.changeDirectory("/no/such/directory")

    private let fixture: Fixture
    private let whole: Preparation
    private let before: Snapshot

    init(_ bundle: FullBundle) throws {
        fixture = try Fixture(bundle)
        whole = try Self.prepared(fixture)
        before = Snapshot(fixture)
    }

    private var gate: Int { whole.plan.gate ?? 0 }

    private static func prepared(_ fixture: Fixture) throws -> Preparation {
        try fixture.lifecycle.prepare(fixture.request, hasGate: true)
    }

    private func sabotaged(at index: Int) throws -> Preparation {
        let preparation = try Self.prepared(fixture)
        preparation.plan.steps.insert(Step(Self.sabotage, preparation.plan.steps[index].origin), at: index)
        // A step that passes over this place after a tolerated failure passes over one more.
        for earlier in max(0, index - 8)..<index where earlier + Int(preparation.plan.steps[earlier].skip) >= index {
            preparation.plan.steps[earlier].skip += 1
        }
        if let gate = preparation.plan.gate, index < gate { preparation.plan.gate = gate + 1 }
        return preparation
    }

    func createFailsAtEveryStep() throws {
        defer { fixture.remove() }
        for index in 0..<gate - 1 {
            let preparation = try sabotaged(at: index)
            try expectFailure(at: index, "chdir /no/such/directory: no such file or directory") {
                try fixture.lifecycle.create(fixture.request, preparation)
            }
        }
    }

    func startFailsAtEveryStep() throws {
        defer { fixture.remove() }
        for index in gate..<whole.plan.steps.count {
            try fixture.lifecycle.create(fixture.request, try sabotaged(at: index))
            try expectFailure(
                at: index, "chdir /no/such/directory: no such file or directory",
                cleaning: {
                    try fixture.lifecycle.delete(fixture.id, force: false)
                }
            ) {
                try fixture.lifecycle.start(fixture.id)
            }
        }
    }

    /// A filter that kills at the first call: the death is sudden, and still belongs to a step.
    func isKilledAtSteps() throws {
        defer { fixture.remove() }
        let deadly = Operation.loadSeccomp(FilterProgram(instructions: [0x06, 0, 0, 0, 0, 0, 0, 0x80], flags: 0))
        // Later on the process may not load filters any more.
        let last = whole.plan.steps.firstIndex { if case .dropBounding = $0.operation { true } else { false } }
        for index in stride(from: 0, to: min(last ?? gate, gate - 1), by: 7) {
            let preparation = try Self.prepared(fixture)
            preparation.plan.steps.insert(Step(deadly, whole.plan.steps[index].origin), at: index)
            preparation.plan.gate = gate + 1
            try expectFailure(at: index, "the process was lost: killed by signal 31") {
                try fixture.lifecycle.create(fixture.request, preparation)
            }
        }
    }

    /// The message names the place and ends as expected; afterwards nothing is left.
    private func expectFailure(
        at index: Int, _ end: String, cleaning: () throws -> Void = {}, _ body: () throws -> Void
    ) throws {
        let step = whole.plan.steps[index]
        do {
            try body()
            throw Deviation(description: "step \(index), \(step): it did not fail")
        } catch let error as RuntimeError {
            let message = "\(error)"
            guard message.hasPrefix("\(step.origin.text): "), message.hasSuffix(end) else {
                throw Deviation(description: "step \(index), \(step): it failed with: \(message)")
            }
        }
        try cleaning()
        let after = Snapshot.settled(fixture, like: before)
        guard after == before else {
            throw Deviation(description: "step \(index), \(step): left behind: \(after.difference(from: before))")
        }
    }
}

/// A configuration that makes nearly every kind of step.
enum FullBundle: String, CaseIterable, CustomTestStringConvertible {
    case plain, userNamespace, timeNamespace

    var testDescription: String { rawValue }

    func configuration(id: String) -> [String: Any] {
        var namespaces: [[String: Any]] = ["pid", "network", "ipc", "uts", "mount", "cgroup"].map { ["type": $0] }
        var linux: [String: Any] = [
            "cgroupsPath": "/apus-step-\(ProcessInfo.processInfo.processIdentifier)/\(id)",
            "maskedPaths": ["/proc/fs", "/proc/timer_list"],
            "readonlyPaths": ["/proc/sys", "/proc/bus"],
            "sysctl": ["net.ipv4.ip_forward": "1"],
            "resources": ["memory": ["limit": 64 << 20], "pids": ["limit": 64]],
        ]
        switch self {
        case .plain: linux["devices"] = [["path": "/dev/fuse", "type": "c", "major": 10, "minor": 229]]
        case .userNamespace:
            namespaces.append(["type": "user"])
            let map: [[String: Any]] = [["containerID": 0, "hostID": 100_000, "size": 65_536]]
            linux["uidMappings"] = map
            linux["gidMappings"] = map
        case .timeNamespace:
            namespaces.append(["type": "time"])
            linux["timeOffsets"] = ["boottime": ["secs": 3600]]
        }
        linux["namespaces"] = namespaces
        let hook: [[String: Any]] = [["path": "/bin/true"]]
        return [
            "ociVersion": "1.0.2",
            "root": ["path": "rootfs", "readonly": true],
            "hostname": "step",
            "process": [
                "args": ["/bin/true"], "cwd": "/work", "env": ["PATH=/bin"],
                "user": ["uid": 0, "gid": 0, "additionalGids": [5]],
                "noNewPrivileges": true, "oomScoreAdj": 100,
                "capabilities": ["bounding": ["CAP_KILL"], "permitted": ["CAP_KILL"], "effective": ["CAP_KILL"]],
                "rlimits": [["type": "RLIMIT_NOFILE", "soft": 256, "hard": 512]],
            ] as [String: Any],
            "mounts": [
                ["destination": "/proc", "type": "proc", "source": "proc"],
                ["destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "mode=755"]],
                [
                    "destination": "/dev/pts", "type": "devpts", "source": "devpts",
                    "options": ["newinstance", "ptmxmode=0666"],
                ],
                ["destination": "/tmp", "type": "tmpfs", "source": "tmpfs", "options": ["ro", "tmpcopyup"]],
                ["destination": "/host", "type": "bind", "source": "/usr", "options": ["rbind", "rro", "rslave"]],
                ["destination": "/sys", "type": "sysfs", "source": "sysfs", "options": ["ro"]],
                ["destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup", "options": ["ro"]],
            ],
            "hooks": [
                "createRuntime": hook, "createContainer": hook, "startContainer": hook, "poststop": hook,
            ],
            "linux": linux,
        ]
    }
}

/// A bundle in a directory of its own, and a state directory.
struct Fixture {
    let id: String
    let directory: URL
    let lifecycle: Lifecycle

    init(_ bundle: FullBundle) throws {
        id = "step-\(bundle.rawValue)"
        directory = FileManager.default.temporaryDirectory.appendingPathComponent("apus-\(UUID().uuidString)")
        let root = directory.appendingPathComponent("bundle/rootfs")
        for name in ["bin", "proc", "sys", "dev", "tmp"] {
            try FileManager.default.createDirectory(
                at: root.appendingPathComponent(name), withIntermediateDirectories: true)
        }
        try FileManager.default.copyItem(
            at: URL(fileURLWithPath: "/bin/busybox"), to: root.appendingPathComponent("bin/true"))
        if bundle == .userNamespace {
            for name in ["", "/bin", "/proc", "/sys", "/dev", "/tmp"] { chown(root.path + name, 100_000, 100_000) }
            chmod(directory.path, 0o755)
        }
        let configuration = try JSONSerialization.data(withJSONObject: bundle.configuration(id: id))
        try configuration.write(to: directory.appendingPathComponent("bundle/config.json"))
        lifecycle = Lifecycle(store: Store(root: directory.appendingPathComponent("state").path)) { _ in }
        try lifecycle.requireRights()
    }

    var request: CreateRequest { CreateRequest(id: id, bundle: directory.appendingPathComponent("bundle").path) }

    func remove() {
        try? FileManager.default.removeItem(at: directory)
        for hierarchy in (try? FileManager.default.contentsOfDirectory(atPath: "/sys/fs/cgroup")) ?? [] {
            rmdir("/sys/fs/cgroup/\(hierarchy)/apus-step-\(ProcessInfo.processInfo.processIdentifier)")
        }
        rmdir("/sys/fs/cgroup/apus-step-\(ProcessInfo.processInfo.processIdentifier)")
    }
}

/// What a failed command could leave: processes, mounts, cgroups, state, descriptors.
struct Snapshot: Equatable {
    let processes: [String]
    let mounts: [String]
    let cgroups: [String]
    let state: [String]
    let descriptors: [String]

    init(_ fixture: Fixture) {
        let manager = FileManager.default
        func list(_ path: String) -> [String] { ((try? manager.contentsOfDirectory(atPath: path)) ?? []).sorted() }
        let own = "\(getpid())"
        // The process of a container that `create` made is a child of this one here; it has ended if all is well.
        while waitpid(-1, nil, WNOHANG) > 0 {}
        processes = list("/proc").filter { entry in
            guard Int(entry) != nil, let stat = try? String(contentsOfFile: "/proc/\(entry)/stat", encoding: .utf8),
                let end = stat.lastIndex(of: ")")
            else { return false }
            return stat[end...].split(separator: " ").dropFirst(2).first.map(String.init) == own
        }
        mounts = ((try? String(contentsOfFile: "/proc/self/mountinfo", encoding: .utf8)) ?? "")
            .split(separator: "\n").map(String.init).filter { $0.contains(fixture.directory.path) }
        let name = "apus-step-\(getpid())"
        cgroups = list("/sys/fs/cgroup").flatMap { hierarchy in
            list("/sys/fs/cgroup/\(hierarchy)/\(name)").filter { $0.hasPrefix("step-") }
        }
        state = list(fixture.directory.appendingPathComponent("state").path)
        // The directory that is being listed is open too: count what is there besides.
        descriptors = list("/proc/self/fd").compactMap {
            try? manager.destinationOfSymbolicLink(atPath: "/proc/self/fd/\($0)")
        }
        .filter { !$0.hasPrefix("/proc/") }.sorted()
    }

    /// What is left once everything that was told to end has had the time to do so.
    static func settled(_ fixture: Fixture, like before: Snapshot) -> Snapshot {
        let end = ContinuousClock.now + .seconds(20)
        while true {
            let now = Snapshot(fixture)
            if now == before || ContinuousClock.now > end { return now }
            usleep(2000)
        }
    }

    func difference(from other: Snapshot) -> String {
        let pairs = [
            ("processes", processes, other.processes), ("mounts", mounts, other.mounts),
            ("cgroups", cgroups, other.cgroups),
            ("state", state, other.state), ("descriptors", descriptors, other.descriptors),
        ]
        return pairs.filter { $0.1 != $0.2 }.map { "\($0.0) \($0.1), were \($0.2)" }.joined(separator: "; ")
    }
}
