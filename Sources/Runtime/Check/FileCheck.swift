internal import Kernel
internal import OCI
internal import Planner

extension BundleCheck {
    // MARK: Hooks

    mutating func checkHooks(_ spec: Spec, _ root: String?) {
        for kind in HookKind.allCases {
            for (index, hook) in spec.hooks[kind].enumerated() {
                let field = "hooks.\(kind.rawValue)[\(index)].path"
                if kind == .startContainer {
                    checkInside(hook, field, spec, root)
                } else {
                    checkOutside(hook, field)
                }
            }
        }
    }

    private mutating func checkOutside(_ hook: Hook, _ field: String) {
        do {
            let status = try Files.status(hook.path, follow: true)
            check(status, hook.path, field)
        } catch {
            failure(field, error, "install it, or correct the path")
        }
    }

    /// Those of the last kind run in the container, from its root.
    private mutating func checkInside(_ hook: Hook, _ field: String, _ spec: Spec, _ root: String?) {
        guard let root, covers.mount(over: hook.path) == nil else { return }
        do {
            let status = try RootView(root).status(hook.path)
            check(status, hook.path, field)
        } catch {
            failure(
                field, SystemError("stat", "\(hook.path) in the root file system", error.errno),
                "startContainer hooks run inside the container")
        }
    }

    private mutating func check(_ status: FileStatus, _ path: String, _ field: String) {
        if status.kind != .regular {
            addError(field, "\(path) is not a file", "name a program")
        } else if status.permissions & 0o111 == 0 {
            addError(field, "\(path) is not executable", "chmod +x")
        }
    }

    // MARK: Devices

    mutating func checkDevices(_ spec: Spec) {
        let devices = spec.linux.devices
        var known: [[UInt8]: Int] = [:]
        for (index, device) in devices.enumerated() {
            let path = lexicallyClean(device.path)
            let field = "linux.devices[\(index)]"
            let earlier = known[Array(path.utf8)]
            if earlier == nil { known[Array(path.utf8)] = index }
            if let earlier {
                addError(
                    "\(field).path", "\(path) is the path of linux.devices[\(earlier)] too", "leave one of the two out")
            }
            if let usual = Plan.defaultDevices.first(where: { $0.path == path }),
                (device.major, device.minor) != (usual.major, usual.minor)
            {
                addWarning(
                    field,
                    "\(path) is \(device.major):\(device.minor), and everybody expects \(usual.major):\(usual.minor)",
                    "choose another path")
            }
            if let number = covers.mount(at: path) {
                addWarning(
                    "\(field).path", "mounts[\(number)] is mounted at \(path), so that the device is not made",
                    "leave one of the two out")
            }
            if device.kind != .fifo, !Preparation.makesNodes(rights: Rights(.auto)) {
                checkHostDevice(device, path, field)
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
        for device in linux.netDevices where !Files.exists("/sys/class/net/\(device.hostName)") {
            addError(
                "linux.netDevices[\"\(device.hostName)\"]", "this host has no network device \(device.hostName)",
                "correct the name; \"ip link\" lists them")
        }
    }
}
