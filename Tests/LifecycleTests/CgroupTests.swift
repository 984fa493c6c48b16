import Harness
import Testing

extension Containers {
    @Suite struct CgroupTests {
        /// Whether the controllers are v1 hierarchies of their own here; else the one v2 hierarchy has them.
        static var isV1: Bool { Host.hierarchies["memory"] != nil }

        // MARK: Placement

        @Test func `the container is in its own cgroup in every hierarchy`() throws {
            let bundle = try Bundle.sleeping()
            try bundle.create().ok()
            try bundle.start().ok()
            _ = try bundle.line()
            for line in (Files.read("/proc/\(bundle.pid ?? 0)/cgroup") ?? "").split(separator: "\n") {
                #expect(line.hasSuffix(":/\(bundle.workspace.tag)/\(bundle.name)"), "\(line)")
            }
        }

        @Test func `it is there already when it is created`() throws {
            let bundle = try Bundle.sleeping()
            try bundle.create().ok()
            #expect(Files.read("\(bundle.cgroup("memory"))/cgroup.procs")?.contains("\(bundle.pid ?? 0)") == true)
        }

        @Test func `delete removes the cgroup`() throws {
            let bundle = try Bundle.sleeping()
            try bundle.create().ok()
            #expect(Files.exists(bundle.cgroup("memory")))
            try bundle.delete("--force").ok()
            #expect(!Files.exists(bundle.cgroup("memory")))
        }

        @Test func `delete removes cgroups that were made below`() throws {
            let bundle = try Bundle.sleeping()
            try bundle.create().ok()
            try Files.makeDirectory("\(bundle.cgroup("memory"))/inner/most")
            try Files.makeDirectory("\(bundle.cgroup("pids"))/inner")
            try bundle.delete("--force").ok()
            bundle.expectNothingLeft()
        }

        @Test func `delete of one container leaves its neighbour in the same parent alone`() throws {
            let one = try Bundle.sleeping()
            let two = try Bundle.sleeping()
            try one.create().ok()
            try two.create().ok()
            try one.delete("--force").ok()
            #expect(two.status == "created")
            #expect(Files.exists(two.cgroup("memory")))
        }

        @Test func `without a path the cgroup is named after the container`() throws {
            let bundle = try Bundle.sleeping { $0.linux.remove("cgroupsPath") }
            try bundle.create().ok()
            let lines = (Files.read("/proc/\(bundle.pid ?? 0)/cgroup") ?? "").split(separator: "\n")
            #expect(lines.allSatisfy { $0.hasSuffix("/\(bundle.id)") }, "\(lines)")
            try bundle.delete("--force").ok()
            bundle.expectNothingLeft()
        }

        @Test func `a relative path is a place that the runtime chooses, always the same`() throws {
            let bundle = try Bundle.sleeping()
            bundle.config.linux.cgroupsPath = "\(bundle.workspace.tag)/relative"
            var places: [String] = []
            for _ in 0..<2 {
                try bundle.create().ok()
                places.append(Files.read("/proc/\(bundle.pid ?? 0)/cgroup") ?? "")
                try bundle.delete("--force").ok()
            }
            #expect(places[0].contains("/\(bundle.workspace.tag)/relative"))
            #expect(places[0] == places[1])
        }

        @Test func `an existing empty cgroup is used and keeps the limits that are not configured`() throws {
            let bundle = try Bundle.sleeping()
            let group = bundle.cgroup("pids")
            try Files.makeDirectory(group)
            try Files.write("55", to: "\(group)/pids.max")
            try bundle.create().ok()
            #expect(bundle.limit("pids", "pids.max") == "55")
        }

        @Test(.enabled(if: isV1, "v1 freezer")) func `a frozen cgroup is refused`() throws {
            let bundle = try Bundle.sleeping()
            let group = bundle.cgroup("freezer")
            try Files.makeDirectory(group)
            try Files.write("FROZEN", to: "\(group)/freezer.state")
            let outcome = try bundle.create()
            try Files.write("THAWED", to: "\(group)/freezer.state")
            #expect(Files.removeDirectory(group))
            expectFailure(outcome, saying: "frozen")
        }

        // MARK: Limits are in the files

        @Test(arguments: [
            Limit(
                "memory.limit", 64 << 20, v1: ["memory", "memory.limit_in_bytes", "67108864"],
                v2: ["memory.max", "67108864"]),
            Limit(
                "memory.reservation", 32 << 20, v1: ["memory", "memory.soft_limit_in_bytes", "33554432"],
                v2: ["memory.low", "33554432"]),
            Limit("memory.swappiness", 7, v1: ["memory", "memory.swappiness", "7"], v2: nil),
            Limit("pids.limit", 77, v1: ["pids", "pids.max", "77"], v2: ["pids.max", "77"]),
            Limit("pids.limit", -1, v1: ["pids", "pids.max", "max"], v2: ["pids.max", "max"]),
            Limit("cpu.shares", 512, v1: ["cpu", "cpu.shares", "512"], v2: nil),
            Limit("cpu.quota", 50_000, v1: ["cpu", "cpu.cfs_quota_us", "50000"], v2: ["cpu.max", "50000 100000"]),
            Limit("cpu.period", 20_000, v1: ["cpu", "cpu.cfs_period_us", "20000"], v2: ["cpu.max", "max 20000"]),
            Limit("cpu.cpus", "0", v1: ["cpuset", "cpuset.cpus", "0"], v2: ["cpuset.cpus", "0"]),
            Limit("cpu.mems", "0", v1: ["cpuset", "cpuset.mems", "0"], v2: ["cpuset.mems", "0"]),
        ])
        func `a limit is in its file`(limit: Limit) throws {
            guard let place = limit.place else { return }
            let bundle = try Bundle.sleeping { limit.set(in: &$0) }
            try bundle.create().ok()
            #expect(bundle.limit(place[0], place[1]) == place[2])
        }

        @Test(.enabled(if: isV1, "v1 files")) func `memory and swap together are set in the right order`() throws {
            let bundle = try Bundle.sleeping {
                $0.linux.resources.memory = ["limit": Value(64 << 20), "swap": Value(128 << 20)]
            }
            try bundle.create().ok()
            #expect(bundle.limit("memory", "memory.limit_in_bytes") == "\(64 << 20)")
            #expect(bundle.limit("memory", "memory.memsw.limit_in_bytes") == "\(128 << 20)")
        }

        @Test(
            .enabled(if: !isV1, "v2 files"),
            arguments: [(-1, 128 << 20, "134217728"), (0, 0, "max"), (64 << 20, 0, "max")])
        func `swap has a limit of its own where memory has none`(limit: Int, swap: Int, expected: String) throws {
            let bundle = try Bundle.sleeping {
                $0.linux.resources.memory = ["limit": Value(limit), "swap": Value(swap)]
            }
            try bundle.create().ok()
            #expect(bundle.limit("memory", "memory.swap.max") == expected)
        }

        @Test(.enabled(if: isV1, "v1 files")) func `quota and period are set together`() throws {
            let bundle = try Bundle.sleeping { $0.linux.resources.cpu = ["quota": 30_000, "period": 60_000] }
            try bundle.create().ok()
            #expect(bundle.limit("cpu", "cpu.cfs_quota_us") == "30000")
            #expect(bundle.limit("cpu", "cpu.cfs_period_us") == "60000")
        }

        @Test(.enabled(if: isV1, "v1 files")) func `the OOM killer can be disabled`() throws {
            let bundle = try Bundle.sleeping {
                $0.linux.resources.memory = ["limit": Value(64 << 20), "disableOOMKiller": true]
            }
            try bundle.create().ok()
            #expect(bundle.limit("memory", "memory.oom_control")?.contains("oom_kill_disable 1") == true)
        }

        @Test func `no limit is set that is not configured`() throws {
            let bundle = try Bundle.sleeping()
            try bundle.create().ok()
            #expect(bundle.limit("pids", "pids.max") == "max")
            if CgroupTests.isV1 {
                #expect(bundle.limit("memory", "memory.limit_in_bytes") == "9223372036854771712")
                #expect(bundle.limit("cpu", "cpu.cfs_quota_us") == "-1")
            } else {
                #expect(bundle.limit("memory", "memory.max") == "max")
            }
        }

        /// As builders do that give all their containers one cgroup.
        @Test func `of several that come to one cgroup at once, none that was created is ended by one that was not`()
            throws
        {
            var statuses: Set<String> = []
            for _ in 0..<25 {
                let bundles = try (0..<3).map { _ in try Bundle.sleeping() }
                for bundle in bundles { bundle.config.linux.cgroupsPath = "/\(bundle.workspace.tag)/one" }
                let commands = try bundles.map { try $0.workspace.start($0.creating(["create"])) }
                let outcomes = commands.map { $0.wait() }
                for (bundle, outcome) in zip(bundles, outcomes) where outcome.status == 0 {
                    statuses.insert(try bundle.state().status.text ?? "")
                }
                for bundle in bundles { try bundle.delete("--force").ok() }
            }
            #expect(statuses == ["created"])
        }

        @Test(.beyondRunc("its version decides"), arguments: [("1.2.0", "max"), ("1.3.0", "1")])
        func `a limit of no tasks is what the version of the configuration means by it`(
            version: String, expected: String
        ) throws {
            let bundle = try Bundle.sleeping {
                $0.ociVersion = .string(version)
                $0.linux.resources.pids.limit = 0
            }
            try bundle.create().ok()
            #expect(bundle.limit("pids", "pids.max") == expected)
            try bundle.command(["update", "--pids-limit", "9", bundle.id]).run().ok()
            #expect(bundle.limit("pids", "pids.max") == "9")
            try bundle.command(["update", "--pids-limit", "0", bundle.id]).run().ok()
            #expect(bundle.limit("pids", "pids.max") == expected)
            let check = try bundle.command(["check", bundle.directory]).run()
            #expect(check.output.contains("linux.resources.pids.limit: warning: 0 "), "\(check)")
        }

        @Test(
            .enabled(if: Host.cgroupLayout == .hybrid, "hides one kind of hierarchy"),
            .beyondRunc("takes the hidden mount"), arguments: ["hidden", "overlaid"])
        func `a hierarchy that is hidden below another mount is none`(how: String) throws {
            let bundle = try Bundle.minimal {
                $0.linux.resources.pids.limit = 31
                $0.shell("cat /sys/fs/cgroup/pids/pids.max; ls /sys/fs/cgroup; cat /proc/self/cgroup")
            }
            let held = try bundle.hostDirectory("held")
            let hide =
                switch how {
                case "hidden":
                    """
                    mount --rbind /sys/fs/cgroup \(held); mount -t tmpfs none /sys/fs/cgroup
                    for path in \(held)/*; do
                      [ ${path##*/} != unified ] || continue
                      mkdir /sys/fs/cgroup/${path##*/}; mount --bind $path /sys/fs/cgroup/${path##*/}
                    done
                    umount -l \(held)
                    """
                default: "mount -t tmpfs none /sys/fs/cgroup/unified"
                }
            bundle.wrapper =
                ["/usr/bin/unshare", "--mount", "--propagation", "private", "/bin/sh", "-ec"]
                + ["\(hide)\nexec \"$@\"", "sh"]
            let output = try bundle.run().ok().output
            #expect(output.hasPrefix("31\n"))
            #expect(!output.contains("unified"))
            #expect(output.contains(":pids:/\(bundle.workspace.tag)"))
            #expect(!output.contains("0::/\(bundle.workspace.tag)"))
        }

        @Test(.enabled(if: isV1, "one of several hierarchies"), .beyondRunc("needs no such thing"))
        func `without any hierarchy that can be reached there is none`() throws {
            let bundle = try Bundle.minimal()
            bundle.wrapper =
                ["/usr/bin/unshare", "--mount", "--propagation", "private", "/bin/sh", "-ec"]
                + ["mount -t tmpfs none /sys/fs/cgroup; exec \"$@\"", "sh"]
            expectFailure(try bundle.run(), saying: "no cgroup file system is mounted")
            bundle.expectNothingLeft()
        }

        // MARK: Limits have their effect

        @Test func `memory beyond the limit ends the program, and only it`() throws {
            let bundle = try Bundle.minimal {
                $0.run("/assert", "hold", "200m")
                $0.linux.resources.memory = ["limit": Value(20 << 20), "swap": Value(20 << 20)]
            }
            let outcome = try bundle.run()
            #expect(outcome.status == 137)
            #expect(!outcome.output.contains("held"))
            bundle.expectNothingLeft()
        }

        @Test func `memory within the limit is granted`() throws {
            let bundle = try Bundle.minimal {
                $0.run("/assert", "hold", "10m")
                $0.linux.resources.memory.limit = Value(40 << 20)
            }
            #expect(try bundle.run().report == ["held": Value(10 << 20)])
        }

        @Test func `forks beyond the limit are refused`() throws {
            let bundle = try Bundle.minimal {
                $0.run("/assert", "fork-bomb", "50")
                $0.linux.resources.pids.limit = 10
            }
            let seen = try bundle.run().report
            // The program itself counts; a runtime may leave nothing else in there.
            #expect(seen == ["forks": 9, "error": "EAGAIN"])
        }

        @Test func `the process may only use the configured cpus`() throws {
            #expect(try Bundle.minimal { $0.linux.resources.cpu.cpus = "0" }.report().affinity == [0])
        }

        @Test(.beyondRunc("needs several megabytes itself")) func `a limit of one megabyte is enough to start`() throws
        {
            let bundle = try Bundle.minimal {
                $0.run("/assert", "exit", "0")
                $0.linux.resources.memory.limit = Value(1 << 20)
            }
            try bundle.run().ok()
        }

        // MARK: What the container sees

        @Test func `the container sees its own limits and cannot change them`() throws {
            let file = CgroupTests.isV1 ? "/sys/fs/cgroup/pids/pids.max" : "/sys/fs/cgroup/pids.max"
            let seen = try Bundle.minimal {
                $0.linux.resources.pids.limit = 66
                $0.grant(["CAP_DAC_OVERRIDE"])
                $0.ask("--try-write", file)
            }.report()
            #expect(seen.cgroupLimits["pids.max"] == "66")
            #expect(seen.tries["write \(file)"] == "EROFS")
        }

        @Test func `with a cgroup namespace it sees its limits at the root`() throws {
            let seen = try Bundle.minimal {
                $0.unshare("cgroup")
                $0.linux.resources.pids.limit = 66
            }.report()
            #expect(seen.cgroupLimits["pids.max"] == "66")
            #expect(Set(seen.cgroups.members.values) == ["/"])
        }

        @Test(.enabled(if: isV1, "v1 hierarchies"), arguments: [false, true])
        func `every hierarchy is mounted, read-only as asked`(ownNamespace: Bool) throws {
            let seen = try Bundle.minimal { if ownNamespace { $0.unshare("cgroup") } }.report()
            for controller in ["memory", "pids", "cpu", "cpuset", "freezer", "devices"] {
                let mount = seen.mounted(at: "/sys/fs/cgroup/\(controller)")
                #expect(mount.type == "cgroup", "\(controller)")
                for flag in ["ro", "nosuid", "nodev", "noexec"] {
                    #expect(mount.options.contains(.string(flag)), "\(controller) \(flag)")
                }
            }
        }

        // MARK: Refusals

        @Test(arguments: [("memory", "limit", "\"much\""), ("pids", "limit", "1.5"), ("cpu", "shares", "-3")])
        func `a limit that is no number of its kind is refused`(group: String, name: String, text: String) throws {
            let bundle = try Bundle.minimal()
            bundle.config.linux.resources[group][name] = try Value(parsing: text)
            expectFailure(try bundle.create())
            bundle.expectNothingLeft()
        }

        @Test func `cpus that do not exist are refused and nothing is left`() throws {
            let bundle = try Bundle.minimal { $0.linux.resources.cpu.cpus = "900" }
            expectFailure(try bundle.create(), saying: "cpuset.cpus")
            bundle.expectNothingLeft()
        }
    }
}

/// A limit in `linux.resources` and the file that it ends up in.
struct Limit: Sendable, CustomTestStringConvertible {
    let path: String
    let value: Value
    private let v1: [String]
    private let v2: [String]?

    init(_ path: String, _ value: Value, v1: [String], v2: [String]?) {
        self.path = path
        self.value = value
        self.v1 = v1
        self.v2 = v2
    }
    init(_ path: String, _ value: Int, v1: [String], v2: [String]?) { self.init(path, Value(value), v1: v1, v2: v2) }

    /// Controller, file and expected content on this host; nil when the host has no such file.
    var place: [String]? { Containers.CgroupTests.isV1 ? v1 : v2.map { [v1[0]] + $0 } }

    func set(in config: inout Value) {
        let names = path.split(separator: ".").map(String.init)
        config.linux.resources[names[0]][names[1]] = value
    }

    var testDescription: String { "\(path) = \(value)" }
}
