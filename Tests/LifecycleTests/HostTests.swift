import Glibc
import Harness
import Testing

extension Containers {
    /// Hosts whose cgroups are mounted otherwise than here, each in a mount namespace of its own; and apus in a container.
    @Suite(.beyondRunc("knows no host without cgroups"))
    struct HostTests {
        /// In front of the runtime: a mount namespace of its own, and a script in it.
        private static func privately(_ script: String) -> [String] {
            [
                "/usr/bin/unshare", "--mount", "--propagation", "private", "/bin/sh", "-ec", script + "\nexec \"$@\"",
                "sh",
            ]
        }

        private static let readOnly = """
            grep -E ' - cgroup2? ' /proc/self/mountinfo | cut -d' ' -f5 | while read path; do
                mount -o remount,bind,ro "$path"
            done
            """
        private static let missing = "umount -R /sys/fs/cgroup"

        @Test(.enabled(if: Host.cgroupLayout == .hybrid, "this host is not hybrid"))
        func `v1 hierarchies alone are enough`() throws {
            let bundle = try Bundle.minimal {
                $0.linux.resources.pids.limit = 77
                $0.shell("cat /sys/fs/cgroup/pids/pids.max")
            }
            bundle.wrapper = Self.privately("umount /sys/fs/cgroup/unified")
            #expect(try bundle.run().ok().output == "77\n")
            bundle.expectNothingLeft()
        }

        @Test func `read-only hierarchies are an error for root that says so`() throws {
            let bundle = try Bundle.minimal()
            bundle.wrapper = Self.privately(Self.readOnly)
            expectFailure(try bundle.run(), saying: "linux.cgroupsPath", "read-only")
            bundle.expectNothingLeft()
        }

        @Test func `without any hierarchy root gets an error that says so`() throws {
            let bundle = try Bundle.minimal()
            bundle.wrapper = Self.privately(Self.missing)
            expectFailure(try bundle.run(), saying: "no cgroup file system is mounted", "--rootless=true")
            bundle.expectNothingLeft()
        }

        @Test(arguments: [readOnly, missing])
        func `whoever says that he can do without gets a container that sees none`(script: String) throws {
            let bundle = try Bundle.minimal {
                $0.linux.remove("cgroupsPath")
                $0.linux.remove("resources")
                $0.ask("--list", "/sys/fs/cgroup", "--try-mkdir", "/sys/fs/cgroup/x")
            }
            bundle.wrapper = Self.privately(script)
            bundle.globalFlags = ["--rootless=true"]
            let seen = try bundle.report()
            #expect(seen.lists["/sys/fs/cgroup"] == [])
            #expect(seen.tries["mkdir /sys/fs/cgroup/x"] == "EROFS")
            // What needs a cgroup still needs one; root of the host needs device rules, since it can make devices.
            bundle.config.linux.resources = ["pids": ["limit": 77]]
            expectFailure(try bundle.run(), saying: "linux.resources.pids", "not mounted, or not delegated")
            bundle.config.linux.resources = ["devices": [["allow": false, "access": "rwm"]]]
            expectFailure(try bundle.run(), saying: "linux.resources.devices", "not mounted")
            bundle.expectNothingLeft()
        }

        // MARK: In a container

        @Test func `a container in a container has its cgroup in there`() throws {
            let bundle = try Bundle.nested {
                $0.linux.resources.pids.limit = 77
                $0.shell("grep pids /proc/self/cgroup; cat /sys/fs/cgroup/pids/pids.max || cat /sys/fs/cgroup/pids.max")
            }
            bundle.config.unmount("/sys/fs/cgroup")
            bundle.config.mount("cgroup", at: "/sys/fs/cgroup", "nosuid", "noexec", "nodev")
            bundle.config.unshare("cgroup")
            let lines = try bundle.run().ok().output.split(separator: "\n")
            if Host.hierarchies["pids"] != nil { #expect(lines.first?.hasSuffix(":/inner") == true) }
            #expect(lines.last == "77")
            bundle.expectNothingLeft()
        }

        @Test func `where the outer one shows its cgroups read-only, the inner one is refused`() throws {
            let bundle = try Bundle.nested { $0.linux.remove("resources") }
            bundle.config.unshare("cgroup")
            expectFailure(try bundle.run(), saying: "linux.cgroupsPath", "read-only")
            bundle.config.process.args = Value(
                ["/apus", "--rootless=true"] + bundle.config.process.args.items.dropFirst().compactMap(\.text))
            #expect(try bundle.report().uid.real == 0)
        }

        @Test func `root of a user namespace makes do without`() throws {
            let bundle = try Bundle.nested { $0.ask("--stat", "/dev/null", "--list", "/sys/fs/cgroup") }
            bundle.liveInUserNamespace()
            let seen = try bundle.report()
            #expect(seen.paths["/dev/null"].type == "char")
            #expect(seen.lists["/sys/fs/cgroup"] == [])
            bundle.expectNothingLeft()
        }

        @Test func `root of a user namespace makes another in it`() throws {
            let bundle = try Bundle.nested { $0.mapUsers(to: 0, size: 1000) }
            bundle.liveInUserNamespace()
            #expect(try bundle.report().uidMap.text?.split(separator: " ").map(String.init) == ["0", "0", "1000\n"])
        }

        @Test func `root of a user namespace maps the ids of file systems that are made in there`() throws {
            let bundle = try Bundle.nested {
                $0.mapUsers(to: 0, size: 1000)
                $0.mount("tmpfs", at: "/data", "mode=755", "idmap=uids=0-5-1;gids=0-6-1")
                $0.ask("--stat", "/data")
            }
            bundle.liveInUserNamespace()
            let seen = try bundle.report()
            #expect(seen.paths["/data"].uid == 5)
            #expect(seen.paths["/data"].gid == 6)
        }

        @Test func `limits that cannot be set are errors in there too`() throws {
            let bundle = try Bundle.nested { $0.linux.resources = ["pids": ["limit": 20]] }
            bundle.liveInUserNamespace()
            expectFailure(try bundle.run(), saying: "linux.resources.pids", "not delegated")
        }

        // MARK: resctrl

        /// A directory laid out like resctrl, mounted, and a /proc/self/mountinfo that says so.
        private func pretendResctrl(for bundle: Bundle) throws -> String {
            let root = try bundle.hostDirectory("resctrl")
            for path in ["info/L3", "mon_groups", "gold/mon_groups"] { try Files.makeDirectory("\(root)/\(path)") }
            for path in ["", "gold/"] {
                try Files.write("", to: "\(root)/\(path)tasks")
                try Files.write("    L3:0=ff\n", to: "\(root)/\(path)schemata")
            }
            bundle.wrapper = Self.privately(
                """
                mount --bind \(root) \(root)
                id=$(awk '$5 == "\(root)" { print $1 }' /proc/self/mountinfo)
                (cat /proc/self/mountinfo; echo "$id 1 0:99 / \(root) rw - resctrl resctrl rw") > \(root)/mountinfo
                mount --bind \(root)/mountinfo /proc/$$/mountinfo
                """)
            return root
        }

        @Test func `the first process is put into its class of service before it runs`() throws {
            let bundle = try Bundle.sleeping { $0.linux.intelRdt = ["closID": "gold", "l3CacheSchema": "L3:0=ff"] }
            let root = try pretendResctrl(for: bundle)
            try bundle.create().ok()
            #expect(Files.read("\(root)/gold/tasks") == bundle.pid.map { "\($0)" })
            try bundle.delete("--force").ok()
            #expect(Files.exists("\(root)/gold/schemata"))
            bundle.expectNothingLeft()
        }

        @Test func `whoever joins the container joins its class of service`() throws {
            let bundle = try Bundle.sleeping { $0.linux.intelRdt = ["closID": "gold"] }
            let root = try pretendResctrl(for: bundle)
            try bundle.create().ok()
            try bundle.start().ok()
            _ = try bundle.line()
            try Files.write("", to: "\(root)/gold/tasks")
            try bundle.command(["exec", "--pid-file", "\(root)/pid", bundle.id, "/bin/true"]).run().ok()
            #expect(Files.read("\(root)/pid")?.isEmpty == false)
            #expect(Files.read("\(root)/gold/tasks") == Files.read("\(root)/pid"))
        }

        @Test func `run does so as well`() throws {
            let bundle = try Bundle.minimal {
                $0.linux.intelRdt = ["closID": "gold"]
                $0.run("/bin/true")
            }
            let root = try pretendResctrl(for: bundle)
            try bundle.run().ok()
            #expect(Files.read("\(root)/gold/tasks")?.isEmpty == false)
        }

        @Test func `a class whose schemas are others is refused before anything is made`() throws {
            let bundle = try Bundle.minimal { $0.linux.intelRdt = ["closID": "gold", "l3CacheSchema": "L3:0=f"] }
            _ = try pretendResctrl(for: bundle)
            expectFailure(try bundle.run(), saying: "linux.intelRdt.schemata", "L3:0=f")
            bundle.expectNothingLeft()
        }

        @Test(
            .enabled(if: Files.read("/proc/self/mountinfo")?.contains(" - resctrl ") == false, "this host has resctrl"))
        func `without resctrl it is an error`() throws {
            let bundle = try Bundle.minimal { $0.linux.intelRdt = ["closID": "gold"] }
            expectFailure(try bundle.run(), saying: "linux.intelRdt: resctrl is not mounted on this host")
            bundle.expectNothingLeft()
        }
    }
}

extension Bundle {
    /// A container that runs apus, which makes the container that `change` describes.
    fileprivate static func nested(_ change: (inout Value) throws -> Void = { _ in }) throws -> Bundle {
        let bundle = try minimal()
        var inner = bundle.config
        inner.linux.remove("cgroupsPath")
        // Where procfs is masked, a user namespace may not mount a new one.
        for field in ["maskedPaths", "readonlyPaths"] {
            inner.linux.remove(field)
            bundle.config.linux.remove(field)
        }
        try change(&inner)
        for name in ["bin", "proc", "dev", "sys"] { try bundle.putDirectory("inner/rootfs/\(name)") }
        for name in ["assert", "bin/busybox"] {
            try Files.link("\(bundle.rootfs)/\(name)", to: "\(bundle.rootfs)/inner/rootfs/\(name)")
        }
        for name in ["sh", "cat", "grep"] { try bundle.putLink("inner/rootfs/bin/\(name)", to: "busybox") }
        try bundle.put("inner/config.json", "\(inner)")
        try bundle.put("apus")
        bundle.config.root.readonly = false
        bundle.config.process.noNewPrivileges = false
        bundle.config.grant(
            [
                "CHOWN", "DAC_OVERRIDE", "FOWNER", "KILL", "SETUID", "SETGID", "SETPCAP", "SYS_ADMIN", "MKNOD",
                "NET_ADMIN",
                "SYS_RESOURCE", "SYS_CHROOT", "SETFCAP", "NET_BIND_SERVICE", "AUDIT_WRITE", "SYS_PTRACE",
            ].map { "CAP_" + $0 })
        bundle.config.bind(bundle.runtime.path, to: "/apus")
        bundle.config.mount("tmpfs", at: "/run", "mode=755")
        bundle.config.run("/apus", "--root", "/run/apus", "run", "--bundle", "/inner", "inner")
        return bundle
    }

    fileprivate func liveInUserNamespace() {
        config.mapUsers()
        config.unmount("/dev/pts")
        for path in ["inner", "inner/rootfs", "inner/rootfs/dev"] {
            try? Files.changeOwner("\(rootfs)/\(path)", uid: 100_000, gid: 100_000)  // The test fails otherwise.
        }
    }
}
