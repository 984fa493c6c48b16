public import Kernel
internal import Planner

/// A step of a plan that failed, or during which the process died.
public struct StepFailure: Error, Sendable {
    /// Where in `config.json` the step comes from.
    public let field: String
    /// What the step does, as `plan` prints it.
    public fileprivate(set) var step: String
    /// The kernel's answer; nil if the process died.
    public fileprivate(set) var errno: Errno?
    /// What the kernel or the step adds.
    public let detail: String
    /// How a hook ended, if the step is one.
    public let hook: HookEnd?
    /// How the process ended, where that is known.
    public let exit: ExitStatus?
    /// The program that was looked for, if that is what failed.
    public let program: Program?
    /// What the hook wrote, for who has it.
    public var output = ""
    /// The file that the step is about, if the plan tells.
    public var path: String?
    /// Whether the kernel refused to make a device, which a capability does not permit everywhere: a device cgroup, a file
    /// system or a filter of the caller's may forbid it (mknod(2)).
    public fileprivate(set) var isRefusedDevice = false

    /// A program that cannot be executed.
    public struct Program: Sendable {
        public let name: String
        public let isSearched: Bool
    }

    public enum HookEnd: Sendable, Equatable {
        case exited(Int32)
        case killed(Int32)
        case timedOut
    }

    public init(
        field: String, step: String, report: Report, exit: ExitStatus?, program: Program? = nil
    ) {
        self.field = field
        self.step = step
        errno = report.hook == nil ? report.errno : nil
        detail = report.detail
        hook = report.hook
        self.exit = exit
        self.program = program
    }

    public var description: String {
        if let program, let errno { return Self.text(of: program, errno) }
        let what = detail.isEmpty ? step : "\(step): \(detail)"
        switch (hook, errno, exit) {
        case (.exited(let status), _, _): return "\(field): \(step): exit status \(status)\(written)"
        case (.killed(let signal), _, _): return "\(field): \(step): killed by signal \(signal)\(written)"
        case (.timedOut, _, _): return "\(field): \(step): it did not end in time and was killed\(written)"
        case (nil, let errno?, _): return "\(field): \(what): \(errno)"
        case (nil, nil, let exit?): return "\(field): \(what): the process was lost: \(exit)"
        case (nil, nil, nil): return "\(field): \(what): the process was lost"
        }
    }

    private var written: String { output.isEmpty ? "" : ", output: \(output)" }

    /// The words that engines look for: they make exit codes 126 and 127 of them.
    private static func text(of program: Program, _ errno: Errno) -> String {
        if program.isSearched { return "exec: \"\(program.name)\": executable file not found in $PATH" }
        if errno == .noEntry { return "exec: \"\(program.name)\": stat \(program.name): \(errno)" }
        return "exec: \"\(program.name)\": \(errno)"
    }
}

extension StepFailure: CustomStringConvertible {}

extension Plan {
    /// The exit status of apus-init for a plan that it does not take.
    private static var brokenPlan: Int32 { 125 }

    /// The failure that a report tells of.
    func failure(_ report: Report, exit: ExitStatus?) -> StepFailure {
        guard Int(report.step) < steps.count, report.phase != .starting else {
            var failure = StepFailure(field: "process", step: "start apus-init", report: report, exit: exit)
            // Without a report it tells by its exit status.
            if case .exited(let status) = exit, (1..<Self.brokenPlan).contains(status) {
                failure.errno = Errno(rawValue: status)
            }
            return failure
        }
        let step = steps[Int(report.step)]
        var program: StepFailure.Program?
        if case .findExecutable(let name, _) = step.operation {
            program = StepFailure.Program(name: name, isSearched: !name.contains("/"))
        }
        let what = program.map { "find \($0.name)" } ?? "\(step.operation)"
        var failure = StepFailure(field: step.origin.text, step: what, report: report, exit: exit, program: program)
        failure.path = step.operation.path
        if step.operation.makesDevice, failure.detail.isEmpty {
            failure.isRefusedDevice = failure.errno == .notPermitted || failure.errno == .accessDenied
        }
        if failure.errno == .notDirectory, let places = mountPlaces(at: Int(report.step)) {
            failure.step = "mount \(places.source) to \(places.destination)"
            failure.path = places.destination
        }
        return failure
    }
}

extension Plan {
    /// What is mounted where by the step that puts it there or looks for the place; nil for any other step.
    fileprivate func mountPlaces(at index: Int) -> (source: String, destination: String)? {
        let slot: Slot?
        switch steps[index].operation {
        case .moveMount(let mount, _): slot = mount
        case .makeTarget(_, _, .like(let mount), _, _): slot = mount
        case .makeTarget(_, _, .directory, _, _): slot = nil
        default: return nil
        }
        guard let source = source(of: slot, before: index), let destination = destination(at: index) else { return nil }
        return (source, destination)
    }

    /// - Parameter slot: where the mount is; nil: it is a file system that the same entry makes.
    private func source(of slot: Slot?, before index: Int) -> String? {
        for step in steps[..<index].reversed() {
            switch step.operation {
            case .openTree(nil, let path, let flags, let into) where into == slot && flags != 0: return path
            case .openFileSystem(let type, _) where steps[index].origin == step.origin: return type
            case .mount(_, let type, _, _) where steps[index].origin == step.origin: return type
            default: break
            }
        }
        for provision in provisions where provision.slot == slot {
            if case .tree(let source) = provision.source { return source.path }
            if case .mappedTree(let source, _) = provision.source { return source.path }
        }
        return nil
    }

    private func destination(at index: Int) -> String? {
        for step in steps[...index].reversed() {
            if case .makeTarget(_, let path, _, _, _) = step.operation { return path }
        }
        return nil
    }
}
