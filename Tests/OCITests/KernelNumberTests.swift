import Foundation
import OCI
import Testing

/// The numbers of the tables against the kernel's own headers.
@Suite(.enabled(if: FileManager.default.fileExists(atPath: "/usr/include/linux/capability.h"), "no kernel headers"))
struct KernelNumberTests {
    /// The `#define`s of headers whose values are plain numbers, shifts, or sums of shifts.
    private func defines(_ headers: String...) throws -> [String: UInt64] {
        var defines: [String: UInt64] = [:]
        for header in headers {
            let text = try String(contentsOfFile: "/usr/include/\(header)", encoding: .utf8)
            for line in text.replacing("# define", with: "#define").split(separator: "\n") {
                let words = line.split(whereSeparator: { $0 == " " || $0 == "\t" })
                guard words.count >= 3, words[0] == "#define" else { continue }
                let end = words.firstIndex { $0.hasPrefix("/*") } ?? words.endIndex
                let value = words[2..<max(2, end)].joined().filter { $0 != "(" && $0 != ")" }
                defines[String(words[1])] = number(value)
            }
        }
        return defines
    }

    private func number(_ text: String) -> UInt64? {
        let parts = text.replacing("UL", with: "").components(separatedBy: "<<").map { part -> UInt64? in
            part.hasPrefix("0x") ? UInt64(part.dropFirst(2), radix: 16) : UInt64(part)
        }
        guard let first = parts[0] else { return nil }
        return parts.count == 2 ? parts[1].map { first << $0 } : first
    }

    @Test func capabilities() throws {
        let defines = try defines("linux/capability.h")
        for capability in Capability.allCases {
            #expect(defines[capability.name] == UInt64(capability.rawValue), "\(capability)")
        }
        #expect(Capability.allCases.count == Int(Capability.allCases.last?.rawValue ?? 0) + 1)
        #expect(CapabilitySet.all.members == Capability.allCases)
        #expect(CapabilitySet([.chown, .sysAdmin]).rawValue == 1 | 1 << 21)
    }

    @Test func rlimits() throws {
        let defines = try defines("asm-generic/resource.h")
        for kind in RlimitKind.allCases { #expect(defines[kind.name] == UInt64(kind.rawValue), "\(kind)") }
    }

    @Test func namespaces() throws {
        let defines = try defines("linux/sched.h")
        let names: [NamespaceKind: String] = [
            .cgroup: "CGROUP", .ipc: "IPC", .mount: "NS", .network: "NET", .pid: "PID", .time: "TIME", .user: "USER",
            .uts: "UTS",
        ]
        for kind in NamespaceKind.allCases {
            #expect(defines["CLONE_NEW" + (names[kind] ?? "")] == kind.cloneFlag, "\(kind)")
            #expect(FileManager.default.fileExists(atPath: "/proc/self/ns/\(kind.procName)"))
        }
    }

    @Test func scheduling() throws {
        let defines = try defines("linux/sched.h")
        for policy in SchedulerPolicy.allCases where policy != .other && policy != .iso {
            #expect(defines[policy.name] == UInt64(policy.rawValue), "\(policy)")
        }
        #expect(defines["SCHED_NORMAL"] == UInt64(SchedulerPolicy.other.rawValue))
        for flag in SchedulerFlag.allCases { #expect(defines[flag.name] == flag.rawValue, "\(flag)") }
    }

    @Test func seccompFlags() throws {
        let defines = try defines("linux/seccomp.h")
        for flag in SeccompFlag.allCases { #expect(defines[flag.name] == UInt64(flag.rawValue), "\(flag)") }
    }

    @Test func memoryPolicyFlags() throws {
        let defines = try defines("linux/mempolicy.h")
        for flag in MemoryPolicyFlag.allCases { #expect(defines[flag.name] == UInt64(flag.rawValue), "\(flag)") }
    }

    @Test func mounts() throws {
        let defines = try defines("linux/mount.h")
        let attributes: [(String, MountAttributes)] = [
            ("RDONLY", .readOnly), ("NOSUID", .noSUID), ("NODEV", .noDev), ("NOEXEC", .noExec), ("_ATIME", .accessTime),
            ("NOATIME", .noATime), ("STRICTATIME", .strictATime), ("NODIRATIME", .noDirATime),
            ("NOSYMFOLLOW", .noSymFollow),
        ]
        for (name, attribute) in attributes { #expect(defines["MOUNT_ATTR_" + name] == attribute.rawValue, "\(name)") }
        let flags: [(String, SuperblockFlags)] = [
            ("RDONLY", .readOnly), ("SYNCHRONOUS", .synchronous), ("MANDLOCK", .mandatoryLocks), ("DIRSYNC", .dirSync),
            ("SILENT", .silent), ("POSIXACL", .posixACL), ("I_VERSION", .iVersion), ("LAZYTIME", .lazyTime),
        ]
        for (name, flag) in flags { #expect(defines["MS_" + name] == flag.rawValue, "\(name)") }
        for kind in PropagationKind.allCases { #expect(defines["MS_" + kind.name.uppercased()] == kind.rawValue) }
    }

    @Test func deviceAccess() throws {
        let text = try String(contentsOfFile: "/usr/include/linux/bpf.h", encoding: .utf8)
        #expect(text.contains("BPF_DEVCG_ACC_MKNOD\t= (1ULL << 0)"))
        #expect(Resources.DeviceAccess.all.rawValue == 7)
        #expect(Resources.DeviceAccess.all.letters == "rwm")
    }
}
