import OCI
import Planner
import Testing

/// What cannot be done is said, not left out.
@Suite struct RefusalTests {
    private func refusal(on host: HostFacts = .plain(), _ change: (inout Spec) -> Void) -> String? {
        do {
            _ = try plan(on: host, change)
            return nil
        } catch {
            return error.description
        }
    }

    @Test func withoutAProcessThereIsNothingToPlan() {
        let run = PlanOptions(id: "box", hasGate: false)
        #expect(throws: PlanError.self) { try plan(with: run) { $0.process = nil } }
        // But to wait for ever at a gate.
        #expect(throws: Never.self) {
            let plan = try plan { $0.process = nil }
            #expect(plan.gate == plan.steps.count - 1)
            #expect(!plan.lines.contains { $0.hasPrefix("find /") || $0.hasPrefix("execve") })
        }
    }

    /// A container that would run without its confinement does not run.
    @Test func missingSecurityModulesAreErrors() {
        let profile: (inout Spec) -> Void = { $0.theProcess.apparmorProfile = "docker-default" }
        #expect(refusal(profile) == "process.apparmorProfile: AppArmor is not enabled on this host")
        #expect(refusal(on: .plain { $0.hasAppArmor = true }, profile) == nil)
        let label: (inout Spec) -> Void = { $0.theProcess.selinuxLabel = "u:r:t:s0" }
        #expect(refusal(label) == "process.selinuxLabel: SELinux is not enabled on this host")
        #expect(refusal(on: .plain { $0.hasSELinux = true }, label) == nil)
    }

    @Test func mountLabelNeedsSELinux() {
        let label: (inout Spec) -> Void = { $0.linux.mountLabel = "u:r:t:s0" }
        #expect(refusal(label) == "linux.mountLabel: SELinux is not enabled on this host")
        #expect(refusal(on: .plain { $0.hasSELinux = true }, label) == nil)
    }

    @Test(arguments: ["cgroup", "cgroup2"])
    func theIDsOfACgroupMountCannotBeMapped(type: String) {
        let text = refusal { $0.mounts = [Mount(destination: "/a", type: type, idMap: MountIDMap())] }
        #expect(text == "mounts[0]: the ids of a \(type) file system cannot be mapped (mount_setattr(2))")
    }

    @Test func anOrdinaryUserMapsNoIDs() {
        let host = HostFacts.plain { $0.caller = .ordinaryUser }
        let text = refusal(on: host) {
            $0.linux.namespaces.append(Namespace(.user))
            $0.mounts = [Mount(destination: "/a", source: "/srv", action: .bind, idMap: MountIDMap())]
        }
        #expect(text?.hasPrefix("mounts[0]: mapping the ids of a mount of the host takes root") == true)
        let own = refusal(on: host) {
            $0.linux.namespaces.append(Namespace(.user))
            $0.mounts = [
                Mount(destination: "/a", type: "tmpfs"),
                Mount(destination: "/b", source: "/bundle/rootfs/a", action: .bind, idMap: MountIDMap()),
            ]
        }
        #expect(own == nil)
    }

    @Test func optionsThatACgroupMountCannotHaveAreErrors() {
        let data = refusal { $0.mounts = [Mount(destination: "/a", type: "cgroup", data: ["nsdelegate"])] }
        #expect(data == #"mounts[0].options: not an option of a cgroup mount: "nsdelegate""#)
        let recursive = refusal {
            $0.mounts = [
                Mount(destination: "/a", type: "cgroup2", recursiveAttributes: AttributeChange(set: .readOnly))
            ]
        }
        #expect(
            recursive == "mounts[0].options: a cgroup mount has nothing below it: recursive attributes have no meaning")
    }

    /// 256 slots, of which the first 24 have names, and two are for the device nodes that the host makes.
    @Test(arguments: [(230, nil), (231, "mounts: more than 256 descriptors are needed at once")] as [(Int, String?)])
    func descriptorsOfAPlanAreLimited(count: Int, text: String?) {
        let refused = refusal {
            $0.linux.namespaces.append(Namespace(.user))
            $0.mounts = (0..<count).map { Mount(destination: "/m\($0)", source: "/s", action: .bind) }
        }
        #expect(refused == text)
    }

    @Test func otherFiltersAreNotRefused() {
        #expect(refusal { $0.linux.seccomp = SeccompProfile(defaultAction: .errno) } == nil)
    }
}
