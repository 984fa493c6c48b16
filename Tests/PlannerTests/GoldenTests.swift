import OCI
import Planner
import Testing

/// One configuration on one host; its plan is `spec-fixtures/plans/CONFIG@HOST.txt`, or that of one more process in the
/// container `exec-CONFIG@HOST.txt`.
struct GoldenCase: Sendable, CustomTestStringConvertible {
    let config: String
    let host: String
    /// What a later process enters; nil for the first one.
    let entry: ExecEntry?
    /// What is taken out of the configuration because this version refuses it.
    let change: @Sendable (inout Spec) -> Void

    init(
        _ config: String, on host: String, entering entry: ExecEntry? = nil,
        change: @escaping @Sendable (inout Spec) -> Void = { _ in }
    ) {
        self.config = config
        self.host = host
        self.entry = entry
        self.change = change
    }

    var name: String { "\(entry == nil ? "" : "exec-")\(config)@\(host)" }
    var testDescription: String { name }

    /// The printed plan, or the refusal.
    func text() throws -> String {
        do {
            return try create().printed()
        } catch let error as PlanError {
            return "refused: \(error)\n"
        }
    }

    /// nil where the configuration is refused.
    func plan() throws -> Plan? {
        do {
            return try create()
        } catch is PlanError {
            return nil
        }
    }

    private func create() throws -> Plan {
        var spec = try Fixtures.spec(config)
        change(&spec)
        var options = PlanOptions(id: "example", filter: spec.linux.seccomp.map(Self.filter))
        let facts = try Fixtures.host(host, for: spec)
        guard let entry else { return try Plan.create(spec, on: facts, options: options) }
        options.hasGate = false
        options.givesStreams = false
        return try Plan.exec(spec, on: facts, options: options, entry: entry)
    }

    /// Compiling filters is not the planner's matter: "load the system call's number, allow it".
    private static func filter(_ profile: SeccompProfile) -> FilterProgram {
        FilterProgram(
            instructions: [0x20, 0, 0, 0, 0, 0, 0, 0, 0x06, 0, 0, 0, 0, 0, 0xff, 0x7f],
            flags: (profile.flags?.rawValue ?? 0) | (profile.notifies ? 8 : 0))
    }

    static let all: [GoldenCase] = [
        GoldenCase("create-only", on: "hybrid"),
        GoldenCase("default", on: "hybrid"),
        GoldenCase("default", on: "v1-merged"),
        GoldenCase("default", on: "v2"),
        GoldenCase("devices", on: "hybrid"),
        GoldenCase("docker", on: "hybrid"),
        GoldenCase("docker", on: "v2"),
        GoldenCase("hooks", on: "v2"),
        GoldenCase("host-network", on: "v1-merged"),
        GoldenCase("host-pid", on: "v2"),
        GoldenCase("kubernetes-container", on: "v2"),
        GoldenCase("kubernetes-pod", on: "hybrid"),
        GoldenCase("kubernetes-userns", on: "v2"),
        GoldenCase("minimal", on: "hybrid"),
        GoldenCase("minimal", on: "v2"),
        GoldenCase("mounts", on: "v2"),
        GoldenCase("no-isolation", on: "hybrid"),
        GoldenCase("podman", on: "v1-merged"),
        GoldenCase("podman", on: "v2"),
        GoldenCase("podman", on: "v2-namespace"),
        GoldenCase("process", on: "v1-merged") { $0.linux.intelRdt = nil },
        GoldenCase("process", on: "v2"),
        GoldenCase("resources", on: "hybrid"),
        GoldenCase("rootless", on: "hybrid"),
        GoldenCase("rootless", on: "v2"),
        GoldenCase("rootless", on: "v2-user"),
        GoldenCase("seccomp", on: "v2"),
        GoldenCase("seccomp-notify", on: "v2"),
        GoldenCase("sysctl", on: "hybrid"),
        GoldenCase("terminal", on: "hybrid"),
        GoldenCase("time-offsets", on: "v2"),
        GoldenCase("userns", on: "hybrid"),
        GoldenCase("userns-joined", on: "hybrid"),
        GoldenCase("default", on: "v2", entering: ExecEntry(namespaces: [.mount, .pid, .network, .ipc, .uts])),
        GoldenCase("docker", on: "v2", entering: ExecEntry(namespaces: [.mount, .network, .uts, .pid, .ipc])),
        GoldenCase("host-pid", on: "v2", entering: ExecEntry(namespaces: [.mount, .uts], meetsHost: true)),
        GoldenCase("no-isolation", on: "hybrid", entering: ExecEntry(namespaces: [], changesRoot: true)),
        GoldenCase("process", on: "v1-merged", entering: ExecEntry(namespaces: [.mount, .pid], meetsHost: true)) {
            $0.linux.intelRdt = nil
        },
        GoldenCase("terminal", on: "hybrid", entering: ExecEntry(namespaces: [.mount, .pid], meetsHost: true)),
        GoldenCase("userns", on: "hybrid", entering: ExecEntry(namespaces: [.user, .mount, .pid, .time])),
    ]
}

/// Golden plans. A change of the planner shows here as a change of texts, to be read line by line.
///
/// `APUS_UPDATE_GOLDEN=1 swift test --filter GoldenTests` writes the files anew instead of comparing them.
@Suite struct GoldenTests {
    @Test(arguments: GoldenCase.all)
    func planIsTheGoldenOne(_ golden: GoldenCase) throws {
        let text = try golden.text()
        if Fixtures.updatesGolden { return try Fixtures.writeGolden(golden.name, text) }
        let expected = try #require(Fixtures.golden(golden.name), "no plans/\(golden.name).txt: see APUS_UPDATE_GOLDEN")
        guard text != expected else { return }
        let changes = lines(text).difference(from: lines(expected)).map(\.shown)
        Issue.record("\(golden.name) has changed:\n\(changes.joined(separator: "\n"))")
    }

    @Test(.disabled(if: Fixtures.updatesGolden, "the files are being written"))
    func everyFileBelongsToACaseAndEveryConfigurationHasOne() throws {
        #expect(try Fixtures.names(in: "plans", suffix: ".txt") == GoldenCase.all.map(\.name).sorted())
        #expect(Set(GoldenCase.all.map(\.config)) == Set(try Fixtures.names(in: "configs", suffix: ".json")))
        #expect(Set(GoldenCase.all.map(\.host)) == Set(try Fixtures.names(in: "hosts", suffix: ".json")))
    }

    /// Lines without the numbers of steps, which every step more or less changes.
    private func lines(_ text: String) -> [Substring] {
        text.split(separator: "\n").map { $0.drop { $0 == " " || $0.isNumber } }
    }
}

extension CollectionDifference<Substring>.Change {
    fileprivate var shown: String {
        switch self {
        case .insert(_, let line, _): "+ \(line)"
        case .remove(_, let line, _): "- \(line)"
        }
    }
}
