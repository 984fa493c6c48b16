import Glibc
import Kernel
import OCI
import Testing

@testable import Cgroups

/// What a control file's former value is, and how it is written back.
@Suite struct JournalTests {
    struct Case: Sendable, CustomTestStringConvertible {
        let file: String
        let value: String
        let content: String
        let former: String?

        var testDescription: String { "\(file) = \(value)" }
    }

    @Test(arguments: [
        Case(file: "pids.max", value: "5", content: "max\n", former: "max"),
        Case(file: "cpu.max", value: "5 6", content: "max 100000\n", former: "max 100000"),
        Case(file: "cpuset.cpus", value: "0", content: "\n", former: "\n"),
        Case(file: "cpuset.cpus", value: "0", content: "0-3\n", former: "0-3"),
        Case(file: "cpu.weight", value: "5", content: "0\n", former: "100"),
        Case(
            file: "memory.oom_control", value: "1", content: "oom_kill_disable 0\nunder_oom 0\noom_kill 0\n",
            former: "0"),
        Case(
            file: "io.max", value: "8:0 rbps=5", content: "8:16 rbps=1\n8:0 rbps=max wbps=7 riops=max wiops=max\n",
            former: "8:0 rbps=max wbps=7 riops=max wiops=max"),
        Case(
            file: "io.max", value: "8:0 rbps=5", content: "", former: "8:0 rbps=max wbps=max riops=max wiops=max"),
        Case(file: "blkio.throttle.read_bps_device", value: "8:0 5", content: "8:0 7\n", former: "8:0 7"),
        Case(file: "blkio.throttle.read_bps_device", value: "8:0 5", content: "18:0 7\n", former: "8:0 0"),
        Case(file: "blkio.bfq.weight_device", value: "8:0 5", content: "", former: "8:0 default"),
        Case(file: "io.weight", value: "5", content: "default 100\n8:0 7\n", former: "default 100"),
        Case(file: "io.weight", value: "8:0 5", content: "default 100\n8:0 7\n", former: "8:0 7"),
        Case(file: "io.weight", value: "8:16 5", content: "default 100\n8:0 7\n", former: "8:16 default"),
        Case(file: "net_prio.ifpriomap", value: "lo 5", content: "lo 0\neth0 3\n", former: "lo 0"),
        Case(
            file: "rdma.max", value: "mlx5_0 hca_handle=1", content: "mlx5_0 hca_handle=max hca_object=3\n",
            former: "mlx5_0 hca_handle=max hca_object=3"),
        Case(file: "some.file", value: "1", content: "a 1\nb 2\n", former: nil),
    ])
    func `the former value is found`(_ example: Case) {
        let setting = ControlFiles.Setting(example.file, example.value, "")
        #expect(FormerValue(of: setting).value(in: example.content) == example.former)
    }

    /// Files that take a value only when the other one has its own: whatever the order, both come back.
    @Test func `values that depend on each other are tried again`() {
        let journal = Journal()
        var done: [Int] = []
        journal.keep {
            done.append(1)
            return nil
        }
        journal.keep { done.contains(1) ? nil : "too early" }
        #expect(journal.restore() == [])
        journal.keep { "never" }
        #expect(journal.restore() == ["never"])
        #expect(journal.restore() == [])
    }
}

extension HostTests {
    @Suite struct UpdateTests {
        private static let start = Resources(
            memory: .init(limit: 64 << 20, swap: 128 << 20), cpu: .init(shares: 512, quota: 50_000),
            pids: .init(limit: 50))

        /// The files that the limits of this suite are in.
        private func files(_ cgroup: Cgroup) -> [String: String] {
            let names = [
                ("memory", "memory.limit_in_bytes"), ("memory", "memory.memsw.limit_in_bytes"),
                ("memory", "memory.soft_limit_in_bytes"), ("cpu", "cpu.shares"), ("cpu", "cpu.cfs_quota_us"),
                ("cpu", "cpu.cfs_period_us"), ("cpu", "cpu.idle"), ("pids", "pids.max"), ("cpuset", "cpuset.cpus"),
                ("blkio", "blkio.bfq.weight"), ("devices", "devices.list"), ("", "memory.max"), ("", "memory.swap.max"),
                ("", "memory.low"), ("", "cpu.weight"), ("", "cpu.max"), ("", "cpu.idle"), ("", "pids.max"),
                ("", "cpuset.cpus"), ("", "io.weight"), ("", "hugetlb.2MB.max"),
            ]
            var found: [String: String] = [:]
            for (controller, file) in names {
                guard let directory = controller.isEmpty ? cgroup.unified : cgroup.v1(controller) else { continue }
                found["\(directory)/\(file)"] = try? Files.readText("\(directory)/\(file)")
            }
            return found
        }

        /// On cgroup v2 a controller that was switched on stays on: its files are new, and say nothing.
        private func expectFiles(
            of cgroup: Cgroup, toBe before: [String: String], sourceLocation: SourceLocation = #_sourceLocation
        ) {
            let now = files(cgroup)
            #expect(now.filter { before[$0.key] != nil } == before, sourceLocation: sourceLocation)
            for (file, value) in now where before[file] == nil {
                #expect(value.isEmpty, "\(file)", sourceLocation: sourceLocation)
            }
        }

        private static let change = Resources(
            devices: [.init(allow: true)],
            memory: .init(limit: 256 << 20, reservation: 8 << 20, swap: 512 << 20),
            cpu: .init(shares: 100, quota: 10_000, period: 20_000, cpus: "0"), pids: .init(limit: 7))

        @Test func `an update is undone`() throws {
            try Ground.withCgroup(Self.start) { cgroup in
                let before = files(cgroup)
                let update = try cgroup.update(Self.start, with: Self.change)
                #expect(files(cgroup) != before)
                #expect(Ground.read(cgroup, "pids", "pids.max") == "7")
                #expect(update.undo() == [])
                expectFiles(of: cgroup, toBe: before)
            }
        }

        @Test func `a failure undoes what came before it`() throws {
            try Ground.withCgroup(Self.start) { cgroup in
                let before = files(cgroup)
                for wrong in [
                    Resources.Unified(file: "cgroup.nothing", value: "1"), .init(file: "cgroup.max.depth", value: "x"),
                ] {
                    var change = Self.change
                    change.unified = [wrong]
                    #expect(throws: CgroupError.self) { try cgroup.update(Self.start, with: change) }
                    expectFiles(of: cgroup, toBe: before)
                }
            }
        }

        @Test func `what cannot be restored is told`() throws {
            let error = CgroupError.notRestored(.value(field: "a.b", reason: "bad"), ["write 5 to /x: no", "y"])
            #expect("\(error)" == "a.b: bad; former values that could not be restored: write 5 to /x: no; y")
        }

        @Test func `idle and shares`() throws {
            try Ground.withCgroup(Resources(cpu: .init(shares: 512))) { cgroup in
                var asked = Resources(cpu: .init(shares: 512))
                let shares = { Ground.read(cgroup, "cpu", "cpu.shares", v2: "cpu.weight") }
                let before = shares()
                let idle = Resources(cpu: .init(idle: 1))
                let update = try cgroup.update(asked, with: idle)
                #expect(update.undo() == [])
                #expect(shares() == before)
                _ = try cgroup.update(asked, with: idle)
                asked = asked.updated(with: idle)
                #expect(throws: CgroupError.self) { try cgroup.update(asked, with: Resources(cpu: .init(shares: 7))) }
                let awake = try cgroup.update(asked, with: Resources(cpu: .init(idle: 0)))
                #expect(shares() == before)
                #expect(awake.undo() == [])
                #expect(Ground.read(cgroup, "cpu", "cpu.idle") == "1")
            }
        }

        @Test func `inspection changes nothing and tells everything`() throws {
            try Ground.withCgroup(Self.start) { cgroup in
                let before = files(cgroup)
                let inspection = cgroup.inspect(Self.start)
                #expect(files(cgroup) == before)
                #expect(
                    inspection.settings.map(\.asked.field) == [
                        "memory.limit", "memory.swap", "cpu.shares", "cpu.quota", "pids.limit",
                    ])
                for setting in inspection.settings {
                    #expect(!setting.files.isEmpty, "\(setting.asked.field)")
                    #expect(setting.files.allSatisfy { $0.value != nil })
                    #expect(!setting.remarks.contains { $0.contains("another value") }, "\(setting)")
                }
                let other = cgroup.inspect(Resources(pids: .init(limit: 51))).settings
                #expect(other.first?.remarks.contains { $0.contains("another value: 50") } == true)
            }
        }

        @Test func `a limit without a place has a remark`() throws {
            try Ground.withCgroup { cgroup in
                let resources = Resources(
                    memory: .init(kernel: 5, checkBeforeUpdate: true), rdma: [.init(device: "x", hcaHandles: 1)],
                    unified: [.init(file: "cgroup.nothing", value: "1")])
                for setting in cgroup.inspect(resources).settings {
                    #expect(setting.files.isEmpty && !setting.remarks.isEmpty, "\(setting)")
                }
            }
        }

        @Test func `device rules are restored`() throws {
            let rules: [Resources.DeviceRule] = [
                .init(allow: false), .init(allow: true, kind: .character, major: 1, minor: 11, access: [.write]),
            ]
            try Ground.withCgroup(Resources(devices: rules)) { cgroup in
                let before = files(cgroup)
                let change = Resources(devices: [.init(allow: true)])
                let update = try cgroup.update(Resources(devices: rules), with: change)
                #expect(cgroup.inspect(change).devices.asked == ["allow a *:* rwm"])
                #expect(update.undo() == [])
                #expect(files(cgroup) == before)
            }
        }

        // MARK: Statistics

        @Test func `statistics follow what is done`() throws {
            try Ground.withCgroup(Resources(memory: .init(limit: 64 << 20), pids: .init(limit: 9))) { cgroup in
                let empty = cgroup.statistics()
                #expect(empty.pids == .init(current: 0, limit: 9))
                #expect(empty.memory.memory.limit == 64 << 20)
                let process = try Ground.shell(in: cgroup, "x=$(head -c 500000 /dev/zero | tr '\\0' x); sleep 100")
                // The shell goes into one hierarchy after the other, and its time is booked a little later.
                var busy = empty
                #expect(
                    Ground.eventually {
                        busy = cgroup.statistics()
                        return busy.memory.memory.usage > 400_000 && busy.pids.current >= 1
                            && busy.cpu.total > empty.cpu.total
                    }, "\(busy)")
                // Two files read one after the other, while the shell may still give memory back.
                #expect(
                    Ground.eventually {
                        let memory = cgroup.statistics().memory
                        return memory.both.usage >= memory.memory.usage
                    })
                #expect(busy.memory.raw.map(\.name) == busy.memory.raw.map(\.name).sorted())
                #expect(busy.memory.raw.contains { $0.name == (Ground.isV1("memory") ? "cache" : "file") })
                try process.signal(9)
                _ = try process.wait()
            }
        }

        @Test func `a cgroup that is gone has no statistics`() throws {
            let cgroup = try Ground.location().create()
            Ground.cleanUp(cgroup)
            var gone = cgroup.statistics()
            (gone.cpu.pressure, gone.memory.pressure, gone.blockIO.pressure) = (nil, nil, nil)
            #expect(gone == Statistics())
        }

        @Test func `throttling is counted`() throws {
            try Ground.withCgroup(Resources(cpu: .init(quota: 5000, period: 100_000))) { cgroup in
                let process = try Ground.shell(in: cgroup, "while :; do :; done")
                #expect(
                    Ground.eventually {
                        let cpu = cgroup.statistics().cpu
                        return cpu.throttledPeriods > 1 && cpu.throttledTime > 0 && cpu.periods >= cpu.throttledPeriods
                    })
                try process.signal(9)
                _ = try process.wait()
            }
        }

        @Test func `running out of memory wakes who watches, and nothing else does`() throws {
            try Ground.withCgroup(Resources(memory: .init(limit: 8 << 20, swap: 8 << 20))) { cgroup in
                var watch = try OutOfMemoryWatch.start(cgroup)
                let polled = watch.interest
                let interest = try #require(polled)
                #expect(try Wait.occurred([(interest.descriptor, interest.events)], milliseconds: 50).isEmpty)
                let before = try watch.hasOccurred()
                #expect(!before)
                let result = try Ground.run(in: cgroup, "busybox tail /dev/zero")
                #expect(result.status == 137)
                #expect(try !Wait.occurred([(interest.descriptor, interest.events)], milliseconds: 30_000).isEmpty)
                let after = try watch.hasOccurred()
                let again = try watch.hasOccurred()
                #expect(after && !again)
            }
        }

        @Test func `the end of the cgroup is no lack of memory`() throws {
            let cgroup = try Ground.location().create()
            var watch = try OutOfMemoryWatch.start(cgroup)
            Ground.cleanUp(cgroup)
            let occurred = try watch.hasOccurred()
            #expect(!occurred)
        }
    }
}

@Suite struct StatisticsTextTests {
    @Test(
        arguments: [
            ("0-2,5", [0, 1, 2, 5]), ("0\n", [0]), ("", []), ("\n", []), ("0-1,3-4", [0, 1, 3, 4]), ("7-5", []),
        ] as [(String, [UInt16])])
    func `lists of numbers`(text: String, numbers: [UInt16]) { #expect(NumberList.numbers(text) == numbers) }

    /// Files that look like those of the kernel.
    @Test func `the files of cgroup v2 are read`() throws {
        let directory = "/tmp/apus-statistics-\(getpid())"
        try Kernel.Files.makeDirectory(directory, mode: 0o755)
        defer {
            for name in (try? Kernel.Files.list(directory)) ?? [] { try? Kernel.Files.remove("\(directory)/\(name)") }
            try? Kernel.Files.removeDirectory(directory)
        }
        let files = [
            "cpu.stat": "usage_usec 5\nuser_usec 3\nsystem_usec 2\nnr_periods 7\nnr_throttled 1\nthrottled_usec 9\n",
            "cpu.pressure": "some avg10=0.97 avg60=10.24 avg300=0.05 total=177491\n"
                + "full avg10=0.60 avg60=0.15 avg300=100.00 total=123126\n",
            "memory.stat": "file 9\nanon 4\n", "memory.current": "100\n", "memory.max": "max\n",
            "memory.swap.current": "11\n", "memory.swap.max": "max\n", "memory.peak": "120\n",
            "pids.current": "3\n", "pids.max": "max\n",
            "io.stat": "254:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=5 dios=6\n8:0 \n",
            "hugetlb.2MB.current": "4096\n", "hugetlb.2MB.events": "max 6\n", "hugetlb.2MB.rsvd.current": "1\n",
        ]
        for (name, text) in files { try Kernel.Files.replace("\(directory)/\(name)", with: Array(text.utf8)) }
        let cgroup = Cgroup(restoring: [":\(directory)"])
        let seen = cgroup.statistics()
        #expect((seen.cpu.total, seen.cpu.user, seen.cpu.kernel) == (5000, 3000, 2000))
        #expect((seen.cpu.periods, seen.cpu.throttledPeriods, seen.cpu.throttledTime) == (7, 1, 9000))
        #expect(seen.cpu.pressure?.some == .init(last10: 97, last60: 1024, last300: 5, total: 177_491))
        #expect(seen.cpu.pressure?.full.last300 == 10_000)
        #expect(seen.memory.cache == 9)
        #expect(seen.memory.memory == .init(limit: .max, usage: 100, peak: 120))
        #expect(seen.memory.both == .init(limit: .max, usage: 111))
        #expect(seen.memory.raw.map(\.name) == ["anon", "file"])
        #expect(seen.memory.pressure == nil)
        #expect(seen.pids == .init(current: 3, limit: 0))
        #expect(seen.blockIO.serviceBytes.map(\.value) == [1, 2])
        #expect(seen.blockIO.serviced.map(\.operation) == ["Read", "Write"])
        #expect(seen.hugetlb == [.init(pageSize: "2MB", usage: 4096, failures: 6)])
    }
}
