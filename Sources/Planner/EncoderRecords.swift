internal import InitProtocol

// The record of each operation: init_protocol.h declares them.

extension Encoder {
    private static func header(_ operation: apus_operation, _ step: Step, _ size: Int) -> apus_step {
        var tolerated = step.tolerated.makeIterator()
        return apus_step(
            operation: UInt16(operation.rawValue), size: UInt16(size),
            tolerated: (tolerated.next() ?? 0, tolerated.next() ?? 0, tolerated.next() ?? 0), skip: step.skip)
    }

    private mutating func nothing(_ operation: apus_operation, _ step: Step) {
        append(Self.header(operation, step, MemoryLayout<apus_nothing>.size), to: &records)
    }

    private mutating func slot(_ operation: apus_operation, _ step: Step, _ slot: Slot) {
        let size = MemoryLayout<apus_slot_step>.size
        append(
            apus_slot_step(step: Self.header(operation, step, size), slot: slot.number, unused: (0, 0, 0)),
            to: &records)
    }

    private mutating func slots(_ operation: apus_operation, _ step: Step, _ from: Slot, _ to: Slot) {
        let size = MemoryLayout<apus_two_slots>.size
        append(
            apus_two_slots(step: Self.header(operation, step, size), from: from.number, to: to.number, flags: 0),
            to: &records)
    }

    private mutating func flags(_ operation: apus_operation, _ step: Step, _ flags: UInt64) {
        append(
            apus_flags(step: Self.header(operation, step, MemoryLayout<apus_flags>.size), flags: flags), to: &records)
    }

    private mutating func number(_ operation: apus_operation, _ step: Step, _ number: UInt32) {
        let size = MemoryLayout<apus_number>.size
        append(apus_number(step: Self.header(operation, step, size), number: number, unused: 0), to: &records)
    }

    private mutating func text(_ operation: apus_operation, _ step: Step, _ string: String) {
        let size = MemoryLayout<apus_text_step>.size
        append(apus_text_step(step: Self.header(operation, step, size), text: text(string)), to: &records)
    }

    private static func base(_ slot: Slot?) -> UInt16 { slot?.number ?? UInt16(APUS_NO_SLOT) }

    /// Paths of the host are resolved as the host does; those below a slot never leave it.
    private static func insideRoot(_ slot: Slot?) -> UInt64 { slot == nil ? 0 : 0x10 | 0x02 }  // IN_ROOT, NO_MAGICLINKS
    /// BENEATH, NO_MAGICLINKS, NO_XDEV
    private static func insideProc(_ slot: Slot?) -> UInt64 { slot == nil ? 0 : 0x08 | 0x02 | 0x01 }

    /// One step. No `default`: the compiler refuses an operation that is missing here.
    mutating func encode(_ step: Step) {
        let h = { (operation: apus_operation, size: Int) in Self.header(operation, step, size) }
        switch step.operation {
        case .joinCgroup(let target): slot(.APUS_OPERATION_JOIN_CGROUP, step, target)
        case .joinNamespace(let source, let flag):
            append(
                apus_namespace(
                    step: h(.APUS_OPERATION_JOIN_NAMESPACE, MemoryLayout<apus_namespace>.size), flag: flag,
                    slot: source.number, unused: (0, 0, 0)), to: &records)
        case .unshare(let value): flags(.APUS_OPERATION_UNSHARE, step, value)
        case .fork(let value): flags(.APUS_OPERATION_FORK, step, value)
        case .meet(let meeting, let send, let receive, let count):
            append(
                apus_meet(
                    step: h(.APUS_OPERATION_MEET, MemoryLayout<apus_meet>.size), meeting: meeting.code,
                    send: Self.base(send), receive: receive.number, receive_count: UInt16(count),
                    socket: Self.base(nil), unused: (0, 0)), to: &records)
        case .handOver(let listener, let socket):
            append(
                apus_meet(
                    step: h(.APUS_OPERATION_MEET, MemoryLayout<apus_meet>.size), meeting: Meeting.listener.code,
                    send: listener.number, receive: 0, receive_count: 0, socket: Self.base(socket), unused: (0, 0)),
                to: &records)
        case .writeFile(let base, let path, let value):
            append(
                apus_write_file(
                    step: h(.APUS_OPERATION_WRITE_FILE, MemoryLayout<apus_write_file>.size), path: text(path),
                    value: text(value), resolve: Self.insideProc(base), base: Self.base(base), unused: (0, 0, 0)),
                to: &records)
        case .setGroups(let groups):
            var list: [UInt8] = []
            for group in groups { append(group, to: &list) }
            append(
                apus_groups(
                    step: h(.APUS_OPERATION_SET_GROUPS, MemoryLayout<apus_groups>.size), groups: bytes(list)),
                to: &records)
        case .setDumpable(let isDumpable): number(.APUS_OPERATION_SET_DUMPABLE, step, isDumpable ? 1 : 0)
        case .setGroup(let value): number(.APUS_OPERATION_SET_GROUP, step, value)
        case .setUser(let value): number(.APUS_OPERATION_SET_USER, step, value)
        case .newSession: nothing(.APUS_OPERATION_NEW_SESSION, step)
        case .joinSessionKeyring(let name, let permissions):
            append(
                apus_keyring(
                    step: h(.APUS_OPERATION_JOIN_SESSION_KEYRING, MemoryLayout<apus_keyring>.size), name: text(name),
                    permissions: permissions, unused: 0), to: &records)
        case .openPath(let base, let path, let value, let into):
            append(
                apus_open_path(
                    step: h(.APUS_OPERATION_OPEN_PATH, MemoryLayout<apus_open_path>.size), path: text(path),
                    flags: value, resolve: Self.insideRoot(base), base: Self.base(base), into: into.number,
                    unused: (0, 0)), to: &records)
        case .openTree(let base, let path, let value, let into):
            append(
                apus_open_tree(
                    step: h(.APUS_OPERATION_OPEN_TREE, MemoryLayout<apus_open_tree>.size), path: text(path),
                    flags: value, base: Self.base(base), into: into.number), to: &records)
        case .openFileSystem(let type, let into):
            append(
                apus_open_file_system(
                    step: h(.APUS_OPERATION_OPEN_FILE_SYSTEM, MemoryLayout<apus_open_file_system>.size),
                    type: text(type), into: into.number, unused: (0, 0, 0)), to: &records)
        case .pickFileSystem(let target, let into): slots(.APUS_OPERATION_PICK_FILE_SYSTEM, step, target, into)
        case .configure(let target, let setting):
            append(
                apus_configure(
                    step: h(.APUS_OPERATION_CONFIGURE, MemoryLayout<apus_configure>.size), key: text(setting.key),
                    value: text(setting.value), command: setting.command, slot: target.number, unused: 0),
                to: &records)
        case .createMount(let from, let attributes, let into):
            append(
                apus_create_mount(
                    step: h(.APUS_OPERATION_CREATE_MOUNT, MemoryLayout<apus_create_mount>.size),
                    attributes: attributes, from: from.number, into: into.number, unused: (0, 0)), to: &records)
        case .mount(let source, let type, let data, let value):
            append(
                apus_mount(
                    step: h(.APUS_OPERATION_MOUNT, MemoryLayout<apus_mount>.size), source: text(source),
                    type: text(type), data: text(data), flags: value), to: &records)
        case .setMountAttributes(let base, let path, let set, let clear, let propagation, let isRecursive):
            append(
                apus_mount_attributes(
                    step: h(.APUS_OPERATION_SET_MOUNT_ATTRIBUTES, MemoryLayout<apus_mount_attributes>.size),
                    path: text(path), set: set, clear: clear, propagation: propagation,
                    flags: isRecursive ? TreeFlag.recursive : 0, base: Self.base(base),
                    user_namespace: UInt16(APUS_NO_SLOT)), to: &records)
        case .makeTarget(let root, let path, let kind, let rules, let into):
            append(
                apus_make_target(
                    step: h(.APUS_OPERATION_MAKE_TARGET, MemoryLayout<apus_make_target>.size), path: text(path),
                    kind: kind.code, mode: 0o755, root: root.number, source: kind.source.number, into: into.number,
                    rules: rules.rawValue), to: &records)
        case .moveMount(let mount, let to): slots(.APUS_OPERATION_MOVE_MOUNT, step, mount, to)
        case .chooseMask(let target, let file, let directory, let into):
            append(
                apus_choose_mask(
                    step: h(.APUS_OPERATION_CHOOSE_MASK, MemoryLayout<apus_choose_mask>.size),
                    target: target.number, file: file.number, directory: directory.number, into: into.number),
                to: &records)
        case .copyMode(let from, let to): slots(.APUS_OPERATION_COPY_MODE, step, from, to)
        case .copyTree(let from, let to):
            append(
                apus_copy_tree(
                    step: h(.APUS_OPERATION_COPY_TREE, MemoryLayout<apus_copy_tree>.size), from: from.number,
                    to: to.number, descriptors: Slot.ownDescriptors.number, unused: 0), to: &records)
        case .copyLink(let source, let directory, let name):
            append(
                apus_copy_link(
                    step: h(.APUS_OPERATION_COPY_LINK, MemoryLayout<apus_copy_link>.size), source: text(source),
                    name: text(name), directory: directory.number, unused: (0, 0, 0)), to: &records)
        case .verifyDevice(let target, let mode, let major, let minor):
            append(
                apus_verify_device(
                    step: h(.APUS_OPERATION_VERIFY_DEVICE, MemoryLayout<apus_verify_device>.size),
                    slot: target.number, unused: 0, mode: mode, major: major, minor: minor), to: &records)
        case .makeNode(let directory, let name, let mode, let major, let minor, let uid, let gid):
            append(
                apus_make_node(
                    step: h(.APUS_OPERATION_MAKE_NODE, MemoryLayout<apus_make_node>.size), name: text(name),
                    mode: mode, major: major, minor: minor, uid: uid, gid: gid, directory: directory.number,
                    unused: 0), to: &records)
        case .makeLink(let directory, let name, let target):
            append(
                apus_make_link(
                    step: h(.APUS_OPERATION_MAKE_LINK, MemoryLayout<apus_make_link>.size), name: text(name),
                    target: text(target), directory: directory.number, unused: (0, 0, 0)), to: &records)
        case .remove(let directory, let name):
            append(
                apus_name(
                    step: h(.APUS_OPERATION_REMOVE, MemoryLayout<apus_name>.size), name: text(name),
                    directory: directory.number, unused: (0, 0, 0)), to: &records)
        case .enter(let target): slot(.APUS_OPERATION_ENTER, step, target)
        case .adoptRoot: nothing(.APUS_OPERATION_ADOPT_ROOT, step)
        case .pivotRoot: nothing(.APUS_OPERATION_PIVOT_ROOT, step)
        case .detachMount(let path): text(.APUS_OPERATION_DETACH_MOUNT, step, path)
        case .detachOldRoot(let root): slot(.APUS_OPERATION_DETACH_OLD_ROOT, step, root)
        case .changeRoot: nothing(.APUS_OPERATION_CHANGE_ROOT, step)
        case .changeDirectory(let path): text(.APUS_OPERATION_CHANGE_DIRECTORY, step, path)
        case .retryDirectory(let path): text(.APUS_OPERATION_RETRY_DIRECTORY, step, path)
        case .verifyDirectory: nothing(.APUS_OPERATION_VERIFY_DIRECTORY, step)
        case .setHostName(let name): text(.APUS_OPERATION_SET_HOST_NAME, step, name)
        case .setDomainName(let name): text(.APUS_OPERATION_SET_DOMAIN_NAME, step, name)
        case .bringUpLoopback: nothing(.APUS_OPERATION_BRING_UP_LOOPBACK, step)
        case .unlockTerminal(let target): slot(.APUS_OPERATION_UNLOCK_TERMINAL, step, target)
        case .openPeer(let from, let into): slots(.APUS_OPERATION_OPEN_PEER, step, from, into)
        case .setWindow(let target, let rows, let columns):
            append(
                apus_window(
                    step: h(.APUS_OPERATION_SET_WINDOW, MemoryLayout<apus_window>.size), slot: target.number,
                    rows: rows, columns: columns, unused: 0), to: &records)
        case .setOwner(let target, let uid, let gid):
            append(
                apus_owner(
                    step: h(.APUS_OPERATION_SET_OWNER, MemoryLayout<apus_owner>.size), uid: uid, gid: gid,
                    slot: target.number, unused: (0, 0, 0)), to: &records)
        case .setControllingTerminal(let target): slot(.APUS_OPERATION_SET_CONTROLLING_TERMINAL, step, target)
        case .duplicate(let source, let value):
            append(
                apus_duplicate(
                    step: h(.APUS_OPERATION_DUPLICATE, MemoryLayout<apus_duplicate>.size), slot: source.number,
                    unused: 0, number: value), to: &records)
        case .setLimit(let limit):
            append(
                apus_limit(
                    step: h(.APUS_OPERATION_SET_LIMIT, MemoryLayout<apus_limit>.size), soft: limit.soft,
                    hard: limit.hard, resource: limit.resource, unused: 0), to: &records)
        case .setFileModeMask(let mask): number(.APUS_OPERATION_SET_FILE_MODE_MASK, step, mask)
        case .setPersonality(let value): flags(.APUS_OPERATION_SET_PERSONALITY, step, value)
        case .setScheduler(let scheduler):
            append(
                apus_scheduler(
                    step: h(.APUS_OPERATION_SET_SCHEDULER, MemoryLayout<apus_scheduler>.size),
                    policy: scheduler.policy, nice: scheduler.nice, priority: scheduler.priority, unused: 0,
                    flags: scheduler.flags, runtime: scheduler.runtime, deadline: scheduler.deadline,
                    period: scheduler.period), to: &records)
        case .setIOPriority(let value): number(.APUS_OPERATION_SET_IO_PRIORITY, step, value)
        case .setMemoryPolicy(let mode, let nodes):
            append(
                apus_memory_policy(
                    step: h(.APUS_OPERATION_SET_MEMORY_POLICY, MemoryLayout<apus_memory_policy>.size), mode: mode,
                    unused: 0, nodes: bytes(nodes)), to: &records)
        case .keepCapabilities: nothing(.APUS_OPERATION_KEEP_CAPABILITIES, step)
        case .dropBounding(let set): flags(.APUS_OPERATION_DROP_BOUNDING, step, set)
        case .setCapabilities(let effective, let permitted, let inheritable):
            append(
                apus_capabilities(
                    step: h(.APUS_OPERATION_SET_CAPABILITIES, MemoryLayout<apus_capabilities>.size),
                    effective: effective, permitted: permitted, inheritable: inheritable), to: &records)
        case .setAmbient(let set): flags(.APUS_OPERATION_SET_AMBIENT, step, set)
        case .setNoNewPrivileges: nothing(.APUS_OPERATION_SET_NO_NEW_PRIVILEGES, step)
        case .findHome(let uid):
            append(
                apus_find_home(
                    step: h(.APUS_OPERATION_FIND_HOME, MemoryLayout<apus_find_home>.size),
                    environment: programEnvironment(), buffer: bytes([UInt8](repeating: 0, count: 1024)), uid: uid,
                    descriptors: Slot.ownDescriptors.number, unused: 0), to: &records)
        case .tellPID(let variable):
            let name = "\(variable)="
            append(
                apus_tell_pid(
                    step: h(.APUS_OPERATION_TELL_PID, MemoryLayout<apus_tell_pid>.size),
                    environment: programEnvironment(),
                    buffer: bytes(Array(name.utf8) + [UInt8](repeating: 0, count: Self.longestPID + 1)),
                    index: UInt32(environmentEntries.lastIndex(of: name) ?? environmentEntries.count),
                    length: UInt32(name.utf8.count)), to: &records)
        case .findExecutable(let name, let path):
            append(
                apus_find_executable(
                    step: h(.APUS_OPERATION_FIND_EXECUTABLE, MemoryLayout<apus_find_executable>.size),
                    name: text(name), path: text(path)), to: &records)
        case .waitAtGate(let receive, let count, let notify):
            append(
                apus_gate(
                    step: h(.APUS_OPERATION_WAIT_AT_GATE, MemoryLayout<apus_gate>.size),
                    listener: Slot.gateListener.number, connection: Slot.gateConnection.number,
                    receive: receive.number, receive_count: UInt16(count), notify: Self.base(notify),
                    unused: (0, 0, 0)), to: &records)
        case .runHook(let path, let arguments, let environment, let timeout, let confinement):
            let (path, arguments) = (text(path), texts(arguments))
            let environment = if let environment { texts(environment) } else { programEnvironment() }
            append(
                apus_run_hook(
                    step: h(.APUS_OPERATION_RUN_HOOK, MemoryLayout<apus_run_hook>.size), path: path,
                    arguments: arguments,
                    environment: environment, timeout: timeout,
                    input: Slot.hookInput.number, output: Slot.hookOutput.number,
                    filter: filter(confinement.filter), filter_flags: confinement.filter?.flags ?? 0,
                    limits_files: confinement.files == nil ? 0 : 1, errors: confinement.errors.number,
                    soft: confinement.files?.soft ?? 0,
                    hard: confinement.files?.hard ?? 0), to: &records)
        case .closeOnExec(let first): number(.APUS_OPERATION_CLOSE_ON_EXEC, step, UInt32(first))
        case .loadSeccomp(let filter):
            append(
                apus_seccomp(
                    step: h(.APUS_OPERATION_LOAD_SECCOMP, MemoryLayout<apus_seccomp>.size),
                    program: self.filter(filter), flags: filter.flags, listener: Slot.listener.number, unused: 0),
                to: &records)
        case .execute(let arguments, _):
            append(
                apus_execute(
                    step: h(.APUS_OPERATION_EXECUTE, MemoryLayout<apus_execute>.size), arguments: texts(arguments),
                    environment: programEnvironment()), to: &records)
        case .setAffinity(let cpus):
            append(
                apus_affinity(
                    step: h(.APUS_OPERATION_SET_AFFINITY, MemoryLayout<apus_affinity>.size), cpus: bytes(cpus)),
                to: &records)
        case .close(let target): slot(.APUS_OPERATION_CLOSE, step, target)
        case .release: nothing(.APUS_OPERATION_RELEASE, step)
        case .unmount(let mount): slots(.APUS_OPERATION_UNMOUNT, step, mount, .ownDescriptors)
        case .reopen(let source, let value, let into):
            append(
                apus_reopen(
                    step: h(.APUS_OPERATION_REOPEN, MemoryLayout<apus_reopen>.size), from: source.number,
                    into: into.number, descriptors: Slot.ownDescriptors.number, unused: 0, flags: UInt32(value),
                    padding: 0), to: &records)
        }
    }
}
