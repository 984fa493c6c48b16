import Harness
import Testing

extension Containers {
    /// After the same updates the same files hold the same values under apus and under Debian's runc, apart from what is
    /// written down here.
    @Suite(.enabled(if: Runtime.peer != nil, "needs runc to compare with: apt-get install runc"))
    struct UpdatePeerTests {
        /// Updates that follow each other.
        struct Steps: Sendable, CustomTestStringConvertible {
            let updates: [[String]]
            /// Files in which the two differ on purpose, and why.
            var deliberate: [String: String] = [:]

            init(_ updates: [String]..., except deliberate: [String: String] = [:]) {
                self.updates = updates
                self.deliberate = deliberate
            }

            var testDescription: String { updates.map { $0.joined(separator: " ") }.joined(separator: ", then ") }
        }

        /// The formula that runc uses since 2025, where 1.1.5 divides: 1024 shares are 39 there and 100 here.
        private static let weight = ["cpu.weight": "the newer formula"]

        static let all: [Steps] = [
            Steps(["--memory", "64m"]), Steps(["--memory", "64m", "--memory-swap", "128m"]),
            Steps(["--memory", "64m", "--memory-swap", "128m"], ["--memory", "96m"]),
            Steps(["--memory", "64m", "--memory-swap", "-1"]), Steps(["--memory", "64m"], ["--memory", "-1"]),
            Steps(["--memory", "64m"], ["--memory", "0"]), Steps(["--memory-reservation", "32m"]),
            Steps(["--memory", "256m", "--memory-swap", "512m"], ["--memory", "32m", "--memory-swap", "64m"]),
            Steps(["--cpu-share", "512"], except: weight), Steps(["--cpu-share", "1024"], except: weight),
            Steps(["--cpu-share", "262144"], except: weight), Steps(["--cpu-share", "2"], except: weight),
            Steps(["--cpu-quota", "20000"]), Steps(["--cpu-quota", "20000", "--cpu-period", "50000"]),
            Steps(["--cpu-quota", "20000"], ["--cpu-period", "50000"]),
            Steps(["--cpu-quota", "20000"], ["--cpu-quota", "-1"]), Steps(["--cpu-period", "50000"]),
            Steps(["--cpuset-cpus", "0"]), Steps(["--cpuset-cpus", "0"], ["--cpuset-cpus", "0-1"]),
            Steps(["--cpuset-mems", "0"]), Steps(["--pids-limit", "5"]),
            Steps(["--pids-limit", "5"], ["--pids-limit", "-1"]), Steps(["--blkio-weight", "100"]),
            Steps(["--blkio-weight", "1000"]), Steps([]),
        ]

        @Test(arguments: all) func `the files are the same`(steps: Steps) throws {
            var limits: [[String: String]] = []
            for runtime in [nil, Runtime.peer] {
                let bundle = try Bundle.minimal(on: runtime) { $0.run("/assert", "sleep") }
                try bundle.create().ok()
                try bundle.start().ok()
                for update in steps.updates { try bundle.update(update).ok() }
                limits.append(bundle.allLimits)
            }
            for (file, value) in limits[0] where steps.deliberate[file] == nil {
                #expect(Self.lines(value) == Self.lines(limits[1][file]), "\(file)")
            }
        }

        /// The order of a device list means nothing.
        private static func lines(_ text: String?) -> [Substring]? { text?.split(separator: "\n").sorted() }

        /// What is refused there is refused here.
        @Test(arguments: [
            ["--memory", "1e8"], ["--memory", "-2"], ["--memory", "64m "], ["--cpu-share", "x"], ["--cpu-quota", "x"],
            ["--pids-limit", "x"], ["--cpuset-cpus", "900"], ["--cpu-period", "500"], ["-r", "/nothing/here"],
            ["--l3-cache-schema", "x"], ["--mem-bw-schema", "x"], ["--bogus"],
        ])
        func `both refuse`(flags: [String]) throws {
            for runtime in [nil, Runtime.peer] {
                let bundle = try Bundle.minimal(on: runtime) { $0.run("/assert", "sleep") }
                try bundle.create().ok()
                let outcome = try bundle.update(flags)
                #expect(outcome.status == 1, "\(outcome)")
            }
        }
    }
}
