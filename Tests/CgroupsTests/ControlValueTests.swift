import Testing

@testable import Cgroups

/// What control files take; the kernel's own answers are compared by Tests/Check/verdicts.py.
@Suite struct ControlValueTests {
    private func problem(_ file: String, _ value: String) -> String? {
        ControlValue(directory: CgroupDirectory(label: "", path: "/absent"))
            .problem(with: ControlFiles.Setting(file, value, "unified[\"\(file)\"]"))
    }

    @Test(arguments: [
        ("cpu.max", "max"), ("cpu.max", "1000 1000"), ("cpu.max", "50000"), ("cpu.max", "max 1000000"),
        ("cpu.weight", "1"), ("cpu.weight", "10000"), ("cpu.weight.nice", "-20"), ("cpu.uclamp.max", "99.50"),
        ("memory.max", "max"), ("memory.high", "10M"), ("memory.high", "0x1000"), ("memory.low", "0"),
        ("pids.max", "0"), ("pids.max", "max"), ("cgroup.max.depth", "3"), ("cpuset.cpus", "0-3,7"),
        ("cpuset.cpus", "0-31:2/8"), ("cpuset.cpus", ""), ("cpuset.cpus.partition", "isolated"),
        ("io.weight", "default 50"),
        ("hugetlb.2MB.max", "4M"), ("memory.frobnicate", "anything"), ("cpu.cfs_quota_us", "-1"),
    ])
    func takes(file: String, value: String) {
        #expect(problem(file, value) == nil)
    }

    @Test func noMoreThanTheKernelTakesAtOnce() {
        let text = String(repeating: "0-65535,", count: 100_000) + "0"
        #expect(problem("cpuset.cpus", text)?.hasPrefix("800001 bytes, and the kernel takes ") == true)
        #expect(problem("memory.max", String(repeating: "1", count: 70_000))?.hasPrefix("70000 bytes, and") == true)
        #expect(problem("cpuset.cpus", String(repeating: "0,", count: 40)) == nil)
        #expect(IndexText.indices(of: text).count == 65_536)
    }

    @Test(arguments: [
        ("cpu.max", "999", "999 is below 1000 microseconds, which is the least"),
        ("cpu.max", "1000 999", "999 is out of range 1000...1000000"), ("cpu.max", "x", "\"x\" is no quota"),
        ("cpu.max", "1 2 3", "\"1 2 3\" is no quota with a period"), ("cpu.weight", "0", "0 is out of range 1...10000"),
        ("cpu.weight", "10001", "10001 is out of range 1...10000"),
        ("cpu.uclamp.max", "101", "\"101\" is no percentage"),
        ("memory.max", "10X", "\"10X\" is no number of bytes"), ("memory.max", "-1", "\"-1\" is no number of bytes"),
        ("pids.max", "-1", "-1 is out of range 0...4194304"), ("cgroup.max.depth", "x", "\"x\" is no number"),
        ("cpuset.cpus", "3-1", "\"3-1\" is no list such as 0-3,7"),
        ("cpuset.cpus", "0:1/0", "\"0:1/0\" is no list such as 0-3,7"),
        ("cpuset.cpus.partition", "loner", "\"loner\" is none of member, root, isolated"),
        ("io.max", "8:0", "\"8:0\" is no device with limits"),
        ("io.max", "8 rbps=1", "8 is not a block device such as 8:0"),
        ("io.weight", "10001", "10001 is out of range 1...10000"), ("memory.stat", "1", "it can only be read"),
        ("cpu.cfs_period_us", "100", "100 is out of range 1000...1000000"),
        ("cpu.cfs_quota_us", "10", "10 is below 1000 microseconds, which is the least"),
    ])
    func refuses(file: String, value: String, problem: String) {
        #expect(self.problem(file, value) == problem)
    }

    @Test func listsOfIndicesAreThoseOfTheKernel() {
        #expect(IndexText.indices(of: "0-3,7").sorted() == [0, 1, 2, 3, 7])
        #expect(IndexText.indices(of: "0-7:2/4").sorted() == [0, 1, 4, 5])
        #expect(IndexText.indices(of: " 1 , 2 ").sorted() == [1, 2])
        #expect(IndexText.indices(of: "").isEmpty)
        for text in ["-", "1-", "-1", "1--2", "a", "1:2", "1-3:2/1", "4294967296"] {
            #expect(!IndexText.isList(text), "\(text)")
        }
    }
}
