import OCI
import Planner
import Testing

@Suite struct MemoryNeedTests {
    private func need(_ facts: CgroupFacts, _ change: (inout Spec) -> Void = { _ in }) throws -> MemoryNeed {
        var spec = Spec(process: Process(args: ["/bin/true"]))
        spec.linux.namespaces = [Namespace(.mount), Namespace(.pid)]
        change(&spec)
        let host = HostFacts(bundle: "/b", rootfs: "/b/rootfs", cgroups: facts)
        return try Plan.create(spec, on: host, options: PlanOptions(id: "x")).memoryNeed
    }

    private let v1 = CgroupFacts(hierarchies: [.init(name: "memory", options: ["memory"], directory: "/m")])
    private let v2 = CgroupFacts(unified: "/u")

    @Test func `who is cloned into the cgroup pays for every mount`() throws {
        let mounts = (0..<10).map { Mount(destination: "/m\($0)", type: "tmpfs") }
        let late = try need(v1) { $0.mounts = mounts }
        let early = try need(v2) { $0.mounts = mounts }
        #expect(try late == need(v1))
        #expect(early.atLeast > late.atLeast && early.about >= late.about + 10 * 3072)
    }

    @Test func `paths that may be missing are not counted as certain`() throws {
        let paths = (0..<300).map { "/sys/devices/system/cpu/cpu\($0)/thermal_throttle" }
        let masked = try need(v2) { $0.linux.maskedPaths = paths }
        let plain = try need(v2)
        // The empty directory that covers them is there in any case.
        #expect(masked.atLeast - plain.atLeast <= 2 * 1536)
        #expect(masked.about > plain.about)
    }

    @Test func `arguments and environment are copied`() throws {
        let plain = try need(v1)
        let big = try need(v1) { $0.process?.env = ["X=" + String(repeating: "x", count: 100_000)] }
        #expect(big.atLeast - plain.atLeast == 98304 || big.atLeast - plain.atLeast == 102_400)
    }

    /// With so much the smallest programs were seen to start (see the type).
    @Test func `nothing that was seen to work is refused`() throws {
        #expect(try need(v1).atLeast < 56 << 10)
        #expect(try need(v2).atLeast < 56 << 10)
    }
}
