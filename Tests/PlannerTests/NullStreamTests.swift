import OCI
import Planner
import Testing

/// Standard streams that are the host's null device, whose mode whoever has it open could change for everybody.
@Suite struct NullStreamTests {
    private static let streams: NullStreams = {
        var streams = NullStreams()
        streams.add(0, accessMode: 0)
        streams.add(2, accessMode: 1)
        return streams
    }()
    private static let host = HostFacts.plain { $0.nullStreams = streams }

    private func create(on host: HostFacts = host, _ change: (inout Spec) -> Void = { _ in }) throws -> Plan {
        try plan(on: host) {
            $0.theProcess.env = ["HOME=/"]
            $0.mounts = [Mount(destination: "/dev", source: "tmpfs", type: "tmpfs", data: ["mode=755"])]
            change(&$0)
        }
    }

    private func reopens(_ plan: Plan) -> Bool { plan.lines.contains { $0.contains("anew") } }

    @Test func theyBecomeTheContainersOwnNullDevice() throws {
        let plan = try create()
        let first = try #require(plan.index("open dev:null -> target"))
        #expect(
            plan.lines[first..<(first + 6)] == [
                "open dev:null -> target", "verify target is c 1:3", "open target anew read-only -> parent",
                "dup parent to 0", "open target anew write-only -> parent", "dup parent to 2",
            ])
        #expect(plan.hostStreams.isEmpty)
        #expect(plan.index("open /proc/self/fd -> own-fds") != nil)
        // Once the device is there, and before any program of the container is.
        #expect(try #require(plan.index("mknod dev/null c 1:3 mode 0666")) < first)
        #expect(try first < #require(plan.index("pivot_root")))
    }

    @Test func hooksOfTheContainerDoNotGetThemEither() throws {
        let plan = try create { $0.hooks.createContainer = [Hook(path: "/h")] }
        #expect(try #require(plan.index("dup parent to 2")) < #require(plan.index("run hook /h [\"/h\"]")))
    }

    @Test func aTerminalTakesTheirPlace() throws {
        let plan = try create { $0.theProcess.terminal = true }
        #expect(plan.index("open dev:null -> target") == nil)
        #expect(plan.hostStreams.isEmpty)
        #expect(plan.index("dup peer to 0") != nil)
    }

    /// What is there may be anything, also the host's own.
    @Test func devOfTheBundleIsNotTrusted() throws {
        let plan = try create { $0.mounts = [Mount(destination: "/dev", source: "/dev", action: .recursiveBind)] }
        #expect(plan.hostStreams == Self.streams)
        #expect(!reopens(plan))
    }

    /// What a configuration has in place of the null device is not taken for one, and is no error.
    @Test(arguments: [
        (Device(.block, path: "/dev/null", major: 1, minor: 3), false),
        (Device(.character, path: "/dev//null", major: 1, minor: 5), false),
        (Device(.fifo, path: "/dev/null"), false), (Device(.character, path: "/dev/null", major: 1, minor: 3), true),
    ])
    func anotherDeviceOfThatNameIsNone(device: Device, isCertain: Bool) throws {
        let plan = try create { $0.linux.devices = [device] }
        #expect(plan.hostStreams.isEmpty == isCertain)
        let verified = try #require(plan.steps.first { "\($0.operation)" == "verify target is c 1:3" })
        #expect(verified.skip == (isCertain ? 0 : 4))
    }

    /// Whether a device in there can be opened only the process sees.
    @Test(arguments: [
        [], [Mount(destination: "/dev", source: "tmpfs", type: "tmpfs", attributes: AttributeChange(set: .noDev))],
    ])
    func devWithoutDevicesOfItsOwnLeavesThemToTheHost(mounts: [Mount]) throws {
        let plan = try create { $0.mounts = mounts }
        #expect(plan.hostStreams == Self.streams)
        let reopened = try #require(plan.index("open target anew read-only -> parent"))
        #expect(plan.steps[reopened].tolerated == [13])
        #expect(plan.steps[reopened].skip == 1)
        #expect(plan.lines[reopened + 1] == "dup parent to 0")
    }

    @Test func withoutAMountNamespaceTheHostReplacesThem() throws {
        let plan = try create { $0.linux.namespaces = [] }
        #expect(plan.hostStreams == Self.streams)
        #expect(!reopens(plan))
    }

    @Test func otherStreamsAreLeftAlone() throws {
        let plan = try create(on: .plain())
        #expect(plan.hostStreams.isEmpty)
        #expect(!reopens(plan))
        #expect(!plan.lines.contains { $0.hasPrefix("dup") || $0.hasSuffix("own-fds") })
    }

    // MARK: exec

    private func exec(_ change: (inout Spec) -> Void = { _ in }) throws -> Plan {
        try Plan.exec(
            .minimal(change), on: Self.host, options: PlanOptions(id: "box", hasGate: false),
            entry: ExecEntry(namespaces: [.mount, .pid]))
    }

    /// The container runs: what it calls its null device is looked at by the host.
    @Test func ofOneMoreProcessTheHostReplacesThem() throws {
        #expect(try exec().hostStreams == Self.streams)
        #expect(try !reopens(exec()))
        #expect(try exec { $0.theProcess.terminal = true }.hostStreams.isEmpty)
    }
}
