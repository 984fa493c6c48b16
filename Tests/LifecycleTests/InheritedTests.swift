import Harness
import Testing

/// An attribute of a caller, and what the container's process is to have of it.
private struct Attribute: CustomTestStringConvertible, Sendable {
    let name: String
    /// What makes the caller odd, in a shell that becomes the runtime.
    let script: String
    let seen: @Sendable (Value) -> Value
    /// What the process has; nil: the same as of a caller without oddities.
    let expected: Value?

    init(_ name: String, _ script: String, is expected: Value?, _ seen: @escaping @Sendable (Value) -> Value) {
        self.name = name
        self.script = script
        self.expected = expected
        self.seen = seen
    }

    var testDescription: String { name }

    /// The table of Sources/Planner/Inherited.swift.
    static let all = [
        Attribute("affinity", "taskset -pc 0 $$ >/dev/null", is: nil) { $0.affinity },
        Attribute("scheduling policy", "chrt -b -p 0 $$ >/dev/null", is: "SCHED_BATCH") { $0.scheduler.policy },
        Attribute("nice", "renice -n 5 $$ >/dev/null", is: 5) { $0.scheduler.nice },
        Attribute("I/O priority", "ionice -c 2 -n 6 -p $$", is: ["class": 2, "level": 6]) { $0.ioPriority },
        Attribute("umask", "umask 077", is: "0022") { $0.umask },
        Attribute("ignored signals", "trap '' HUP INT USR1 PIPE CHLD", is: "0000000000000000") { $0.ignoredSignals },
        Attribute(
            "blocked signals",
            """
            set -- /usr/bin/python3 -c 'import os, signal, sys; signal.pthread_sigmask(signal.SIG_BLOCK, {1, 10, 15, 41}); \
            os.execv(sys.argv[1], sys.argv[1:])' "$@"
            """, is: "0000000000000000"
        ) { $0.blockedSignals },
        Attribute(
            "resource limits", "ulimit -c 0; ulimit -s 4096",
            is: [["soft": 0, "hard": 0], ["soft": 4_194_304, "hard": 4_194_304]]
        ) {
            [$0.rlimits.RLIMIT_CORE, $0.rlimits.RLIMIT_STACK]
        },
        Attribute("dumpable", "true", is: true) { $0.dumpable },
        Attribute("securebits", "set -- setpriv --securebits +noroot_locked \"$@\"", is: 2) { $0.securebits },
        Attribute("personality", "set -- setarch -R \"$@\"", is: "0x40000") { $0.personality },
        Attribute("timer slack", "echo 123456 > /proc/$$/timerslack_ns", is: 123_456) { $0.timerSlack },
        Attribute("session keyring", "true", is: true) { seen in
            .bool(seen.sessionKeyring.name.text?.contains("_ses.apus-test") == true)
        },
        Attribute(
            "process, thread keyring",
            """
            set -- /usr/bin/python3 -c 'import ctypes, os, platform, sys; \
            number = {"x86_64": 250, "aarch64": 219}[platform.machine()]; \
            assert all(ctypes.CDLL(None).syscall(number, 0, which, 1) > 0 for which in (-1, -2)); \
            os.execv(sys.argv[1], sys.argv[1:])' "$@"
            """, is: ["process": false, "thread": false]
        ) { $0.ownKeyrings },
        Attribute("environment", "export ODD=1 LANG=odd", is: nil) { Value($0.env.strings.sorted()) },
        Attribute("descriptors", "exec 3</etc 5</etc 9</etc", is: ["0", "1", "2"]) {
            Value($0.descriptors.members.keys.sorted())
        },
        Attribute("OOM score", "echo 123 > /proc/$$/oom_score_adj", is: 123) { $0.oomScoreAdj },
        Attribute(
            "controlling terminal", "set -- setsid --wait sh -c 'exec \"$@\" </dev/null' sh \"$@\"", is: [false, true]
        ) {
            [$0.terminal.controlling, .bool($0.session == $0.pid)]
        },
        Attribute("parent-death signal", "set -- setpriv --pdeathsig WINCH \"$@\"", is: 0) { $0.parentDeathSignal },
        Attribute("subreaper", "true", is: false) { $0.subreaper },
        Attribute(
            "huge pages",
            """
            set -- /usr/bin/python3 -c 'import ctypes, os, sys; ctypes.CDLL(None).prctl(41, 1, 0, 0, 0); \
            os.execv(sys.argv[1], sys.argv[1:])' "$@"
            """, is: true
        ) { $0.withoutHugePages },
        Attribute("groups", "set -- setpriv --groups 10,20 \"$@\"", is: []) { $0.groups },
    ]
}

extension Containers {
    @Suite(.needs("setpriv"), .needs("taskset"), .needs("python3")) struct InheritedTests {
        @Test(arguments: Attribute.all)
        fileprivate func `of its caller the first process has what is decided`(attribute: Attribute) throws {
            let odd = try Bundle.minimal()
            odd.prepare(attribute.script)
            let plain = try attribute.expected ?? attribute.seen(try Bundle.minimal().report())
            #expect(attribute.seen(try odd.report()) == plain)
        }

        @Test(arguments: Attribute.all)
        fileprivate func `of its caller a process of exec has the same`(attribute: Attribute) throws {
            let bundle = try Bundle.running()
            let plain = try attribute.expected ?? attribute.seen(try bundle.seen())
            bundle.prepare(attribute.script)
            #expect(attribute.seen(try bundle.seen()) == plain)
        }

        /// Neither can be undone.
        @Test func `what the caller has given up stays so`() throws {
            let bundle = try Bundle.minimal { $0.process.noNewPrivileges = false }
            #expect(try bundle.report().noNewPrivileges == false)
            bundle.prepare("set -- setpriv --no-new-privs \"$@\"")
            #expect(try bundle.report().noNewPrivileges == true)
        }

        @Test(.enabled(if: Files.exists("/proc/self/numa_maps"), "the kernel has no memory policies"))
        func `the caller's memory policy stays, unless the configuration has one`() throws {
            let bundle = try Bundle.minimal { $0.shell("cut -d ' ' -f 2 /proc/self/numa_maps | sort -u") }
            // set_mempolicy(2): MPOL_INTERLEAVE on node 0.
            bundle.prepare(
                """
                set -- /usr/bin/python3 -c 'import ctypes, os, platform, sys; \
                number = {"x86_64": 238, "aarch64": 237}[platform.machine()]; \
                assert ctypes.CDLL(None).syscall(number, 3, ctypes.byref(ctypes.c_ulong(1)), 64) == 0; \
                os.execv(sys.argv[1], sys.argv[1:])' "$@"
                """)
            #expect(try bundle.run().ok().output == "interleave:0\n")
            bundle.config.linux.memoryPolicy = ["mode": "MPOL_BIND", "nodes": "0"]
            #expect(try bundle.run().ok().output == "bind:0\n")
        }

        /// What a controlling terminal is taken from is one that the caller has.
        @Test func `the caller's terminal is not the container's`() throws {
            let bundle = try Bundle.minimal()
            let terminal = try Terminal()
            var command = try bundle.creating(["run"])
            command.arguments =
                [
                    "/usr/bin/setsid", "--ctty", "--wait", "/bin/sh", "-c", "exec \"$@\" </dev/null", "sh",
                ] + command.arguments
            command.arguments = ["/bin/sh", "-c", "exec \"$@\" <\(terminal.name)", "sh"] + command.arguments
            let seen = try command.run().report
            #expect(seen.terminal.controlling == false)
            #expect(seen.session == seen.pid)
        }

        @Test func `a cpuset decides on which CPUs a process runs, and execCPUAffinity after it`() throws {
            let bundle = try Bundle.minimal {
                $0.run("/assert", "sleep")
                $0.linux.resources.cpu = ["cpus": "0"]
            }
            try bundle.begin()
            #expect(try bundle.line().affinity == [0])
            bundle.prepare("taskset -pc 1 $$ >/dev/null")
            #expect(try bundle.seen().affinity == [0])
            #expect(try bundle.seen(as: { $0.execCPUAffinity.initial = "1" }).affinity == [0])
        }
    }
}
