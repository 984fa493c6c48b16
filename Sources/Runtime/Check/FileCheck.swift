internal import Kernel
internal import OCI
internal import Planner

extension BundleCheck {
    // MARK: Hooks

    mutating func checkHooks(_ spec: Spec, _ places: Places?) {
        let host = spec.hooks.isEmpty ? nil : try? Places(root: "/")
        for kind in HookKind.allCases {
            for (index, hook) in spec.hooks[kind].enumerated() {
                let field = "hooks.\(kind.rawValue)[\(index)].path"
                if kind == .startContainer {
                    checkInside(hook, field, spec, places)
                } else if let host {
                    checkOutside(hook, field, host, isLate: kind == .poststop)
                }
            }
        }
    }

    /// - Parameter isLate: whether the container has lived by then: such a hook is only warned of.
    private mutating func checkOutside(_ hook: Hook, _ field: String, _ host: Places, isLate: Bool) {
        do { _ = try Files.status(hook.path, follow: true) } catch {
            let hint = "install it, or correct the path"
            return isLate ? addWarning(field, "\(error)", hint) : failure(field, error, hint)
        }
        var outcome = ProgramSearch(host, Identity(caller: ()), ground: "on this host").judge(hook.path)
        if isLate, case .fails(let failure) = outcome { outcome = .mayFail(failure) }
        tell(outcome, field)
    }

    /// Those of the last kind run in the container, from its root.
    private mutating func checkInside(_ hook: Hook, _ field: String, _ spec: Spec, _ places: Places?) {
        guard let places, spec.process != nil else { return }
        tell(ProgramSearch(places, processIdentity).judge(hook.path), field)
    }

    private mutating func tell(_ outcome: ProgramSearch.Outcome, _ field: String) {
        switch outcome {
        case .runs, .unknown: break
        case .fails(let failure): addError(field, failure.message, failure.hint)
        case .mayFail(let failure): addWarning(field, failure.message, failure.hint)
        }
    }

    // MARK: Devices

    mutating func checkDevices(_ spec: Spec, _ places: Places?) {
        let usuals = Plan.defaultDevices
        let covered = Set(spec.mounts.map { Array(lexicallyClean($0.destination).utf8) })
        var known: [[UInt8]: Int] = [:]
        for (index, device) in spec.linux.devices.enumerated() {
            let path = lexicallyClean(device.path)
            let field = "linux.devices[\(index)]"
            let earlier = known[Array(path.utf8)]
            if earlier == nil { known[Array(path.utf8)] = index }
            if let earlier {
                addError(
                    "\(field).path", "\(path) is the path of linux.devices[\(earlier)] too", "leave one of the two out")
            }
            if let usual = usuals.first(where: { $0.path.hasBytes(of: path) }), Self.name(usual) != Self.name(device) {
                addWarning(
                    field, "\(path) is \(Self.name(device)), and everybody expects \(Self.name(usual))",
                    "choose another path")
            }
            // What is mounted there stays, and ptmx is that of devpts.
            let isMade = path != "/dev/ptmx" && !covered.contains(Array(path.utf8))
            if isMade, device.kind != .fifo, !Preparation.makesNodes(rights: rights) {
                checkHostDevice(device, path, field)
            }
        }
        if let places { checkNodes(spec, covered, places) }
    }

    /// As mknod(1) has it.
    private static func name(_ device: Device) -> String {
        if device.kind == .fifo { return "a FIFO" }
        return "\(device.kind == .block ? "b" : "c") \(device.major):\(device.minor)"
    }

    /// Where the nodes go, once everything is mounted.
    ///
    /// - Parameter covered: destinations of mounts.
    private mutating func checkNodes(_ spec: Spec, _ covered: Set<[UInt8]>, _ places: Places) {
        // Where the bundle brings a /dev of its own nothing is made.
        if spec.mounts.contains(where: { $0.isBind && lexicallyClean($0.destination) == "/dev" }) { return }
        let target = TargetSearch(places, rootIdentity)
        if case .bad(let obstacle) = target.find("/dev", isDirectory: true) {
            return addError("linux.devices", obstacle.message, obstacle.hint)
        }
        let usuals = Plan.defaultDevices
        for device in usuals { _ = target.find(device) }
        // A user namespace gets its devices as mounts, which go onto what is there.
        let areBound = !knowsNamespaces || spec.linux.separates(.user) || !Preparation.makesNodes(rights: rights)
        for (index, device) in spec.linux.devices.enumerated() {
            let path = lexicallyClean(device.path)
            let isElsewhere = path == "/dev/ptmx" || usuals.contains { $0.path.hasBytes(of: path) }
            if isElsewhere || covered.contains(Array(path.utf8)) { continue }
            let outcome =
                areBound && device.kind != .fifo ? target.find(path, isDirectory: false) : target.find(device)
            if case .bad(let obstacle) = outcome {
                addError("linux.devices[\(index)].path", obstacle.message, obstacle.hint)
            }
        }
    }

    /// Where no device can be made the host's own is bound.
    private mutating func checkHostDevice(_ device: Device, _ path: String, _ field: String) {
        if !DevicePaths.find([device]).isEmpty { return }
        do {
            let status = try Files.status(path, follow: true)
            let (major, minor) = status.deviceNumbers
            if (major, minor) != (device.major, device.minor) {
                addError(
                    field,
                    "the caller cannot make devices: the host's \(path) is used, which is \(major):\(minor), "
                        + "not \(device.major):\(device.minor)",
                    "use the host's numbers")
            }
        } catch {
            failure("\(field).path", error, "the caller cannot make devices: the host's is used, so it has to be there")
        }
    }

    /// A terminal is one of the container's own devpts.
    mutating func checkTerminal(_ process: OCI.Process, _ spec: Spec, _ places: Places) {
        let hasDevpts = spec.mounts.contains {
            $0.action == .new && $0.type == "devpts" && lexicallyClean($0.destination) == "/dev/pts"
        }
        guard process.terminal, !hasDevpts, case .missing = places.look("/dev/pts/ptmx") else { return }
        addError(
            "process.terminal", "there is no /dev/pts/ptmx in the container",
            "mount a devpts on /dev/pts, as \"apus spec\" has it, or set terminal to false")
    }

    mutating func checkIntelRdt(_ linux: Linux) {
        // Without procfs the kernel decides.
        guard linux.intelRdt != nil, let mounts = try? Files.readText("/proc/self/mounts"),
            !mounts.holds(" resctrl ")
        else {
            return
        }
        addError(
            "linux.intelRdt", "the file system resctrl is not mounted",
            "mount -t resctrl resctrl /sys/fs/resctrl, on a machine that has it")
    }

    mutating func checkNetDevices(_ linux: Linux) {
        for device in linux.netDevices where device.hostName == "lo" {
            addError(
                "linux.netDevices[\"lo\"]", "lo belongs to its network namespace", "leave it out: each has its own")
        }
        for device in linux.netDevices where !Files.exists("/sys/class/net/\(device.hostName)") {
            addError(
                "linux.netDevices[\"\(device.hostName)\"]", "this host has no network device \(device.hostName)",
                "correct the name; \"ip link\" lists them")
        }
    }
}
