import InitProtocol
import OCI
import Planner
import Testing

/// An operation, and its record behind the first two bytes, which are the operation's number. It is the only step of a
/// plan, so its texts begin at 1072 (0x430).
struct RecordCase: Sendable, CustomTestStringConvertible {
    let operation: Planner.Operation
    let code: apus_operation
    let hex: String

    init(_ operation: Planner.Operation, _ code: apus_operation, _ hex: String) {
        self.operation = operation
        self.code = code
        self.hex = hex
    }

    var testDescription: String { "\(operation)" }

    /// Every operation once.
    static let all: [RecordCase] =
        nothing + slots + numbers + texts + files + mounts + targets + devices + identity + ends

    /// Operations that share their record with another one.
    static let shared: [RecordCase] = [
        RecordCase(
            .handOver(.listener, through: .gateConnection), .APUS_OPERATION_MEET,
            """
            18 00 00 00 00 00
            09 00 00 00       | meeting: the host hands the listener on
            16 00             | send
            00 00             | receive
            00 00             | receive_count
            0f 00             | socket
            00 00 00 00       | unused
            """)
    ]

    private static let nothing: [RecordCase] = [
        RecordCase(.newSession, .APUS_OPERATION_NEW_SESSION, "08 00 00 00 00 00"),
        RecordCase(.adoptRoot, .APUS_OPERATION_ADOPT_ROOT, "08 00 00 00 00 00"),
        RecordCase(.pivotRoot, .APUS_OPERATION_PIVOT_ROOT, "08 00 00 00 00 00"),
        RecordCase(.changeRoot, .APUS_OPERATION_CHANGE_ROOT, "08 00 00 00 00 00"),
        RecordCase(.verifyDirectory, .APUS_OPERATION_VERIFY_DIRECTORY, "08 00 00 00 00 00"),
        RecordCase(.bringUpLoopback, .APUS_OPERATION_BRING_UP_LOOPBACK, "08 00 00 00 00 00"),
        RecordCase(.keepCapabilities, .APUS_OPERATION_KEEP_CAPABILITIES, "08 00 00 00 00 00"),
        RecordCase(.setNoNewPrivileges, .APUS_OPERATION_SET_NO_NEW_PRIVILEGES, "08 00 00 00 00 00"),
    ]

    private static let slots: [RecordCase] = [
        RecordCase(
            .joinCgroup(Slot(24)), .APUS_OPERATION_JOIN_CGROUP,
            "10 00 00 00 00 00\n 18 00 | slot\n 00 00 00 00 00 00 | unused"),
        RecordCase(.enter(.root), .APUS_OPERATION_ENTER, "10 00 00 00 00 00 03 00 00 00 00 00 00 00"),
        RecordCase(
            .detachOldRoot(.root), .APUS_OPERATION_DETACH_OLD_ROOT, "10 00 00 00 00 00 03 00 00 00 00 00 00 00"),
        RecordCase(
            .unlockTerminal(.terminal), .APUS_OPERATION_UNLOCK_TERMINAL, "10 00 00 00 00 00 0c 00 00 00 00 00 00 00"),
        RecordCase(
            .setControllingTerminal(.terminalPeer), .APUS_OPERATION_SET_CONTROLLING_TERMINAL,
            "10 00 00 00 00 00 0d 00 00 00 00 00 00 00"),
        RecordCase(
            .moveMount(.mount, to: .target), .APUS_OPERATION_MOVE_MOUNT,
            "10 00 00 00 00 00\n 05 00 | from\n 04 00 | to\n 00 00 00 00 | flags"),
        RecordCase(
            .pickFileSystem(.target, into: .fileSystem), .APUS_OPERATION_PICK_FILE_SYSTEM,
            "10 00 00 00 00 00 04 00 06 00 00 00 00 00"),
        RecordCase(
            .copyMode(from: .target, to: .mount), .APUS_OPERATION_COPY_MODE,
            "10 00 00 00 00 00 04 00 05 00 00 00 00 00"),
        RecordCase(
            .copyTree(from: .target, to: .mount), .APUS_OPERATION_COPY_TREE,
            "10 00 00 00 00 00\n 04 00 | from\n 05 00 | to\n 13 00 | descriptors\n 00 00 | unused"),
        RecordCase(
            .reopen(.target, flags: 0o402, into: .terminal), .APUS_OPERATION_REOPEN,
            """
            18 00 00 00 00 00
            04 00       | from
            0c 00       | into
            13 00       | descriptors
            00 00       | unused
            02 01 00 00 | flags
            00 00 00 00 | padding
            """),
        RecordCase(
            .openPeer(.terminal, into: .terminalPeer), .APUS_OPERATION_OPEN_PEER,
            "10 00 00 00 00 00 0c 00 0d 00 00 00 00 00"),
        RecordCase(
            .chooseMask(for: .target, file: .maskFile, directory: .maskDirectory, into: .mount),
            .APUS_OPERATION_CHOOSE_MASK,
            "10 00 00 00 00 00\n 04 00 | target\n 08 00 | file\n 09 00 | directory\n 05 00 | into"),
        RecordCase(
            .joinNamespace(Slot(25), flag: 0x4000_0000), .APUS_OPERATION_JOIN_NAMESPACE,
            "18 00 00 00 00 00\n 00 00 00 40 00 00 00 00 | CLONE_NEWNET\n 19 00 | slot\n 00 00 00 00 00 00 | unused"),
        RecordCase(
            .setWindow(.terminal, rows: 25, columns: 300), .APUS_OPERATION_SET_WINDOW,
            "10 00 00 00 00 00\n 0c 00 | slot\n 19 00 | rows\n 2c 01 | columns\n 00 00 | unused"),
        RecordCase(
            .setOwner(.standardError, uid: 1000, gid: .max), .APUS_OPERATION_SET_OWNER,
            """
            18 00 00 00 00 00
            e8 03 00 00       | uid
            ff ff ff ff       | gid: unchanged
            02 00             | slot
            00 00 00 00 00 00 | unused
            """),
        RecordCase(
            .duplicate(.terminalPeer, number: 2), .APUS_OPERATION_DUPLICATE,
            "10 00 00 00 00 00\n 0d 00 | slot\n 00 00 | unused\n 02 00 00 00 | number"),
        RecordCase(
            .waitAtGate(receive: .hookInput, count: 2, notify: Slot(24)), .APUS_OPERATION_WAIT_AT_GATE,
            """
            18 00 00 00 00 00
            0e 00             | listener
            0f 00             | connection
            10 00             | receive
            02 00             | receive_count
            18 00             | notify
            00 00 00 00 00 00 | unused
            """),
        RecordCase(.release, .APUS_OPERATION_RELEASE, "08 00 00 00 00 00"),
        RecordCase(
            .unmount(.mount), .APUS_OPERATION_UNMOUNT,
            "10 00 00 00 00 00\n 05 00 | mount\n 13 00 | descriptors\n 00 00 00 00 | unused"),
        RecordCase(.close(.ownDescriptors), .APUS_OPERATION_CLOSE, "10 00 00 00 00 00 13 00 00 00 00 00 00 00"),
        RecordCase(
            .meet(.console, send: .terminal, receive: .hookInput, count: 1), .APUS_OPERATION_MEET,
            """
            18 00 00 00 00 00
            06 00 00 00       | meeting: the host takes the terminal
            0c 00             | send
            10 00             | receive
            01 00             | receive_count
            ff ff             | socket: of the host that made the process
            00 00 00 00       | unused
            """),
    ]

    private static let numbers: [RecordCase] = [
        RecordCase(
            .setGroup(0xffff_fffe), .APUS_OPERATION_SET_GROUP,
            "10 00 00 00 00 00\n fe ff ff ff | number\n 00 00 00 00 | unused"),
        RecordCase(.setDumpable(true), .APUS_OPERATION_SET_DUMPABLE, "10 00 00 00 00 00 01 00 00 00 00 00 00 00"),
        RecordCase(.setUser(1000), .APUS_OPERATION_SET_USER, "10 00 00 00 00 00 e8 03 00 00 00 00 00 00"),
        RecordCase(
            .setFileModeMask(0o022), .APUS_OPERATION_SET_FILE_MODE_MASK, "10 00 00 00 00 00 12 00 00 00 00 00 00 00"),
        RecordCase(
            .setIOPriority(2 << 13 | 4), .APUS_OPERATION_SET_IO_PRIORITY, "10 00 00 00 00 00 04 40 00 00 00 00 00 00"),
        RecordCase(.closeOnExec(from: 5), .APUS_OPERATION_CLOSE_ON_EXEC, "10 00 00 00 00 00 05 00 00 00 00 00 00 00"),
        RecordCase(
            .unshare(flags: 0x0200_0000), .APUS_OPERATION_UNSHARE,
            "10 00 00 00 00 00\n 00 00 00 02 00 00 00 00 | CLONE_NEWCGROUP"),
        RecordCase(
            .fork(flags: 0x2002_0000), .APUS_OPERATION_FORK,
            "10 00 00 00 00 00\n 00 00 02 20 00 00 00 00 | CLONE_NEWPID, CLONE_NEWNS"),
        RecordCase(.setPersonality(8), .APUS_OPERATION_SET_PERSONALITY, "10 00 00 00 00 00 08 00 00 00 00 00 00 00"),
        RecordCase(
            .dropBounding(0x1ff_ffff_ffff), .APUS_OPERATION_DROP_BOUNDING, "10 00 00 00 00 00 ff ff ff ff ff 01 00 00"),
        RecordCase(.setAmbient(0x400), .APUS_OPERATION_SET_AMBIENT, "10 00 00 00 00 00 00 04 00 00 00 00 00 00"),
    ]

    private static let texts: [RecordCase] = [
        RecordCase(
            .joinSessionKeyring(name: "_ses.a", permissions: 0x8_0000), .APUS_OPERATION_JOIN_SESSION_KEYRING,
            """
            18 00 00 00 00 00
            30 04 00 00 06 00 00 00 | name
            00 00 08 00             | permissions: KEY_USR_SEARCH
            00 00 00 00             | unused
            """),
        RecordCase(
            .changeDirectory("/work"), .APUS_OPERATION_CHANGE_DIRECTORY,
            "10 00 00 00 00 00\n 30 04 00 00 05 00 00 00 | text"),
        RecordCase(
            .retryDirectory("/work"), .APUS_OPERATION_RETRY_DIRECTORY, "10 00 00 00 00 00 30 04 00 00 05 00 00 00"),
        RecordCase(
            .detachMount(path: "/proc"), .APUS_OPERATION_DETACH_MOUNT, "10 00 00 00 00 00 30 04 00 00 05 00 00 00"),
        RecordCase(.setHostName("box"), .APUS_OPERATION_SET_HOST_NAME, "10 00 00 00 00 00 30 04 00 00 03 00 00 00"),
        RecordCase(.setDomainName("d"), .APUS_OPERATION_SET_DOMAIN_NAME, "10 00 00 00 00 00 30 04 00 00 01 00 00 00"),
        RecordCase(
            .findExecutable(name: "a", path: "/b:/"), .APUS_OPERATION_FIND_EXECUTABLE,
            "18 00 00 00 00 00\n 30 04 00 00 01 00 00 00 | name\n 32 04 00 00 04 00 00 00 | path"),
    ]

    private static let files: [RecordCase] = [
        RecordCase(
            .writeFile(.procfs, path: "sys/a", value: "1"), .APUS_OPERATION_WRITE_FILE,
            """
            28 00 00 00 00 00
            30 04 00 00 05 00 00 00 | path
            36 04 00 00 01 00 00 00 | value
            0b 00 00 00 00 00 00 00 | resolve: BENEATH, NO_MAGICLINKS, NO_XDEV
            07 00                   | base
            00 00 00 00 00 00       | unused
            """),
        RecordCase(
            .openPath(nil, path: "/srv", flags: 0x21_0000, into: .target), .APUS_OPERATION_OPEN_PATH,
            """
            28 00 00 00 00 00
            30 04 00 00 04 00 00 00 | path
            00 00 21 00 00 00 00 00 | flags: O_PATH, O_DIRECTORY
            00 00 00 00 00 00 00 00 | resolve: as the host does
            ff ff                   | base: none
            04 00                   | into
            00 00 00 00             | unused
            """),
    ]

    private static let mounts: [RecordCase] = [
        RecordCase(
            .openTree(.target, path: "", flags: 0x8001, into: .mount), .APUS_OPERATION_OPEN_TREE,
            """
            18 00 00 00 00 00
            30 04 00 00 00 00 00 00 | path: the base itself
            01 80 00 00             | flags: CLONE, RECURSIVE
            04 00                   | base
            05 00                   | into
            """),
        RecordCase(
            .openFileSystem(type: "proc", into: .fileSystem), .APUS_OPERATION_OPEN_FILE_SYSTEM,
            "18 00 00 00 00 00\n 30 04 00 00 04 00 00 00 | type\n 06 00 | into\n 00 00 00 00 00 00 | unused"),
        RecordCase(
            .configure(.fileSystem, .text(key: "mode", value: "755")), .APUS_OPERATION_CONFIGURE,
            """
            20 00 00 00 00 00
            30 04 00 00 04 00 00 00 | key
            35 04 00 00 03 00 00 00 | value
            01 00 00 00             | command: FSCONFIG_SET_STRING
            06 00                   | slot
            00 00                   | unused
            """),
        RecordCase(
            .createMount(.fileSystem, attributes: 0xe, into: .mount), .APUS_OPERATION_CREATE_MOUNT,
            """
            18 00 00 00 00 00
            0e 00 00 00 00 00 00 00 | attributes: nosuid, nodev, noexec
            06 00                   | from
            05 00                   | into
            00 00 00 00             | unused
            """),
        RecordCase(
            .mount(source: "o", type: "overlay", data: "lowerdir=/a", flags: 1), .APUS_OPERATION_MOUNT,
            """
            28 00 00 00 00 00
            30 04 00 00 01 00 00 00 | source
            32 04 00 00 07 00 00 00 | type
            3a 04 00 00 0b 00 00 00 | data
            01 00 00 00 00 00 00 00 | flags: MS_RDONLY
            """),
        RecordCase(
            .setMountAttributes(nil, path: "/", set: 1, clear: 0x70, propagation: 0x8_0000, isRecursive: true),
            .APUS_OPERATION_SET_MOUNT_ATTRIBUTES,
            """
            30 00 00 00 00 00
            30 04 00 00 01 00 00 00 | path
            01 00 00 00 00 00 00 00 | set: ro
            70 00 00 00 00 00 00 00 | clear: access times
            00 00 08 00 00 00 00 00 | propagation: slave
            00 80 00 00             | flags: AT_RECURSIVE
            ff ff                   | base: none
            ff ff                   | user_namespace: none
            """),
    ]

    private static let targets: [RecordCase] = [
        RecordCase(
            .makeTarget(root: .root, path: "/etc/hosts", .like(.mount), [.notInProc, .noFollow], into: .target),
            .APUS_OPERATION_MAKE_TARGET,
            """
            20 00 00 00 00 00
            30 04 00 00 0a 00 00 00 | path
            02 00 00 00             | kind: like the source
            ed 01 00 00             | mode: 0755
            03 00                   | root
            05 00                   | source
            04 00                   | into
            06 00                   | rules
            """),
        RecordCase(
            .copyLink(source: "/a", directory: .parent, name: "b"), .APUS_OPERATION_COPY_LINK,
            """
            20 00 00 00 00 00
            30 04 00 00 02 00 00 00 | source
            33 04 00 00 01 00 00 00 | name
            0b 00                   | directory
            00 00 00 00 00 00       | unused
            """),
        RecordCase(
            .makeLink(.devices, name: "fd", target: "/x"), .APUS_OPERATION_MAKE_LINK,
            """
            20 00 00 00 00 00
            30 04 00 00 02 00 00 00 | name
            33 04 00 00 02 00 00 00 | target
            0a 00                   | directory
            00 00 00 00 00 00       | unused
            """),
        RecordCase(
            .remove(.devices, name: "ptmx"), .APUS_OPERATION_REMOVE,
            "18 00 00 00 00 00\n 30 04 00 00 04 00 00 00 | name\n 0a 00 | directory\n 00 00 00 00 00 00 | unused"),
    ]

    private static let devices: [RecordCase] = [
        RecordCase(
            .verifyDevice(.maskFile, mode: 0o020000, major: 1, minor: 3), .APUS_OPERATION_VERIFY_DEVICE,
            """
            18 00 00 00 00 00
            08 00       | slot
            00 00       | unused
            00 20 00 00 | mode: S_IFCHR
            01 00 00 00 | major
            03 00 00 00 | minor
            """),
        RecordCase(
            .makeNode(.devices, name: "sda", mode: 0o060660, major: 8, minor: 0x10_0000, uid: 0, gid: 6),
            .APUS_OPERATION_MAKE_NODE,
            """
            28 00 00 00 00 00
            30 04 00 00 03 00 00 00 | name
            b0 61 00 00             | mode: S_IFBLK, 0660
            08 00 00 00             | major
            00 00 10 00             | minor
            00 00 00 00             | uid
            06 00 00 00             | gid
            0a 00                   | directory
            00 00                   | unused
            """),
    ]

    private static let identity: [RecordCase] =
        [
            RecordCase(
                .setGroups([5, 6]), .APUS_OPERATION_SET_GROUPS,
                "10 00 00 00 00 00\n 30 04 00 00 | groups\n 08 00 00 00 | their size in bytes"),
            RecordCase(
                .setMemoryPolicy(mode: 0x8003, nodes: [0x0c, 0, 0, 0, 0, 0, 0, 0]), .APUS_OPERATION_SET_MEMORY_POLICY,
                """
                18 00 00 00 00 00
                03 80 00 00 | mode: interleave, static nodes
                00 00 00 00 | unused
                30 04 00 00 | nodes
                08 00 00 00 | their size in bytes
                """),
            RecordCase(
                .setCapabilities(effective: 0x20, permitted: 0x100_0000_0020, inheritable: 1),
                .APUS_OPERATION_SET_CAPABILITIES,
                """
                20 00 00 00 00 00
                20 00 00 00 00 00 00 00 | effective
                20 00 00 00 00 01 00 00 | permitted
                01 00 00 00 00 00 00 00 | inheritable
                """),
            RecordCase(
                .findHome(uid: 1000), .APUS_OPERATION_FIND_HOME,
                """
                20 00 00 00 00 00
                30 04 00 00 00 00 00 00 | environment: empty, with room for one more and the end
                40 04 00 00 00 04 00 00 | buffer: 1024 bytes
                e8 03 00 00             | uid
                13 00                   | descriptors
                00 00                   | unused
                """),
            RecordCase(
                .tellPID(variable: "LISTEN_PID"), .APUS_OPERATION_TELL_PID,
                """
                20 00 00 00 00 00
                40 04 00 00 01 00 00 00 | environment: LISTEN_PID=
                58 04 00 00 16 00 00 00 | buffer: the same, and room for 10 digits and the end
                00 00 00 00             | index
                0b 00 00 00             | length
                """),
        ] + planned

    /// Only the planner makes limits and scheduler attributes.
    private static let planned: [RecordCase] = {
        let made = try? plan {
            $0.theProcess.rlimits = [Rlimit(.nofile, soft: 1024, hard: .max)]
            $0.theProcess.scheduler = Scheduler(
                policy: .deadline, nice: -2, priority: 3, flags: SchedulerFlags(rawValue: 3), runtime: 1, deadline: 2,
                period: 256)
        }
        return (made?.steps ?? []).compactMap { step in
            switch step.origin.text {
            case "process.rlimits[0]": RecordCase(step.operation, .APUS_OPERATION_SET_LIMIT, limit)
            case "process.scheduler": RecordCase(step.operation, .APUS_OPERATION_SET_SCHEDULER, deadline)
            default: nil
            }
        }
    }()

    private static let limit = """
        20 00 00 00 00 00
        00 04 00 00 00 00 00 00 | soft
        ff ff ff ff ff ff ff ff | hard: unlimited
        07 00 00 00             | resource
        00 00 00 00             | unused
        """

    private static let deadline = """
        38 00 00 00 00 00
        06 00 00 00             | policy
        fe ff ff ff             | nice
        03 00 00 00             | priority
        00 00 00 00             | unused
        03 00 00 00 00 00 00 00 | flags
        01 00 00 00 00 00 00 00 | runtime
        02 00 00 00 00 00 00 00 | deadline
        00 01 00 00 00 00 00 00 | period
        """

    private static let ends: [RecordCase] = [
        RecordCase(
            .runHook(path: "/h", arguments: ["h"], environment: [], timeout: 5), .APUS_OPERATION_RUN_HOOK,
            """
            48 00 00 00 00 00
            30 04 00 00 02 00 00 00 | path
            38 04 00 00 01 00 00 00 | arguments
            48 04 00 00 00 00 00 00 | environment
            05 00 00 00             | timeout
            10 00                   | input
            11 00                   | output
            00 00 00 00 00 00 00 00 | filter
            00 00 00 00             | its flags
            00 00                   | limits files
            11 00                   | errors
            00 00 00 00 00 00 00 00 | soft
            00 00 00 00 00 00 00 00 | hard
            """),
        RecordCase(
            .loadSeccomp(FilterProgram(instructions: [6, 0, 0, 0, 0, 0, 0xff, 0x7f], flags: 2)),
            .APUS_OPERATION_LOAD_SECCOMP,
            """
            18 00 00 00 00 00
            30 04 00 00 08 00 00 00 | program
            02 00 00 00             | flags
            16 00                   | listener
            00 00                   | unused
            """),
        RecordCase(
            .setAffinity(cpus: [0x05, 0, 0, 0, 0, 0, 0, 0]), .APUS_OPERATION_SET_AFFINITY,
            """
            10 00 00 00 00 00
            30 04 00 00 08 00 00 00 | CPUs
            """),
        RecordCase(
            .execute(arguments: ["a"], environment: []), .APUS_OPERATION_EXECUTE,
            """
            18 00 00 00 00 00
            38 04 00 00 01 00 00 00 | arguments
            48 04 00 00 00 00 00 00 | environment
            """),
    ]
}

extension Planner.Operation {
    /// The number on the wire. No `default`: an operation that is missing here is missing in `RecordCase.all` too.
    var expectedCode: apus_operation {
        switch self {
        case .joinCgroup: .APUS_OPERATION_JOIN_CGROUP
        case .joinNamespace: .APUS_OPERATION_JOIN_NAMESPACE
        case .unshare: .APUS_OPERATION_UNSHARE
        case .fork: .APUS_OPERATION_FORK
        case .meet, .handOver: .APUS_OPERATION_MEET
        case .writeFile: .APUS_OPERATION_WRITE_FILE
        case .setDumpable: .APUS_OPERATION_SET_DUMPABLE
        case .setGroups: .APUS_OPERATION_SET_GROUPS
        case .setGroup: .APUS_OPERATION_SET_GROUP
        case .setUser: .APUS_OPERATION_SET_USER
        case .newSession: .APUS_OPERATION_NEW_SESSION
        case .joinSessionKeyring: .APUS_OPERATION_JOIN_SESSION_KEYRING
        case .openPath: .APUS_OPERATION_OPEN_PATH
        case .openTree: .APUS_OPERATION_OPEN_TREE
        case .openFileSystem: .APUS_OPERATION_OPEN_FILE_SYSTEM
        case .pickFileSystem: .APUS_OPERATION_PICK_FILE_SYSTEM
        case .configure: .APUS_OPERATION_CONFIGURE
        case .createMount: .APUS_OPERATION_CREATE_MOUNT
        case .mount: .APUS_OPERATION_MOUNT
        case .setMountAttributes: .APUS_OPERATION_SET_MOUNT_ATTRIBUTES
        case .makeTarget: .APUS_OPERATION_MAKE_TARGET
        case .moveMount: .APUS_OPERATION_MOVE_MOUNT
        case .chooseMask: .APUS_OPERATION_CHOOSE_MASK
        case .copyMode: .APUS_OPERATION_COPY_MODE
        case .copyTree: .APUS_OPERATION_COPY_TREE
        case .copyLink: .APUS_OPERATION_COPY_LINK
        case .verifyDevice: .APUS_OPERATION_VERIFY_DEVICE
        case .makeNode: .APUS_OPERATION_MAKE_NODE
        case .makeLink: .APUS_OPERATION_MAKE_LINK
        case .remove: .APUS_OPERATION_REMOVE
        case .enter: .APUS_OPERATION_ENTER
        case .pivotRoot: .APUS_OPERATION_PIVOT_ROOT
        case .detachOldRoot: .APUS_OPERATION_DETACH_OLD_ROOT
        case .detachMount: .APUS_OPERATION_DETACH_MOUNT
        case .adoptRoot: .APUS_OPERATION_ADOPT_ROOT
        case .changeRoot: .APUS_OPERATION_CHANGE_ROOT
        case .changeDirectory: .APUS_OPERATION_CHANGE_DIRECTORY
        case .retryDirectory: .APUS_OPERATION_RETRY_DIRECTORY
        case .verifyDirectory: .APUS_OPERATION_VERIFY_DIRECTORY
        case .setHostName: .APUS_OPERATION_SET_HOST_NAME
        case .setDomainName: .APUS_OPERATION_SET_DOMAIN_NAME
        case .bringUpLoopback: .APUS_OPERATION_BRING_UP_LOOPBACK
        case .unlockTerminal: .APUS_OPERATION_UNLOCK_TERMINAL
        case .openPeer: .APUS_OPERATION_OPEN_PEER
        case .setWindow: .APUS_OPERATION_SET_WINDOW
        case .setOwner: .APUS_OPERATION_SET_OWNER
        case .setControllingTerminal: .APUS_OPERATION_SET_CONTROLLING_TERMINAL
        case .duplicate: .APUS_OPERATION_DUPLICATE
        case .setLimit: .APUS_OPERATION_SET_LIMIT
        case .setFileModeMask: .APUS_OPERATION_SET_FILE_MODE_MASK
        case .setPersonality: .APUS_OPERATION_SET_PERSONALITY
        case .setScheduler: .APUS_OPERATION_SET_SCHEDULER
        case .setIOPriority: .APUS_OPERATION_SET_IO_PRIORITY
        case .setMemoryPolicy: .APUS_OPERATION_SET_MEMORY_POLICY
        case .keepCapabilities: .APUS_OPERATION_KEEP_CAPABILITIES
        case .dropBounding: .APUS_OPERATION_DROP_BOUNDING
        case .setCapabilities: .APUS_OPERATION_SET_CAPABILITIES
        case .setAmbient: .APUS_OPERATION_SET_AMBIENT
        case .setNoNewPrivileges: .APUS_OPERATION_SET_NO_NEW_PRIVILEGES
        case .findHome: .APUS_OPERATION_FIND_HOME
        case .tellPID: .APUS_OPERATION_TELL_PID
        case .findExecutable: .APUS_OPERATION_FIND_EXECUTABLE
        case .waitAtGate: .APUS_OPERATION_WAIT_AT_GATE
        case .runHook: .APUS_OPERATION_RUN_HOOK
        case .closeOnExec: .APUS_OPERATION_CLOSE_ON_EXEC
        case .loadSeccomp: .APUS_OPERATION_LOAD_SECCOMP
        case .execute: .APUS_OPERATION_EXECUTE
        case .setAffinity: .APUS_OPERATION_SET_AFFINITY
        case .reopen: .APUS_OPERATION_REOPEN
        case .close: .APUS_OPERATION_CLOSE
        case .release: .APUS_OPERATION_RELEASE
        case .unmount: .APUS_OPERATION_UNMOUNT
        }
    }
}
