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

    @Test func idMappingsOfNewFileSystemsAreNotAvailable() {
        let text = refusal { $0.mounts = [Mount(destination: "/a", type: "tmpfs", idMap: MountIDMap())] }
        #expect(text == "mounts[0]: id mapping of a new file system is not available in this version of apus")
    }

    @Test func optionsThatACgroupMountCannotHaveAreErrors() {
        let data = refusal { $0.mounts = [Mount(destination: "/a", type: "cgroup", data: ["nsdelegate"])] }
        #expect(data == #"mounts[0].options: not an option of a cgroup mount: "nsdelegate""#)
        let recursive = refusal {
            $0.mounts = [
                Mount(destination: "/a", type: "cgroup2", recursiveAttributes: AttributeChange(set: .readOnly))
            ]
        }
        #expect(recursive == "mounts[0].options: recursive attributes are not available for a cgroup mount")
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
