import OCI
import Testing

@testable import Planner

/// What `check` has the kernel try: nothing of it can be noticed by anybody.
@Suite struct RehearsalTests {
    private static func rehearsals(of spec: Spec, on host: HostFacts) throws -> [Rehearsal] {
        guard let plan = try? Plan.create(spec, on: host, options: PlanOptions(id: "box")) else { return [] }
        let whole = Rehearsal(of: plan, spec, leavingOut: [])
        // Whatever is left out, what depends on it goes as well.
        return [whole] + whole.indices.filter { $0 >= 0 }.map { Rehearsal(of: plan, spec, leavingOut: [$0]) }
    }

    @Test(arguments: try Fixtures.names(in: "configs", suffix: ".json"))
    func nothingOfItIsSeenOutside(name: String) throws {
        let spec = try Fixtures.spec(name)
        for host in try Fixtures.names(in: "hosts", suffix: ".json") {
            for rehearsal in try Self.rehearsals(of: spec, on: Fixtures.host(host, for: spec)) {
                for step in rehearsal.plan.steps { expectHarmless(step, spec) }
                expectFilledSlots(rehearsal)
                #expect(rehearsal.plan.gate == nil && rehearsal.plan.cloneTarget == nil)
                #expect(rehearsal.indices.count == rehearsal.plan.steps.count)
            }
        }
    }

    private func expectHarmless(_ step: Step, _ spec: Spec) {
        let text = step.operation.printed
        switch step.operation {
        // From where relative paths of file systems count; all other directories are the container's.
        case .changeDirectory: #expect(step.origin.text.hasPrefix("mounts["), "\(text)")
        case .moveMount, .adoptRoot, .pivotRoot, .detachMount, .detachOldRoot, .changeRoot, .enter, .mount, .makeLink,
            .remove,
            .copyTree, .copyMode, .copyLink, .chooseMask, .runHook, .execute, .loadSeccomp,
            .joinSessionKeyring, .setOwner, .duplicate, .reopen, .waitAtGate, .handOver, .pickFileSystem:
            Issue.record("not harmless: \(text)")
        case .configure(_, .reconfigure): Issue.record("not harmless: \(text)")
        case .setMountAttributes(nil, _, _, _, _, _): #expect(spec.linux.creates(.mount), "\(text)")
        case .setHostName, .setDomainName: #expect(spec.linux.creates(.uts), "\(text)")
        case .bringUpLoopback: #expect(spec.linux.creates(.network), "\(text)")
        case .meet(let meeting, _, _, _): #expect([.idMaps, .limits, .cgroups, .ready].contains(meeting), "\(text)")
        case .writeFile(_, let path, _) where path.hasPrefix("sys/"):
            let kind = spec.linux.sysctl.first { "sys/\($0.path ?? "")" == path }?.namespace
            #expect(kind.map { spec.linux.creates($0) } == true, "\(text)")
        default: break
        }
    }

    /// A step uses only what a step before, or the host, has put into a slot.
    private func expectFilledSlots(_ rehearsal: Rehearsal) {
        var filled = Set(rehearsal.plan.provisions.map { $0.slot.number })
        func expect(_ slot: Slot?, _ step: Step) {
            guard let slot else { return }
            #expect(filled.contains(slot.number), "\(step.operation.printed) in \(rehearsal.plan.lines)")
        }
        for step in rehearsal.plan.steps {
            switch step.operation {
            case .openPath(let from, _, _, let into), .openTree(let from, _, _, let into):
                expect(from, step)
                filled.insert(into.number)
            case .makeTarget(let root, _, _, _, let into):
                expect(root, step)
                filled.insert(into.number)
            case .openFileSystem(_, let into): filled.insert(into.number)
            // What is joined there is no cgroup: the host gives other files.
            case .meet(.cgroups, _, let first, let count):
                for number in first.number..<(first.number + UInt16(count)) { filled.insert(number) }
            case .joinCgroup(let slot): expect(slot, step)
            case .createMount(let from, _, let into):
                expect(from, step)
                filled.insert(into.number)
            case .configure(let slot, _), .joinNamespace(let slot, _), .makeNode(let slot, _, _, _, _, _, _),
                .verifyDevice(let slot, _, _, _):
                expect(slot, step)
            case .setMountAttributes(let slot, _, _, _, _, _), .writeFile(let slot, _, _): expect(slot, step)
            default: break
            }
        }
    }

    @Test func fileSystemsAreMadeAndNotMounted() throws {
        let spec = Spec.minimal {
            $0.mounts = [Mount(destination: "/t", source: "tmpfs", type: "tmpfs", data: ["size=1m"])]
        }
        let rehearsal = try #require(Self.rehearsals(of: spec, on: .plain()).first)
        let lines = rehearsal.plan.steps.filter { $0.origin.text == "mounts[0]" }.map { $0.operation.printed }
        #expect(
            lines == [
                "fsopen tmpfs -> fs", "fsconfig source=tmpfs", "fsconfig size=1m", "fsconfig create",
                "fsmount - -> mount",
            ])
    }

    @Test func relativePathsOfAFileSystemAreTakenFromTheBundle() throws {
        let spec = Spec.minimal {
            $0.mounts = [Mount(destination: "/o", source: "overlay", type: "overlay", data: ["lowerdir=a:b"])]
        }
        let rehearsal = try #require(Self.rehearsals(of: spec, on: .plain()).first)
        let lines = rehearsal.plan.steps.map { $0.operation.printed }
        #expect(lines.filter { $0.hasPrefix("chdir") } == ["chdir /bundle"])
    }

    @Test func aDiskIsNotTouched() throws {
        let spec = Spec.minimal {
            $0.mounts = [
                Mount(destination: "/d", source: "/dev/sda", type: "ext4", data: ["acl"]),
                Mount(
                    destination: "/o", source: "overlay", type: "overlay",
                    data: ["lowerdir=/l", "upperdir=/u", "workdir=/w"]),
            ]
        }
        let rehearsal = try #require(Self.rehearsals(of: spec, on: .plain()).first)
        let lines = rehearsal.plan.steps.filter { $0.origin.text.hasPrefix("mounts") }.map { $0.operation.printed }
        #expect(
            lines == [
                "fsopen ext4 -> fs", "fsconfig source=/dev/sda", "fsconfig acl", "fsopen overlay -> fs",
                "fsconfig source=overlay", "fsconfig lowerdir=/l", "fsconfig upperdir=/u", "fsconfig workdir=/w",
            ])
    }
}
