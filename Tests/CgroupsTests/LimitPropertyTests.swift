import DBus
import OCI
import Testing

@testable import Cgroups

/// Limits as systemd is told them (systemd.resource-control(5)).
@Suite struct LimitPropertyTests {
    typealias Context = LimitProperties.Context

    private func number(_ name: String, _ value: UInt64) -> UnitProperty { UnitProperty(name, .uint64(value)) }
    private let unlimited = UInt64.max

    /// The properties without those of devices, which have tests of their own.
    private func make(_ resources: Resources, _ context: Context = Context(version: 252)) -> [UnitProperty] {
        LimitProperties.make(resources, context).filter { !$0.name.hasPrefix("Device") }
    }

    // MARK: Memory

    @Test func memory() {
        #expect(
            make(Resources(memory: .init(limit: 64, reservation: 32, swap: 96))) == [
                number("MemoryMax", 64), number("MemoryLow", 32), number("MemorySwapMax", 32),
            ])
        #expect(
            make(Resources(memory: .init(limit: -1))) == [
                number("MemoryMax", unlimited), number("MemorySwapMax", unlimited),
            ])
        #expect(
            make(Resources(memory: .init(limit: 64, swap: -1))) == [
                number("MemoryMax", 64), number("MemorySwapMax", unlimited),
            ])
        #expect(make(Resources(memory: .init(limit: 0, reservation: 0, swap: 0))).isEmpty)
    }

    @Test func swapAloneIsReckonedFromTheLimitThatThereIs() {
        let context = Context(version: 252, isNew: false, memoryLimit: 64)
        #expect(make(Resources(memory: .init(swap: 96)), context) == [number("MemorySwapMax", 32)])
        #expect(make(Resources(memory: .init(swap: 96))).isEmpty)
    }

    // MARK: CPU

    @Test(
        arguments: [
            (50_000, 100_000, 500_000), (33_333, 100_000, 340_000), (25_000, 50_000, 500_000),
            (300_000, 100_000, 3_000_000),
            (1_000, 1_000_000, 10_000), (1, 1_000_000, 10_000),
        ] as [(Int64, UInt64, UInt64)])
    func quota(quota: Int64, period: UInt64, perSecond: UInt64) {
        #expect(
            make(Resources(cpu: .init(quota: quota, period: period))) == [
                number("CPUQuotaPeriodUSec", period), number("CPUQuotaPerSecUSec", perSecond),
            ])
    }

    @Test func quotaOrPeriodAlone() {
        #expect(
            make(Resources(cpu: .init(quota: 50_000))) == [
                number("CPUQuotaPeriodUSec", 100_000), number("CPUQuotaPerSecUSec", 500_000),
            ])
        #expect(
            make(Resources(cpu: .init(period: 20_000))) == [
                number("CPUQuotaPeriodUSec", 20_000), number("CPUQuotaPerSecUSec", unlimited),
            ])
        #expect(
            make(Resources(cpu: .init(quota: -1))) == [
                number("CPUQuotaPeriodUSec", 100_000), number("CPUQuotaPerSecUSec", unlimited),
            ])
        let running = Context(version: 252, isNew: false, quota: 10_000, period: 20_000)
        #expect(
            make(Resources(cpu: .init(quota: 5_000)), running) == [
                number("CPUQuotaPeriodUSec", 20_000), number("CPUQuotaPerSecUSec", 250_000),
            ])
        #expect(
            make(Resources(cpu: .init(period: 40_000)), running) == [
                number("CPUQuotaPeriodUSec", 40_000), number("CPUQuotaPerSecUSec", 250_000),
            ])
    }

    @Test func weight() {
        #expect(make(Resources(cpu: .init(shares: 1024))) == [number("CPUWeight", 100)])
        #expect(make(Resources(cpu: .init(idle: 1))) == [number("CPUWeight", 0)])
        #expect(make(Resources(cpu: .init(idle: 1)), Context(version: 251)).isEmpty)
    }

    @Test(
        arguments: [
            ("0", [1]), ("0-3,7", [0x8F]), ("8", [0, 1]), ("0,9", [1, 2]), ("1-16", [0xFE, 0xFF, 1]), ("0-1\n", [3]),
        ] as [(String, [UInt8])])
    func cpus(text: String, bytes: [UInt8]) {
        let value = BusValue.array(of: "y", bytes.map { .byte($0) })
        #expect(
            make(Resources(cpu: .init(cpus: text, mems: text))) == [
                UnitProperty("AllowedCPUs", value), UnitProperty("AllowedMemoryNodes", value),
            ])
    }

    @Test(arguments: ["x", "3-1", "-1", "0-", "0-1-2", "0-99999999", "", ",", "1.5"])
    func listsThatAreNoneAreLeftToTheKernel(text: String) {
        #expect(NumberSet.bytes(of: text) == nil)
    }

    @Test(.timeLimit(.minutes(1)))
    func manyLongRangesCostNoMoreThanOne() {
        let text = "0-1," + [String](repeating: "3-8191", count: 200_000).joined(separator: ",")
        #expect(NumberSet.bytes(of: text) == [0xfb] + [UInt8](repeating: 0xff, count: 1023))
    }

    // MARK: Tasks, block devices

    @Test(arguments: [(77, 77), (0, 1), (-1, UInt64.max)] as [(Int64, UInt64)])
    func tasks(limit: Int64, value: UInt64) {
        #expect(make(Resources(pids: .init(limit: limit))) == [number("TasksMax", value)])
    }

    @Test(
        arguments: [(10, 1, 10), (100, 910, 100), (500, 4950, 4500), (1000, 10_000, 10_000)]
            as [(UInt16, UInt64, UInt64)])
    func blockWeight(weight: UInt16, plain: UInt64, bfq: UInt64) {
        #expect(make(Resources(blockIO: .init(weight: weight))) == [number("IOWeight", plain)])
        let context = Context(hasBFQ: true, version: 252)
        #expect(make(Resources(blockIO: .init(weight: weight)), context) == [number("IOWeight", bfq)])
    }

    @Test func blockDevices() {
        let blockIO = Resources.BlockIO(
            weightDevice: [.init(major: 8, minor: 0, weight: 1000)],
            throttleReadBpsDevice: [.init(major: 8, minor: 0, rate: 5), .init(major: 8, minor: 16, rate: 0)],
            throttleWriteIOPSDevice: [.init(major: 8, minor: 0, rate: 9)])
        func devices(_ name: String, _ list: [(String, UInt64)]) -> UnitProperty {
            UnitProperty(name, .array(of: "(st)", list.map { .structure([.string($0.0), .uint64($0.1)]) }))
        }
        #expect(
            make(Resources(blockIO: blockIO)) == [
                devices("IODeviceWeight", [("/dev/block/8:0", 10_000)]),
                devices("IOReadBandwidthMax", [("/dev/block/8:0", 5), ("/dev/block/8:16", unlimited)]),
                devices("IOWriteIOPSMax", [("/dev/block/8:0", 9)]),
            ])
    }

    // MARK: Files by name

    @Test(
        arguments: [
            ("memory.high", "5", [("MemoryHigh", 5)]), ("memory.max", "max", [("MemoryMax", .max)]),
            ("memory.low", "5", [("MemoryLow", 5)]), ("memory.min", "5", [("MemoryMin", 5)]),
            ("memory.swap.max", "0", [("MemorySwapMax", 0)]), ("pids.max", "9", [("TasksMax", 9)]),
            ("cpu.weight", "7", [("CPUWeight", 7)]), ("cpu.idle", "1", [("CPUWeight", 0)]), ("cpu.idle", "0", []),
            ("cpu.max", "50000 100000", [("CPUQuotaPeriodUSec", 100_000), ("CPUQuotaPerSecUSec", 500_000)]),
            ("cpu.max", "max", [("CPUQuotaPeriodUSec", 100_000), ("CPUQuotaPerSecUSec", .max)]),
            ("io.weight", "default 50", [("IOWeight", 50)]), ("io.weight", "50", [("IOWeight", 50)]),
            ("io.weight", "8:0 50", []), ("memory.high", "64M", []), ("hugetlb.2MB.max", "0", []),
            ("memory.zswap.max", "0", []),
        ] as [(String, String, [(String, UInt64)])])
    func unified(file: String, value: String, properties: [(String, UInt64)]) {
        let resources = Resources(unified: [.init(file: file, value: value)])
        #expect(make(resources) == properties.map { number($0.0, $0.1) })
    }

    @Test func newerVersionsKnowMore() {
        let new = Context(version: 253)
        #expect(
            make(Resources(unified: [.init(file: "memory.zswap.max", value: "0")]), new) == [
                number("MemoryZSwapMax", 0)
            ])
        #expect(
            make(Resources(unified: [.init(file: "memory.oom.group", value: "1")]), new) == [
                UnitProperty("OOMPolicy", .string("kill"))
            ])
    }

    // MARK: cgroup v1

    @Test func olderNamesForOlderHierarchies() {
        let resources = Resources(
            memory: .init(limit: 64, reservation: 32, swap: 96), cpu: .init(shares: 512, cpus: "0"),
            pids: .init(limit: 7), blockIO: .init(weight: 500), unified: [.init(file: "memory.high", value: "5")])
        #expect(
            make(resources, Context(isUnified: false, version: 252)) == [
                number("MemoryLimit", 64), number("CPUShares", 512),
                UnitProperty("AllowedCPUs", .array(of: "y", [.byte(1)])), number("TasksMax", 7),
                number("BlockIOWeight", 500),
            ])
    }

    // MARK: Devices

    private func devices(_ rules: [Resources.DeviceRule], _ context: Context = Context(version: 252)) -> [UnitProperty]
    {
        LimitProperties.make(Resources(devices: rules), context)
    }

    private let denyAll = Resources.DeviceRule(allow: false)

    private func entry(_ name: String, _ access: String) -> BusValue { .structure([.string(name), .string(access)]) }

    @Test func devicesOfEveryContainer() throws {
        let properties = devices([denyAll])
        #expect(properties.map(\.name) == ["DevicePolicy", "DeviceAllow"])
        #expect(properties.first?.value == .string("strict"))
        guard case .array("(ss)", let entries)? = properties.last?.value else { throw Missing() }
        #expect(
            entries == [
                entry("char-*", "m"), entry("block-*", "m"), entry("/dev/char/1:3", "rwm"),
                entry("/dev/char/1:5", "rwm"),
                entry("/dev/char/1:7", "rwm"), entry("/dev/char/1:8", "rwm"), entry("/dev/char/1:9", "rwm"),
                entry("/dev/char/5:0", "rwm"), entry("/dev/char/5:2", "rwm"), entry("/dev/char/10:200", "rwm"),
                entry("char-136", "rwm"),
            ])
    }

    struct Missing: Error {}

    @Test func devicesOfTheConfiguration() throws {
        let rule = Resources.DeviceRule(allow: true, kind: .block, major: 7, minor: 3, access: [.read])
        guard case .array(_, let entries)? = devices([denyAll, rule]).last?.value else { throw Missing() }
        #expect(entries.first == entry("/dev/block/7:3", "r"))
    }

    @Test func everythingAllowedIsNoBusinessOfSystemd() {
        #expect(devices([Resources.DeviceRule(allow: true)]).isEmpty)
    }

    /// A minor number without its major one, or an exception from an exception.
    @Test(arguments: [
        [Resources.DeviceRule(allow: false), .init(allow: true, kind: .character, minor: 3, access: [.read])],
        [
            .init(allow: false), .init(allow: true, kind: .character, major: 4, access: [.read]),
            .init(allow: false, kind: .character, major: 4, minor: 1),
        ],
    ])
    func whatCannotBeWrittenDownIsLeftToTheProgram(rules: [Resources.DeviceRule]) {
        #expect(devices(rules).isEmpty)
    }

    @Test func anUpdateReplacesTheList() {
        let running = Context(version: 252, isNew: false)
        let properties = devices([denyAll], running)
        #expect(properties.map(\.name) == ["DevicePolicy", "DeviceAllow", "DeviceAllow"])
        #expect(properties[1].value == .array(of: "(ss)", []))
        #expect(devices([], running).isEmpty)
        #expect(
            devices([Resources.DeviceRule(allow: true)], running) == [
                UnitProperty("DevicePolicy", .string("auto")), UnitProperty("DeviceAllow", .array(of: "(ss)", [])),
            ])
    }

    @Test func aUsersSystemdHasNoDeviceRules() { #expect(devices([denyAll], Context(isUser: true)).isEmpty) }
}

/// A container that stays in its creator's cgroup.
@Suite struct DisabledTests {
    @Test func usualRulesOfDevicesAreNoLimits() throws {
        #expect(try CgroupLocation.refuseLimits(nil).isEmpty)
        #expect(try CgroupLocation.refuseLimits(Resources()).isEmpty)
        #expect(try CgroupLocation.refuseLimits(Resources(devices: [.init(allow: true)])).isEmpty)
        let notes = try CgroupLocation.refuseLimits(Resources(devices: [.init(allow: false)] + DeviceRules.standard))
        #expect(notes.map(\.path) == ["linux.resources.devices"])
        #expect(
            try CgroupLocation.refuseLimits(
                Resources(memory: .init(limit: 0), cpu: .init(), pids: .init(limit: -1))
            ).isEmpty)
    }

    @Test(arguments: [
        (Resources(memory: .init(limit: 1)), "memory"), (Resources(memory: .init(swappiness: 0)), "memory"),
        (Resources(cpu: .init(shares: 2)), "cpu"), (Resources(cpu: .init(cpus: "0")), "cpu"),
        (Resources(pids: .init(limit: 0)), "pids"), (Resources(blockIO: .init(weight: 10)), "blockIO"),
        (Resources(hugepageLimits: [.init(pageSize: "2MB", limit: 0)]), "hugepageLimits"),
        (Resources(network: .init(classID: 1)), "network"),
        (Resources(rdma: [.init(device: "a", hcaHandles: 1)]), "rdma"),
        (Resources(unified: [.init(file: "memory.high", value: "max")]), "unified"),
        (Resources(devices: [.init(allow: false, kind: .block)]), "devices"),
    ])
    func limitsAreRefused(resources: Resources, name: String) {
        let error = #expect(throws: CgroupError.self) { try CgroupLocation.refuseLimits(resources) }
        #expect(error.map { "\($0)".hasPrefix("linux.resources.\(name): ") } == true)
    }

    @Test func theContainerSeesItsCreatorsCgroup() {
        let location = CgroupLocation(
            stayingIn: .v2(Hierarchy(label: "", mountPoint: "/sys/fs/cgroup", ownPath: "/a/b")))
        #expect(location.directories.isEmpty)
        #expect(location.stateText.isEmpty)
        #expect(location.view.unified == "/sys/fs/cgroup/a/b")
        #expect(location.joining == .stays)
        let v1 = CgroupLocation(
            stayingIn: .v1([Hierarchy(label: "cpu,cpuacct", mountPoint: "/c/cpu,cpuacct", ownPath: "/x")], unified: nil)
        )
        #expect(v1.view.hierarchies.map(\.directory) == ["/c/cpu,cpuacct/x"])
    }
}
