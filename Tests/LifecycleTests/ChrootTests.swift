import Harness
import Testing

extension Containers {
    /// Called in a chroot(2), whose root directory is not the root of its mount namespace.
    @Suite(.beyondRunc("leaves the host's root to whatever joins the container"))
    struct ChrootTests {
        /// What the caller's root directory is.
        enum Root: String, CaseIterable {
            /// Everything of the host, mounted on it.
            case mount = "mount --rbind / $root"
            /// No mount; the host's directories are mounted in it, one by one.
            case directory = """
                for entry in /*; do
                    if [ -h $entry ]; then cp -P $entry $root
                    elif [ -d $entry ]; then mkdir $root$entry; mount --rbind $entry $root$entry; fi
                done
                """
        }

        /// In front of the runtime: a mount namespace where all mounts are shared, so that an unmount in the container would
        /// be one here, too; and a chroot in it, or none.
        private func within(_ root: Root?, at path: String) -> [String] {
            let script = """
                mount --make-rshared /
                root=\(path)
                \(root?.rawValue ?? "root=/")
                before=$(wc -l </proc/self/mountinfo)
                status=0
                chroot $root "$@" || status=$?
                [ $(wc -l </proc/self/mountinfo) = $before ] || { echo mounts are gone >&2; exit 99; }
                exit $status
                """
            return ["/usr/bin/unshare", "--mount", "--propagation", "private", "/bin/sh", "-ec", script, "sh"]
        }

        private static let propagations: [Value] = [.null, "shared", "rslave", "private"]

        @Test(arguments: Root.allCases, [[], ["--no-pivot"]])
        func `what joins the container is in its root`(root: Root, flags: [String]) throws {
            let bundle = try Bundle.sleeping()
            bundle.wrapper = within(root, at: try bundle.hostDirectory("root"))
            try bundle.creating(["create"] + flags).run().ok()
            bundle.wrapper = []
            try bundle.start().ok()
            let looks = ["/bin/sh", "-c", "ls -d /assert /proc/1 \(bundle.directory) 2>/dev/null || :"]
            #expect(try bundle.command(["exec", bundle.id] + looks).run().ok().output == "/assert\n/proc/1\n")
            let pid = try #require(bundle.pid)
            let joined = try bundle.workspace.command(["/usr/bin/nsenter", "--mount=/proc/\(pid)/ns/mnt"] + looks).run()
            #expect(try joined.ok().output == "/assert\n/proc/1\n")
        }

        @Test(arguments: Root.allCases, propagations)
        func `the root is what the configuration says`(root: Root, propagation: Value) throws {
            let bundle = try Bundle.minimal()
            let source = try bundle.hostDirectory("source")
            bundle.config.mounts.append(
                ["destination": "/data", "type": "bind", "source": Value(source), "options": ["rbind"]])
            bundle.config.linux.rootfsPropagation = propagation
            bundle.config.run("/bin/sh", "-c", "cat /proc/self/mountinfo")
            let directory = try bundle.hostDirectory("root")
            bundle.wrapper = within(nil, at: directory)
            let outside = try bundle.run().ok().output
            bundle.wrapper = within(root, at: directory)
            let inside = try bundle.run().ok().output
            #expect(shape(inside) == shape(outside))
            bundle.expectNothingLeft()
        }

        /// Where something is mounted, from where, how, and whether that is shared.
        private func shape(_ table: String) -> [String] {
            table.split(separator: "\n").map { line in
                let words = line.split(separator: " ").map(String.init)
                let kinds = words.dropFirst(6).prefix { $0 != "-" }.map { $0.prefix { $0 != ":" } }
                return "\(words[4]) \(words[5]) \(kinds)"
            }
        }
    }
}
