internal import Kernel
internal import OCI
internal import Planner

extension BundleCheck {
    /// The working directory and the program, as the container finds them.
    mutating func checkProgram(_ process: OCI.Process, _ spec: Spec, _ places: Places) {
        checkDirectory(process, spec, places)
        let field = "process.args[0]"
        let outcome = ProgramSearch(places, processIdentity, directory: process.cwd).find(process)
        switch outcome {
        case .runs: break
        case .unknown:
            addWarning(
                field,
                "could not be checked: \(process.args.first ?? "") would be in what only the container can look into")
        case .fails(let failure):
            // What hooks do to the root file system nobody can know.
            if failure.mayComeWithHooks, Self.hasEarlyHooks(spec) {
                addWarning(field, failure.message + ", unless a hook brings it", failure.hint)
            } else {
                addError(field, failure.message, failure.hint)
            }
        case .mayFail(let failure): addWarning(field, failure.message, failure.hint)
        }
    }

    /// Whether hooks run before the program is looked for.
    static func hasEarlyHooks(_ spec: Spec) -> Bool {
        !(spec.hooks.prestart.isEmpty && spec.hooks.createRuntime.isEmpty && spec.hooks.createContainer.isEmpty)
    }

    /// The directory is made where it is missing, and entered, by the container's root first, and then by the process itself.
    private mutating func checkDirectory(_ process: OCI.Process, _ spec: Spec, _ places: Places) {
        let field = "process.cwd"
        let root = rootIdentity
        let identity = processIdentity
        func mayEnter(_ place: Places.Place) -> Bool {
            place.status.map { root.has(.execute, to: $0) || identity.has(.execute, to: $0) } ?? true
        }
        let outcome = places.look(process.cwd) { mayEnter($0) ? nil : .accessDenied }
        switch outcome {
        case .found(let place):
            if !place.isDirectory {
                addError(field, "\(process.cwd) is not a directory in the root file system", "name a directory")
            } else if !mayEnter(place) {
                addError(field, ProgramSearch.text(of: place, identity), "chmod +x, or name another directory")
            }
        case .missing(let place, let names):
            let isClosed = place.status.map { !root.has(.write, to: $0) } ?? place.rights.contains(.isFixed)
            if isClosed || (isRoot && !places.permits(.write, place)) {
                addError(
                    field,
                    "there is no \(process.cwd), and it cannot be made in \(place.path)"
                        + (place.status.map { ": \(Identity.text(of: $0))" } ?? ""),
                    "make it in the image, or name another directory")
            } else {
                places.make(names, below: place, isDirectory: true)
            }
        case .failed(.notDirectory, let place):
            addError(field, "\(place.path) is not a directory in the root file system", "name a directory")
        case .failed(.accessDenied, let place) where !mayEnter(place):
            addError(field, ProgramSearch.text(of: place, identity), "chmod +x, or name another directory")
        case .failed, .unknown: break
        }
    }
}

/// Looks for a program as the container does: along its PATH, in its mounts, with its rights; and whether the kernel could
/// execute what is found.
struct ProgramSearch {
    private let places: Places
    private let identity: Identity
    /// Where it looks, in words.
    private let ground: String
    /// Where it runs: a relative interpreter is looked for there.
    private let directory: String

    init(
        _ places: Places, _ identity: Identity, ground: String = "in the root file system", directory: String = "/"
    ) {
        self.places = places
        self.identity = identity
        self.ground = ground
        self.directory = directory
    }

    struct Failure {
        let message: String
        let hint: String
        var mayComeWithHooks = false
    }

    enum Outcome {
        case runs
        /// Only the kernel knows.
        case unknown
        case fails(Failure)
        case mayFail(Failure)
    }

    func find(_ process: OCI.Process) -> Outcome {
        guard let name = process.args.first else { return .unknown }
        var denied: Failure?
        for candidate in Plan.programCandidates(of: process) {
            let path = candidate.absolute(in: process.cwd)
            switch look(path) {
            case .found(let place):
                guard let refusal = refusal(place) else { return judge(place, path, depth: 0) }
                let text = "\(path) is \(ground), and cannot be executed by uid \(identity.uid): \(refusal.reason)"
                denied = denied ?? Failure(message: text, hint: refusal.remedy(or: "name another program"))
            case .denied(let refusal):
                denied = denied ?? Failure(message: refusal.reason, hint: refusal.remedy(or: "name another program"))
            case .unknown: return .unknown
            case .missing: break
            }
        }
        if let denied { return .fails(denied) }
        let missing =
            name.hasSlash
            ? Failure(
                message: "there is no \(name) \(ground)",
                hint: "correct the name, or add the program to the image", mayComeWithHooks: true)
            : Failure(
                message: "there is no \(name) in the PATH of the container",
                hint: "correct the name or PATH, or add the program to the image", mayComeWithHooks: true)
        return .fails(missing)
    }

    /// Whether a program at a path can be executed.
    func judge(_ path: String) -> Outcome {
        switch look(path) {
        case .found(let place):
            guard let refusal = refusal(place) else { return judge(place, path, depth: 0) }
            return .fails(
                Failure(
                    message: "\(path) is not executable: \(refusal.reason)",
                    hint: refusal.remedy(or: "correct the path")))
        case .denied(let refusal):
            return .fails(Failure(message: refusal.reason, hint: refusal.remedy(or: "correct the path")))
        case .unknown: return .unknown
        case .missing:
            return .fails(
                Failure(
                    message: "there is no \(path) \(ground)", hint: "correct the path",
                    mayComeWithHooks: true))
        }
    }

    // MARK: Looking

    private enum Sight {
        case found(Places.Place)
        case missing
        case denied(Refusal)
        case unknown
    }

    /// Why a file is not executed, and what would change that; empty: nothing does.
    private struct Refusal {
        let reason: String
        var remedy = ""

        func remedy(or otherwise: String) -> String { remedy.isEmpty ? otherwise : "\(remedy), or \(otherwise)" }
    }

    /// Stops at a directory that an identity may not search.
    static func searching(as identity: Identity) -> (Places.Place) -> Errno? {
        { place in
            guard let status = place.status, !identity.has(.execute, to: status) else { return nil }
            return .accessDenied
        }
    }

    /// `/data may not be searched by uid 1000: mode 0700, owner 0:0`
    static func text(of place: Places.Place, _ identity: Identity) -> String {
        "\(place.path) may not be searched by uid \(identity.uid)"
            + (place.status.map { ": \(Identity.text(of: $0))" } ?? "")
    }

    private func look(_ path: String) -> Sight {
        switch places.look(path, visit: Self.searching(as: identity)) {
        case .found(let place): .found(place)
        case .missing, .failed(.notDirectory, _): .missing
        case .failed(.accessDenied, let place):
            // A directory that the one who checks may not look into is another matter.
            place.status.map { identity.has(.execute, to: $0) } ?? true
                ? .unknown : .denied(Refusal(reason: Self.text(of: place, identity), remedy: "chmod +x"))
        case .failed(.tooManyLinks, let place):
            .denied(Refusal(reason: "\(place.path) is a link that leads nowhere", remedy: "correct the link"))
        case .failed, .unknown: .unknown
        }
    }

    /// Why a file cannot be executed by who it is for; nil: it can.
    private func refusal(_ place: Places.Place) -> Refusal? {
        guard place.kind == .regular else {
            return Refusal(reason: place.isDirectory ? "it is a directory" : "it is no regular file")
        }
        guard let status = place.status else { return Refusal(reason: "it is empty") }
        if !identity.has(.execute, to: status) {
            return Refusal(reason: Identity.text(of: status), remedy: "chmod +x")
        }
        // The caller's own permission tells something only where there is nothing that it might lack.
        if ThisProcess.effectiveUser == 0, !places.permits(.execute, place) {
            return Refusal(reason: "it is on a mount with noexec", remedy: "mount it without noexec")
        }
        return nil
    }

    // MARK: What is in the file

    /// The kernel goes from a script to its interpreter so many times (exec_binprm() of fs/exec.c, Linux 5.8 and later).
    private static var mostInterpreters: Int { 5 }

    /// An interpreter or a dynamic loader that is missing makes exec say "no such file" of a program that is there.
    ///
    /// - Parameter depth: of how many scripts it is the interpreter, one through the other.
    private func judge(_ place: Places.Place, _ path: String, depth: Int) -> Outcome {
        if depth > Self.mostInterpreters {
            return .fails(
                Failure(
                    message: "\(path) is reached through \(depth) scripts, each the interpreter of the one before, "
                        + "and the kernel follows \(Self.mostInterpreters): too many levels of symbolic links",
                    hint: "name a program as the interpreter"))
        }
        // A file that its user alone may read is none of the check's business.
        guard let file = places.reader(of: place), let head = try? file.read(atMost: 256, from: 0) else {
            return .unknown
        }
        guard let format = ProgramFormat(head, of: file) else {
            return Self.foreign("\(path) is neither an ELF program nor a script with #!", "exec will refuse it")
        }
        if let machine = format.foreignMachine {
            return Self.foreign("\(path) is for another processor, \(machine)", "use an image for this machine")
        }
        guard let needed = format.interpreter else { return .runs }
        switch look(needed.isAbsolute ? needed : "\(directory)/\(needed)") {
        case .found(let interpreter):
            if let refusal = refusal(interpreter), format.isScript {
                return .fails(
                    Failure(
                        message: "\(path) needs \(needed), which cannot be executed by uid \(identity.uid): "
                            + refusal.reason, hint: refusal.remedy(or: "name another interpreter")))
            }
            return format.isScript ? judge(interpreter, needed, depth: depth + 1) : .runs
        case .missing, .denied:
            return .fails(
                Failure(
                    message: "\(path) needs \(needed), which is not \(ground)",
                    hint: Self.remedy(for: needed, format), mayComeWithHooks: true))
        case .unknown: return .unknown
        }
    }

    private static func remedy(for interpreter: String, _ format: ProgramFormat) -> String {
        if interpreter.utf8.last == 0x0D { return "the script has line ends of Windows: save it with those of Unix" }
        return format.isScript
            ? "add it, or correct the first line of the script" : "add it, or use a static program"
    }

    /// What the kernel cannot execute by itself, something registered with binfmt_misc may.
    private static func foreign(_ message: String, _ hint: String) -> Outcome {
        let formats = (try? Files.list("/proc/sys/fs/binfmt_misc")) ?? []
        let failure = Failure(message: message, hint: hint)
        return formats.contains { $0 != "register" && $0 != "status" } ? .mayFail(failure) : .fails(failure)
    }
}
