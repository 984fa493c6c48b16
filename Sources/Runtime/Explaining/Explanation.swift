internal import JSON
internal import Kernel
internal import Launch
internal import OCI
internal import Planner
internal import Spelling

/// What a command was about.
public enum Subject {
    case none
    /// A container that is there, or should be.
    case container(String)
    case creation(CreateRequest)
    case start(String)
    case execution(ExecRequest)

    fileprivate var id: String? {
        switch self {
        case .none: nil
        case .container(let id), .start(let id): id
        case .creation(let request): request.id
        case .execution(let request): request.id
        }
    }
}

/// After a failure: what `check` knows about its place, which container may have been meant, what in a container keeps a
/// program from being executed. All of it costs time, and none is spent before something has failed.
///
/// A file that the command was given is read once more for that, if it is a regular one. Of a pipe nothing is left, or it
/// never ends.
extension Lifecycle {
    /// The same error, with what helps.
    public func explained(_ error: RuntimeError, _ subject: Subject) -> RuntimeError {
        if let id = subject.id, let named = naming(error, id) { return named }
        let hint: String
        switch subject {
        case .none: return error
        case .container(let id) where error.isAboutStatus, .start(let id) where error.isAboutStatus:
            hint = wayOut(for: id)
        case .execution(let request) where error.isAboutStatus: hint = wayOut(for: request.id)
        case .container: return error
        case .creation(let request): hint = Checkup(request, rootless).hint(for: error, tellsMore: true)
        case .start(let id): hint = checkup(ofCreated: id)?.hint(for: error, tellsMore: false) ?? ""
        case .execution(let request): hint = self.hint(for: error, request)
        }
        return hint.isEmpty ? error : .explained(error, hint: hint)
    }

    // MARK: Ids

    private static var grammar: String { "letters, digits and _ + - . make an id, 1024 of them at most" }

    private func naming(_ error: RuntimeError, _ id: String) -> RuntimeError? {
        let name = JSONWriter.excerpt(id)
        switch error {
        case .invalidID(.empty): return .explained(error, hint: Self.grammar)
        case .invalidID(.invalidFormat): return .explained(error, subject: name, hint: Self.grammar)
        case .exists:
            return .explained(error, subject: "\(name) in \(store.root)", hint: "delete it, or choose another id")
        case .unknownContainer:
            // Without the directory there are none.
            let known = (try? store.ids()) ?? []
            let phrase = Suggestion.phrase(for: id, among: known)
            return .explained(
                error, subject: "\(name) in \(store.root)\(phrase)",
                hint: known.isEmpty ? "there is no container at all; --root names another place" : "")
        default: return nil
        }
    }

    /// What somebody can do about the state of a container.
    private func wayOut(for id: String) -> String {
        // Where the state cannot be read either, that is another matter.
        guard let status = try? Container(id, in: store).status() else { return "" }
        let advice =
            switch status {
            case .creating: ""
            case .created: ": \"apus start \(id)\" starts it"
            case .running: ": \"apus kill \(id) KILL\" ends it"
            case .paused: ": \"apus resume \(id)\" lets it go on"
            case .stopped: ": \"apus delete \(id)\" removes it"
            }
        return "it is \(status.rawValue)\(advice)"
    }

    // MARK: What check knows

    /// A container that was created is looked at with its own copy of the configuration.
    private func checkup(ofCreated id: String) -> Checkup? {
        guard let container = try? Container(id, in: store) else { return nil }
        let request = CreateRequest(id: id, bundle: container.record.bundle, config: container.configPath)
        return Checkup(request, rootless)
    }

    // MARK: Programs in a running container

    private func hint(for error: RuntimeError, _ request: ExecRequest) -> String {
        guard case .step(let failure) = error, error.details.hint == nil else { return "" }
        // A look into a file system whose answers a process gives may last for ever.
        guard let container = try? Container(request.id, in: store), container.record.pid > 0,
            let mounts = try? Files.readText("/proc/\(container.record.pid)/mounts"), !mounts.holds(" fuse"),
            let places = try? Places(root: "/proc/\(container.record.pid)/root"),
            var spec = try? container.configuration(Spec.decodeForExec)
        else { return "" }
        guard let own = spec.process ?? (request.processFile == nil ? nil : OCI.Process(args: [])),
            let process = try? ExecProcess(request, in: own, isAgain: true).process
        else { return "" }
        if container.record.hasAddedUserNamespace { spec.linux.namespaces.append(Namespace(.user)) }
        let identity = Identity(process, spec.linux)
        if failure.field.begins(with: "process.args") {
            let outcome = ProgramSearch(places, identity, ground: "in the container").find(process)
            guard case .fails(let reason) = outcome else { return "" }
            return Checkup.text(reason.message, reason.hint, errno: failure.errno)
        }
        guard failure.field == "process.cwd", failure.errno == .accessDenied,
            case .failed(_, let place) = places.look(process.cwd, visit: ProgramSearch.searching(as: identity))
        else { return "" }
        return ProgramSearch.text(of: place, identity)
    }
}

/// What `check` says of a bundle whose container could not be made.
private struct Checkup {
    private let findings: [Finding]

    init(_ request: CreateRequest, _ rootless: RootlessMode) {
        findings = BundleCheck.findings(
            bundle: request.bundle, config: request.config, manager: request.cgroupManager, rootless: rootless,
            isAfterFailure: true
        ).filter { $0.severity == .error }
    }

    /// - Parameter tellsMore: whether what `check` would say of other places is worth a word.
    func hint(for error: RuntimeError, tellsMore: Bool) -> String {
        guard isAboutBundle(error) else { return "" }
        let details = error.details
        let told = details.problems.isEmpty ? [details.field ?? ""] : details.problems.map { $0.path }
        var hints: [String] = []
        let match = findings.first { finding in told.contains { Self.isSame(finding.field, $0, error) } }
        // What most likely is wrong with a limit the kernel's answer does not tell: two bounds have the same.
        let isOpen = details.hint == nil || details.field?.begins(with: "process.rlimits") == true
        if let match, isOpen, details.problems.isEmpty {
            hints.append(
                error.text.holds(match.message) ? match.hint : Self.text(match.message, match.hint, errno: error.errno))
        } else if match == nil, details.hint == nil, error.errno == .accessDenied, let path = details.path,
            let obstacle = PathRights.obstacle(on: path)
        {
            hints.append(obstacle)
        }
        let others = findings.count { finding in !told.contains { Self.isSame(finding.field, $0, error) } }
        if tellsMore, others > 0 {
            hints.append("\"apus check\" names \(others) more problem\(others == 1 ? "" : "s")")
        }
        return hints.filter { !$0.isEmpty }.joined(separator: "; ")
    }

    private func isAboutBundle(_ error: RuntimeError) -> Bool {
        switch error {
        case .step, .plan, .seccomp, .cgroup, .hook, .config, .memoryLimit, .outOfMemory, .idMapHelper: true
        case .system(_, let field, _): !field.begins(with: "--") || field == "--bundle"
        default: false
        }
    }

    /// Whether two places are the same, or one is in the other. What exec refuses may be in the program or in the filter.
    private static func isSame(_ finding: String, _ place: String, _ error: RuntimeError) -> Bool {
        if finding == place || finding.begins(with: "\(place).") || finding.begins(with: "\(place)[") { return true }
        if place.begins(with: "\(finding).") || place.begins(with: "\(finding)[") { return true }
        if place == "--bundle" { return finding == "bundle" }
        if place.isEmpty { return finding == "config.json" }
        guard place.begins(with: "process.args"), case .step = error else { return false }
        return finding == "process.args[0]" || finding == "linux.seccomp"
    }

    /// What is known and what helps; what the error says itself is left out.
    static func text(_ message: String, _ hint: String, errno: Errno?) -> String {
        let isRepetition =
            message.begins(with: "there is no ")
            || errno.map { message.utf8.suffix("\($0)".utf8.count).elementsEqual("\($0)".utf8) } == true
        if isRepetition { return hint }
        return hint.isEmpty ? message : "\(message): \(hint)"
    }
}

extension RuntimeError {
    /// Whether the container is in the wrong state, and nothing is said of what to do.
    fileprivate var isAboutStatus: Bool {
        guard case .status(let text) = self else { return false }
        return text.utf8.last != UInt8(ascii: ")")
    }

    /// The kernel's answer, if there is one.
    fileprivate var errno: Errno? {
        switch self {
        case .system(let error, _, _): error.errno
        case .step(let failure): failure.errno
        case .hook(let failure): failure.errno
        case .explained(let error, _, _): error.errno
        default: nil
        }
    }
}
