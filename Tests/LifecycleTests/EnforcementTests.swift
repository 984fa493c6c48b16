import Harness
import Testing

extension Containers {
    /// Limits of the configuration have their effect, on every kind of host.
    @Suite struct EnforcementTests {
        @Test func `who needs more memory than the limit is killed, and the kernel says why`() throws {
            let bundle = try Bundle.minimal {
                $0.run("/assert", "hold", "200m")
                $0.linux.resources.memory = ["limit": Value(20 << 20), "swap": Value(20 << 20)]
            }
            try bundle.create().ok()
            try bundle.start().ok()
            #expect(bundle.waitForExit() == 137)
            let file = CgroupTests.isV1 ? "memory.oom_control" : "memory.events"
            let kills = (Files.read("\(bundle.cgroup("memory"))/\(file)") ?? "").split(separator: "\n")
                .first { $0.hasPrefix("oom_kill ") }
            #expect(kills == "oom_kill 1")
            try bundle.delete().ok()
            bundle.expectNothingLeft()
        }

        @Test func `who needs more time than the quota is throttled`() throws {
            let bundle = try Bundle.minimal {
                $0.shell("while :; do :; done")
                $0.linux.resources.cpu = ["quota": 5000, "period": 100_000]
            }
            try bundle.create().ok()
            try bundle.start().ok()
            #expect(eventually { (bundle.throttled ?? 0) > 2 })
            try bundle.delete("--force").ok()
        }

        @Test func `without a quota nobody is throttled`() throws {
            let bundle = try Bundle.minimal { $0.run("/assert", "exit", "0") }
            try bundle.create().ok()
            try bundle.start().ok()
            #expect(bundle.waitForExit() == 0)
            #expect((bundle.throttled ?? 0) == 0)
        }

        @Test func `forks beyond the limit are refused`() throws {
            let bundle = try Bundle.minimal {
                $0.run("/assert", "fork-bomb", "50")
                $0.linux.resources.pids.limit = 10
            }
            #expect(try bundle.run().report == ["forks": 9, "error": "EAGAIN"])
        }

        /// kmsg may be opened for writing by anybody whom the cgroup lets.
        @Test(
            arguments: [
                (rules: [], isAllowed: false), (rules: ["w"], isAllowed: true), (rules: ["r"], isAllowed: false),
            ] as [(rules: [String], isAllowed: Bool)])
        func `a device is denied unless a rule allows it`(rules: [String], isAllowed: Bool) throws {
            let bundle = try Bundle.minimal {
                $0.shell("if (: > /dev/kmsg) 2>/dev/null; then echo true; else echo false; fi")
                $0.linux.devices = [
                    ["type": "c", "path": "/dev/kmsg", "major": 1, "minor": 11, "fileMode": 438]
                ]
                $0.linux.resources.devices = [["allow": false, "access": "rwm"]]
                for access in rules {
                    $0.linux.resources.devices.append(
                        ["allow": true, "type": "c", "major": 1, "minor": 11, "access": Value(access)])
                }
            }
            #expect(try bundle.run().report == (isAllowed ? true : false))
        }
    }
}
