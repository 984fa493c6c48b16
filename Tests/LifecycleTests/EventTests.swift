import Harness
import Testing

extension Containers {
    /// `events` and `ps`.
    @Suite struct EventTests {
        private func running(_ change: (inout Value) throws -> Void = { _ in }) throws -> Bundle {
            let bundle = try Bundle.sleeping(change)
            try bundle.create().ok()
            try bundle.start().ok()
            _ = try bundle.line()
            return bundle
        }

        // MARK: Statistics

        @Test(.flag("events --stats")) func `statistics are those of the cgroup`() throws {
            let bundle = try running {
                $0.linux.resources.memory.limit = Value(64 << 20)
                $0.linux.resources.pids.limit = 21
            }
            let seen = try bundle.statistics()
            #expect(seen.type == "stats")
            #expect(seen.id == .string(bundle.id))
            #expect(seen.data.memory.usage.limit == Value(64 << 20))
            #expect((seen.data.memory.usage.usage.integer ?? 0) > 0)
            #expect(seen.data.pids == ["current": 1, "limit": 21])
            #expect((seen.data.cpu.usage.total.integer ?? 0) > 0)
            #expect(!seen.data.memory.raw.members.isEmpty)
            #expect(seen.data.network_interfaces.isNull)
            if CgroupTests.isV1 {
                let cpus = Set((0..<64).filter { Files.exists("/sys/devices/system/cpu/cpu\($0)") })
                #expect(seen.data.cpu.usage.percpu.items.count >= cpus.count)
                #expect(!seen.data.cpuset.cpus.items.isEmpty)
            }
        }

        @Test(.flag("events --format"), .beyondRunc("has JSON alone")) func `a table has the same numbers`() throws {
            let bundle = try running {
                $0.linux.resources.memory.limit = Value(64 << 20)
                $0.linux.resources.pids.limit = 21
            }
            let text = try bundle.command(["events", "--stats", "--format", "table", bundle.id]).run().ok().output
            let lines = text.split(separator: "\n").map { $0.split(separator: " ").map(String.init) }
            try #require(lines.count == 2, "\(text)")
            #expect(lines[0] == ["CPU-TIME", "MEMORY", "LIMIT", "PEAK", "PIDS", "LIMIT", "READ", "WRITTEN"])
            #expect(lines[1][1] == "s" && lines[1].contains("64") && lines[1].contains("21"), "\(text)")
        }

        @Test(.enabled(if: Files.exists("/proc/pressure/cpu"), "this kernel does not tell about pressure"))
        func `pressure is among the statistics where there is cgroup2`() throws {
            let bundle = try running()
            guard Files.read("\(bundle.cgroup("unified"))/cpu.pressure")?.isEmpty == false else { return }
            let data = try bundle.statistics().data
            for section in [data.cpu, data.memory, data.blkio] {
                for kind in ["some", "full"] {
                    #expect(Set(section.psi[kind].members.keys) == ["avg10", "avg60", "avg300", "total"])
                }
            }
        }

        @Test func `a paused and a created container have statistics too`() throws {
            let bundle = try Bundle.sleeping()
            try bundle.create().ok()
            #expect(try bundle.statistics().data.pids.current == 1)
            try bundle.pause().ok()
            #expect(try bundle.statistics().data.pids.current == 1)
        }

        @Test(arguments: [["--stats"], []]) func `a stopped container has none`(flags: [String]) throws {
            let bundle = try Bundle.minimal { $0.run("/assert", "exit", "0") }
            try bundle.create().ok()
            try bundle.start().ok()
            _ = bundle.waitForExit()
            let outcome = try bundle.command(["events"] + flags + [bundle.id]).run()
            expectFailure(outcome, saying: "container with id \(bundle.id) is not running")
        }

        @Test func `an interface of the container is told of`() throws {
            let bundle = try running()
            let add = bundle.workspace.command(
                [
                    "/usr/bin/nsenter", "-n", "-t", "\(bundle.pid ?? 0)", "/sbin/ip", "link", "add", "dum0", "type",
                    "dummy",
                ])
            // Not every kernel has such an interface to offer.
            guard let added = try? add.run(), added.succeeded else { return }
            let names = try bundle.statistics().data.network_interfaces.items.map(\.Name)
            #expect(names == ["dum0"])
        }

        @Test(.enabled(if: Runtime.peer != nil, "needs runc to compare with: apt-get install runc"))
        func `the shape is runc's`() throws {
            var shapes: [Value] = []
            for runtime in [nil, Runtime.peer] {
                let bundle = try Bundle.minimal(on: runtime) {
                    $0.run("/assert", "sleep")
                    // Without its own cgroup namespace runc 1.1.5 changes the options of the host's cgroup2 mount.
                    $0.unshare("cgroup")
                    $0.linux.resources.memory.limit = Value(64 << 20)
                    $0.linux.resources.cpu.quota = 50_000
                    $0.linux.resources.pids.limit = 21
                }
                try bundle.create().ok()
                try bundle.start().ok()
                _ = try bundle.line()
                shapes.append(try bundle.statistics().data.shape)
            }
            // Counters that are left out when they are 0, what runc 1.1.5 does not have yet, and a controller that apus
            // enables only for who asks for a limit.
            let varying = ["psi", "hugetlb", ".cache", "throttling", "memory.usage.max", "memory.swap.max", "blkio"]
            let differences = shapes[0].differences(from: shapes[1]).filter { line in
                !varying.contains { line.contains($0) }
            }
            #expect(differences == [])
        }

        // MARK: Following

        @Test(.flag("events --interval")) func `a line comes in every interval until the container ends`() throws {
            let bundle = try running()
            let events = try bundle.workspace.start(bundle.command(["events", "--interval", "100ms", bundle.id]))
            #expect(eventually { bundle.lines(of: events).count >= 3 })
            try bundle.kill("KILL").ok()
            let outcome = events.wait()
            #expect(outcome.succeeded)
            #expect(bundle.lines(of: events).allSatisfy { $0.type == "stats" && $0.id == .string(bundle.id) })
        }

        @Test func `in between it sleeps`() throws {
            let bundle = try running()
            let events = try bundle.workspace.start(bundle.command(["events", bundle.id]))
            Harness.pause(0.5)
            // It begins when it gets a processor: a quiet second comes, soon or a little later.
            #expect(
                eventually {
                    let before = switches(of: events.pid)
                    Harness.pause(1)
                    return events.isRunning && before > 0 && switches(of: events.pid) - before <= 2
                })
            try bundle.kill("KILL").ok()
            #expect(events.wait().succeeded)
        }

        /// How often a process gave up its processor.
        private func switches(of pid: Int32) -> Int {
            (Files.read("/proc/\(pid)/status") ?? "").split(separator: "\n")
                .filter { $0.contains("voluntary_ctxt_switches") }
                .compactMap { $0.split(separator: "\t").last.flatMap { Int($0) } }.reduce(0, +)
        }

        @Test func `running out of memory is an event`() throws {
            let bundle = try Bundle.minimal {
                $0.shell("until [ -e /go ]; do sleep 0.02; done; /assert hold 200m; echo 1; exec sleep 1000")
                $0.linux.resources.memory = ["limit": Value(20 << 20), "swap": Value(20 << 20)]
            }
            try bundle.create().ok()
            try bundle.start().ok()
            let events = try watching(bundle)
            try bundle.put("go")
            #expect(eventually { bundle.lines(of: events).contains { $0.type == "oom" } })
            #expect(bundle.lines(of: events).first { $0.type == "oom" } == ["type": "oom", "id": .string(bundle.id)])
            #expect(events.isRunning)
        }

        @Test func `also when it ends the container`() throws {
            let bundle = try Bundle.waiting("exec /assert hold 200m")
            try bundle.update(["--memory", "20m", "--memory-swap", "20m"]).ok()
            let events = try watching(bundle)
            try bundle.put("go")
            #expect(events.wait().succeeded)
            #expect(bundle.lines(of: events).map(\.type).filter { $0 != "stats" } == ["oom"])
        }

        /// `events` that has begun to watch: it writes its first statistics after that.
        private func watching(_ bundle: Bundle) throws -> RunningCommand {
            let events = try bundle.workspace.start(bundle.command(["events", "--interval", "50ms", bundle.id]))
            try #require(eventually { !bundle.lines(of: events).isEmpty })
            return events
        }

        @Test(arguments: ["0s", "-1s", "0"]) func `an interval must be above zero`(interval: String) throws {
            let bundle = try running()
            expectFailure(
                try bundle.command(["events", "--interval", interval, bundle.id]).run(),
                saying: "duration interval must be greater than 0")
        }

        @Test(arguments: ["x", "5", "1m30", "1d", "."]) func `an interval has a unit`(interval: String) throws {
            let bundle = try Bundle.minimal()
            expectFailure(
                try bundle.command(["events", "--interval", interval, bundle.id]).run(),
                saying: "invalid value \"\(interval)\" for flag -interval: parse error")
        }

        // MARK: ps

        @Test(.needs("ps")) func `ps shows the processes of the container and no others`() throws {
            let bundle = try Bundle.minimal { $0.shell("sleep 1000 & exec sleep 1000") }
            try bundle.create().ok()
            try bundle.start().ok()
            // Both have to be what they are going to be: in the midst of execve a process has no arguments.
            try #require(
                eventually {
                    let members = bundle.members
                    return members.count == 2
                        && members.allSatisfy { Files.read("/proc/\($0)/cmdline") == "sleep\0" + "1000\0" }
                })
            let lines = try bundle.command(["ps", bundle.id]).run().ok().output.split(separator: "\n")
            #expect(lines.count == 3)
            #expect(lines[0].contains("PID") && lines[0].contains("CMD"))
            #expect(lines.dropFirst().allSatisfy { $0.contains("sleep 1000") })
            let chosen = try bundle.command(["ps", bundle.id, "-e", "-o", "comm,pid"]).run().ok().output
            let words = chosen.split(separator: "\n").map { $0.split(separator: " ").map(String.init) }
            #expect(words.first == ["COMMAND", "PID"])
            #expect(words.dropFirst().compactMap { $0.last }.sorted() == bundle.members.map(String.init).sorted())
        }

        @Test(.flag("ps --format")) func `ps as JSON is an array of process ids`() throws {
            let bundle = try running()
            for flags in [["--format", "json"], ["-f", "json"]] {
                let output = try bundle.command(["ps"] + flags + [bundle.id]).run().ok().output
                #expect(output == "[\(bundle.pid ?? 0)]\n")
            }
        }

        @Test func `of a stopped container there is nothing to show`() throws {
            let bundle = try Bundle.minimal { $0.run("/assert", "exit", "0") }
            try bundle.create().ok()
            try bundle.start().ok()
            _ = bundle.waitForExit()
            #expect(try bundle.command(["ps", "-f", "json", bundle.id]).run().ok().output == "null\n")
        }

        @Test(.needs("ps")) func `ps refuses what it cannot show`() throws {
            let bundle = try running()
            expectFailure(
                try bundle.command(["ps", bundle.id, "-e", "-o", "comm"]).run(),
                saying: "couldn't find PID field in ps output")
            expectFailure(
                try bundle.command(["ps", bundle.id, "--bogus"]).run(), saying: "exit status 1", "bogus|option")
            expectFailure(try bundle.command(["ps", "-f", "xml", bundle.id]).run(), saying: "invalid format option")
        }

        @Test func `without the program ps the table is an error, and JSON works`() throws {
            let bundle = try running()
            var command = bundle.command(["ps", bundle.id])
            command.environment = ["PATH=/nothing/here"]
            expectFailure(try command.run(), saying: "\"ps\"", "executable file not found")
            command = bundle.command(["ps", "-f", "json", bundle.id])
            command.environment = ["PATH=/nothing/here"]
            try command.run().ok()
        }
    }
}

extension Bundle {
    func statistics() throws -> Value { try Value(parsing: command(["events", "--stats", id]).run().ok().output) }

    /// The whole lines that a command has written so far, as JSON.
    func lines(of command: RunningCommand) -> [Value] {
        let text = Files.read(command.command.output) ?? ""
        return text.split(separator: "\n", omittingEmptySubsequences: false).dropLast()
            .compactMap { try? Value(parsing: $0) }
    }
}

extension Value {
    /// The names in a value, with a 0 for each number.
    fileprivate var shape: Value {
        switch self {
        case .object(let members): .object(members.mapValues(\.shape))
        case .array(let items): .array(items.map(\.shape))
        case .number: 0
        case .null, .bool, .string: self
        }
    }
}
