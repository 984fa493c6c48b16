import JSON
import OCI
import Testing

/// Limits that are written down, read again, and changed.
@Suite struct ResourcesTests {
    private static let everything = Resources(
        devices: [
            .init(allow: false),
            .init(allow: true, kind: .character, major: 1, minor: nil, access: [.read, .mknod]),
            .init(allow: true, kind: .block, major: 8, minor: 0),
        ],
        memory: .init(
            limit: 1 << 40, reservation: -1, swap: -1, kernel: 5, kernelTCP: 6, swappiness: 100,
            disableOOMKiller: false, useHierarchy: true, checkBeforeUpdate: true),
        cpu: .init(
            shares: 262_144, quota: -1, burst: 7, period: 100_000, realtimeRuntime: -1, realtimePeriod: 1_000_000,
            cpus: "0-3,7", mems: "0", idle: 1),
        pids: .init(limit: -1),
        blockIO: .init(
            weight: 10, leafWeight: 1000, weightDevice: [.init(major: 8, minor: 0, weight: 500, leafWeight: nil)],
            throttleReadBpsDevice: [.init(major: 8, minor: 0, rate: .max)],
            throttleWriteBpsDevice: [.init(major: 8, minor: 16, rate: 1)],
            throttleReadIOPSDevice: [.init(major: 8, minor: 0, rate: 0)],
            throttleWriteIOPSDevice: [.init(major: 8, minor: 0, rate: 3)]),
        hugepageLimits: [.init(pageSize: "2MB", limit: .max)],
        network: .init(classID: .max, priorities: [.init(name: "eth0", priority: 5)]),
        rdma: [.init(device: "mlx5_0", hcaHandles: 3, hcaObjects: nil)],
        unified: [.init(file: "memory.high", value: "1\n\"2\"")])

    @Test(arguments: [everything, Resources(), Resources(pids: .init(limit: 0))])
    func whatIsWrittenCanBeRead(resources: Resources) throws {
        for layout in [JSONWriter.Layout.compact, .spaces(2)] {
            var writer = JSONWriter(layout)
            resources.encode(to: &writer)
            #expect(try Resources.decode(writer.bytes) == resources)
        }
    }

    /// Rules become a program whose jumps have 15 bits, and a list in which each is compared with each.
    @Test(arguments: [(4096, nil), (4097, "devices: more than 4096 entries: 4097")] as [(Int, String?)])
    func deviceRulesAreBounded(count: Int, problem: String?) {
        let rules = [String](repeating: #"{"allow":false,"access":"m"}"#, count: count).joined(separator: ",")
        var found: String?
        do throws(SpecError) {
            _ = try Resources.decode(Array(#"{"devices":[\#(rules)]}"#.utf8))
        } catch {
            found = error.description
        }
        #expect(found == problem)
    }

    /// Zeros are "not given": what is left must be readable, or the state loses all limits.
    @Test func weightsOfZeroLeaveNoEntry() throws {
        let zeros = try Resources.decode(
            Array(#"{"pids":{"limit":7},"blockIO":{"weightDevice":[{"major":8,"minor":0,"weight":0}]}}"#.utf8))
        let updated = Resources().updated(with: zeros)
        #expect(updated.blockIO?.weightDevice == [])
        var writer = JSONWriter(.compact)
        updated.encode(to: &writer)
        #expect(try Resources.decode(writer.bytes).pids?.limit == 7)
    }

    /// An update of many entries takes no longer than reading them.
    @Test(.timeLimit(.minutes(1)))
    func manyEntriesAreUpdatedAtOnce() {
        let files = (0..<100_000).map { Resources.Unified(file: "f\($0)", value: "1") }
        let change = Resources(unified: files.map { .init(file: $0.file, value: "2") } + [.init(file: "g", value: "3")])
        let updated = Resources(unified: files).updated(with: change)
        #expect(updated.unified == change.unified)
    }

    @Test func anEmptyUpdateChangesNothing() {
        #expect(Self.everything.updated(with: Resources()) == Self.everything)
        #expect(Resources().updated(with: Self.everything) == Self.everything)
        #expect(Self.everything.updated(with: Self.everything) == Self.everything)
    }

    @Test func zerosAreNotGiven() {
        let zeros = Resources(
            memory: .init(limit: 0, reservation: 0, swap: 0),
            cpu: .init(shares: 0, quota: 0, period: 0, realtimeRuntime: 0, realtimePeriod: 0),
            blockIO: .init(weight: 0, leafWeight: 0))
        #expect(Self.everything.updated(with: zeros) == Self.everything)
    }

    @Test func whereAZeroMeansSomethingItCounts() {
        let change = Resources(
            memory: .init(swappiness: 0), cpu: .init(burst: 0, idle: 0), pids: .init(limit: 0),
            network: .init(classID: 0))
        let result = Self.everything.updated(with: change)
        #expect(result.memory?.swappiness == 0)
        #expect(result.cpu?.burst == 0)
        #expect(result.cpu?.idle == 0)
        #expect(result.pids?.limit == 0)
        #expect(result.network?.classID == 0)
    }

    @Test func namedEntriesAreReplacedOneByOne() {
        let change = Resources(
            blockIO: .init(
                weightDevice: [.init(major: 8, minor: 0, leafWeight: 20), .init(major: 8, minor: 16, weight: 30)],
                throttleReadBpsDevice: [.init(major: 8, minor: 0, rate: 9)]),
            hugepageLimits: [.init(pageSize: "1GB", limit: 1), .init(pageSize: "2MB", limit: 2)],
            network: .init(priorities: [.init(name: "eth0", priority: 6), .init(name: "lo", priority: 7)]),
            rdma: [.init(device: "mlx5_0", hcaObjects: 4), .init(device: "mlx5_1", hcaHandles: 1)],
            unified: [.init(file: "memory.high", value: "max"), .init(file: "pids.max", value: "5")])
        let result = Self.everything.updated(with: change)
        #expect(
            result.blockIO?.weightDevice == [
                .init(major: 8, minor: 0, weight: 500, leafWeight: 20), .init(major: 8, minor: 16, weight: 30),
            ])
        #expect(result.blockIO?.throttleReadBpsDevice == [.init(major: 8, minor: 0, rate: 9)])
        #expect(result.blockIO?.throttleWriteBpsDevice == Self.everything.blockIO?.throttleWriteBpsDevice)
        #expect(result.hugepageLimits == [.init(pageSize: "2MB", limit: 2), .init(pageSize: "1GB", limit: 1)])
        #expect(result.network?.classID == .max)
        #expect(result.network?.priorities.map(\.priority) == [6, 7])
        #expect(
            result.rdma == [
                .init(device: "mlx5_0", hcaHandles: 3, hcaObjects: 4), .init(device: "mlx5_1", hcaHandles: 1),
            ])
        #expect(result.unified.map(\.value) == ["max", "5"])
    }

    @Test func deviceRulesAreReplacedTogether() {
        let rules: [Resources.DeviceRule] = [.init(allow: true)]
        #expect(Self.everything.updated(with: Resources(devices: rules)).devices == rules)
        #expect(Self.everything.updated(with: Resources(pids: .init(limit: 1))).devices == Self.everything.devices)
    }

    /// Limit and sum of before, the new limit, and the sum of after.
    @Test(
        arguments: [(64, 128, 96, 128), (64, 128, 128, 128), (64, 128, 129, nil), (64, -1, 900, -1), (64, 128, -1, -1)]
            as [(Int64, Int64, Int64, Int64?)])
    func aLimitOfMemoryAlone(limit: Int64, both: Int64, new: Int64, expected: Int64?) {
        let before = Resources(memory: .init(limit: limit, swap: both))
        let after = before.updated(with: Resources(memory: .init(limit: new)))
        #expect(after.memory == .init(limit: new, swap: expected))
        #expect(after.contradictions().isEmpty)
    }

    @Test func contradictionsAreFoundBetweenOldAndNew() {
        let before = Resources(memory: .init(limit: 64, swap: 128), cpu: .init(quota: 20_000, burst: 10_000))
        let swap = before.updated(with: Resources(memory: .init(swap: 32)))
        #expect(swap.contradictions().map(\.path) == ["memory.swap"])
        let quota = before.updated(with: Resources(cpu: .init(quota: 5000)))
        #expect(quota.contradictions().map(\.description) == ["cpu.burst: above quota: 10000 > 5000"])
        #expect(before.updated(with: Resources(cpu: .init(quota: -1))).contradictions().isEmpty)
    }
}
