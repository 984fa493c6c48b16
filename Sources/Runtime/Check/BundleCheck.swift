public import Cgroups
internal import Kernel
internal import OCI
internal import Planner

/// Looks for everything that is wrong with a bundle on this host, and changes nothing. What create does in the order in
/// which it fails, this does without stopping at the first failure.
public struct BundleCheck {
    public private(set) var findings: [Finding] = []
    /// Absolute path of the bundle.
    let bundle: String
    let isRoot: Bool
    let rights: Rights
    /// Who is to make the cgroup.
    let manager: CgroupManager
    /// The root file system, without links; nil as long as none was found.
    var rootfs: String?
    /// A command has failed: the kernel, by a process of its own, is not asked any more, and nothing is waited for.
    private let isAfterFailure: Bool
    /// Whether the document's namespaces, and the ids in them, are right. Otherwise nothing is judged by them: it would be
    /// told of what is only a consequence.
    private(set) var knowsNamespaces = true
    /// The container's root, who makes what is missing, and its process.
    private(set) var rootIdentity = Identity(unknown: 0)
    private(set) var processIdentity = Identity(unknown: 0)
    /// The places and messages of what was told already.
    private var told: Set<[UInt8]> = []
    /// The places at which the document itself is wrong.
    private var wrongInDocument: Set<[UInt8]> = []
    /// Places with an error, and what they lie in.
    private var wrong: Set<String> = []
    /// How many findings of a severity are listed; whatever a document repeats without end, its check stays small.
    private static let most = 4096
    private var counts: [Finding.Severity: Int] = [:]
    /// A path that is part of the bundle's configuration but not of this document.
    static let host = "host"

    /// Checks a bundle, or a file with a configuration in the bundle's directory.
    ///
    /// - Parameters:
    ///   - bundle: the bundle, or a configuration in one.
    ///   - config: the configuration, relative to the bundle unless absolute; nil: `config.json`, or the file that `bundle`
    ///     names.
    ///   - manager: who makes the cgroups.
    ///   - rootless: whether the container goes without a cgroup where the caller may not make one.
    ///   - isAfterFailure: whether a command has failed that read the configuration: the kernel is not asked what it says of
    ///     what can be tried without a trace, and nothing is found in what is no regular file. Of a pipe nothing is left.
    public static func findings(
        bundle: String, config: String? = nil, manager: CgroupManager = .cgroupfs, rootless: RootlessMode = .auto,
        isAfterFailure: Bool = false
    ) -> [Finding] {
        let given = BundlePath(bundle, config: config)
        let path: String
        do { path = try Files.realPath(given.bundle) } catch {
            let obstacle = error.errno == .accessDenied ? PathRights.obstacle(on: error.path) : nil
            return [
                Finding(.error, "bundle", "\(error)", hint: obstacle ?? "name the directory that holds config.json")
            ]
        }
        var check = BundleCheck(path, manager, Rights(rootless), isAfterFailure: isAfterFailure)
        check.checkKernel()
        check.checkDocument(given.config.absolute(in: path))
        check.tellUnlisted(.error)
        check.tellUnlisted(.warning)
        return check.findings
    }

    private init(_ bundle: String, _ manager: CgroupManager, _ rights: Rights, isAfterFailure: Bool) {
        self.bundle = bundle
        self.manager = manager
        self.rights = rights
        self.isAfterFailure = isAfterFailure
        isRoot = ThisProcess.effectiveUser == 0
    }

    private mutating func checkKernel() {
        do { try Host.requireKernel() } catch { addError(Self.host, "\(error)", "run it on a newer kernel") }
    }

    private mutating func checkDocument(_ path: String) {
        let bytes: [UInt8]
        do {
            bytes = isAfterFailure ? try Files.readRegular(path, follow: true) : try Files.read(path)
        } catch {
            if isAfterFailure, error.errno == .invalidArgument || error.errno == .tryAgain { return }
            return self.addError("config.json", "\(error)", "\"apus spec\" writes one to begin with")
        }
        let (spec, problems, warnings) = Spec.inspect(bytes)
        for problem in problems { add(problem, .error) }
        for problem in warnings { add(problem, .warning) }
        guard var spec else { return }
        if spec.process == nil, !problems.contains(where: { $0.path.hasPrefix("process") }) {
            addWarning(
                "process", "is missing: the container can be created, and not be started", "add it, with args and cwd")
        }
        knowsNamespaces = !problems.contains { problem in
            Self.aboutNamespaces.contains { problem.path.begins(with: $0) }
        }
        if knowsNamespaces { complete(&spec) }
        check(spec)
    }

    /// What says which namespaces there are, and who is who in them.
    private static let aboutNamespaces = [
        "linux.namespaces", "linux.uidMappings", "linux.gidMappings", "process.user.uid", "process.user.gid",
        "process.user.additionalGids",
    ]

    /// Says what `create` adds, and looks at the configuration as it is then.
    private mutating func complete(_ spec: inout Spec) {
        do {
            for note in try DefaultMappings.complete(&spec, addsNamespace: rights.needsUserNamespace(spec)) {
                addWarning(note.path, note.message, "apus spec --rootless writes a configuration with all of it")
            }
        } catch {
            knowsNamespaces = false
            guard case .plan(let problem) = error else { return }
            addError(problem.field, problem.message, "map it, or choose another id")
        }
    }

    /// The order is that of the configuration; what the kernel says comes last.
    private mutating func check(_ spec: Spec) {
        rootfs = checkRoot(spec)
        if knowsNamespaces {
            rootIdentity = Identity(rootOf: spec.linux)
            if let process = spec.process { processIdentity = Identity(process, spec.linux) }
        } else {
            processIdentity = Identity(unknown: spec.process?.user.uid ?? 0)
        }
        let places = rootfs.flatMap { try? Places(root: $0) }
        if let process = spec.process {
            checkRlimits(process, spec.linux)
            checkScheduling(process, spec)
            checkCapabilities(process, spec.linux)
            checkSecurity(process)
        }
        checkMounts(spec, places)
        checkDevices(spec, places)
        if let process = spec.process, let places {
            checkTerminal(process, spec, places)
            checkProgram(process, spec, places)
        }
        checkHooks(spec, places)
        checkNamespaces(spec)
        checkMappings(spec.linux)
        checkNetDevices(spec.linux)
        checkIntelRdt(spec.linux)
        checkCgroup(spec)
        checkSysctls(spec)
        checkSeccomp(spec)
        guard knowsNamespaces, let (planned, plan) = checkPlan(spec), !isAfterFailure, rootfs != nil else { return }
        rehearse(planned, plan)
    }

    // MARK: Findings

    /// Tells of what is wrong on this host. Where the document itself is wrong, the host need not say so again.
    mutating func addError(_ field: String, _ message: String, _ hint: String = "") {
        if wrongInDocument.contains(Array(field.utf8)) { return }
        add(Finding(.error, field, message, hint: hint))
    }

    mutating func addWarning(_ field: String, _ message: String, _ hint: String = "") {
        add(Finding(.warning, field, message, hint: hint))
    }

    private mutating func add(_ problem: Problem, _ severity: Finding.Severity) {
        if severity == .error { wrongInDocument.insert(Array(problem.path.utf8)) }
        add(
            Finding(
                severity, problem.path, problem.message, hint: Remedy.text(for: problem), place: problem.place,
                excerpt: problem.excerpt))
    }

    /// What the container's creation warns of: `mounts[3].options: no effect on a bind mount: nodev`.
    mutating func addWarning(text: String) {
        let parts = text.utf8.firstIndex(of: UInt8(ascii: ":")).map { colon in
            (String(Substring(text.utf8[..<colon])), String(Substring(text.utf8[colon...].dropFirst(2))))
        }
        addWarning(parts?.0 ?? "", parts?.1 ?? text)
    }

    /// The same message is told once for a place; a place may have several.
    private mutating func add(_ finding: Finding) {
        if counts[finding.severity, default: 0] < Self.most {
            guard told.insert(Array("\(finding.field)\n\(finding.message)".utf8)).inserted else { return }
            findings.append(finding)
            if finding.severity == .error { wrong.formUnion(DocumentPlace.lineage(of: finding.field)) }
        }
        counts[finding.severity, default: 0] += 1
    }

    private mutating func tellUnlisted(_ severity: Finding.Severity) {
        let unlisted = counts[severity, default: 0] - Self.most
        guard unlisted > 0 else { return }
        findings.append(Finding(severity, "config.json", "\(unlisted) more \(severity.rawValue)s are not listed"))
    }

    /// A call that failed while looking: something that is not there is an error; what an ordinary user may not look at
    /// is only not checked.
    mutating func failure(_ field: String, _ error: SystemError, _ hint: String) {
        if !isRoot, error.errno == .accessDenied || error.errno == .notPermitted {
            addWarning(field, "could not be checked: \(error)", "run the check as root")
        } else {
            self.addError(field, "\(error)", hint)
        }
    }

    /// Whether there is an error at a place, or in it.
    func isWrong(_ field: String) -> Bool { wrong.contains(field) }

    /// An absolute path for one that may be relative to the bundle.
    func absolute(_ path: String) -> String { path.absolute(in: bundle) }
}

/// What helps against a problem of the document, where its message does not say so.
enum Remedy {
    static func text(for problem: Problem) -> String {
        let message = problem.message
        for (kind, type) in [
            ("mount", "mount"), ("uts", "uts"), ("ipc", "ipc"), ("network", "network"), ("user", "user"),
            ("time", "time"),
            ("pid", "pid"), ("cgroup", "cgroup"),
        ]
        where message.hasPrefix("needs a") && message.hasSuffix("\(kind) namespace") {
            return "add {\"type\": \"\(type)\"} to linux.namespaces"
        }
        if message.hasPrefix("not absolute") { return "begin the path with a slash" }
        if message.hasPrefix("unknown "), !message.hasSuffix("?") { return "check the spelling" }
        if message.hasPrefix("given twice") { return "leave one of the two out" }
        if message.hasPrefix("this kernel does not know CAP_") { return "leave it out" }
        if message.hasPrefix("apus itself may not have") { return "run apus with that capability in its bounding set" }
        if message.hasPrefix("is missing") || message == "missing" { return "add it" }
        return ""
    }
}
