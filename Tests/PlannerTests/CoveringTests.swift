import OCI
import Planner
import Testing

/// A source of a bind mount that lies in what an entry before mounts is looked for in the container's root, any other on the
/// host.
@Suite struct CoveringTests {
    /// The first step of a bind mount of a path in the root file system, behind entries that mount at some places.
    private func step(of source: String, behind places: [String], then later: [String] = []) throws -> String {
        let plan = try plan {
            $0.mounts = places.map { Mount(destination: $0, source: "none", type: "tmpfs") }
            $0.mounts.append(Mount(destination: "/here", source: "/bundle/rootfs\(source)", action: .bind))
            $0.mounts += later.map { Mount(destination: $0, source: "none", type: "tmpfs") }
        }
        return try #require(plan.lines("mounts[\(places.count)].source").first)
    }

    @Test(arguments: [
        ("/a/b", ["/a"]), ("/a/b", ["/a/b"]), ("/a/b", ["//a/./b/"]), ("/a/b", ["/x", "/a", "/a/c"]), ("/a/b", ["/"]),
        ("/a/b/c/d", ["/a/b/c/d/e", "/a/b"]), ("", ["/"]), ("/a", ["/a", "/a", "/a"]),
    ])
    func aCoveredSourceIsLookedForInTheContainer(source: String, places: [String]) throws {
        #expect(try step(of: source, behind: places) == "open root:\(source.isEmpty ? "/" : source) -> parent")
    }

    @Test(arguments: [
        ("/a/b", []), ("/a/b", ["/a/bc"]), ("/a/b", ["/a/b/c"]), ("/ab", ["/a"]), ("/a/b", ["/b", "/c/a"]),
        ("", ["/a"]),
    ])
    func anyOtherOneIsTheHosts(source: String, places: [String]) throws {
        #expect(
            try step(of: source, behind: places, then: ["/a", "/a/b"])
                == "open_tree /bundle/rootfs\(source) clone -> mount")
    }

    @Test func aRemountMountsNothing() throws {
        let plan = try plan {
            $0.mounts = [
                Mount(destination: "/a", action: .bindRemount),
                Mount(destination: "/here", source: "/bundle/rootfs/a/b", action: .bind),
            ]
        }
        #expect(plan.lines("mounts[1].source") == ["open_tree /bundle/rootfs/a/b clone -> mount"])
    }

    /// Ids of what the container itself has made are right already; the last entry over a place says whose it is.
    @Test(arguments: [(true, true), (false, false)])
    func theLastEntryOverAPlaceCounts(isNewLast: Bool, isNew: Bool) throws {
        let plan = try plan {
            $0.linux.namespaces.append(Namespace(.user))
            let new = Mount(destination: "/a", source: "none", type: "tmpfs")
            let bound = Mount(destination: "/a/b", source: "/srv", action: .bind)
            $0.mounts = isNewLast ? [bound, new] : [new, bound]
            $0.mounts.append(
                Mount(
                    destination: "/here", source: "/bundle/rootfs/a/b", action: .bind,
                    idMap: MountIDMap(isRecursive: false)))
        }
        #expect(plan.lines("mounts[2].source").contains { $0.hasPrefix("meet the host to map ids") } != isNew)
    }
}
