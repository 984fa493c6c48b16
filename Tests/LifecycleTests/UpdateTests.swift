import Harness
import Testing

extension Containers {
    /// `update`: what is in the kernel's files afterwards, and what it does to the container.
    @Suite struct UpdateTests {
        // MARK: Each limit is read back

        @Test(
            .flag(
                "update --memory", "update --memory-reservation", "update --cpu-share", "update --cpu-quota",
                "update --cpu-period", "update --cpu-burst", "update --cpu-idle", "update --cpu-rt-period",
                "update --cpuset-cpus", "update --cpuset-mems", "update --pids-limit", "update --blkio-weight",
                "update --resources"), arguments: Property.here)
        func `a limit comes from the configuration and then from an update`(property: Property) throws {
            let bundle = try Bundle.sleeping { property.set(0, in: &$0.linux.resources) }
            try bundle.create().ok()
            property.expect(0, of: bundle)
            var document: Value = [:]
            property.set(1, in: &document)
            try bundle.update(document: document).ok()
            property.expect(1, of: bundle)
            if let flags = property.flags {
                try bundle.start().ok()
                try bundle.update(flags(2)).ok()
                property.expect(2, of: bundle)
            }
        }

        @Test(.enabled(if: Property.here.count < Property.all.count, "everything is there"))
        func `what this host lacks`() {
            let missing = Property.all.filter { !$0.isHere }.map(\.testDescription).joined(separator: ", ")
            print("not tested for want of a controller or of this version: \(missing)")
        }

        @Test(.flag("update --resources")) func `a document is read from standard input too`() throws {
            let bundle = try Bundle.sleeping()
            try bundle.create().ok()
            try bundle.update(document: ["pids": ["limit": 41]], fromInput: true).ok()
            #expect(bundle.limit("pids", "pids.max") == "41")
        }

        @Test func `other flags beside a document are ignored with a warning`() throws {
            let bundle = try Bundle.sleeping()
            try bundle.create().ok()
            let path = try bundle.hostFile("limits", #"{"pids": {"limit": 42}}"#)
            let outcome = try bundle.update(["--pids-limit", "7", "-r", path]).ok()
            #expect(outcome.errors.contains("--pids-limit"))
            #expect(bundle.limit("pids", "pids.max") == "42")
        }

        @Test func `what is not given stays`() throws {
            let bundle = try Bundle.sleeping {
                $0.linux.resources.pids.limit = 50
                $0.linux.resources.memory.limit = Value(64 << 20)
            }
            try bundle.create().ok()
            try bundle.update(["--pids-limit", "60"]).ok()
            try bundle.update([]).ok()
            #expect(bundle.limit("pids", "pids.max") == "60")
            #expect(bundle.memoryLimit == "\(64 << 20)")
        }

        @Test func `quota and period may be given one after the other`() throws {
            let bundle = try Bundle.sleeping()
            try bundle.create().ok()
            try bundle.update(["--cpu-quota", "20000"]).ok()
            try bundle.update(["--cpu-period", "50000"]).ok()
            #expect(bundle.bandwidth == "20000 50000")
            try bundle.update(["--cpu-quota", "-1"]).ok()
            #expect(bundle.bandwidth == "max 50000")
            try bundle.update(["--cpu-quota", "40000", "--cpu-period", "80000"]).ok()
            #expect(bundle.bandwidth == "40000 80000")
        }

        @Test(.flag("update --memory-swap")) func `memory and swap rise and fall together`() throws {
            let bundle = try Bundle.sleeping {
                $0.linux.resources.memory = ["limit": Value(64 << 20), "swap": Value(64 << 20)]
            }
            try bundle.create().ok()
            for (limit, both) in [(128, 192), (32, 48), (64, 1024), (16, 16)] {
                try bundle.update(["--memory", "\(limit)m", "--memory-swap", "\(both)m"]).ok()
                #expect(bundle.memoryLimit == "\(limit << 20)")
                #expect(bundle.memoryAndSwap == both << 20)
            }
            try bundle.update(["--memory", "-1"]).ok()
            #expect(bundle.memoryLimit == (CgroupTests.isV1 ? "9223372036854771712" : "max"))
        }

        @Test func `a group that stops being idle gets its shares back`() throws {
            let bundle = try Bundle.sleeping { $0.linux.resources.cpu.shares = 512 }
            try bundle.create().ok()
            let before = bundle.shares
            try bundle.update(["--cpu-idle", "1"]).ok()
            #expect(bundle.limit("cpu", "cpu.idle") == "1")
            expectFailure(try bundle.update(["--cpu-share", "100"]), saying: "idle")
            try bundle.update(["--cpu-idle", "0"]).ok()
            #expect(bundle.shares == before)
        }

        @Test(.flag("update --kernel-memory"))
        func `a limit of kernel memory is accepted, and said to be without effect`() throws {
            let bundle = try Bundle.sleeping()
            try bundle.create().ok()
            let before = bundle.allLimits
            let outcome = try bundle.update(["--kernel-memory", "5m"]).ok()
            #expect(outcome.errors.contains("kernel memory limits are ignored"))
            #expect(bundle.allLimits == before)
        }

        @Test(
            .enabled(if: Files.exists("/sys/fs/cgroup/memory/memory.kmem.tcp.limit_in_bytes"), "cgroup v1 has it"),
            .flag("update --kernel-memory-tcp"))
        func `a limit of TCP buffers is set`() throws {
            let bundle = try Bundle.sleeping()
            try bundle.create().ok()
            try bundle.update(["--kernel-memory-tcp", "5m"]).ok()
            #expect(bundle.limit("memory", "memory.kmem.tcp.limit_in_bytes") == "\(5 << 20)")
        }

        /// The cgroup above has no real time to give, so a kernel that knows the limit refuses it.
        @Test(.flag("update --cpu-rt-runtime")) func `real time is asked of the kernel`() throws {
            let bundle = try Bundle.sleeping()
            try bundle.create().ok()
            let outcome = try bundle.update(["--cpu-rt-runtime", "900"])
            if Files.exists("\(bundle.cgroup("cpu"))/cpu.rt_runtime_us") {
                expectFailure(outcome, saying: "cpu.rt_runtime_us", "write \"900\"")
            } else if Host.hierarchies["cpu"] == nil {
                #expect(outcome.succeeded && outcome.errors.contains("no real-time limits"))
            }
        }

        // MARK: Limits have their effect

        @Test func `a lower memory limit ends the program`() throws {
            let bundle = try Bundle.minimal { $0.run("/assert", "hold", "200m") }
            try bundle.create().ok()
            try bundle.update(["--memory", "20m", "--memory-swap", "20m"]).ok()
            try bundle.start().ok()
            #expect(bundle.waitForExit() == 137)
        }

        @Test func `a higher memory limit lets it live`() throws {
            let bundle = try Bundle.minimal {
                $0.run("/assert", "hold", "40m")
                $0.linux.resources.memory = ["limit": Value(20 << 20), "swap": Value(20 << 20)]
            }
            try bundle.create().ok()
            try bundle.update(["--memory", "100m", "--memory-swap", "100m"]).ok()
            try bundle.start().ok()
            #expect(bundle.waitForExit() == 0)
        }

        @Test func `processes beyond a new limit are refused`() throws {
            let bundle = try Bundle.waiting("exec /assert fork-bomb 50")
            try bundle.update(["--pids-limit", "10"]).ok()
            try bundle.put("go")
            #expect(try bundle.line() == ["forks": 9, "error": "EAGAIN"])
        }

        @Test func `a new quota throttles`() throws {
            let bundle = try Bundle.waiting("while :; do :; done")
            try bundle.put("go")
            #expect(bundle.throttled == 0)
            try bundle.update(["--cpu-quota", "5000", "--cpu-period", "100000"]).ok()
            #expect(eventually { (bundle.throttled ?? 0) > 2 })
            let statistics = try Value(parsing: bundle.command(["events", "--stats", bundle.id]).run().ok().output)
            #expect((statistics.data.cpu.throttling.throttledPeriods.integer ?? 0) > 2)
            #expect((statistics.data.cpu.throttling.throttledTime.integer ?? 0) > 0)
        }

        /// kmsg may be opened for writing by anybody whom the cgroup lets.
        @Test func `a device is denied, allowed and denied again`() throws {
            let bundle = try Bundle.minimal {
                $0.shell(
                    """
                    for step in 1 2 3; do
                        until [ -e /go$step ]; do sleep 0.02; done
                        if (: > /dev/kmsg) 2>/dev/null; then echo true; else echo false; fi
                    done
                    exec sleep 1000
                    """)
                $0.linux.devices = [
                    ["type": "c", "path": "/dev/kmsg", "major": 1, "minor": 11, "fileMode": 438]
                ]
            }
            try bundle.create().ok()
            try bundle.start().ok()
            try bundle.put("go1")
            #expect(try bundle.line(0) == false)
            let denial: Value = ["allow": false]
            let permission: Value = ["allow": true, "type": "c", "major": 1, "minor": 11, "access": "w"]
            try bundle.update(document: ["devices": [denial, permission]]).ok()
            try bundle.put("go2")
            #expect(try bundle.line(1) == true)
            try bundle.update(document: ["devices": [denial]]).ok()
            try bundle.put("go3")
            #expect(try bundle.line(2) == false)
        }

        // MARK: Refusals

        @Test(
            .flag("update --l3-cache-schema", "update --mem-bw-schema"),
            arguments: [
                (["--memory", "much"], "invalid value for memory: invalid size: 'much'"),
                (["--memory", "-2"], "invalid size"), (["--cpu-share", "x"], "invalid value for cpu-share"),
                (["--cpu-share", "-1"], "cpu-share"), (["--cpu-quota", "1.5"], "invalid value for cpu-quota"),
                (["--pids-limit", "-7"], "pids-limit"), (["--blkio-weight", "5"], "10...1000"),
                (["--blkio-weight", "70000"], "blkio-weight"), (["--cpu-idle", "2"], "cpu-idle"),
                (["--l3-cache-schema", "L3:0=f"], "Intel RDT"), (["--mem-bw-schema", "MB:0=20"], "Intel RDT"),
                (["--memory", "10m", "--memory-swap", "5m"], "swap"), (["--cpuset-cpus", "900"], "cpuset.cpus"),
                (["--cpuset-cpus", "a"], "cpuset.cpus"), (["--cpu-period", "5"], "period"),
                (["--cpu-quota", "20000", "--cpu-burst", "30000"], "burst"),
                (["-r", "/nothing/here"], "/nothing/here"),
            ] as [([String], String)])
        func `a limit that makes no sense is refused`(flags: [String], words: String) throws {
            let bundle = try Bundle.sleeping { $0.linux.resources.pids.limit = 50 }
            try bundle.create().ok()
            let before = bundle.allLimits
            expectFailure(try bundle.update(flags), saying: words)
            bundle.expectLimits(before)
        }

        @Test(arguments: [
            (#"{"memory": {"limit": "x"}}"#, "memory.limit"), (#"{"pids": 5}"#, "pids"), ("x", "line 1"),
            ("[]", "object"), (#"{"blockIO": {"weight": 5}}"#, "blockIO.weight"),
            (#"{"unified": {"cgroup.procs": "1"}}"#, "cgroup.procs"),
            (#"{"unified": {"../pids.max": "1"}}"#, "pids.max"),
        ])
        func `a document that makes no sense is refused`(text: String, words: String) throws {
            let bundle = try Bundle.sleeping()
            try bundle.create().ok()
            let before = bundle.allLimits
            expectFailure(try bundle.update(["-r", bundle.hostFile("bad", text)]), saying: words)
            bundle.expectLimits(before)
        }

        @Test func `an update that fails half-way leaves the old limits, in the files and in the state`() throws {
            let bundle = try Bundle.sleeping {
                $0.linux.resources.memory = ["limit": Value(64 << 20), "swap": Value(128 << 20)]
                $0.linux.resources.cpu = ["shares": 512, "quota": 50_000]
                $0.linux.resources.pids.limit = 50
            }
            try bundle.create().ok()
            let before = bundle.allLimits
            let asked = try bundle.stateWithLimits().cgroup.settings
            var devices: Value = [["allow": true]]
            devices.append(["allow": false, "type": "c", "major": 1, "minor": 11])
            let document: Value = [
                "memory": ["limit": Value(256 << 20), "swap": Value(512 << 20), "reservation": Value(32 << 20)],
                "cpu": ["shares": 100, "quota": 10_000, "period": 20_000, "cpus": "0"], "pids": ["limit": 7],
                "unified": ["cgroup.nothing": "1"], "devices": devices,
            ]
            expectFailure(try bundle.update(document: document), saying: "cgroup.nothing")
            bundle.expectLimits(before)
            #expect(try bundle.stateWithLimits().cgroup.settings == asked)
        }

        @Test func `a stopped container is not updated`() throws {
            let bundle = try Bundle.minimal { $0.run("/assert", "exit", "0") }
            try bundle.create().ok()
            try bundle.start().ok()
            _ = bundle.waitForExit()
            expectFailure(try bundle.update(["--pids-limit", "5"]), saying: "container not running")
        }

        @Test func `an unknown container is not updated`() throws {
            expectFailure(try Bundle.minimal().update(["--pids-limit", "5"]), saying: "container does not exist")
        }

        // MARK: state --cgroup

        @Test(.flag("state --cgroup")) func `the state shows what was asked for beside what the kernel has`() throws {
            let bundle = try Bundle.sleeping {
                $0.linux.resources.cpu.shares = 512
                $0.linux.resources.memory.limit = Value(100_000_000)
            }
            try bundle.create().ok()
            try bundle.update(["--pids-limit", "33"]).ok()
            let seen = try bundle.stateWithLimits()
            #expect(seen.id == .string(bundle.id))
            #expect(seen.status == "created")
            #expect(seen.cgroup.driver == "cgroupfs")
            #expect(seen.cgroup.paths.members.values.allSatisfy { $0.text.map(Files.exists) == true })
            let pids = seen.setting("linux.resources.pids.limit")
            #expect(pids.asked == 33)
            #expect(pids.files[0].value == "33")
            #expect(pids.files[0].path == .string("\(bundle.cgroup("pids"))/pids.max"))
            let memory = seen.setting("linux.resources.memory.limit")
            #expect(memory.asked == 100_000_000)
            #expect(memory.files[0].value == "99999744")
            #expect(memory.remarks.strings.contains { $0.contains("rounds") })
            let shares = seen.setting("linux.resources.cpu.shares")
            #expect(shares.asked == 512)
            #expect(shares.files[0].value == (CgroupTests.isV1 ? "512" : "59"))
            #expect(shares.remarks.isNull == CgroupTests.isV1)
        }

        @Test func `the state tells when somebody else changed a limit`() throws {
            let bundle = try Bundle.sleeping { $0.linux.resources.pids.limit = 33 }
            try bundle.create().ok()
            try Files.write("44", to: "\(bundle.cgroup("pids"))/pids.max")
            let pids = try bundle.stateWithLimits().setting("linux.resources.pids.limit")
            #expect(pids.files[0].set == "33")
            #expect(pids.files[0].value == "44")
            #expect(pids.remarks.strings.contains { $0.contains("44") })
        }

        @Test func `a container without limits has none to show`() throws {
            let bundle = try Bundle.sleeping { $0.linux.remove("resources") }
            try bundle.create().ok()
            let seen = try bundle.stateWithLimits()
            #expect(seen.cgroup.settings == [])
            let plain = try bundle.state()
            #expect(plain.cgroup.isNull)
        }
    }
}

extension Value {
    fileprivate func setting(_ field: String) -> Value {
        self.cgroup.settings.first { $0.field == .string(field) }
    }
}

/// A limit with three values, and what the kernel's files say for each of them.
struct Property: Sendable, CustomTestStringConvertible {
    let testDescription: String
    /// In `linux.resources`, such as `memory.limit`.
    private let path: String
    private let values: [Value]
    /// The flag of `update`, if there is one.
    private let flag: String?
    private let v1: (controller: String, file: String, contents: [String])?
    private let v2: (file: String, contents: [String])?

    private init(
        _ path: String, _ values: [Value], flag: String? = nil,
        v1: (controller: String, file: String, contents: [String])?, v2: (file: String, contents: [String])?
    ) {
        testDescription = path
        self.path = path
        self.values = values
        self.flag = flag
        self.v1 = v1
        self.v2 = v2
    }

    private static let mib = 1 << 20

    static let all: [Property] = [
        Property(
            "memory.limit", [Value(64 * mib), Value(96 * mib), Value(32 * mib)], flag: "--memory",
            v1: ("memory", "memory.limit_in_bytes", ["67108864", "100663296", "33554432"]),
            v2: ("memory.max", ["67108864", "100663296", "33554432"])),
        Property(
            "memory.reservation", [Value(8 * mib), Value(16 * mib), Value(4 * mib)], flag: "--memory-reservation",
            v1: ("memory", "memory.soft_limit_in_bytes", ["8388608", "16777216", "4194304"]),
            v2: ("memory.low", ["8388608", "16777216", "4194304"])),
        Property(
            "memory.swappiness", [10, 70], v1: ("memory", "memory.swappiness", ["10", "70"]), v2: nil),
        Property(
            "memory.disableOOMKiller", [true, false],
            v1: ("memory", "memory.oom_control", ["oom_kill_disable 1", "oom_kill_disable 0"]), v2: nil),
        Property(
            "cpu.shares", [512, 2048, 100], flag: "--cpu-share", v1: ("cpu", "cpu.shares", ["512", "2048", "100"]),
            v2: ("cpu.weight", ["59", "174", "17"])),
        Property(
            "cpu.quota", [50_000, 70_000, 30_000], flag: "--cpu-quota",
            v1: ("cpu", "cpu.cfs_quota_us", ["50000", "70000", "30000"]),
            v2: ("cpu.max", ["50000 100000", "70000 100000", "30000 100000"])),
        Property(
            "cpu.period", [20_000, 30_000, 40_000], flag: "--cpu-period",
            v1: ("cpu", "cpu.cfs_period_us", ["20000", "30000", "40000"]),
            v2: ("cpu.max", ["max 20000", "max 30000", "max 40000"])),
        Property(
            "cpu.burst", [1000, 2000, 3000], flag: "--cpu-burst",
            v1: ("cpu", "cpu.cfs_burst_us", ["1000", "2000", "3000"]), v2: ("cpu.max.burst", ["1000", "2000", "3000"])),
        Property(
            "cpu.idle", [1, 0, 1], flag: "--cpu-idle", v1: ("cpu", "cpu.idle", ["1", "0", "1"]),
            v2: ("cpu.idle", ["1", "0", "1"])),
        Property(
            "cpu.realtimePeriod", [500_000, 600_000, 700_000], flag: "--cpu-rt-period",
            v1: ("cpu", "cpu.rt_period_us", ["500000", "600000", "700000"]), v2: nil),
        Property(
            "cpu.cpus", ["0", "0-1", "1"], flag: "--cpuset-cpus", v1: ("cpuset", "cpuset.cpus", ["0", "0-1", "1"]),
            v2: ("cpuset.cpus", ["0", "0-1", "1"])),
        Property(
            "cpu.mems", ["0", "0", "0"], flag: "--cpuset-mems", v1: ("cpuset", "cpuset.mems", ["0", "0", "0"]),
            v2: ("cpuset.mems", ["0", "0", "0"])),
        Property(
            "pids.limit", [77, -1, 55], flag: "--pids-limit", v1: ("pids", "pids.max", ["77", "max", "55"]),
            v2: ("pids.max", ["77", "max", "55"])),
        Property(
            "blockIO.weight", [500, 10, 1000], flag: "--blkio-weight",
            v1: ("blkio", "blkio.bfq.weight", ["500", "10", "1000"]),
            v2: ("io.weight", ["default 4950", "default 1", "default 10000"])),
        Property(
            "hugepageLimits", [[["pageSize": "2MB", "limit": 4_194_304]], [["pageSize": "2MB", "limit": 8_388_608]]],
            v1: ("hugetlb", "hugetlb.2MB.limit_in_bytes", ["4194304", "8388608"]),
            v2: ("hugetlb.2MB.max", ["4194304", "8388608"])),
        Property(
            "network.classID", [1_048_577, 7], v1: ("net_cls", "net_cls.classid", ["1048577", "7"]), v2: nil),
        Property(
            "network.priorities", [[["name": "lo", "priority": 3]], [["name": "lo", "priority": 5]]],
            v1: ("net_prio", "net_prio.ifpriomap", ["lo 3", "lo 5"]), v2: nil),
        Property(
            "unified", [["memory.high": "67108864"], ["memory.high": "max"]], v1: nil,
            v2: ("memory.high", ["67108864", "max"])),
        Property(
            "blockIO.throttleReadBpsDevice", throttle([1_048_576, 2_097_152]),
            v1: ("blkio", "blkio.throttle.read_bps_device", ["\(disk ?? "") 1048576", "\(disk ?? "") 2097152"]),
            v2: ("io.max", ["rbps=1048576 wbps=max", "rbps=2097152 wbps=max"])),
        Property(
            "blockIO.throttleWriteBpsDevice", throttle([1_048_576, 2_097_152]),
            v1: ("blkio", "blkio.throttle.write_bps_device", ["\(disk ?? "") 1048576", "\(disk ?? "") 2097152"]),
            v2: ("io.max", ["wbps=1048576", "wbps=2097152"])),
        Property(
            "blockIO.throttleReadIOPSDevice", throttle([100, 200]),
            v1: ("blkio", "blkio.throttle.read_iops_device", ["\(disk ?? "") 100", "\(disk ?? "") 200"]),
            v2: ("io.max", ["riops=100", "riops=200"])),
        Property(
            "blockIO.throttleWriteIOPSDevice", throttle([100, 200]),
            v1: ("blkio", "blkio.throttle.write_iops_device", ["\(disk ?? "") 100", "\(disk ?? "") 200"]),
            v2: ("io.max", ["wiops=100", "wiops=200"])),
    ]

    /// A disk of this machine, as `major:minor`.
    private static let disk: String? = Files.list("/sys/block").sorted().reversed()
        .first { $0.hasPrefix("vd") || $0.hasPrefix("sd") || $0.hasPrefix("nvme") }
        .flatMap { Files.line("/sys/block/\($0)/dev") }

    private static func throttle(_ rates: [Int]) -> [Value] {
        let numbers = (disk ?? "0:0").split(separator: ":").compactMap { Int($0) }
        return rates.map { rate in
            [["major": Value(numbers[0]), "minor": Value(numbers[1]), "rate": Value(rate)]]
        }
    }

    static let here = all.filter(\.isHere)

    /// Whether the controller is there in a version that has the limit, and what it is about.
    var isHere: Bool {
        if path.hasPrefix("blockIO.throttle"), Property.disk == nil { return false }
        if let v1, Host.hierarchies[v1.controller] != nil { return true }
        guard let v2, let root = Host.hierarchies["unified"] else { return false }
        if let v1, Host.hierarchies[v1.controller] != nil { return false }
        let controller = String(v2.file.prefix { $0 != "." })
        let available = (Files.line("\(root)/cgroup.controllers") ?? "").split(separator: " ").map(String.init)
        return available.contains(controller)
    }

    func set(_ index: Int, in resources: inout Value) {
        let names = path.split(separator: ".").map(String.init)
        if names.count == 1 {
            resources[names[0]] = values[index]
        } else {
            resources[names[0]][names[1]] = values[index]
        }
    }

    /// The flag with a value; nil if there is none for this limit.
    var flags: ((Int) -> [String])? {
        guard let flag else { return nil }
        return { index in [flag, values[index].text ?? "\(values[index])"] }
    }

    func expect(_ index: Int, of bundle: Bundle, sourceLocation: SourceLocation = #_sourceLocation) {
        let (controller, file, wanted): (String, String, String)
        if let v1, Host.hierarchies[v1.controller] != nil {
            (controller, file, wanted) = (v1.controller, v1.file, v1.contents[index])
        } else if let v2 {
            (controller, file, wanted) = ("unified", v2.file, v2.contents[index])
        } else {
            return
        }
        let content = bundle.limit(controller, file) ?? "nothing"
        let isThere = content == wanted || (content.contains(wanted) && wanted.contains { $0 == " " || $0 == "=" })
        #expect(isThere, "\(file): \(content), not \(wanted)", sourceLocation: sourceLocation)
    }
}

extension Bundle {
    func update(_ flags: [String]) throws -> Outcome { try command(["update"] + flags + [id]).run() }

    /// An update with a document, from a file or from standard input.
    func update(document: Value, fromInput: Bool = false) throws -> Outcome {
        let path = try hostFile("resources-\(UInt32.random(in: 0...UInt32.max))", "\(document)")
        var command = command(["update", "--resources", fromInput ? "-" : path, id])
        if fromInput { command.input = path }
        return try command.run()
    }

    func stateWithLimits() throws -> Value { try Value(parsing: command(["state", "--cgroup", id]).run().ok().output) }

    /// A running container whose shell waits for a file /go and then does something.
    static func waiting(_ script: String) throws -> Bundle {
        let bundle = try Bundle.minimal { $0.shell("until [ -e /go ]; do sleep 0.02; done; \(script)") }
        try bundle.create().ok()
        try bundle.start().ok()
        return bundle
    }

    var memoryLimit: String? {
        limit("memory", Containers.CgroupTests.isV1 ? "memory.limit_in_bytes" : "memory.max")
    }

    /// Bytes of memory and swap together.
    var memoryAndSwap: Int? {
        if Containers.CgroupTests.isV1 { return limit("memory", "memory.memsw.limit_in_bytes").flatMap { Int($0) } }
        guard let swap = limit("memory", "memory.swap.max").flatMap({ Int($0) }) else { return nil }
        return memoryLimit.flatMap { Int($0) }.map { $0 + swap }
    }

    /// Quota and period as cgroup v2 writes them.
    var bandwidth: String? {
        if Host.hierarchies["cpu"] == nil { return limit("cpu", "cpu.max") }
        guard let quota = limit("cpu", "cpu.cfs_quota_us"), let period = limit("cpu", "cpu.cfs_period_us") else {
            return nil
        }
        return "\(quota == "-1" ? "max" : quota) \(period)"
    }

    var shares: String? { limit("cpu", Host.hierarchies["cpu"] == nil ? "cpu.weight" : "cpu.shares") }

    /// How many periods were throttled.
    var throttled: Int? {
        (Files.read("\(cgroup("cpu"))/cpu.stat") ?? "").split(separator: "\n")
            .first { $0.hasPrefix("nr_throttled ") }.flatMap { Int($0.dropFirst(13)) }
    }

    /// Every limit is as it was. A controller that was enabled for an update in vain has more files.
    func expectLimits(_ before: [String: String], sourceLocation: SourceLocation = #_sourceLocation) {
        let now = allLimits
        for (file, value) in before { #expect(now[file] == value, "\(file)", sourceLocation: sourceLocation) }
    }

    /// Everything that `update` can change, by file.
    var allLimits: [String: String] {
        var found: [String: String] = [:]
        let files = [
            ("memory", "memory.limit_in_bytes"), ("memory", "memory.memsw.limit_in_bytes"),
            ("memory", "memory.soft_limit_in_bytes"), ("memory", "memory.swappiness"), ("cpu", "cpu.shares"),
            ("cpu", "cpu.cfs_quota_us"), ("cpu", "cpu.cfs_period_us"), ("cpu", "cpu.cfs_burst_us"),
            ("cpu", "cpu.idle"), ("cpu", "cpu.rt_period_us"), ("cpu", "cpu.rt_runtime_us"), ("cpuset", "cpuset.cpus"),
            ("cpuset", "cpuset.mems"), ("pids", "pids.max"), ("blkio", "blkio.bfq.weight"),
            ("devices", "devices.list"), ("memory", "memory.max"), ("memory", "memory.swap.max"),
            ("memory", "memory.low"), ("cpu", "cpu.weight"), ("cpu", "cpu.max"), ("cpu", "cpu.max.burst"),
            ("io", "io.weight"), ("io", "io.bfq.weight"), ("io", "io.max"),
        ]
        for (controller, file) in files { found[file] = limit(controller, file) }
        return found
    }
}
