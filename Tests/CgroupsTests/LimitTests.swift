import Glibc
import Kernel
import OCI
import Testing

@testable import Cgroups

/// A limit, and the files that hold it then.
struct Limit: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let resources: Resources
    /// Controller, file, content; nil where this version has no such file.
    let v1: [(String, String, String)]
    let v2: [(String, String)]

    init(_ name: String, _ resources: Resources, v1: [(String, String, String)], v2: [(String, String)]) {
        testDescription = name
        self.resources = resources
        self.v1 = v1
        self.v2 = v2
    }

    static let all: [Limit] = [
        Limit(
            "memory.limit", Resources(memory: .init(limit: 64 << 20)),
            v1: [("memory", "memory.limit_in_bytes", "67108864")],
            v2: [("memory.max", "67108864"), ("memory.swap.max", "max")]),
        Limit(
            "memory.swap", Resources(memory: .init(limit: 64 << 20, swap: 96 << 20)),
            v1: [
                ("memory", "memory.limit_in_bytes", "67108864"), ("memory", "memory.memsw.limit_in_bytes", "100663296"),
            ],
            v2: [("memory.max", "67108864"), ("memory.swap.max", "33554432")]),
        Limit(
            "memory.swap = limit", Resources(memory: .init(limit: 64 << 20, swap: 64 << 20)),
            v1: [("memory", "memory.memsw.limit_in_bytes", "67108864")], v2: [("memory.swap.max", "0")]),
        Limit(
            "memory.swap = -1", Resources(memory: .init(limit: 64 << 20, swap: -1)),
            v1: [("memory", "memory.memsw.limit_in_bytes", "9223372036854771712")], v2: [("memory.swap.max", "max")]),
        Limit(
            "memory.reservation", Resources(memory: .init(reservation: 32 << 20)),
            v1: [("memory", "memory.soft_limit_in_bytes", "33554432")], v2: [("memory.low", "33554432")]),
        Limit(
            "memory.swappiness", Resources(memory: .init(swappiness: 7)), v1: [("memory", "memory.swappiness", "7")],
            v2: []),
        Limit(
            "memory.disableOOMKiller", Resources(memory: .init(disableOOMKiller: true)),
            v1: [("memory", "memory.oom_control", "oom_kill_disable 1\nunder_oom 0\noom_kill 0")], v2: []),
        Limit(
            "cpu.shares", Resources(cpu: .init(shares: 512)), v1: [("cpu", "cpu.shares", "512")],
            v2: [("cpu.weight", "59")]),
        Limit(
            "cpu.quota", Resources(cpu: .init(quota: 50_000)),
            v1: [("cpu", "cpu.cfs_quota_us", "50000"), ("cpu", "cpu.cfs_period_us", "100000")],
            v2: [("cpu.max", "50000 100000")]),
        Limit(
            "cpu.period", Resources(cpu: .init(period: 20_000)), v1: [("cpu", "cpu.cfs_period_us", "20000")],
            v2: [("cpu.max", "max 20000")]),
        Limit(
            "cpu.quota, period and burst", Resources(cpu: .init(quota: 30_000, burst: 10_000, period: 60_000)),
            v1: [
                ("cpu", "cpu.cfs_quota_us", "30000"), ("cpu", "cpu.cfs_period_us", "60000"),
                ("cpu", "cpu.cfs_burst_us", "10000"),
            ],
            v2: [("cpu.max", "30000 60000"), ("cpu.max.burst", "10000")]),
        Limit("cpu.idle", Resources(cpu: .init(idle: 1)), v1: [("cpu", "cpu.idle", "1")], v2: [("cpu.idle", "1")]),
        Limit(
            "cpu.realtimePeriod", Resources(cpu: .init(realtimePeriod: 500_000)),
            v1: [("cpu", "cpu.rt_period_us", "500000")],
            v2: []),
        Limit(
            "cpu.cpus and mems", Resources(cpu: .init(cpus: "0", mems: "0")),
            v1: [("cpuset", "cpuset.cpus", "0"), ("cpuset", "cpuset.mems", "0")],
            v2: [("cpuset.cpus", "0"), ("cpuset.mems", "0")]),
        Limit(
            "pids.limit", Resources(pids: .init(limit: 77)), v1: [("pids", "pids.max", "77")],
            v2: [("pids.max", "77")]),
        Limit(
            "pids.limit = 0", Resources(pids: .init(limit: 0)), v1: [("pids", "pids.max", "1")], v2: [("pids.max", "1")]
        ),
        Limit(
            "pids.limit = -1", Resources(pids: .init(limit: -1)), v1: [("pids", "pids.max", "max")],
            v2: [("pids.max", "max")]),
        Limit(
            "blockIO.weight", Resources(blockIO: .init(weight: 500)), v1: [("blkio", "blkio.bfq.weight", "500")],
            v2: [("io.weight", "default 4950")]),
        Limit(
            "hugepageLimits", Resources(hugepageLimits: [.init(pageSize: "2MB", limit: 4 << 20)]),
            v1: [
                ("hugetlb", "hugetlb.2MB.limit_in_bytes", "4194304"),
                ("hugetlb", "hugetlb.2MB.rsvd.limit_in_bytes", "4194304"),
            ],
            v2: [("hugetlb.2MB.max", "4194304"), ("hugetlb.2MB.rsvd.max", "4194304")]),
        Limit(
            "network.classID", Resources(network: .init(classID: 0x10_0001)),
            v1: [("net_cls", "net_cls.classid", "1048577")], v2: []),
        Limit(
            "network.priorities", Resources(network: .init(priorities: [.init(name: "lo", priority: 7)])),
            v1: [("net_prio", "net_prio.ifpriomap", "lo 7")], v2: []),
        Limit(
            "unified", Resources(unified: [.init(file: "memory.high", value: "67108864")]), v1: [],
            v2: [("memory.high", "67108864")]),
    ]

    /// The controller in the names of cgroup v2.
    private var controller: String? { v2.first.map { String($0.0.prefix { $0 != "." }) } }

    /// Whether v1 is in charge of it here.
    var isV1: Bool { v1.contains { Ground.isV1($0.0) } }

    /// Whether its controller is there, in a version that has such a limit.
    var fits: Bool { Ground.isUsable && (isV1 || controller.map { Ground.isV2($0) && !hasV1Instead } == true) }

    private var hasV1Instead: Bool { controller.map { Ground.isV1($0 == "io" ? "blkio" : $0) } == true }
}

extension HostTests {
    @Suite struct LimitTests {
        static let here = Limit.all.filter { $0.fits }
        private let hasMemoryV1 = Ground.isV1("memory")
        private let hasCPUV1 = Ground.isV1("cpu")

        @Test(arguments: here) func `a limit is in its files`(limit: Limit) throws {
            try Ground.withCgroup(limit.resources) { cgroup in check(limit, cgroup) }
        }

        @Test(arguments: here) func `an update sets the same`(limit: Limit) throws {
            try Ground.withCgroup { cgroup in
                let restored = Cgroup(restoring: cgroup.stateText)
                _ = try restored.apply(limit.resources, .update, origin: "update")
                check(limit, cgroup)
                _ = try restored.apply(limit.resources, .update)
                check(limit, cgroup)
            }
        }

        private func check(_ limit: Limit, _ cgroup: Cgroup) {
            for (controller, file, value) in limit.v1 where limit.isV1 {
                #expect(Ground.read(cgroup, controller, file) == value, "\(file)")
            }
            for (file, value) in limit.v2 where !limit.isV1 {
                #expect((try? Files.readText("\(cgroup.unified ?? "")/\(file)")) == value, "\(file)")
            }
        }

        @Test(.enabled(if: here.count < Limit.all.count, "everything is there")) func `what this host lacks`() {
            let missing = Limit.all.filter { !$0.fits }.map(\.testDescription).joined(separator: ", ")
            print("not tested for want of a controller or of this version: \(missing)")
        }

        @Test func `nothing is set that was not asked for`() throws {
            try Ground.withCgroup { cgroup in
                #expect(Ground.read(cgroup, "pids", "pids.max") == "max")
                let memory = Ground.read(cgroup, "memory", "memory.limit_in_bytes", v2: "memory.max")
                #expect(memory == (hasMemoryV1 ? "9223372036854771712" : "max"))
                #expect(cgroup.notes == [])
            }
        }

        @Test func `the cpus of the cgroup above are inherited`() throws {
            try Ground.withCgroup { cgroup in
                if let directory = cgroup.v1("cpuset") {
                    let own = try Files.readText("\(directory)/cpuset.mems")
                    let above = try Files.readText("\(parent(of: directory))/cpuset.mems")
                    #expect(own == above && !own.isEmpty)
                } else {
                    let result = try Ground.run(in: cgroup, "true")
                    #expect(result.status == 0)
                }
            }
        }

        // MARK: Updates

        private func memory(_ cgroup: Cgroup) -> [String?] {
            [
                Ground.read(cgroup, "memory", "memory.limit_in_bytes", v2: "memory.max"),
                Ground.read(cgroup, "memory", "memory.memsw.limit_in_bytes", v2: "memory.swap.max"),
            ]
        }

        @Test func `memory and swap rise and fall together`() throws {
            try Ground.withCgroup(Resources(memory: .init(limit: 64 << 20, swap: 64 << 20))) { cgroup in
                for (limit, swap) in [(128, 192), (32, 48), (64, 1024), (512, 2048), (16, 16)] as [(Int64, Int64)] {
                    let memory = Resources.Memory(limit: limit << 20, swap: swap << 20)
                    _ = try cgroup.apply(Resources(memory: memory), .update)
                    let second = hasMemoryV1 ? swap << 20 : (swap - limit) << 20
                    #expect(self.memory(cgroup) == ["\(limit << 20)", "\(second)"])
                }
                _ = try cgroup.apply(Resources(memory: .init(limit: -1)), .update)
                let unlimited = hasMemoryV1 ? "9223372036854771712" : "max"
                #expect(self.memory(cgroup) == [unlimited, unlimited])
            }
        }

        @Test func `quota, period and burst rise and fall together`() throws {
            try Ground.withCgroup(Resources(cpu: .init(quota: 50_000, burst: 40_000, period: 100_000))) { cgroup in
                for (quota, burst, period) in [(5000, 4000, 10_000), (900_000, 800_000, 1_000_000), (1000, 0, 5000)]
                    as [(Int64, UInt64, UInt64)]
                {
                    _ = try cgroup.apply(
                        Resources(cpu: .init(quota: quota, burst: burst, period: period)), .update)
                    if hasCPUV1 {
                        #expect(Ground.read(cgroup, "cpu", "cpu.cfs_quota_us") == "\(quota)")
                        #expect(Ground.read(cgroup, "cpu", "cpu.cfs_period_us") == "\(period)")
                    } else {
                        #expect(Ground.read(cgroup, "cpu", "cpu.max") == "\(quota) \(period)")
                    }
                    #expect(Ground.read(cgroup, "cpu", "cpu.cfs_burst_us", v2: "cpu.max.burst") == "\(burst)")
                }
            }
        }

        @Test func `a period alone leaves the quota`() throws {
            try Ground.withCgroup(Resources(cpu: .init(quota: 50_000))) { cgroup in
                _ = try cgroup.apply(Resources(cpu: .init(period: 200_000)), .update)
                let text = Ground.read(cgroup, "cpu", "cpu.cfs_quota_us", v2: "cpu.max")
                #expect(text == (hasCPUV1 ? "50000" : "50000 200000"))
            }
        }

        @Test func `an idle group becomes an ordinary one with shares again`() throws {
            try Ground.withCgroup(Resources(cpu: .init(shares: 512, idle: 1))) { cgroup in
                #expect(Ground.read(cgroup, "cpu", "cpu.idle") == "1")
                _ = try cgroup.apply(Resources(cpu: .init(shares: 512, idle: 0)), .update)
                #expect(Ground.read(cgroup, "cpu", "cpu.idle") == "0")
                #expect(Ground.read(cgroup, "cpu", "cpu.shares", v2: "cpu.weight") == (hasCPUV1 ? "512" : "59"))
            }
        }

        @Test func `a memory limit below what is used is refused if that is to be checked`() throws {
            try Ground.withCgroup { cgroup in
                // tail holds what it read until its input ends.
                let process = try Ground.shell(in: cgroup, "(head -c 30m /dev/zero; sleep 90) | tail -c 29m >/dev/null")
                let usage = {
                    Int(Ground.read(cgroup, "memory", "memory.usage_in_bytes", v2: "memory.current") ?? "") ?? 0
                }
                #expect(Ground.eventually { usage() > 29 << 20 })
                let memory = Resources.Memory(limit: 8 << 20, checkBeforeUpdate: true)
                let error = #expect(throws: CgroupError.self) { try cgroup.apply(Resources(memory: memory), .update) }
                let text = error.map { "\($0)" } ?? ""
                #expect(text.hasPrefix("linux.resources.memory.limit: "))
                #expect(text.contains(hasMemoryV1 ? "(current usage: " : "is below what is used now: "))
                #expect(try process.poll() == nil)
                try cgroup.killAll()
                _ = try process.wait()
            }
        }

        // MARK: Errors

        @Test(.needsV1("cpu")) func `shares that the kernel would change silently are refused`() throws {
            for (shares, word) in [(1, "minimum"), (262_145, "maximum")] as [(UInt64, String)] {
                let error = #expect(throws: CgroupError.self) {
                    try Ground.withCgroup(Resources(cpu: .init(shares: shares))) { _ in }
                }
                #expect(
                    error.map { "\($0)" }?.hasPrefix("linux.resources.cpu.shares: the \(word) allowed cpu-shares is ")
                        == true)
            }
        }

        @Test func `an error names field, value, file and cause`() throws {
            let resources = Resources(blockIO: .init(throttleReadBpsDevice: [.init(major: 99, minor: 0, rate: 1000)]))
            let error = #expect(throws: CgroupError.self) { try Ground.withCgroup(resources) { _ in } }
            let value = Ground.isV1("blkio") ? "99:0 1000" : "99:0 rbps=1000"
            let text = error.map { "\($0)" } ?? ""
            #expect(text.hasPrefix("linux.resources.blockIO.throttleReadBpsDevice[0]: write \"\(value)\" to /"))
            #expect(text.hasSuffix(": no such device"))
        }

        @Test func `a controller that is not there is named`() throws {
            let resources = Resources(rdma: [.init(device: "mlx5_0", hcaHandles: 1)])
            let error = #expect(throws: CgroupError.self) { try Ground.withCgroup(resources) { _ in } }
            #expect(error.map { "\($0)" }?.hasPrefix("linux.resources.rdma[\"mlx5_0\"]: ") == true)
        }

        /// Beside v1 hierarchies cgroup2 is without their controllers: seen alone, it is a host that lacks them.
        @Test(.needsV1("memory"), .needsUnified) func `a controller that cgroup2 does not offer is the cause`() throws {
            let unified = try #require(Ground.unifiedRoot)
            let limits = Limit.all.filter { !$0.v2.isEmpty }
            let texts = limits.compactMap { limit -> String? in
                let path = Ground.uniquePath()
                do {
                    let place = try CgroupLocation(CgroupPath(path, id: "i"), in: .v2(unified))
                    try Ground.cleanUp(place.create(limit.resources))
                    return nil
                } catch { return "\(limit.testDescription): \(error)" }
            }
            #expect(texts.contains { $0.hasPrefix("memory.swap: linux.resources.memory.swap: ") })
            for text in texts {
                #expect(text.hasSuffix(" controller is not available: the cgroup2 hierarchy does not offer it"))
            }
        }

        @Test func `what has no effect on this version is noted`() throws {
            let resources = Resources(
                memory: .init(kernel: 1 << 30, swappiness: 3, disableOOMKiller: true),
                cpu: .init(realtimePeriod: 500_000))
            try Ground.withCgroup(resources) { cgroup in
                let fields = cgroup.notes.map(\.path)
                #expect(fields.contains("linux.resources.memory.kernel"))
                #expect(fields.contains("linux.resources.memory.swappiness") == !hasMemoryV1)
                #expect(fields.contains("linux.resources.memory.disableOOMKiller") == !hasMemoryV1)
                #expect(fields.contains("linux.resources.cpu.realtimePeriod") == !hasCPUV1)
            }
        }

        @Test(.needsUnified) func `unified writes into the own directory only`() throws {
            try Ground.withCgroup(Resources(unified: [.init(file: "cgroup.max.depth", value: "3\n4\n")])) { cgroup in
                let depth = try Files.readText("\(cgroup.unified ?? "")/cgroup.max.depth")
                #expect(depth == "4")
            }
            for name in ["../cgroup.max.depth", "cgroup.procs", "cgroup.nothing", "no.such"] {
                let error = #expect(throws: CgroupError.self) {
                    try Ground.withCgroup(Resources(unified: [.init(file: name, value: "1")])) { _ in }
                }
                #expect(error.map { "\($0)" }?.hasPrefix("linux.resources.unified[\"\(name)\"]: ") == true)
            }
        }

        @Test(.needsV2Alone) func `only what is needed is enabled`() throws {
            try Ground.withCgroup { cgroup in
                let names = try Files.readText("\(cgroup.unified ?? "")/cgroup.controllers").split(separator: " ")
                #expect(Set(names) == ["cpu", "io", "memory", "pids"])
            }
        }

        @Test(.needsV2Alone) func `the container's user gets the directory and the files that are his`() throws {
            try Ground.withCgroup { cgroup in
                try cgroup.delegate(to: 4711)
                let path = cgroup.unified ?? ""
                #expect(try Files.status(path).uid == 4711)
                #expect(try Files.status("\(path)/cgroup.procs").uid == 4711)
                #expect(try Files.status("\(path)/cgroup.subtree_control").uid == 4711)
                #expect(try Files.status("\(path)/memory.max").uid == 0)
                #expect(try Files.status(path).gid == 0)
            }
        }

        @Test(.needsV1("freezer")) func `v1 cgroups stay the host's`() throws {
            try Ground.withCgroup { cgroup in
                try cgroup.delegate(to: 4711)
                for directory in cgroup.directories { #expect(try Files.status(directory.path).uid == 0) }
            }
        }

        // MARK: Effect

        @Test func `forks beyond the limit fail`() throws {
            try Ground.withCgroup(Resources(pids: .init(limit: 3))) { cgroup in
                let result = try Ground.run(
                    in: cgroup, "exec 2>&1; for i in 1 2 3 4; do sleep 60 >/dev/null 2>&1 & done")
                #expect(result.output.contains("can't fork"))
                try cgroup.killAll()
            }
        }

        @Test func `a program gets no more time than its quota`() throws {
            try Ground.withCgroup(Resources(cpu: .init(quota: 10_000, period: 100_000))) { cgroup in
                let process = try Ground.shell(in: cgroup, "while :; do :; done")
                // How long that takes is up to who else wants the processor.
                #expect(
                    Ground.eventually {
                        let statistics = Ground.read(cgroup, "cpu", "cpu.stat") ?? ""
                        let line = statistics.split(separator: "\n").first { $0.hasPrefix("nr_throttled ") }
                        return (Int(line?.split(separator: " ").last ?? "") ?? 0) >= 2
                    })
                try cgroup.killAll()
                _ = try process.wait()
            }
        }
    }
}
