import Glibc
import Harness
import Testing

extension Containers {
    /// Containers that share a mount namespace with others: their mounts are below one mount on the root file system, and
    /// go with the container.
    @Suite struct OuterMountTests {
        private func bundle(_ change: (inout Value) -> Void = { _ in }) throws -> Bundle {
            try Bundle.minimal {
                $0.share("mount")
                change(&$0)
            }
        }

        /// Mount points of a process below a path.
        private func points(below path: String, of process: String = "self") -> [String] {
            (Files.read("/proc/\(process)/mountinfo") ?? "").split(separator: "\n")
                .map { String($0.split(separator: " ")[4]) }.filter { $0.hasPrefix(path) }
        }

        @Test(.beyondRunc("leaves the mounts behind"))
        func `everything is mounted that the configuration says`() throws {
            let bundle = try bundle {
                $0.linux.devices = [["path": "/dev/mine", "type": "c", "major": 1, "minor": 5]]
                $0.linux.maskedPaths.append("/secret")
                $0.ask("--read", "/secret", "--try-create", "/new", "--stat", "/dev/mine", "--list", "/data")
                $0.ask("--try-create", "/proc/sys/new", "--stat", "/dev/null")
            }
            try bundle.put("secret", "secret")
            let source = try bundle.hostDirectory("source")
            try Files.write("", to: "\(source)/file")
            bundle.config.bind(source, to: "/data")
            let seen = try bundle.report()
            #expect(seen.contents["/secret"] == "")
            #expect(seen.tries["create /new"] == "EROFS")
            #expect(seen.paths["/dev/mine"].type == "char" && seen.paths["/dev/null"].type == "char")
            #expect(seen.lists["/data"] == ["file"])
            #expect(seen.mounted(at: "/proc").type == "proc")
            #expect(points(below: bundle.rootfs) == [])
            #expect(Files.list(source) == ["file"])
        }

        @Test(.beyondRunc("leaves the mounts behind"), arguments: [false, true])
        func `what is mounted goes with delete, and nothing else does`(force: Bool) throws {
            let bundle = try bundle()
            let directory = bundle.workspace.directory
            let before = points(below: directory)
            try bundle.create().ok()
            #expect(points(below: bundle.rootfs).count > 5)
            #expect(points(below: directory).filter { !$0.hasPrefix(bundle.rootfs) } == before)
            if !force { try bundle.kill("KILL").ok() }
            _ = eventually { bundle.status == "stopped" || force }
            try (force ? bundle.delete("--force") : bundle.delete()).ok()
            #expect(points(below: directory) == before)
        }

        @Test(.beyondRunc("leaves the mounts behind"))
        func `after a failure nothing is mounted`() throws {
            let bundle = try bundle { $0.mount("tmpfs", at: "/data", "flavour=sweet") }
            expectFailure(try bundle.create(), saying: "mounts[7]", "flavour")
            #expect(points(below: bundle.rootfs) == [])
            bundle.config.mounts.removeAll { $0.destination == "/data" }
            bundle.config.hook("createRuntime", "/bin/false")
            expectFailure(try bundle.create(), saying: "hooks.createRuntime[0]")
            #expect(points(below: bundle.rootfs) == [])
            bundle.config.remove("hooks")
            bundle.config.run("/absent")
            expectFailure(try bundle.run(), saying: "/absent", "no such file")
            #expect(points(below: bundle.rootfs) == [])
        }

        @Test(.beyondRunc("leaves the mounts behind"))
        func `what a killed create has mounted goes with delete`() throws {
            let bundle = try bundle()
            let begun = "\(bundle.directory)/begun"
            try Files.script("echo >\(begun); sleep 1000", at: "\(bundle.directory)/hook")
            bundle.config.hook("createRuntime", "\(bundle.directory)/hook", env: ["PATH=/bin:/usr/bin"])
            let creation = try bundle.workspace.start(bundle.creating(["create"]))
            #expect(eventually { Files.exists(begun) })
            #expect(points(below: bundle.rootfs).count > 5)
            creation.kill()
            bundle.workspace.killHooks()
            try bundle.delete("--force").ok()
            #expect(points(below: bundle.rootfs) == [])
        }

        @Test(.beyondRunc("leaves the mounts behind"))
        func `a joined mount namespace gets the mounts, and is rid of them with the container`() throws {
            let bundle = try bundle()
            let holder = try bundle.workspace.holdNamespaces("--mount")
            bundle.config.join("mount", "/proc/\(holder)/ns/mnt")
            try bundle.create().ok()
            #expect(points(below: bundle.rootfs) == [])
            #expect(points(below: bundle.rootfs, of: "\(holder)").count > 5)
            try bundle.delete("--force").ok()
            #expect(points(below: bundle.rootfs, of: "\(holder)") == [])
            let seen = try bundle.report()
            #expect(seen.mounted(at: "/proc").type == "proc")
            #expect(points(below: bundle.rootfs, of: "\(holder)") == [])
        }

        @Test(.beyondRunc("leaves the mounts behind"))
        func `what somebody has mounted over the root is not touched`() throws {
            let bundle = try bundle()
            try bundle.create().ok()
            try bundle.workspace.command(["/bin/mount", "-t", "tmpfs", "none", bundle.rootfs]).run().ok()
            expectFailure(
                try bundle.delete("--force"), saying: "root.path: umount2", bundle.rootfs, "busy",
                "something else is mounted over the container's root")
            try bundle.workspace.command(["/bin/umount", bundle.rootfs]).run().ok()
            try bundle.delete("--force").ok()
            #expect(points(below: bundle.rootfs) == [])
        }

        @Test(.beyondRunc("leaves the mounts behind"))
        func `options too long for one call need a mount namespace`() throws {
            let bundle = try bundle {
                $0.mount("overlay", at: "/data", "lowerdir=/" + String(repeating: "x", count: 300))
            }
            expectFailure(
                try bundle.create(),
                saying: "mounts[7].options: an option of more than 255 bytes needs a new mount namespace")
        }
    }
}
