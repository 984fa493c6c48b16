internal import Cgroups
internal import Kernel
internal import OCI
internal import Planner
internal import Seccomp

extension BundleCheck {
    mutating func checkCapabilities(_ process: OCI.Process, _ linux: Linux) {
        let warnings = UngrantedCapabilities.warnings(
            process.capabilities, linux, own: ThisProcess.capabilities, last: Host.lastCapability)
        for problem in warnings {
            addWarning(problem.path, problem.message, Remedy.text(for: problem))
        }
    }

    mutating func checkSecurity(_ process: OCI.Process) {
        if let profile = process.apparmorProfile, profile != "unconfined", Host.hasAppArmor,
            // Only root may read the list, and without it the kernel decides.
            let loaded = try? Files.readText("/sys/kernel/security/apparmor/profiles"),
            !loaded.split(separator: "\n").contains(where: { $0.hasPrefix("\(profile) (") })
        {
            addError(
                "process.apparmorProfile", "the profile \(profile) is not loaded", "load it with apparmor_parser(8)")
        }
    }

    mutating func checkSeccomp(_ spec: Spec) {
        guard let profile = spec.linux.seccomp else { return }
        for failure in SeccompFilter.errors(in: profile) {
            addError(failure.path, "\(failure.cause)", ErrorDetails(failure).hint ?? "")
        }
        let isRefused = CrunAnnotations(spec.annotations).failsOnUnknownCalls
        for unknown in SeccompFilter.unknownCalls(in: profile) {
            let message = "libseccomp \(SeccompSupport.libraryVersion) does not know the system call \(unknown.name)"
            if isRefused {
                addError(unknown.field, message, "leave it out, or the annotation run.oci.seccomp_fail_unknown_syscall")
            } else {
                addWarning(
                    unknown.field, message + ": the rule has no effect",
                    "check the spelling, or build with a newer libseccomp")
            }
        }
        if profile.notifies {
            if let absence = SeccompAgent(profile).absence() {
                addError(SeccompAgent.field, "\(absence)", SeccompAgent.hint(absence))
            }
        }
    }

    /// Whether a filter lets the program be executed at all. One that asks an agent, or looks at arguments, may.
    mutating func checkExec(_ filter: FilterProgram?, _ spec: Spec) {
        guard let filter, spec.process != nil, spec.linux.seccomp?.notifies == false else { return }
        if FilterMachine(filter.instructions).permits("execve", []) { return }
        addError(
            "linux.seccomp", "the filter does not permit execve, with which the program is started",
            "permit execve")
    }

    // MARK: The plan

    /// Compiles the plan; what it refuses is taken out, so that the next refusal shows too.
    ///
    /// - Returns: the plan, and the configuration that it was made of.
    mutating func checkPlan(_ given: Spec) -> (Spec, Plan)? {
        var spec = given
        let options = filteredOptions(for: spec)
        for _ in 0..<64 {
            do throws(PlanError) {
                let plan = try Plan.create(spec, on: facts(for: spec), options: options)
                do { try plan.requirePermitted(by: options.filter) } catch {
                    self.addError(error.details.field ?? "linux.seccomp", error.textAfterField)
                }
                checkMemory(spec, plan)
                for warning in plan.warnings { addWarning(text: warning) }
                return (spec, plan)
            } catch {
                if error.field != "process" || spec.process != nil {
                    self.addError(error.field, error.message, "leave it out")
                }
                guard spec.remove(error.field) else { return nil }
            }
        }
        return nil
    }

    private mutating func filteredOptions(for spec: Spec) -> PlanOptions {
        var options = PlanOptions(id: Self.id)
        // What is wrong with the profile was told.
        options.filter = try? Preparation.filter(spec, cache: nil)
        checkExec(options.filter, spec)
        return options
    }

    /// What the plan has to know of this host, as `create` finds it out.
    private func facts(for spec: Spec) -> HostFacts {
        // Without cgroups, which have been looked at, what is told of memory is that of a container cloned into its cgroup.
        let location = try? location(for: spec)
        var facts = HostFacts(
            bundle: bundle, rootfs: rootfs ?? lexicallyClean(absolute(spec.root.path)),
            cgroups: location.map { CgroupFacts($0) } ?? CgroupFacts(), lastCapability: Host.lastCapability,
            hasAppArmor: Host.hasAppArmor, hasSELinux: Host.hasSELinux, caller: rights.caller)
        facts.makesNodes = Preparation.makesNodes(rights: rights)
        if !facts.makesNodes { facts.devicePaths = DevicePaths.find(spec.linux.devices) }
        return facts
    }

    /// The id of a container that is only thought of.
    static var id: String { "check" }
}

extension Spec {
    /// Takes out what a plan refuses; false if that is not known.
    fileprivate mutating func remove(_ field: String) -> Bool {
        switch field {
        case "linux.intelRdt": linux.intelRdt = nil
        case "linux.mountLabel": linux.mountLabel = nil
        case "linux.memoryPolicy": linux.memoryPolicy = nil
        case "process.apparmorProfile": process?.apparmorProfile = nil
        case "process.selinuxLabel": process?.selinuxLabel = nil
        default:
            if field.hasPrefix("linux.seccomp"), linux.seccomp != nil {
                linux.seccomp = nil
                return true
            }
            guard field.hasPrefix("mounts["), let index = Int(field.dropFirst(7).prefix { $0 != "]" }),
                mounts.indices.contains(index),
                mounts[index] != Mount(destination: mounts[index].destination, type: "tmpfs")
            else { return false }
            // The places of the others stay what they are.
            mounts[index] = Mount(destination: mounts[index].destination, type: "tmpfs")
        }
        return true
    }
}
