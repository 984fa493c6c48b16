public import Cgroups
public import Kernel
public import Launch
public import OCI
public import Planner
public import Seccomp

/// Why a command failed. Each case holds what the module that failed said.
public enum RuntimeError: Error, Sendable {
    case invalidID(ContainerIDError)
    /// The configuration is not valid: every problem at once.
    case config(path: String, SpecError)
    case plan(PlanError)
    case seccomp(SeccompError)
    case cgroup(CgroupError)
    /// A step of the container's first process.
    case step(StepFailure)
    /// A call of the host's side, and what it was for (a place in `config.json`, or a flag).
    case system(SystemError, field: String, hint: String = "")
    case exists(id: String)
    case unknownContainer(id: String)
    /// The container is not in a state for the command.
    case status(String)
    case hook(HookFailure)
    /// A flag that goes against the configuration, or against the caller's state.
    case usage(String)
    /// newuidmap or newgidmap refused.
    case idMapHelper(IDMapFailure)
    case oldKernel(release: String)
    /// A signal asked for the end while the command was at work; and what was given up then.
    indirect case interrupted(signal: Int32, RuntimeError)
    case brokenState(path: String, reason: String)
    /// The limit on memory (bytes) ended the set-up, which needs about so much; nil: it was not this container's limit.
    case outOfMemory(limit: Int64?, needed: Int64)
    /// The limit on memory is below anything that a container starts with.
    case memoryLimit(Int64, needed: Int64)
    case pattern(String)
    /// A program of the host that a command needs.
    case program(ProgramFailure)
    /// Another one, with what was found out about it afterwards: what it is about, and what helps.
    indirect case explained(RuntimeError, subject: String = "", hint: String = "")
    /// CRIU could not save or restore a container.
    case criu(CriuFailure)
}

/// What `--log-format json` writes beside the message.
public struct ErrorDetails: Sendable, Equatable {
    public var operation: String?
    public var path: String?
    public var errno: String?
    public var field: String?
    public var hint: String?
    /// Every problem of a configuration, if that is what is wrong.
    public var problems: [Problem] = []

    public init() {}
}

/// Makes a failed call an error of the runtime.
///
/// - Parameter field: what it was for.
func attempt<Result: ~Copyable>(
    _ field: String, _ body: () throws(SystemError) -> Result
) throws(RuntimeError) -> Result {
    do { return try body() } catch { throw .system(error, field: field) }
}

extension RuntimeError: CustomStringConvertible {
    /// One self-sufficient line, unless a configuration has several problems.
    public var description: String {
        switch self {
        // What a module says is whole already.
        case .cgroup: return text
        case .explained(.cgroup, _, let hint): return text + Self.suffix(hint)
        default: return text + Self.suffix(details.hint ?? "")
        }
    }

    private static func suffix(_ hint: String) -> String { hint.isEmpty ? "" : " (\(hint))" }

    /// Without what helps.
    var text: String {
        switch self {
        case .invalidID(let error): "\(error)"
        case .config(let path, let error): Self.text(of: error, in: path)
        case .plan(let error): "\(error)"
        case .seccomp(let error): "\(error)"
        case .cgroup(let error): "\(error)"
        case .step(let failure): "\(failure)"
        case .system(let error, let field, _): field.isEmpty ? "\(error)" : "\(field): \(error)"
        case .exists: "container with given ID already exists"
        case .unknownContainer: "container does not exist"
        case .status(let text): text
        case .hook(let failure): "\(failure)"
        case .usage(let text): text
        case .idMapHelper(let failure): "\(failure)"
        case .oldKernel(let release): "Linux 5.14 or newer is needed, and this is \(release)"
        case .interrupted(let signal, let error): "interrupted by signal \(signal): \(error.text)"
        case .brokenState(let path, let reason): "\(path): \(reason)"
        case .outOfMemory(let limit, let needed):
            "linux.resources.memory.limit: the container ran out of memory while it was started"
                + (limit.map { ": its limit is \(Self.size($0)), and it needs about \(Self.size(needed))" } ?? "")
        case .memoryLimit(let limit, let needed):
            "linux.resources.memory.limit: \(Self.size(limit)) is too little: "
                + "this container needs about \(Self.size(needed))"
        case .pattern(let text): "not a regular expression: \"\(text)\""
        case .program(let failure): "\(failure)"
        case .explained(let error, let subject, _): error.text + (subject.isEmpty ? "" : ": \(subject)")
        case .criu(let failure): "\(failure)"
        }
    }

    /// Without the place that it begins with.
    var textAfterField: String {
        let prefix = "\(details.field ?? ""): "
        return text.begins(with: prefix) ? String(Substring(text.utf8.dropFirst(prefix.utf8.count))) : text
    }

    /// Bytes for people: `100 KiB`; bytes below that.
    static func size(_ bytes: Int64) -> String {
        if bytes < 1024 { return "\(bytes) bytes" }
        return bytes < 10 << 20 ? "\((bytes + 1023) >> 10) KiB" : "\(bytes >> 20) MiB"
    }

    private static func text(of error: SpecError, in path: String) -> String {
        let problems = error.problems.map { $0.located }.joined(separator: "\n")
        if error.problems.count != 1 { return "\(path): \(error.problems.count) problems:\n\(problems)" }
        let excerpt = error.problems[0].excerpt
        return "\(path): \(problems)" + (excerpt.isEmpty ? "" : "\n\(excerpt)")
    }

    public var details: ErrorDetails {
        var details = ErrorDetails()
        switch self {
        case .system(let error, let field, let hint):
            details.operation = error.operation
            details.path = error.path.isEmpty ? nil : error.path
            details.errno = error.errno.name
            details.field = field.isEmpty ? nil : field
            details.hint = hint.isEmpty ? nil : hint
        case .step(let failure):
            details.operation = failure.step
            details.path = failure.path
            details.errno = failure.errno?.name
            details.field = failure.field
            details.hint = failure.hint
        case .plan(let error):
            details.operation = "plan"
            details.field = error.field
        case .config(let path, let error):
            details.operation = "validate"
            details.path = path
            details.field = error.problems.first?.path
            details.problems = error.problems
        case .seccomp(let error): details = ErrorDetails(error)
        case .cgroup(let error): details = ErrorDetails(error)
        case .hook(let failure):
            details.operation = "hook"
            details.path = failure.path
            details.errno = failure.errno?.name
            details.field = failure.field
        case .idMapHelper(let failure):
            details.field = failure.field
            details.hint = failure.hint
        case .outOfMemory(nil, _): details.hint = "a cgroup above the container's has a limit"
        case .outOfMemory, .memoryLimit:
            details.errno = Errno.noMemory.name
            details.field = "linux.resources.memory.limit"
        case .brokenState(let path, _):
            details.path = path
            details.hint = "whatever of the container runs yet has to be ended by hand before its directory is removed"
        case .criu(let failure):
            details.operation = failure.operation.rawValue
            details.path = failure.log
            details.hint = failure.hint.isEmpty ? nil : failure.hint
        case .interrupted: details.errno = Errno.interrupted.name
        case .explained(let error, _, let hint):
            details = error.details
            let hints = [details.hint ?? "", hint].filter { !$0.isEmpty }
            details.hint = hints.isEmpty ? nil : hints.joined(separator: "; ")
        case .invalidID, .exists, .unknownContainer, .status, .usage, .oldKernel, .pattern, .program: break
        }
        return details
    }
}

extension RuntimeError {
    init(_ error: LaunchError) {
        switch error {
        case .system(let error): self = .system(error, field: "process")
        case .step(let failure): self = .step(failure)
        }
    }

    /// Why waiting for a process came to nothing.
    init(_ error: LaunchError, waitingFor child: borrowing Child) {
        switch error {
        case .system(let error) where error.errno == .interrupted:
            let step = child.failure(nil)
            self = .status("\(step.field): \(step.step): given up")
        case .system, .step: self.init(error)
        }
    }

    /// The exit status of the command, if it is not the usual one: as a shell has it for one that a signal has ended.
    public var exitStatus: Int32? {
        switch self {
        case .interrupted(let signal, _): 128 + signal
        case .explained(let error, _, _): error.exitStatus
        default: nil
        }
    }
}

extension StepFailure {
    /// What most likely is wrong, where the kernel's answer alone misleads.
    var hint: String? {
        switch errno {
        case .noDevice where step == "fsopen bind": "a bind mount needs the option \"bind\" or \"rbind\""
        case .noDevice where step.hasPrefix("fsopen "): "the kernel does not know this file system type"
        case .notPermitted where step.holds("not in proc"): "only a procfs may be mounted inside /proc"
        case .notPermitted where step.holds("not the kernel's"):
            "nothing is mounted in file systems of the kernel while a container runs"
        case .busy where step.holds("not the root"): "it is the container's root"
        case .tooManyLinks where step.holds("no links"):
            "the mount point must be a real directory, not behind a link"
        case .notPermitted where step == "fsconfig create" && detail.holds("blockdev"),
            .accessDenied where step == "fsconfig create" && detail.holds("blockdev"):
            "linux.resources.devices has to allow the container the block device"
        case .notPermitted where step == "fsconfig create" && field.hasPrefix("mounts["):
            "in a user namespace a new proc needs a new pid namespace and a host /proc without masks, sysfs a network"
                + " namespace, cgroup2 a cgroup namespace"
        case .accessDenied where field == "process.oomScoreAdj": Rights.scoreHint
        case .noSpace where step.hasPrefix("unshare "):
            "user.max_\(step.dropFirst(8))_namespaces in /proc/sys is reached"
        case .notPermitted where step.hasPrefix("setgroups"): "the user namespace forbids setgroups"
        case .notPermitted where step.hasPrefix("setrlimit"): Rights.limitHint
        // What is left of the other sets is what the process has (capset(2)).
        case .notPermitted where step.hasPrefix("capset "): "what is inheritable has to be in bounding too"
        case let errno? where step.hasPrefix("sched_setattr "):
            SchedulingHint.text(
                for: errno, hasDeadline: step.hasPrefix("sched_setattr policy 6 "),
                isISO: step.hasPrefix("sched_setattr policy 4 "))
        case .invalidArgument where field == "linux.memoryPolicy":
            "every one of linux.memoryPolicy.nodes has to be a node of this host (/sys/devices/system/node/online) and"
                + " of the container's cpuset, and the kernel has to know the policy"
        case .invalidArgument where step.hasPrefix("sched_setaffinity "): SchedulingHint.affinity
        case .overflow where step.hasPrefix("make target"):
            "in a mount whose ids are mapped the container's root has no id of its own to make something with: map one to it"
        case .accessDenied where step.hasPrefix("verify that"): "the working directory lies outside of the root"
        default: nil
        }
    }
}

/// What the kernel means when it refuses to schedule a process in some way (sched(7), sched_setattr(2)).
enum SchedulingHint {
    static let affinity = "none of these CPUs is in the container's cpuset: linux.resources.cpu.cpus, or one above"

    static func text(for errno: Errno, hasDeadline: Bool, isISO: Bool = false) -> String? {
        switch errno {
        case .invalidArgument where isISO: "Linux has a number for SCHED_ISO, and has never had the policy"
        case .notSupported: "the kernel was built without CONFIG_UCLAMP_TASK, which SCHED_FLAG_UTIL_CLAMP_* ask for"
        case .notPermitted where hasDeadline:
            "SCHED_DEADLINE takes CAP_SYS_NICE, and all CPUs of a scheduling domain: a cpuset"
                + " (linux.resources.cpu.cpus, or one above) that leaves fewer has to be an exclusive one"
        case .notPermitted: "it takes CAP_SYS_NICE"
        case .busy where hasDeadline: "the CPUs have no room left for this runtime in each period"
        case .invalidArgument where hasDeadline:
            "does the period lie between kernel.sched_deadline_period_min_us and kernel.sched_deadline_period_max_us?"
        default: nil
        }
    }
}
