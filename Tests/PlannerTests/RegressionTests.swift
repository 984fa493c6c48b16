import OCI
import Planner
import Testing

/// What once was wrong.
@Suite struct RegressionTests {
    // MARK: apus-init

    /// What FIND_HOME writes must not change a record that has been checked.
    @Test func bufferOverRecordsIsRefused() throws {
        var blob = Blob([
            Step(.findHome(uid: 65534), .field("process.env")),
            Step(.findExecutable(name: "x", path: "/no"), .field("process.args")),
            Step(.newSession, .field("process")),
        ])
        let home = blob.records[0].offset
        let executable = blob.records[1].offset
        blob.setWord(home + 16, executable + 8)
        blob.setWord(home + 20, 16)
        let outcome = try InitProgram().run(blob)
        #expect(outcome.isRefused, "\(outcome)")
    }

    /// What lists become in memory must not change a record that has been checked.
    @Test func listOverRecordsIsRefused() throws {
        // An empty list, the first 8 bytes of two steps, and an empty mask: read as a list of texts these are three
        // offsets and an end, if the plan is longer than a mebibyte.
        var blob = Blob([
            Step(.runHook(path: "", arguments: [], environment: [], timeout: 0), .field("hooks")),
            Step(.newSession, .field("process")),
            Step(.setPersonality(0), .field("linux.personality")),
            Step(.runHook(path: "x", arguments: ["/no/x"], environment: [], timeout: 0), .field("hooks")),
            Step(.setHostName(String(repeating: "a", count: 2 << 20)), .field("hostname")),
        ])
        blob.setWord(blob.records[3].offset + 16, blob.records[0].offset + 16)
        blob.setWord(blob.records[3].offset + 20, 3)
        let outcome = try InitProgram().run(blob)
        #expect(outcome.isRefused, "\(outcome)")
    }

    // MARK: Crashes of the planner and the encoder

    @Test func anyNumberOfPreservedDescriptorsIsHandled() async {
        await #expect(processExitsWith: .success) {
            do {
                _ = try plan(with: PlanOptions(id: "box", preservedDescriptors: .max)) { _ in }
            } catch {
                // Refused: that is right.
            }
        }
    }

    /// 65,536 slots and more, of 16 bits each: refused, and not a trap.
    @Test func anyNumberOfMountsIsHandled() async {
        await #expect(processExitsWith: .success) {
            let mounts = [Mount](
                repeating: Mount(destination: "/a", source: "/b", action: .bind), count: 66_000)
            #expect(throws: PlanError.self) {
                try plan {
                    $0.linux.namespaces = [Namespace(.mount), Namespace(.user)]
                    $0.mounts = mounts
                }
            }
        }
    }

    // MARK: Work that grows with the square of what is asked for

    @Test(.timeLimit(.minutes(1)))
    func manyLongRangesCostNoMoreThanOne() throws {
        let ranges = [ClosedRange<UInt32>](repeating: 3...65535, count: 200_000)
        let mask = Plan.mask(of: IndexRanges([0...1] + ranges))
        #expect(mask.count == 8192 && mask[0] == 0xfb && mask.dropFirst().allSatisfy { $0 == 0xff })
        #expect(Plan.mask(of: IndexRanges([9...9, 0...2, 1...1])) == [7, 2, 0, 0, 0, 0, 0, 0])
    }

    // MARK: Names that are paths

    /// To Swift the last slash and the mark behind it are one character. A name with a slash would be looked up past the
    /// image's links, on the host.
    @Test(arguments: [NamespaceKind?.none, .user])
    func whatADeviceIsCalledIsOneComponent(other: NamespaceKind?) throws {
        let path = "/a/b/\u{301}x"
        let lines = try plan {
            $0.linux.namespaces = [Namespace(.mount)] + (other.map { [Namespace($0)] } ?? [])
            $0.linux.devices = [Device(.character, path: path, major: 1, minor: 3)]
        }.lines("linux.devices[0]")
        #expect(lines.first == "make target root:/a/b directory (not in proc) -> parent")
        #expect(lines.contains { $0.contains("parent/\u{301}x") || $0.contains("parent:\u{301}x") }, "\(lines)")
    }

    @Test func whatALinkIsCalledIsOneComponent() throws {
        let plan = try plan {
            $0.mounts = [Mount(destination: "/a/\u{301}x", source: "/b", action: .bind, copySymlink: true)]
        }
        #expect(plan.lines("mounts[0]").first == "make target root:/a directory (not in proc) -> parent")
    }

    // MARK: What is left out without a word

    @Test func cgroup2IsNotReplacedByV1() throws {
        let host = HostFacts.plain {
            $0.cgroups.hierarchies = [.init(name: "pids", options: ["pids"], directory: "/c/pids")]
        }
        let plan = try plan(on: host) { $0.mounts = [Mount(destination: "/sys/fs/cgroup", type: "cgroup2")] }
        #expect(plan.lines("mounts[0]").first == "open_tree /sys/fs/cgroup/box clone -> mount")
    }

    @Test func remountSwitchesFlagsOff() throws {
        let mount = Mount(
            destination: "/x", action: .remount, superblock: SuperblockChange(clear: [.synchronous, .lazyTime]))
        let lines = try plan { $0.mounts = [mount] }.lines("mounts[0]")
        #expect(lines.contains("fsconfig async"))
        #expect(lines.contains("fsconfig nolazytime"))
    }

    // MARK: Order and origin

    /// A network device that a hook makes is not there before.
    @Test func kernelParametersAreSetAfterTheHooksOfTheRuntime() throws {
        let plan = try plan {
            $0.linux.namespaces = [Namespace(.mount), Namespace(.network)]
            $0.linux.sysctl = [Sysctl(key: "net.ipv4.conf.eth0.forwarding", value: "1")]
            $0.hooks.createRuntime = [Hook(path: "/net")]
        }
        let hooks = try #require(plan.index("meet the host to run its hooks"))
        let write = try #require(plan.index(#"write procfs:sys/net/ipv4/conf/eth0/forwarding "1""#))
        #expect(hooks < write)
    }

    @Test func onlyTheLastComponentIsNotFollowed() throws {
        let mount = Mount(
            destination: "/a/b", source: "/s", action: .bind, copySymlink: true, destinationNoFollow: true)
        let plan = try plan { $0.mounts = [mount] }
        let parent = plan.lines("mounts[0]").first
        #expect(parent == "make target root:/a directory (not in proc) -> parent")
    }

    /// A link may point nowhere: it is to be made again as it is.
    @Test func copiedLinkIsLookedAtBeforeItsSourceIsTaken() throws {
        let plan = try plan {
            $0.linux.rootfsPropagation = MountPropagation(.shared)
            $0.mounts = [Mount(destination: "/a", source: "/s", action: .bind, copySymlink: true)]
        }
        let take = try #require(plan.index("open_tree /s clone -> mount"))
        let link = try #require(plan.index("copy link /s to parent/a"))
        #expect(link < take)
    }

    @Test func procfsForALabelComesFromTheLabel() throws {
        let plan = try plan(on: .plain { $0.hasAppArmor = true }) { $0.theProcess.apparmorProfile = "docker-default" }
        #expect(plan.lines("linux.sysctl").isEmpty)
    }

    /// `apus plan` is to show what the configuration asks for.
    @Test func printedPlanShowsEnvironmentAndScheduling() throws {
        let plan = try plan {
            $0.theProcess.env = ["PATH=/somewhere"]
            $0.theProcess.scheduler = Scheduler(policy: .deadline, runtime: 111, deadline: 222, period: 333)
            $0.linux.memoryPolicy = MemoryPolicy(.bind, nodes: IndexRanges([5...5]))
        }
        let text = plan.printed()
        #expect(text.contains("PATH=/somewhere"))
        #expect(text.contains("111") && text.contains("222") && text.contains("333"))
    }
}
