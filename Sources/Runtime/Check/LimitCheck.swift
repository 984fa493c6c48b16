internal import Cgroups
internal import Kernel
internal import OCI
internal import Spelling

extension BundleCheck {
    // MARK: Limits of the process

    mutating func checkRlimits(_ process: OCI.Process, _ linux: Linux) {
        let mayRaise = ThisProcess.capabilities & 1 << 24 != 0  // CAP_SYS_RESOURCE
        for (index, limit) in process.rlimits.enumerated() {
            let field = "process.rlimits[\(index)]"
            if limit.kind == .nofile, let most = Self.number("/proc/sys/fs/nr_open"), limit.hard > most {
                addError(
                    "\(field).hard", "\(limit.hard) is above /proc/sys/fs/nr_open, \(most), which nobody can exceed",
                    "lower it, or raise fs.nr_open")
            }
            // A limit that cannot be read is left to the kernel.
            guard !mayRaise, isRoot || linux.separates(.user),
                let own = try? ThisProcess.limit(Int32(limit.kind.rawValue)),
                limit.hard > own.hard
            else { continue }
            addError(
                "\(field).hard", "\(limit.hard) is above the caller's own hard limit, \(own.hard)",
                "lower it, or raise the limit of who calls apus")
        }
    }

    /// A score that the caller may not give, and a real-time policy in a group that has no real time.
    mutating func checkScheduling(_ process: OCI.Process, _ spec: Spec) {
        let mayLower = ThisProcess.capabilities & 1 << 24 != 0  // CAP_SYS_RESOURCE
        if let score = process.oomScoreAdj, !mayLower, let own = try? Files.readText("/proc/self/oom_score_adj"),
            let own = Int32(own), score < own, !Self.mayScore(score, insteadOf: own)
        {
            addError("process.oomScoreAdj", "\(score) is below the caller's own, \(own)", Rights.scoreHint)
        }
        guard let policy = process.scheduler?.policy, policy == .fifo || policy == .roundRobin, manager != .disabled,
            let location = try? location(for: spec), location.rationsRealTime,
            (spec.linux.resources?.cpu?.realtimeRuntime ?? 0) <= 0
        else { return }
        addError(
            "process.scheduler", "the container's cgroup has no real time to give",
            "set linux.resources.cpu.realtimeRuntime")
    }

    /// Whether this process may have a score below its own. The bound is what it was given last by somebody with
    /// CAP_SYS_RESOURCE (`oom_score_adj_min`), which the kernel does not show: it is tried, and taken back at once, for a
    /// score may always be raised.
    private static func mayScore(_ score: Int32, insteadOf own: Int32) -> Bool {
        let path = "/proc/self/oom_score_adj"
        do { try Files.writeExisting(path, "\(score)") } catch { return error.errno != .accessDenied }
        return (try? Files.writeExisting(path, "\(own)")) != nil
    }

    // MARK: Cgroups

    mutating func checkCgroup(_ spec: Spec) {
        let location: CgroupLocation
        do {
            location = try self.location(for: spec)
        } catch {
            return self.addError("linux.cgroupsPath", Self.message(of: error), "")
        }
        if spec.linux.cgroupsPath != nil {
            do { try location.requireUnused() } catch {
                if case .system = error {
                } else {
                    self.addError(
                        "linux.cgroupsPath", Self.message(of: error), "name another path, or delete what is there")
                }
            }
        }
        if manager == .cgroupfs {
            for path in location.forbidden {
                addError(
                    "linux.cgroupsPath", "\(path) cannot be made: it is not writable, or mounted read-only",
                    isRoot
                        ? "mount the cgroup file system writable"
                        : "leave it out, or have a part of the hierarchy delegated to the caller")
            }
        }
        for note in location.notes { addWarning(note.path, note.message) }
        guard let resources = spec.linux.resources else { return }
        if manager == .disabled {
            do {
                for note in try CgroupLocation.refuseLimits(resources) { addWarning(note.path, note.message) }
            } catch {
                self.addError(ErrorDetails(error).field ?? "linux.resources", Self.message(of: error))
            }
            return
        }
        checkHugePages(resources)
        checkProcessors(resources)
        for problem in location.problems(with: resources) where !isWrong(problem.path) {
            let hint = problem.message.holds("controller is not") ? "leave the limit out, or enable the controller" : ""
            addError(problem.path, problem.message, hint)
        }
        for note in location.notes(on: resources) { addWarning(note.path, note.message) }
    }

    /// The place of the cgroup, as `create` chooses it.
    func location(for spec: Spec) throws(CgroupError) -> CgroupLocation {
        try CgroupLocation(
            cgroupsPath: spec.linux.cgroupsPath, id: Self.id, manager: manager, permissive: rights.goesWithoutCgroups,
            subgroup: CrunAnnotations(spec.annotations).subgroup)
    }

    /// An error of a module without the field that it begins with.
    private static func message(of error: CgroupError) -> String {
        let text = "\(error)"
        let prefix = "\(ErrorDetails(error).field ?? "linux.cgroupsPath"): "
        return text.hasPrefix(prefix) ? String(text.dropFirst(prefix.utf8.count)) : text
    }

    private mutating func checkHugePages(_ resources: Resources) {
        for (index, limit) in resources.hugepageLimits.enumerated() {
            let units: [(String, UInt64)] = [("KB", 1), ("MB", 1024), ("GB", 1024 * 1024)]
            for (unit, factor) in units where limit.pageSize.hasSuffix(unit) {
                guard let count = UInt64(limit.pageSize.dropLast(2)) else { continue }
                if !Files.exists("/sys/kernel/mm/hugepages/hugepages-\(count &* factor)kB") {
                    addError(
                        "linux.resources.hugepageLimits[\(index)].pageSize",
                        "this machine has no huge pages of \(limit.pageSize)", "see /sys/kernel/mm/hugepages")
                }
            }
        }
    }

    private mutating func checkProcessors(_ resources: Resources) {
        check(resources.cpu?.cpus, "linux.resources.cpu.cpus", "processor", "/sys/devices/system/cpu/possible")
        check(resources.cpu?.mems, "linux.resources.cpu.mems", "memory node", "/sys/devices/system/node/possible")
    }

    private mutating func check(_ list: String?, _ field: String, _ what: String, _ file: String) {
        guard let list, let possible = try? Files.readText(file) else { return }
        let last = Self.highest(in: possible)
        if let asked = Self.highest(in: list), let last, asked > last {
            addError(field, "there is no \(what) \(asked) on this machine, the last one is \(last)", "correct the list")
        }
    }

    /// The highest index of a list such as `0-3,7` or `0-31:2/8`.
    private static func highest(in list: String) -> UInt32? {
        list.split(separator: ",").compactMap { part in
            part.prefix { $0 != ":" }.split(separator: "-").compactMap { UInt32($0) }.max()
        }.max()
    }

    // MARK: Kernel parameters

    mutating func checkSysctls(_ spec: Spec) {
        // Devices, and with them parameters, may come into a network namespace before its parameters are set.
        let mayCome =
            Self.hasEarlyHooks(spec) || !spec.linux.netDevices.isEmpty || spec.linux.namespace(.network)?.path != nil
            || !knowsNamespaces
        for sysctl in spec.linux.sysctl {
            let field = "linux.sysctl[\"\(sysctl.key)\"]"
            guard let path = sysctl.path, !Files.exists("/proc/sys/\(path)") else { continue }
            let isOfDevice =
                path.begins(with: "net/ipv4/conf/") || path.begins(with: "net/ipv6/conf/") || path.holds("/neigh/")
            // What belongs to a device of the container cannot be seen from here.
            if isOfDevice, mayCome {
                addWarning(
                    field, "there is no /proc/sys/\(path) on the host",
                    "the network device has to be there when the container is made")
            } else {
                addError(
                    field,
                    "there is no /proc/sys/\(path) on this kernel",
                    isOfDevice
                        ? "the network device has to be there when the container is made: see linux.netDevices"
                        : Self.suggestion(for: path) ?? "correct the key, or load the kernel module that has it")
            }
        }
    }

    /// The nearest parameter in the same directory.
    private static func suggestion(for path: String) -> String? {
        guard let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")) else { return nil }
        let directory = String(Substring(path.utf8[..<slash]))
        let name = String(Substring(path.utf8[slash...].dropFirst()))
        // A directory that is not there has none.
        let names = (try? Files.list("/proc/sys/\(directory)")) ?? []
        return Suggestion.nearest(to: name, among: names).map { "did you mean \(directory)/\($0)?" }
    }

    static func number(_ file: String) -> UInt64? { (try? Files.readText(file)).flatMap { UInt64($0) } }
}
