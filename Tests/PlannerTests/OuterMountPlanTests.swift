import OCI
import Planner
import Testing

/// Mounts in a mount namespace that the container shares with others.
@Suite struct OuterMountPlanTests {
    private func shared(_ change: (inout Spec) -> Void) throws -> Plan {
        try plan {
            $0.linux.namespaces = [Namespace(.pid)]
            change(&$0)
        }
    }

    @Test func everythingIsBelowOnePrivateMountOnTheRootFileSystem() throws {
        let plan = try shared {
            $0.mounts = [Mount(destination: "/data", source: "/srv", action: .bind)]
            $0.linux.maskedPaths = ["/proc/keys"]
        }
        let copy = try #require(plan.index("open_tree /bundle/rootfs clone,recursive -> root"))
        #expect(
            Array(plan.lines[copy...copy + 3]) == [
                "open_tree /bundle/rootfs clone,recursive -> root", "mount_setattr root private recursive",
                "open /bundle/rootfs -> target", "move_mount root to target",
            ])
        #expect(plan.mountsOutside)
        #expect(plan.index("pivot_root") == nil)
        // The mounts of the others stay as they are.
        #expect(!plan.lines.contains { $0.hasPrefix("mount_setattr /") || $0.hasPrefix("open /dev ") })
        // What is mounted in a source does not go to where it comes from.
        #expect(plan.lines.contains("mount_setattr mount slave recursive"))
        let masks = try #require(plan.index("move_mount masks to target"))
        #expect(plan.lines[masks - 1] == "open root:/ -> target")
        let detach = try #require(plan.index("fchdir masks"))
        #expect(plan.lines[detach + 1] == "umount . detach")
        #expect(try detach < #require(plan.index("chroot")))
    }

    @Test func withoutAnythingToMountNothingIs() throws {
        let plan = try shared { _ in }
        #expect(!plan.mountsOutside)
        #expect(!plan.lines.contains { $0.contains("move_mount") })
    }

    @Test func optionsThatTakeTheNamespacesRootAreRefused() {
        let error = #expect(throws: PlanError.self) {
            try shared {
                $0.mounts = [
                    Mount(
                        destination: "/data", type: "overlay",
                        data: ["lowerdir=/" + String(repeating: "x", count: 300)])
                ]
            }
        }
        #expect(
            error?.description == "mounts[0].options: an option of more than 255 bytes needs a new mount namespace")
    }
}
