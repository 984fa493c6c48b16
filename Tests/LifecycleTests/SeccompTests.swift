import Harness
import Testing

extension Containers {
    /// System calls by number are x86-64's unless the architecture says otherwise.
    @Suite struct SeccompTests {
        #if arch(x86_64)
            static let getpriority = "140", sethostname = "170", architecture: Value = "SCMP_ARCH_X86_64"
        #else
            static let getpriority = "141", sethostname = "161", architecture: Value = "SCMP_ARCH_AARCH64"
        #endif

        /// Calls without which a static program cannot start, write and end.
        static let enoughToReport = [
            "execve", "arch_prctl", "brk", "mmap", "munmap", "mprotect", "set_tid_address", "set_robust_list", "rseq",
            "prlimit64", "readlinkat", "readlink", "getrandom", "newfstatat", "fstat", "write", "read", "openat",
            "close",
            "exit_group", "exit", "ioctl", "lseek", "getdents64", "futex", "rt_sigreturn", "uname", "getpid", "prctl",
            "stat", "lstat", "open", "access", "faccessat", "sched_getaffinity", "getcwd", "clock_gettime",
        ]

        @Test func `without a profile there is no filter`() throws {
            #expect(try Bundle.minimal().report().seccomp == "0")
        }

        @Test func `a profile is loaded`() throws {
            #expect(try Bundle.filtered([]).report().seccomp == "2")
        }

        @Test(arguments: [true, false])
        func `a call fails with the configured error, with and without no-new-privileges`(noNewPrivileges: Bool) throws
        {
            let bundle = try Bundle.filtered([["names": ["getpriority"], "action": "SCMP_ACT_ERRNO", "errnoRet": 95]]) {
                $0.process.noNewPrivileges = .bool(noNewPrivileges)
                $0.ask("--try-syscall", "\(SeccompTests.getpriority) 0 0")
            }
            #expect(try bundle.report().tries.members.values.first == "EOPNOTSUPP")
        }

        @Test func `without a configured error it is EPERM`() throws {
            let bundle = try Bundle.filtered([["names": ["getpriority"], "action": "SCMP_ACT_ERRNO"]]) {
                $0.ask("--try-syscall", "\(SeccompTests.getpriority) 0 0")
            }
            #expect(try bundle.report().tries.members.values.first == "EPERM")
        }

        @Test(arguments: [
            ("SCMP_CMP_EQ", 7, 0, 7, 8), ("SCMP_CMP_NE", 7, 0, 8, 7), ("SCMP_CMP_LT", 7, 0, 6, 7),
            ("SCMP_CMP_LE", 7, 0, 7, 8),
            ("SCMP_CMP_GT", 7, 0, 8, 7), ("SCMP_CMP_GE", 7, 0, 7, 6), ("SCMP_CMP_MASKED_EQ", 6, 2, 11, 13),
        ])
        func `arguments are compared`(comparison: String, value: Int, second: Int, hit: Int, miss: Int) throws {
            let bundle = try Bundle.filtered([
                [
                    "names": ["getpriority"], "action": "SCMP_ACT_ERRNO", "errnoRet": 95,
                    "args": [
                        ["index": 1, "value": Value(value), "valueTwo": Value(second), "op": .string(comparison)]
                    ],
                ]
            ]) {
                $0.ask("--try-syscall", "\(SeccompTests.getpriority) 9 \(hit)")
                $0.ask("--try-syscall", "\(SeccompTests.getpriority) 9 \(miss)")
            }
            let tries = try bundle.report().tries
            #expect(tries["syscall \(SeccompTests.getpriority) 9 \(hit)"] == "EOPNOTSUPP")
            #expect(tries["syscall \(SeccompTests.getpriority) 9 \(miss)"] == "EINVAL")
        }

        @Test func `a killed process ends like one killed by SIGSYS`() throws {
            let bundle = try Bundle.filtered([["names": ["getpriority"], "action": "SCMP_ACT_KILL_PROCESS"]]) {
                $0.ask("--try-syscall", "\(SeccompTests.getpriority) 0 0")
            }
            #expect(try bundle.run().status == 159)
        }

        @Test func `the filter is loaded after everything that the runtime has to do`() throws {
            // What a container's start needs before exec, and nothing of what the program needs.
            let calls: Value = [
                "mount", "umount2", "pivot_root", "sethostname", "setuid", "setgid", "setgroups", "capset",
                "chdir", "unshare", "setns", "mknodat", "mkdirat", "setresuid", "setresgid", "keyctl", "setrlimit",
            ]
            let bundle = try Bundle.filtered([["names": calls, "action": "SCMP_ACT_ERRNO"]]) {
                $0.process.noNewPrivileges = true
                $0.process.user = ["uid": 1000, "gid": 1000]
            }
            #expect(try bundle.report().uid.effective == 1000)
        }

        @Test func `names that this machine does not know are passed over`() throws {
            try Bundle.filtered([["names": ["no_such_call_at_all"], "action": "SCMP_ACT_ERRNO"]]).run().ok()
        }

        @Test func `a call that is newer than the profile does not exist`() throws {
            // The last number that the profile names is far below the one that is tried.
            let bundle = try Bundle.minimal {
                $0.linux.seccomp = [
                    "defaultAction": "SCMP_ACT_ALLOW", "architectures": [SeccompTests.architecture],
                    "syscalls": [["names": ["getpriority"], "action": "SCMP_ACT_ERRNO"]],
                ]
                $0.ask("--try-syscall", "9999")
            }
            #expect(try bundle.report().tries["syscall 9999"] == "ENOSYS")
        }

        @Test(arguments: ["SCMP_ACT_ERRNO", "SCMP_ACT_KILL_PROCESS"])
        func `a profile that forbids exec itself fails run and leaves nothing`(action: String) throws {
            let bundle = try Bundle.filtered([["names": ["execve", "execveat"], "action": .string(action)]])
            let outcome = try bundle.run()
            #expect(outcome.status != 0 && !outcome.isLate, "\(outcome)")
            bundle.expectNothingLeft()
        }

        @Test(.beyondRunc("needs calls of its own behind the filter"))
        func `a default action of an error allows only what is listed`() throws {
            let bundle = try Bundle.minimal {
                $0.linux.seccomp = [
                    "defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 95,
                    "architectures": [SeccompTests.architecture],
                    "syscalls": [["names": Value(SeccompTests.enoughToReport), "action": "SCMP_ACT_ALLOW"]],
                ]
                $0.ask("--try-syscall", "\(SeccompTests.getpriority) 0 0")
            }
            #expect(try bundle.report().tries.members.values.first == "EOPNOTSUPP")
        }

        @Test(
            .beyondRunc("knows no flags"),
            arguments: ["SECCOMP_FILTER_FLAG_LOG", "SECCOMP_FILTER_FLAG_SPEC_ALLOW", "SECCOMP_FILTER_FLAG_TSYNC"])
        func `a filter flag is accepted`(flag: String) throws {
            try Bundle.filtered([]) { $0.linux.seccomp.flags = [.string(flag)] }.run().ok()
        }

        @Test(arguments: ["defaultAction", "action", "architectures", "op"])
        func `an unknown word in a profile is refused and named`(place: String) throws {
            let bundle = try Bundle.filtered([]) {
                switch place {
                case "defaultAction": $0.linux.seccomp.defaultAction = "SCMP_ACT_FLY"
                case "architectures": $0.linux.seccomp.architectures = ["SCMP_ARCH_FLY"]
                case "action": $0.linux.seccomp.syscalls = [["names": ["getpriority"], "action": "SCMP_ACT_FLY"]]
                default:
                    $0.linux.seccomp.syscalls = [
                        [
                            "names": ["getpriority"], "action": "SCMP_ACT_ERRNO",
                            "args": [["index": 0, "value": 1, "op": "SCMP_CMP_FLY"]],
                        ]
                    ]
                }
            }
            expectFailure(try bundle.create(), saying: "fly")
        }
    }
}

extension Bundle {
    /// A profile that allows everything but these rules.
    fileprivate static func filtered(_ rules: Value, _ change: (inout Value) -> Void = { _ in }) throws -> Bundle {
        try minimal {
            $0.linux.seccomp = [
                "defaultAction": "SCMP_ACT_ALLOW", "architectures": [Containers.SeccompTests.architecture],
                "syscalls": rules,
            ]
            change(&$0)
        }
    }
}
