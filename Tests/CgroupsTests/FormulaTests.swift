import Foundation
import OCI
import Testing

@testable import Cgroups

@Suite struct FormulaTests {
    @Test(
        arguments: [
            (0, 1), (1, 1), (2, 1), (3, 2), (10, 4), (100, 17), (256, 35), (512, 59), (1024, 100), (2048, 174),
            (4096, 303), (10_000, 627), (262_143, 10_000), (262_144, 10_000), (300_000, 10_000), (UInt64.max, 10_000),
        ] as [(UInt64, UInt64)])
    func `shares become a weight`(shares: UInt64, weight: UInt64) {
        #expect(CPUV2.weight(ofShares: shares) == weight)
    }

    @Test func `shares weigh what the functions of the C library say, each of them`() {
        let differing = (UInt64(3)..<262_144).filter { shares in
            let l = log2(Double(shares))
            let exponent = (l * l + 125 * l) / 612 - 7.0 / 34
            return CPUV2.weight(ofShares: shares) != UInt64(pow(10, exponent).rounded(.up))
        }
        #expect(differing == [])
    }

    @Test func `more shares never weigh less`() {
        var last: UInt64 = 0
        for shares in stride(from: UInt64(1), through: 262_144, by: 7) {
            let weight = CPUV2.weight(ofShares: shares)
            #expect(weight >= last && (1...10_000).contains(weight))
            last = weight
        }
    }

    @Test(arguments: [(5, 1), (10, 1), (100, 910), (500, 4950), (1000, 10_000)] as [(UInt16, Int)])
    func `block device weights are spread over cgroup v2's range`(weight: UInt16, expected: Int) {
        #expect(IOV2.ioWeight(ofBlkio: weight) == expected)
    }

    @Test(
        arguments: [
            (nil, nil, nil), (nil, 100, nil), (nil, -1, -1), (-1, nil, -1), (-1, 100, -1), (-1, -1, -1),
            (300, 100, 200),
            (100, 100, 0), (300, -1, 300), (0, -1, 0),
        ] as [(Int64?, Int64?, Int64?)])
    func `swap alone is what is left of both`(both: Int64?, memory: Int64?, expected: Int64?) throws {
        #expect(try MemoryV2.swapAlone(both: both, memory: memory) == expected)
    }

    @Test(
        arguments: [
            (300, nil, "unable to set swap limit without memory limit"),
            (100, 300, "memory+swap limit should be >= memory limit: 100 < 300"),
        ] as [(Int64?, Int64?, String)])
    func `a limit of both needs a limit of memory that is not higher`(both: Int64?, memory: Int64?, reason: String) {
        #expect(throws: MemoryV2.SwapProblem(reason: reason)) { try MemoryV2.swapAlone(both: both, memory: memory) }
    }

    @Test(arguments: [(-1, "max"), (0, "1"), (1, "1"), (100, "100")] as [(Int64, String)])
    func `no further task is a limit of one`(limit: Int64, expected: String) {
        #expect(Pids.value(limit) == expected)
    }

    @Test(
        arguments: [
            (33_333, 100_000, 34_000), (34_000, 100_000, 34_000), (50_000, 100_000, 50_000), (1, 100_000, 1000),
            (10_000, 30_000, 10_200), (250_000, 100_000, 250_000), (-1, 100_000, -1), (.max, 1, .max),
        ] as [(Int64, UInt64, Int64)])
    func `a quota under systemd is a whole percentage, rounded up`(quota: Int64, period: UInt64, rounded: Int64) {
        #expect(UnitQuota.rounded(quota, period: period) == rounded)
    }

    @Test(arguments: [
        ("33333 100000", "34000 100000"), ("33333", "34000"), ("max", "max"), ("max 50000", "max 50000"), ("", ""),
        ("1 2 3", "1 2 3"), ("5 x", "5 x"),
    ])
    func `so is that of a line`(line: String, rounded: String) {
        #expect(UnitQuota.rounded(line: line, period: 100_000) == rounded)
    }

    @Test func `RDMA limits that are not given are not written`() {
        #expect(RDMA.line(Resources.RDMA(device: "mlx5_0", hcaHandles: 3)) == "mlx5_0 hca_handle=3")
        #expect(
            RDMA.line(Resources.RDMA(device: "mlx5_0", hcaHandles: 3, hcaObjects: 9))
                == "mlx5_0 hca_handle=3 hca_object=9")
    }

    @Test func `zeros of engines are not limits`() {
        #expect(Resources.Memory(limit: 0, reservation: 0, swap: 0).given == nil)
        #expect(Resources.Memory(swappiness: 0).given?.hasLimits == true)
        #expect(Resources.Memory(disableOOMKiller: false).given?.hasLimits == false)
        #expect(
            Resources.CPU(shares: 0, quota: 0, period: 0, realtimeRuntime: 0, realtimePeriod: 0, cpus: "").given == nil)
        #expect(Resources.CPU(burst: 0).given?.hasTime == true)
        #expect(Resources.CPU(cpus: "0").given?.hasTime == false)
        #expect(Resources.BlockIO(weight: 0, leafWeight: 0).given == nil)
        #expect(Resources.Network(classID: 0).given == nil)
    }

    @Test(arguments: [
        "", ".", "..", "a/b", "/memory.max", "../x/memory.max", "cgroup.procs", "cgroup.threads", "cgroup.kill",
        "cgroup.freeze", "cgroup.type", "cgroup.subtree_control",
    ])
    func `a unified key that is no limit is refused`(name: String) { #expect(!UnifiedV2.isLimit(name)) }

    @Test(arguments: ["memory.high", "cgroup.max.depth", "hugetlb.2MB.max", "io.max", "..x"])
    func `any other unified key is a file`(name: String) { #expect(UnifiedV2.isLimit(name)) }
}
