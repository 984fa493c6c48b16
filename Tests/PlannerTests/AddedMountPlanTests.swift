import OCI
import Planner
import Testing

/// The plans of `mounts add` and `mounts remove`.
@Suite struct AddedMountPlanTests {
    private let mounts = [
        Mount(destination: "/a", source: "/s", action: .bind, attributes: AttributeChange(set: .readOnly)),
        Mount(destination: "/a/b", source: "none", type: "tmpfs", data: ["size=1m"]),
    ]

    private func plan(_ mounts: [Mount], joinsUser: Bool = false) throws -> Plan {
        let spec = Spec.minimal {
            $0.mounts = mounts
            if joinsUser { $0.linux.namespaces.append(Namespace(.user)) }
        }
        return try Plan.addMounts(
            spec, on: .plain(), options: PlanOptions(id: "box"), entry: MountEntry(joinsUser: joinsUser))
    }

    /// Everything is made before anything of the container is touched, and the host sees every place first.
    @Test func allIsMadeOnTheHostAndThenAttached() throws {
        #expect(
            try plan(mounts).lines == [
                "open_tree /s clone -> #24", "mount_setattr #24 slave recursive", "mount_setattr #24 +ro",
                "fsopen tmpfs -> fs", "fsconfig source=none", "fsconfig size=1m", "fsconfig create",
                "fsmount - -> #25", "meet the host: going inside", "setns #26 mnt", "open / -> root",
                "make target root:/a like #24 (not the root, not the kernel's) -> target",
                "meet the host to look at the place giving target", "meet the host to keep the mount giving #24",
                "move_mount #24 to target",
                "make target root:/a/b directory (not the root, not the kernel's) -> target",
                "meet the host to look at the place giving target", "copy mode of target to #25",
                "meet the host to keep the mount giving #25", "move_mount #25 to target", "meet the host: ready",
            ])
    }

    /// What the host restricts is locked in a copy of its mounts that belongs to the user namespace.
    @Test func inAUserNamespaceSourcesComeFromMountsThatAreItsOwn() throws {
        let plan = try plan(mounts, joinsUser: true)
        let order = ["setns #24 user", "unshare mnt", "open_tree /s clone -> #25", "setresuid 0", "fsopen tmpfs -> fs"]
        let places = try order.map { line in try #require(plan.lines.firstIndex { $0.hasPrefix(line) }, "\(line)") }
        #expect(places == places.sorted())
        #expect(plan.provisions.map { "\($0.source)" } == ["first process", "tree /s", "first process"])
    }

    /// mount(2) mounts onto the root: that must be the root of nobody else.
    @Test func longOptionsAreForMountsOfItsOwn() throws {
        let long = Mount(
            destination: "/a", source: "x", type: "overlay", data: ["lowerdir=" + String(repeating: "/l", count: 200)])
        let plan = try plan([long])
        let mount = try #require(plan.lines.firstIndex { $0.hasPrefix("mount ") })
        #expect(plan.lines[..<mount].contains("unshare mnt"))
        #expect(plan.lines[..<mount].contains("mount_setattr / slave recursive"))
        #expect(plan.lines.contains("open_tree #24 clone -> #24"))
    }

    @Test func relativeLayersCountFromTheBundle() throws {
        let mount = Mount(destination: "/a", source: "x", type: "overlay", data: ["lowerdir=a:b"])
        #expect(try plan([mount], joinsUser: true).lines.first == "chdir /bundle")
        #expect(try !plan(mounts).lines.contains("chdir /bundle"))
    }

    @Test func aDestinationMayBeThePathOnTheHost() throws {
        var mount = mounts[0]
        mount.destination = "/bundle/rootfs/x"
        #expect(try plan([mount]).lines.contains { $0.hasPrefix("make target root:/x ") })
        mount.destination = "/bundle/rootfs/proc/x"
        #expect(throws: PlanError.self) { _ = try plan([mount]) }
    }

    @Test func allPlacesAreLookedAtBeforeTheFirstMountGoes() throws {
        let plan = try Plan.removeMounts(
            at: ["/a", "/b"], .minimal(), on: .plain(), options: PlanOptions(id: "box"),
            entry: MountEntry(joinsUser: false))
        #expect(
            plan.lines == [
                "open /proc/self/fd -> own-fds", "meet the host: going inside", "setns #24 mnt", "open / -> root",
                "open root:/a -> #25", "meet the host to look at the place giving #25",
                "open root:/b -> #26", "meet the host to look at the place giving #26",
                "umount #25 detach", "umount #26 detach", "meet the host: ready",
            ])
    }

    /// What is not there is passed over; a destination may be written as the host's path.
    @Test func aSearchPresentsWhatIsThere() {
        let plan = Plan.findMounts(
            at: [(2, "/a"), (5, "\(HostFacts.plain().rootfs)/b")], .minimal(), on: .plain(),
            options: PlanOptions(id: "box"),
            entry: MountEntry(joinsUser: false))
        #expect(
            plan.lines == [
                "open /proc/self/fd -> own-fds", "meet the host: going inside", "setns #24 mnt", "open / -> root",
                "open root:/a -> target",
                "meet the host to look at the place giving target",
                "open root:/b -> target",
                "meet the host to look at the place giving target", "meet the host: ready",
            ])
        let tolerant = plan.steps.filter { !$0.tolerated.isEmpty }
        #expect(tolerant.map { $0.toleratedNames } == [["ENOENT", "ENOTDIR"], ["ENOENT", "ENOTDIR"]])
        #expect(tolerant.map { $0.skip } == [1, 1])
    }

    @Test func theLastOneIsTakenBackFirst() throws {
        let plan = Plan.takeMountsBack(
            2, .minimal(), on: .plain(), options: PlanOptions(id: "box"), entry: MountEntry(joinsUser: true))
        #expect(plan.lines.filter { $0.hasPrefix("umount") }.map { $0.prefix(10) } == ["umount #25", "umount #24"])
    }

    @Test func moreThanThereAreSlotsAreRefused() {
        let many = (0..<250).map { Mount(destination: "/\($0)", source: "/s", action: .bind) }
        #expect(throws: PlanError.self) { _ = try plan(many) }
    }
}
