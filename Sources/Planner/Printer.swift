internal import OCI
internal import Spelling

// What a plan looks like to people. Golden texts under spec-fixtures/plans pin it.

extension Plan {
    /// The plan as text: the clone, what the host provides, and a line for each step and its origin. Whatever a
    /// configuration has in its texts, each of these is one line.
    public func printed() -> String {
        let target = cloneTarget.map { " into cgroup \($0)" } ?? ""
        var text = Quoting.line("clone \(FlagNames.namespaces(cloneFlags))\(target)")
        for provision in provisions {
            text += Quoting.line("give  \(provision.slot.name) \(provision.source)\(Self.pad(provision.origin))")
        }
        for (index, step) in steps.enumerated() {
            if index == gate { text += Quoting.line("---- the gate: the steps from here on wait for `start`") }
            let number = String(index)
            text += Quoting.line(String(repeating: " ", count: max(0, 4 - number.count)) + number + "  \(step)")
        }
        for warning in warnings { text += Quoting.line("note  \(warning)") }
        return text
    }

    /// Names of the namespaces that the clone makes.
    public var namespaces: [String] { FlagNames.names(ofNamespaces: cloneFlags) }

    static func pad(_ origin: Origin) -> String { "    [\(origin.text)]" }
}

extension Step {
    /// Names of the errnos that count as success.
    public var toleratedNames: [String] { tolerated.map(FlagNames.errno) }
}

extension Step: CustomStringConvertible {
    public var description: String {
        var text = operation.printed
        if !tolerated.isEmpty {
            text += " (may fail: \(toleratedNames.joined(separator: " "))"
            text += skip > 0 ? ", then skip \(skip))" : ")"
        }
        return text + Plan.pad(origin)
    }
}

extension Provision.Source: CustomStringConvertible {
    public var description: String {
        switch self {
        case .namespace(let path, _, _): "namespace \(path)"
        case .process: "first process"
        case .processRoot: "root of the first process"
        case .tasks(let index): "tasks of hierarchy \(index)"
        case .gateListener: "listening socket"
        case .tree(let source): "tree \(source.path)\(source.isRecursive ? " (recursive)" : "")"
        case .notifyDirectory: "directory of the notify socket"
        case .notifySocket: "notify socket"
        case .attachedMount(let index): "mount \(index) that was attached"
        case .devices: "device nodes made for the container"
        case .mappedTree(let source, index: _):
            "id-mapped tree \(source.path)\(source.isRecursive ? " (recursive)" : "")"
        }
    }
}

extension Operation {
    /// What `plan` shows, and an error does not: an environment may hold secrets, and errors go to logs.
    public var printed: String {
        if case .execute(_, let environment) = self { return "\(self) with \(Self.list(environment))" }
        if case .runHook(_, _, let environment, _, _) = self {
            guard let environment else { return "\(self) with the program's environment" }
            return environment.isEmpty ? description : "\(self) with \(Self.list(environment))"
        }
        return description
    }

    /// Texts with quotes, so that it is seen where each ends.
    private static func list(_ texts: [String]) -> String {
        "[" + texts.map(Quoting.quoted).joined(separator: ", ") + "]"
    }
}

extension Operation: CustomStringConvertible {
    /// The verb and what it is done to, such as `mount_setattr target nosuid,nodev`.
    public var description: String {
        switch self {
        case .joinCgroup(let slot): "join cgroup \(slot.name)"
        case .joinNamespace(let slot, let flag): "setns \(slot.name) \(FlagNames.namespaces(flag))"
        case .unshare(let flags): "unshare \(FlagNames.namespaces(flags))"
        case .fork(let flags): "clone a sibling \(FlagNames.namespaces(flags))"
        case .handOver(let listener, _): "\(Meeting.listener) (\(listener.name))"
        case .meet(let meeting, let send, _, let count):
            "meet \(meeting)\(send.map { " giving \($0.name)" } ?? "")"
                + (count > 0 ? " taking \(count) descriptors" : "")
        case .writeFile(let base, let path, let value): "write \(Self.place(base, path)) \(Quoting.quoted(value))"
        case .setDumpable(let isDumpable): "become \(isDumpable ? "dumpable" : "undumpable")"
        case .setGroups(let groups): "setgroups [\(groups.map { "\($0)" }.joined(separator: ", "))]"
        case .setGroup(let gid): "setresgid \(gid)"
        case .setUser(let uid): "setresuid \(uid)"
        case .newSession: "setsid"
        case .joinSessionKeyring(let name, _): "join session keyring \(name)"
        case .openPath(let base, let path, let flags, let into):
            "open \(Self.place(base, path))\(Self.access(flags)) -> \(into.name)"
        case .openTree(let base, let path, let flags, let into):
            "open_tree \(Self.place(base, path)) \(FlagNames.tree(flags)) -> \(into.name)"
        case .openFileSystem(let type, let into): "fsopen \(type) -> \(into.name)"
        case .pickFileSystem(let slot, let into): "fspick \(slot.name) -> \(into.name)"
        case .configure(_, let setting): "fsconfig \(setting)"
        case .createMount(_, let attributes, let into): "fsmount \(FlagNames.attributes(attributes)) -> \(into.name)"
        case .mount(let source, let type, let data, let flags):
            "mount \(type) \(Quoting.quoted(source)) flags \(FlagNames.hex(flags)) \(Quoting.quoted(data))"
        case .setMountAttributes(let base, let path, let set, let clear, let propagation, let isRecursive):
            "mount_setattr \(Self.place(base, path))"
                + FlagNames.change(set: set, clear: clear, propagation: propagation)
                + (isRecursive ? " recursive" : "")
        case .makeTarget(let root, let path, let kind, let rules, let into):
            "make target \(Self.place(root, path)) \(kind)\(rules.isEmpty ? "" : " \(rules)") -> \(into.name)"
        case .moveMount(let mount, let to): "move_mount \(mount.name) to \(to.name)"
        case .chooseMask(let target, let file, let directory, let into):
            "copy \(file.name) or \(directory.name), as \(target.name) is -> \(into.name)"
        case .copyMode(let from, let to): "copy mode of \(from.name) to \(to.name)"
        case .copyTree(let from, let to): "copy tree \(from.name) to \(to.name)"
        case .copyLink(let source, let directory, let name): "copy link \(source) to \(directory.name)/\(name)"
        case .verifyDevice(let slot, let mode, let major, let minor):
            "verify \(slot.name) is \(FlagNames.kind(mode)) \(major):\(minor)"
        case .makeNode(let directory, let name, let mode, let major, let minor, let uid, let gid):
            "mknod \(directory.name)/\(name) \(FlagNames.kind(mode)) \(major):\(minor)"
                + " mode \(FlagNames.octal(mode & 0o7777))"
                + (uid == 0 && gid == 0 ? "" : " owner \(uid):\(gid)")
        case .makeLink(let directory, let name, let target): "symlink \(directory.name)/\(name) -> \(target)"
        case .remove(let directory, let name): "unlink \(directory.name)/\(name)"
        case .enter(let slot): "fchdir \(slot.name)"
        case .adoptRoot: "make the caller's root that of the mount namespace"
        case .pivotRoot: "pivot_root"
        case .detachMount(let path): "umount \(path) detach"
        case .detachOldRoot: "detach the old root"
        case .changeRoot: "chroot"
        case .changeDirectory(let path): "chdir \(path)"
        case .retryDirectory(let path): "chdir \(path) if it was refused before"
        case .verifyDirectory: "verify that the working directory is inside the root"
        case .setHostName(let name): "sethostname \(Quoting.quoted(name))"
        case .setDomainName(let name): "setdomainname \(Quoting.quoted(name))"
        case .bringUpLoopback: "bring up lo"
        case .unlockTerminal(let slot): "unlock \(slot.name)"
        case .openPeer(let slot, let into): "open peer of \(slot.name) -> \(into.name)"
        case .setWindow(let slot, let rows, let columns): "set window of \(slot.name) to \(rows)x\(columns)"
        case .setOwner(let slot, let uid, let gid): "chown \(slot.name) to \(uid)\(gid == .max ? "" : ":\(gid)")"
        case .setControllingTerminal(let slot): "make \(slot.name) the controlling terminal"
        case .duplicate(let slot, let number): "dup \(slot.name) to \(number)"
        case .setLimit(let limit):
            "setrlimit \(limit.name) \(FlagNames.limit(limit.soft)) \(FlagNames.limit(limit.hard))"
        case .setFileModeMask(let mask): "umask \(FlagNames.octal(mask))"
        case .setPersonality(let value): "personality \(FlagNames.hex(value))"
        case .setScheduler(let s):
            "sched_setattr policy \(s.policy) nice \(s.nice) priority \(s.priority) flags \(FlagNames.hex(s.flags))"
                + (s.period == 0 && s.runtime == 0
                    ? "" : " runtime \(s.runtime) deadline \(s.deadline) period \(s.period) ns")
        case .setIOPriority(let value): "ioprio_set class \(value >> 13) level \(value & 0x1fff)"
        case .setMemoryPolicy(let mode, let nodes):
            "set_mempolicy \(FlagNames.hex(UInt64(mode))) nodes \(FlagNames.bytes(nodes))"
        case .keepCapabilities: "keep capabilities across setuid"
        case .dropBounding(let set): "drop bounding \(FlagNames.hex(set))"
        case .setCapabilities(let effective, let permitted, let inheritable):
            "capset effective \(FlagNames.hex(effective)) permitted \(FlagNames.hex(permitted))"
                + " inheritable \(FlagNames.hex(inheritable))"
        case .setAmbient(let set): "set ambient \(FlagNames.hex(set))"
        case .setNoNewPrivileges: "set no_new_privs"
        case .findHome(let uid): "find HOME of \(uid)"
        case .tellPID(let variable): "tell \(variable)"
        case .findExecutable(let name, let path):
            name.hasSlash ? "find \(name)" : "find \(name) in \(path)"
        case .waitAtGate: "wait at the gate"
        case .runHook(let path, let arguments, _, let timeout, let confinement):
            "run hook \(path) \(Self.list(arguments))\(timeout > 0 ? " for at most \(timeout) s" : "")"
                + (confinement.filter == nil ? "" : " under the seccomp filter")
        case .closeOnExec(let first): "close from \(first) on exec"
        case .loadSeccomp(let filter):
            "load seccomp filter, \(filter.instructions.count / 8) instructions, flags \(filter.flags)"
        case .execute(let arguments, _): "execve \(Self.list(arguments))"
        case .setAffinity(let cpus): "sched_setaffinity \(cpus.isEmpty ? "every CPU" : FlagNames.bytes(cpus))"
        case .close(let slot): "close \(slot.name)"
        case .release: "outlive the parent"
        case .unmount(let slot): "umount \(slot.name) detach"
        case .reopen(let slot, let flags, let into): "open \(slot.name) anew\(Self.access(flags)) -> \(into.name)"
        }
    }

    /// A place is opened neither for reading nor for writing.
    private static func access(_ flags: UInt64) -> String {
        if flags & OpenFlag.path != 0 { return "" }
        return [" read-only", " write-only", " read-write", ""][Int(flags & 3)]
    }

    private static func place(_ base: Slot?, _ path: String) -> String {
        guard let base else { return path }
        return path.isEmpty ? base.name : "\(base.name):\(path)"
    }
}

extension Meeting: CustomStringConvertible {
    public var description: String {
        switch self {
        case .idMaps: "the host to write the id maps"
        case .cgroups: "the host to make the cgroups"
        case .networkDevices: "the host to move network devices in"
        case .mapIDs: "the host to map ids"
        case .inside: "the host: going inside"
        case .target: "the host to look at the place"
        case .mount: "the host to keep the mount"
        case .runtimeHooks: "the host to run its hooks"
        case .containerHooks: "the host for the state that hooks read"
        case .console: "the host to take the terminal"
        case .limits: "the host to set resource limits"
        case .ready: "the host: ready"
        case .listener: "the host to hand the listener on"
        }
    }
}

extension Setting: CustomStringConvertible {
    public var description: String {
        switch self {
        case .flag(let key): key
        case .text(let key, let value): "\(key)=\(value)"
        case .create: "create"
        case .reconfigure: "reconfigure"
        }
    }
}

extension TargetKind: CustomStringConvertible {
    public var description: String {
        switch self {
        case .directory: "directory"
        case .file: "file"
        case .like(let slot): "like \(slot.name)"
        case .existing: "existing"
        }
    }
}

extension TargetRules: CustomStringConvertible {
    public var description: String {
        let names: [(TargetRules, String)] = [
            (.noLinks, "no links"), (.notInProc, "not in proc"), (.noFollow, "no follow"),
            (.notMounted, "not mounted"), (.notRoot, "not the root"), (.notKernels, "not the kernel's"),
        ]
        return "(" + names.filter { contains($0.0) }.map { $0.1 }.joined(separator: ", ") + ")"
    }
}

/// Names of kernel flags.
enum FlagNames {
    static func namespaces(_ flags: UInt64) -> String {
        let set = names(ofNamespaces: flags)
        return set.isEmpty ? "(no new namespace)" : set.joined(separator: ",")
    }

    static func names(ofNamespaces flags: UInt64) -> [String] {
        let names: [(UInt64, String)] = [
            (0x1000_0000, "user"), (0x2000_0000, "pid"), (0x0002_0000, "mnt"), (0x4000_0000, "net"),
            (0x0800_0000, "ipc"), (0x0400_0000, "uts"), (0x0200_0000, "cgroup"), (0x80, "time"),
        ]
        return names.filter { flags & $0.0 != 0 }.map { $0.1 }
    }

    static func tree(_ flags: UInt32) -> String {
        let names: [(UInt32, String)] = [
            (TreeFlag.clone, "clone"), (TreeFlag.recursive, "recursive"), (TreeFlag.noFollow, "nofollow"),
        ]
        return names.filter { flags & $0.0 != 0 }.map { $0.1 }.joined(separator: ",")
    }

    static func attributes(_ flags: UInt64) -> String {
        let names: [(UInt64, String)] = [
            (0x01, "ro"), (0x02, "nosuid"), (0x04, "nodev"), (0x08, "noexec"), (0x10, "noatime"),
            (0x20, "strictatime"), (0x80, "nodiratime"), (0x20_0000, "nosymfollow"),
        ]
        let set = names.filter { flags & $0.0 != 0 }.map { $0.1 }
        return set.isEmpty ? "-" : set.joined(separator: ",")
    }

    static func change(set: UInt64, clear: UInt64, propagation: UInt64) -> String {
        var text = ""
        if set != 0 { text += " +" + attributes(set) }
        let cleared = clear & ~0x70 == 0 ? [] : [attributes(clear & ~0x70)]
        let all = (clear & 0x70 == 0x70 ? ["atime"] : []) + cleared
        if !all.isEmpty { text += " -" + all.joined(separator: ",") }
        switch propagation {
        case 0x2_0000: text += " unbindable"
        case 0x4_0000: text += " private"
        case 0x8_0000: text += " slave"
        case 0x10_0000: text += " shared"
        default: break
        }
        return text
    }

    static func kind(_ mode: UInt32) -> String {
        switch mode & 0o170000 {
        case FileMode.character: "c"
        case FileMode.block: "b"
        case FileMode.regular: "file"
        default: "p"
        }
    }

    static func errno(_ number: UInt8) -> String {
        switch number {
        case Tolerated.notPermitted: "EPERM"
        case Tolerated.noEntry: "ENOENT"
        case Tolerated.badDescriptor: "EBADF"
        case Tolerated.accessDenied: "EACCES"
        case Tolerated.busy: "EBUSY"
        case Tolerated.noDevice: "ENODEV"
        case Tolerated.exists: "EEXIST"
        case Tolerated.already: "EALREADY"
        case Tolerated.notDirectory: "ENOTDIR"
        case Tolerated.invalidArgument: "EINVAL"
        case Tolerated.readOnlyFileSystem: "EROFS"
        case Tolerated.noSystemCall: "ENOSYS"
        default: "\(number)"
        }
    }

    static func octal(_ value: UInt32) -> String { "0" + String(value, radix: 8) }

    /// A bit mask of bytes, the lowest first.
    static func bytes(_ mask: [UInt8]) -> String { mask.map { String($0, radix: 16) }.joined(separator: ":") }

    static func hex(_ value: UInt64) -> String { "0x" + String(value, radix: 16) }

    static func limit(_ value: UInt64) -> String { value == .max ? "unlimited" : "\(value)" }
}
