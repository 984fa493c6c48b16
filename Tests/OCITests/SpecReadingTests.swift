import Foundation
import OCI
import Testing

@Suite struct SpecReadingTests {
    private func fixture(_ name: String) throws -> Spec {
        try Spec.decode(try Fixtures.bytes("configs/\(name).json"))
    }

    @Test func readsAMinimalConfiguration() throws {
        let expected = Spec(
            ociVersion: "1.0.0", root: Root(path: "rootfs"), process: Process(args: ["/bin/true"]),
            linux: Linux(namespaces: [Namespace(.mount)]))
        #expect(try fixture("minimal") == expected)
    }

    @Test func aContainerWithoutAProcessMayBeCreated() throws {
        let spec = try fixture("create-only")
        #expect(spec.process == nil)
        #expect(spec.root.readonly)
    }

    @Test func readsEveryPropertyOfAProcess() throws {
        let process = try #require(try fixture("process").process)
        #expect(process.user == User(uid: 65534, gid: 65534, umask: 0o77, additionalGids: [5, 6]))
        #expect(process.args == ["/bin/worker", ""])
        #expect(process.env.suffix(2) == ["EMPTY=", "TWO=a=b"])
        #expect(process.cwd == "/work")
        let three = CapabilitySet([.auditWrite, .kill, .netBindService])
        #expect(
            process.capabilities
                == Capabilities(
                    bounding: three, effective: CapabilitySet([.auditWrite, .kill]),
                    inheritable: CapabilitySet([.kill]), permitted: three, ambient: CapabilitySet([.kill])))
        #expect(
            process.rlimits == [
                Rlimit(.core, soft: 0, hard: .max), Rlimit(.nofile, soft: 1024, hard: 1024),
                Rlimit(.addressSpace, soft: .max, hard: .max), Rlimit(.nice, soft: 10, hard: 20),
                Rlimit(.rttime, soft: 500_000, hard: 1_000_000),
            ])
        #expect(process.noNewPrivileges)
        #expect(process.oomScoreAdj == -500)
        #expect(
            process.scheduler
                == Scheduler(
                    policy: .deadline, flags: SchedulerFlags(rawValue: 3), runtime: 10_000_000, deadline: 20_000_000,
                    period: 30_000_000))
        #expect(process.ioPriority == IOPriority(.bestEffort, priority: 4))
        #expect(
            process.execCPUAffinity
                == ExecCPUAffinity(initial: IndexRanges([7...7]), final: IndexRanges([0...3, 7...7])))
        #expect(process.consoleSize == nil)
    }

    @Test func readsTheRestOfLinux() throws {
        let linux = try fixture("process").linux
        #expect(linux.personality == .linux32)
        #expect(
            linux.memoryPolicy
                == MemoryPolicy(
                    .interleave, nodes: IndexRanges([2...3]),
                    flags: MemoryPolicyFlags(rawValue: MemoryPolicyFlag.staticNodes.rawValue)))
        #expect(
            linux.intelRdt
                == IntelRdt(
                    closID: "guaranteed_group", schemata: ["L3:0=7f0;1=1f", "MB:0=20;1=70"], enableMonitoring: true))
        #expect(
            linux.netDevices == [
                NetDevice(hostName: "dummy0", name: "net%d"), NetDevice(hostName: "ens4"),
                NetDevice(hostName: "eth1", name: "container_eth1"),
            ])
        #expect(linux.mountLabel == "system_u:object_r:svirt_sandbox_file_t:s0:c715,c811")
    }

    @Test func readsATerminalsSizeOnlyWhereThereIsATerminal() throws {
        #expect(try fixture("terminal").process?.consoleSize == ConsoleSize(height: 25, width: 80))
        let spec = try decode {
            $0["process"] = ["args": ["sh"], "cwd": "/", "consoleSize": "none of this is looked at"]
        }
        #expect(spec.process?.consoleSize == nil)
    }

    @Test func readsHooks() throws {
        let spec = try fixture("hooks")
        #expect(
            spec.hooks.prestart == [
                Hook(path: "/usr/bin/fix-mounts", args: ["fix-mounts", "arg1", "arg2"], env: ["key1=value1"]),
                Hook(path: "/usr/bin/setup-network"),
            ])
        #expect(spec.hooks[.createRuntime].first?.timeout == 10)
        #expect(HookKind.allCases.allSatisfy { !spec.hooks[$0].isEmpty })
        #expect(spec.annotation("com.example.team") == "network")
        #expect(spec.annotation("other") == nil)
    }

    @Test func readsDevices() throws {
        let linux = try fixture("devices").linux
        #expect(
            linux.devices == [
                Device(.character, path: "/dev/fuse", major: 10, minor: 229, fileMode: 0o666, uid: 0, gid: 0),
                Device(.block, path: "/dev/sda", major: 8, minor: 0, fileMode: 0o660, uid: 0, gid: 6),
                Device(.unbuffered, path: "/dev/tape", major: 9, minor: 0),
                Device(.fifo, path: "/run/pipe", fileMode: 0o600),
                Device(.character, path: "/dev/kvm", major: 10, minor: 232, fileMode: 0o666),
                Device(.character, path: "/opt/big", major: 4095, minor: 1_048_575),
            ])
        #expect(
            linux.resources?.devices == [
                Resources.DeviceRule(allow: false),
                Resources.DeviceRule(allow: true, kind: .character, major: 10, minor: 229, access: [.read, .write]),
                Resources.DeviceRule(allow: true, kind: .block, major: 8, access: .read),
                Resources.DeviceRule(allow: true, kind: .character, access: .mknod),
                Resources.DeviceRule(allow: true),
            ])
    }

    @Test func readsResourcesOfEveryController() throws {
        let resources = try #require(try fixture("resources").linux.resources)
        #expect(
            resources.memory
                == Resources.Memory(
                    limit: 536_870_912, reservation: 268_435_456, swap: 1_073_741_824, kernel: -1, kernelTCP: -1,
                    swappiness: 0, disableOOMKiller: false, useHierarchy: true, checkBeforeUpdate: true))
        #expect(
            resources.cpu
                == Resources.CPU(
                    shares: 1024, quota: 1_000_000, burst: 1_000_000, period: 500_000, realtimeRuntime: 950_000,
                    realtimePeriod: 1_000_000, cpus: "0-3,7", mems: "0", idle: 0))
        #expect(resources.pids?.limit == 32771)
        #expect(
            resources.blockIO
                == Resources.BlockIO(
                    weight: 10, leafWeight: 10,
                    weightDevice: [
                        Resources.WeightDevice(major: 8, minor: 0, weight: 500, leafWeight: 300),
                        Resources.WeightDevice(major: 8, minor: 16, weight: 500),
                    ],
                    throttleReadBpsDevice: [Resources.ThrottleDevice(major: 8, minor: 0, rate: 600)],
                    throttleWriteBpsDevice: [Resources.ThrottleDevice(major: 8, minor: 0, rate: .max)],
                    throttleReadIOPSDevice: [Resources.ThrottleDevice(major: 8, minor: 0, rate: 0)],
                    throttleWriteIOPSDevice: [Resources.ThrottleDevice(major: 8, minor: 16, rate: 300)]))
        #expect(resources.hugepageLimits.map(\.pageSize) == ["2MB", "64KB"])
        #expect(resources.network?.classID == 1_048_577)
        #expect(resources.network?.priorities.last == Resources.InterfacePriority(name: "eth1", priority: 1000))
        #expect(
            resources.rdma == [
                Resources.RDMA(device: "mlx4_0", hcaObjects: 1000),
                Resources.RDMA(device: "mlx5_1", hcaHandles: 3, hcaObjects: 10000),
            ])
        #expect(resources.unified.map(\.file) == ["hugetlb.1GB.max", "io.max"])
        #expect(resources.unified.last?.value.contains("\n") == true)
    }

    @Test func readsSeccomp() throws {
        let profile = try #require(try fixture("seccomp").linux.seccomp)
        #expect(profile.architectures == [.x86_64, .aarch64, .riscv64])
        #expect(profile.flags == SeccompFlags(rawValue: 6))
        #expect(profile.defaultErrnoRet == nil)
        #expect(profile.syscalls[6] == SeccompRule(names: ["ptrace"], action: .trace, errnoRet: 40000))
        #expect(
            profile.syscalls[7].args == [
                SeccompArgument(index: 0, value: 2_114_060_288, op: .maskedEqual),
                SeccompArgument(index: 1, value: .max, op: .notEqual),
            ])
        #expect(!profile.notifies)
        #expect(try fixture("seccomp-notify").linux.seccomp?.notifies == true)
        #expect(try fixture("docker").linux.seccomp?.flags == nil)
        #expect(try fixture("docker").linux.seccomp?.syscalls.first?.names.count == 358)
    }

    @Test func readsNamespacesAndMappings() throws {
        let linux = try fixture("kubernetes-container").linux
        #expect(linux.namespace(.ipc)?.path == "/proc/4021/ns/ipc")
        #expect(linux.separates(.network) && !linux.creates(.network))
        #expect(linux.creates(.mount))
        #expect(!linux.separates(.user))
        let user = try fixture("userns").linux
        #expect(
            user.uidMappings == [
                IDMapping(containerID: 0, hostID: 1000, size: 1),
                IDMapping(containerID: 1, hostID: 100_000, size: 65535),
            ])
        #expect(
            try fixture("time-offsets").linux.timeOffsets
                == TimeOffsets(
                    boottime: TimeOffset(secs: 86400, nanosecs: 500_000_000), monotonic: TimeOffset(secs: -3600)))
    }

    @Test func mappingsOfAJoinedUserNamespaceAreIgnoredWithAWarning() throws {
        let spec = try decode { document in
            document["linux"] = [
                "namespaces": [["type": "user", "path": "/proc/1/ns/user"], ["type": "mount"]],
                "uidMappings": [["containerID": 0, "hostID": 5, "size": 1]],
                "gidMappings": [["containerID": 0, "hostID": 5, "size": 1]],
            ]
        }
        #expect(
            spec.warnings.map(\.description)
                == ["linux.uidMappings: ignored, the user namespace that is joined has its own"])
    }

    @Test func sysctlsAreSortedAndNameTheirFile() throws {
        let sysctl = try fixture("sysctl").linux.sysctl
        #expect(sysctl.map(\.key) == sysctl.map(\.key).sorted())
        #expect(sysctl.compactMap(\.path).contains("net/ipv4/conf/eth0.100/forwarding"))
    }

    @Test(arguments: [
        ("net.ipv4.ip_forward", "net/ipv4/ip_forward" as String?), ("net/ipv4/ip_forward", "net/ipv4/ip_forward"),
        ("net.ipv4.conf.eth0/100.rp_filter", "net/ipv4/conf/eth0.100/rp_filter"),
        ("net/ipv4/conf/eth0.100/rp_filter", "net/ipv4/conf/eth0.100/rp_filter"),
        ("plain", nil), ("net..x", nil), (".net.x", nil), ("net.x.", nil), ("net/../x", nil),
        ("net.//.x", nil), ("", nil),
    ])
    func sysctlPaths(key: String, path: String?) {
        #expect(Sysctl(key: key, value: "1").path == path)
    }

    @Test(arguments: ["1.0.0", "1.0.2-dev", "1.3.0", "1.2.0+dev", "1.1.0-rc.2+build.7", "1.9.12"])
    func acceptsVersions(version: String) throws {
        #expect(try decode { $0["ociVersion"] = version }.ociVersion == version)
    }

    @Test func aNewerVersionIsAWarning() throws {
        let spec = try decode { $0["ociVersion"] = "1.4.0" }
        let expected = #"ociVersion: newer than 1.3.0, unknown properties are ignored: "1.4.0""#
        #expect(spec.warnings.map(\.description) == [expected])
    }

    @Test(arguments: [
        "", "1", "1.0", "1.0.0.0", "01.0.0", "1.00.0", "1.0.x", "1.0.0-", "1.0.0+", "1.0.0-a..b", "v1.0.0", "1.0.0 ",
        "٣.0.0",
    ])
    func refusesWhatIsNoVersion(version: String) throws {
        let text = try #require(failure(of: try document { $0["ociVersion"] = version }))
        #expect(text.hasPrefix("ociVersion: not a version such as 1.3.0"))
    }

    @Test func nullCountsAsMissingAndUnknownPropertiesAreIgnored() throws {
        let spec = try decode { document in
            document["mounts"] = NSNull()
            document["hooks"] = ["prestart": NSNull(), "novel": [1]]
            document["windows"] = ["layerFolders": 1]
            document["x-vendor"] = true
        }
        #expect(spec.mounts.isEmpty)
        #expect(spec.hooks.isEmpty)
    }

    @Test func emptyTextsCountAsMissing() throws {
        let spec = try decode { document in
            document["hostname"] = ""
            document["process"] = ["args": ["sh"], "cwd": "/", "apparmorProfile": "", "selinuxLabel": ""]
            document["linux"] = [
                "namespaces": [["type": "mount", "path": ""]], "cgroupsPath": "", "rootfsPropagation": "",
                "mountLabel": "",
            ]
        }
        #expect(spec.hostname == nil && spec.process?.apparmorProfile == nil && spec.linux.cgroupsPath == nil)
        #expect(spec.linux.creates(.mount))
    }

    @Test func longArgumentsAreRefused() throws {
        let text = failure(
            of: try document { document in
                document["process"] = ["args": ["echo", String(repeating: "a", count: 131_072)], "cwd": "/"]
            })
        #expect(text == "process.args[1]: longer than 131071 bytes: \"\(String(repeating: "a", count: 80))...\"")
    }

    @Test func aProcessCanStandAlone() throws {
        let (process, warnings) = try Process.decode(
            Array(#"{"args":["sh"],"cwd":"/","capabilities":{"bounding":["CAP_X"]}}"#.utf8))
        #expect(process.args == ["sh"])
        #expect(warnings.map(\.path) == ["capabilities.bounding[0]"])
        #expect(throws: SpecError(problems: [Problem(path: "cwd", message: "missing")])) {
            try Process.decode(Array(#"{"args":["sh"]}"#.utf8))
        }
    }

    @Test func resourcesCanStandAlone() throws {
        #expect(try Resources.decode(Array(#"{"pids":{"limit":0}}"#.utf8)).pids == Resources.Pids(limit: 0))
        let problem = Problem(path: "memory.limit", message: "not an integer: \"1\"")
        #expect(throws: SpecError(problems: [problem])) {
            try Resources.decode(Array(#"{"memory":{"limit":"1"}}"#.utf8))
        }
    }

    @Test(arguments: [("1.0.2", -1), ("1.2.1", -1), ("1.2.99+x", -1), ("1.3.0-rc.1", 0), ("1.3.0", 0), ("1.10.0", 0)])
    func `no tasks are no limit, or a limit, as the version of the configuration has it`(
        version: String, limit: Int64
    ) throws {
        let text = #"{"ociVersion":"\#(version)","root":{"path":"r"},"linux":{"resources":{"pids":{"limit":0}}}}"#
        #expect(try Spec.decode(Array(text.utf8)).linux.resources?.pids == Resources.Pids(limit: limit))
        #expect(Resources(pids: .init(limit: 0)).asMeant(in: version).pids?.limit == limit)
        #expect(Resources(pids: .init(limit: 5)).asMeant(in: version).pids?.limit == 5)
        let warning = Spec.inspect(Array(text.utf8)).warnings.first { $0.path == "linux.resources.pids.limit" }
        #expect(
            warning?.message.hasPrefix(limit == 0 ? "0 is a limit since version 1.3.0" : "0 means no limit") == true)
    }

    @Test func numberLists() {
        #expect(IndexRanges(parsing: "0") == IndexRanges([0...0]))
        #expect(IndexRanges(parsing: "0-3,7, 9-9 ") == IndexRanges([0...3, 7...7, 9...9]))
        for text in ["", ",", "1,", "-1", "1-", "2-1", "a", "1-2-3", "0x1", "65536", "1 2", "٣"] {
            #expect(IndexRanges(parsing: text) == nil, "\(text)")
        }
    }
}

@Suite struct LargeDocumentTests {
    @Test func problemsBeyondAHundredAreOnlyCounted() throws {
        let bytes = try document {
            $0["process"] = ["args": ["sh"], "cwd": "x", "env": Array(repeating: "no", count: 20000)]
        }
        let lines = try #require(failure(of: bytes)).split(separator: "\n")
        #expect(lines.count == 101)
        #expect(lines[99] == #"process.env[99]: not of the form NAME=value: "no""#)
        #expect(lines[100] == "and 19901 more")
    }

    @Test func manyMappingsAreRefusedAtOnce() throws {
        let mapping: [String: Any] = ["containerID": 0, "hostID": 0, "size": 1]
        let bytes = try document {
            $0["linux"] = [
                "namespaces": [["type": "user"]], "uidMappings": Array(repeating: mapping, count: 20000),
                "gidMappings": [mapping],
            ]
        }
        #expect(failure(of: bytes) == "linux.uidMappings: more than 340 entries: 20000")
    }

    @Test func aDocumentOfMegabytesIsRead() throws {
        let spec = try decode { document in
            document["annotations"] = Dictionary(
                uniqueKeysWithValues: (0..<20000).map { ("key.\($0)", String(repeating: "v", count: 100)) })
            document["linux"] = [
                "namespaces": [["type": "network"], ["type": "mount"]],
                "netDevices": Dictionary(uniqueKeysWithValues: (0..<20000).map { ("eth\($0)", [String: String]()) }),
            ]
        }
        #expect(spec.annotations.count == 20000)
        #expect(spec.linux.netDevices.count == 20000)
    }
}
