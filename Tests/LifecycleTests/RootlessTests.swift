import Glibc
import Harness
import Testing

extension Containers {
    /// Containers of somebody who is not root: a user id that nobody has, taken on in front of the runtime.
    @Suite(.needs("setpriv"), .beyondRunc("the refusals are worded otherwise"))
    struct RootlessTests {
        // MARK: Life

        @Test func `an ordinary user runs a container as its root`() throws {
            let bundle = try Bundle.rootless { $0.ask("--try-mkdir", "/sys/fs/cgroup/x", "--try-write", "/dev/null") }
            let seen = try bundle.report()
            #expect(seen.uid.real == 0)
            #expect(seen.uidMap.text?.split(separator: " ").map(String.init) == ["0", "\(user)", "1\n"])
            #expect(seen.setgroups == "deny\n")
            #expect(seen.namespaces.user != Host.namespace("user"))
            #expect(seen.tries["write /dev/null"] == "ok")
            #expect(seen.tries["mkdir /sys/fs/cgroup/x"] != "ok")
            bundle.expectNothingLeft()
        }

        @Test func `its whole life is his`() throws {
            let bundle = try Bundle.rootless { $0.run("/assert", "sleep") }
            try bundle.create().ok()
            #expect(try bundle.byUser("state").ok().output.contains("\"created\""))
            try bundle.byUser("start").ok()
            _ = try bundle.line()
            #expect(try bundle.byUser("state").ok().output.contains("\"running\""))
            let list = try bundle.commandByUser(["list", "--format", "json"]).run().ok()
            #expect(try Value(parsing: list.output)[0].id == .string(bundle.id))
            try bundle.byUser("kill", "TERM").ok()
            #expect(bundle.waitForExit() == 0)
            #expect(try bundle.byUser("state").ok().output.contains("\"stopped\""))
            try bundle.byUser("delete").ok()
            bundle.expectNothingLeft()
        }

        @Test func `another process joins it`() throws {
            let bundle = try Bundle.rootless {
                $0.run("/assert", "sleep")
                $0.process.oomScoreAdj = 700
            }
            try bundle.create().ok()
            try bundle.byUser("start").ok()
            _ = try bundle.line()
            let outcome = try bundle.byUser(
                "exec", "/bin/sh", "-c", "id -u; cat /proc/self/oom_score_adj; cat /proc/1/cmdline"
            ).ok()
            #expect(outcome.output.hasPrefix("0\n700\n/assert"))
            let refused = try bundle.byUser("exec", "/absent")
            expectFailure(refused, saying: "/absent", "no such file or directory")
        }

        @Test func `deleting with force ends what runs`() throws {
            let bundle = try Bundle.rootless { $0.run("/assert", "sleep") }
            try bundle.create().ok()
            try bundle.byUser("start").ok()
            _ = try bundle.line()
            try bundle.commandByUser(["delete", "--force", bundle.id]).run().ok()
            #expect(bundle.waitForExit() == 137)
            bundle.expectNothingLeft()
        }

        @Test func `everybody in it is killed with its first process, where there is no cgroup`() throws {
            let bundle = try Bundle.rootless { $0.run("/assert", "sleep") }
            try bundle.create().ok()
            try bundle.byUser("start").ok()
            _ = try bundle.line()
            expectFailure(try bundle.commandByUser(["kill", "--all", bundle.id, "TERM"]).run(), saying: "no cgroup")
            try bundle.commandByUser(["kill", "--all", bundle.id, "KILL"]).run().ok()
            #expect(bundle.waitForExit() == 137)
        }

        @Test func `states are in the runtime directory, and sticky`() throws {
            let bundle = try Bundle.rootless()
            let runtime = try bundle.userDirectory("runtime")
            var command = try bundle.creating(["run"])
            command.arguments.removeAll { $0 == "--root" || $0 == bundle.workspace.root }
            command.environment.append("XDG_RUNTIME_DIR=\(runtime)")
            try command.run().ok()
            let mode = try #require(Files.status("\(runtime)/apus")).st_mode
            #expect(mode & 0o7777 == 0o1700)
        }

        @Test func `without a runtime directory the error says what is needed`() throws {
            let bundle = try Bundle.rootless()
            var command = try bundle.creating(["run"])
            command.arguments.removeAll { $0 == "--root" || $0 == bundle.workspace.root }
            let outcome = try command.run()
            // Somebody may have made it as root before.
            expectFailure(outcome, saying: "/run/apus", "permission denied", "XDG_RUNTIME_DIR")
        }

        @Test func `what spec writes for him works`() throws {
            let bundle = try Bundle.rootless()
            let directory = try bundle.userDirectory("spec")
            try bundle.commandByUser(["spec", "--rootless", "--bundle", directory]).run().ok()
            bundle.config = try Value(parsing: Files.read("\(directory)/config.json") ?? "")
            bundle.config.process.terminal = false
            bundle.config.process.args = ["/assert", "report"]
            #expect(try bundle.report().uid.real == 0)
        }

        @Test func `he may see the plan of what only root can run`() throws {
            let bundle = try Bundle.minimal()
            try bundle.save()
            let asRoot = try bundle.command(["plan", bundle.directory]).run().ok()
            let asUser = try bundle.commandByUser(["plan", bundle.directory]).run().ok()
            #expect(asRoot.output == asUser.output)
            #expect(asUser.output.contains("mknod dev/null"))
        }

        // MARK: What he may not do

        @Test func `a limit that cannot be set is an error`() throws {
            for resources: Value in [
                ["pids": ["limit": 20]], ["memory": ["limit": 33_554_432]], ["cpu": ["shares": 100]],
            ] {
                let bundle = try Bundle.rootless { $0.linux.resources = resources }
                expectFailure(try bundle.run(), saying: "linux.resources", "not delegated to the caller")
                bundle.expectNothingLeft()
            }
        }

        @Test func `rules for devices are none that he could break`() throws {
            try Bundle.rootless { $0.linux.resources = ["devices": [["allow": false, "access": "rwm"]]] }.run().ok()
        }

        @Test func `a place that is asked for and not his is an error`() throws {
            let bundle = try Bundle.rootless()
            bundle.config.linux.cgroupsPath = "/\(bundle.workspace.tag)/x"
            expectFailure(try bundle.run(), saying: "linux.cgroupsPath", "permission denied", "not delegated")
            bundle.expectNothingLeft()
        }

        @Test(.flag("--rootless")) func `permission errors count where they are asked to`() throws {
            let bundle = try Bundle.rootless()
            bundle.globalFlags = ["--rootless=false"]
            expectFailure(try bundle.run(), saying: "linux.cgroupsPath", "permission denied")
        }

        @Test func `a score below his own is refused, one above is set`() throws {
            let bundle = try Bundle.rootless { $0.process.oomScoreAdj = -900 }
            expectFailure(try bundle.run(), saying: "process.oomScoreAdj", "permission denied", "CAP_SYS_RESOURCE")
            bundle.config.process.oomScoreAdj = 900
            bundle.config.shell("cat /proc/self/oom_score_adj")
            #expect(try bundle.run().ok().output == "900\n")
        }

        @Test func `a limit on namespaces is told`() throws {
            let bundle = try Bundle.minimal {
                $0.linux.remove("resources")
                $0.linux.remove("cgroupsPath")
            }
            bundle.wrapper = [
                "/usr/bin/unshare", "--user", "--map-root-user", "/bin/sh", "-ec",
                "echo 0 > /proc/sys/user/max_net_namespaces; exec \"$@\"", "sh",
            ]
            expectFailure(try bundle.run(), saying: "linux.namespaces", "no space", "in /proc/sys")
            // A process that is not cloned into a cgroup makes it later.
            bundle.globalFlags = ["--cgroup-manager", "disabled"]
            expectFailure(
                try bundle.run(), saying: "linux.namespaces", "unshare net", "no space", "user.max_net_namespaces")
            bundle.globalFlags = []
        }

        @Test func `a hard limit above his own is refused, one below is set`() throws {
            let bundle = try Bundle.rootless()
            bundle.prepare("ulimit -n 1000")
            bundle.wrapper = Array(bundle.wrapper.suffix(4)) + bundle.wrapper.dropLast(4)
            bundle.config.process.rlimits = [["type": "RLIMIT_NOFILE", "soft": 2000, "hard": 2000]]
            expectFailure(try bundle.run(), saying: "process.rlimits[0]", "not permitted", "CAP_SYS_RESOURCE")
            bundle.config.process.rlimits = [["type": "RLIMIT_NOFILE", "soft": 500, "hard": 600]]
            bundle.config.shell("ulimit -n; ulimit -Hn")
            #expect(try bundle.run().ok().output == "500\n600\n")
        }

        @Test func `a group of devices that has no mapping is refused`() throws {
            let bundle = try Bundle.rootless()
            bundle.config.unmount("/dev/pts")
            bundle.config.mount("devpts", at: "/dev/pts", "newinstance", "gid=5")
            expectFailure(try bundle.run(), saying: "cannot specify gid= mount options for unmapped gid")
        }

        // MARK: A user namespace that is not asked for, or not mapped

        @Test func `a user namespace that is missing is added, and the caller is root in it`() throws {
            let bundle = try Bundle.rootless {
                $0.share("user")
                $0.linux.remove("uidMappings")
                $0.linux.remove("gidMappings")
                $0.run("/assert", "sleep")
            }
            let outcome = try bundle.ownedByUser { try bundle.create() }.ok()
            #expect(outcome.errors.contains("linux.namespaces: of type user is added"))
            #expect(outcome.errors.contains("linux.uidMappings: missing, taken as 0 -> \(user)"))
            #expect(outcome.errors.contains("linux.gidMappings: missing, taken as 0 -> \(user)"))
            try bundle.byUser("start").ok()
            _ = try bundle.line()
            let seen = try bundle.byUser("exec", "/assert", "report").ok().report
            #expect(seen.uid.real == 0)
            #expect(seen.uidMap.text?.split(separator: " ").map(String.init) == ["0", "\(user)", "1\n"])
            #expect(seen.namespaces.user != Host.namespace("user"))
            #expect(seen.namespaces.user == Host.namespace("user", of: "\(try #require(bundle.pid))"))
            try bundle.commandByUser(["delete", "--force", bundle.id]).run().ok()
            bundle.expectNothingLeft()
        }

        @Test(.needs("newuidmap"), arguments: [0, 5])
        func `one that is not mapped gets what the host grants`(uid: Int) throws {
            let bundle = try Bundle.rootless {
                $0.linux.remove("uidMappings")
                $0.linux.remove("gidMappings")
                $0.process.user = ["uid": Value(uid), "gid": 0]
            }
            try bundle.grant("300000:1000", "400000:1000")
            let seen = try bundle.ownedByUser { try bundle.run() }.report
            #expect(seen.uid.real == Value(uid))
            let maps = [seen.uidMap, seen.gidMap].map { map in
                (map.text ?? "").split(separator: "\n").map { $0.split(separator: " ").map(String.init) }
            }
            #expect(
                maps[0]
                    == (uid == 0
                        ? [["0", "\(user)", "1"], ["1", "300000", "1000"]]
                        : [["0", "300000", "5"], ["5", "\(user)", "1"], ["6", "300005", "995"]]))
            #expect(maps[1] == [["0", "\(user)", "1"], ["1", "400000", "1000"]])
        }

        @Test func `a user who does not come with it is refused`() throws {
            let bundle = try Bundle.rootless {
                $0.linux.remove("uidMappings")
                $0.linux.remove("gidMappings")
                $0.process.user = ["uid": 5, "gid": 0]
            }
            expectFailure(
                try bundle.run(),
                saying: "process.user.uid: 5 is not among the ids that the container gets by default: 0")
            bundle.expectNothingLeft()
        }

        @Test func `for root it is root`() throws {
            let bundle = try Bundle.minimal { $0.unshare("user") }
            bundle.config.unmount("/dev/pts")
            let outcome = try bundle.run().ok()
            #expect(outcome.errors.contains("linux.uidMappings: missing, taken as 0 -> 0"))
            #expect(try outcome.report.uidMap.text?.split(separator: " ").map(String.init) == ["0", "0", "1\n"])
        }

        // MARK: Time

        @Test func `in a user namespace that he joins he sets the clocks too`() throws {
            let bundle = try Bundle.rootless()
            let ready = "\(try bundle.userDirectory("holder"))/ready"
            let holder = try bundle.workspace.start(
                bundle.workspace.command(
                    bundle.becomingUser + [
                        "/usr/bin/unshare", "--user", "--map-root-user", "/bin/sh", "-c",
                        "echo >\(ready); exec sleep 1000",
                    ]))
            #expect(eventually { Files.exists(ready) })
            bundle.config.join("user", "/proc/\(holder.pid)/ns/user")
            for name in ["uidMappings", "gidMappings"] { bundle.config.linux.remove(name) }
            bundle.config.unshare("time")
            bundle.config.linux.timeOffsets = ["monotonic": ["secs": 1_000_000], "boottime": ["secs": 2_000_000]]
            let seen = try bundle.ownedByUser { try bundle.run() }.report
            #expect(seen.clocks.monotonic.integer ?? 0 >= 1_000_000)
            #expect(seen.clocks.boottime.integer ?? 0 >= 2_000_000)
        }

        /// The user namespace that the time namespace of the container belongs to (ioctl_ns(2)) is the container's.
        @Test(arguments: ["ordinary user", "root", "root in joined namespaces"])
        func `a time namespace belongs to the container`(who: String) throws {
            let bundle = who == "ordinary user" ? try Bundle.rootless() : try Bundle.minimal { $0.mapUsers() }
            bundle.config.unshare("time")
            bundle.config.linux.timeOffsets = [
                "monotonic": ["secs": 86_400], "boottime": ["secs": 172_800, "nanosecs": 5],
            ]
            bundle.config.run("/assert", "sleep")
            if who.hasSuffix("joined namespaces") {
                let holder = try bundle.workspace.holdNamespaces("--user", "--map-root-user", "--mount")
                for (kind, file) in [("user", "user"), ("mount", "mnt")] {
                    bundle.config.join(kind, "/proc/\(holder)/ns/\(file)")
                }
                for name in ["uidMappings", "gidMappings", "maskedPaths", "readonlyPaths"] {
                    bundle.config.linux.remove(name)
                }
                bundle.config.mounts = []
                bundle.config.root.readonly = false
            }
            try bundle.create().ok()
            let pid = try #require(bundle.pid)
            let offsets = (Files.read("/proc/\(pid)/timens_offsets") ?? "").split(separator: "\n").map {
                $0.split(separator: " ").map(String.init)
            }
            #expect(offsets == [["monotonic", "86400", "0"], ["boottime", "172800", "5"]])
            #expect(Host.namespace("time", of: "\(pid)") != Host.namespace("time"))
            #expect(ownerOfNamespace("time", of: pid) == Host.namespace("user", of: "\(pid)"))
            #expect(Host.namespace("user", of: "\(pid)") != Host.namespace("user"))
        }

        // MARK: Hierarchies of which only some are his

        @Test(.enabled(if: Host.cgroupLayout == .hybrid, "cgroup v1, and cgroup2 beside it"))
        func `what is delegated is used, the rest is told`() throws {
            let bundle = try Bundle.rootless {
                $0.linux.resources = ["pids": ["limit": 21]]
                $0.shell(
                    "cat /sys/fs/cgroup/pids/pids.max; ls /sys/fs/cgroup; mkdir /sys/fs/cgroup/pids/x && rmdir /sys/fs/cgroup/pids/x"
                )
            }
            bundle.config.linux.cgroupsPath = "/\(bundle.workspace.tag)/x"
            let roots = ["pids", "memory"].compactMap { Host.hierarchies[$0].map { "\($0)/\(bundle.workspace.tag)" } }
            for root in roots {
                try Files.makeDirectory(root)
                for path in [root, "\(root)/cgroup.procs", "\(root)/tasks"] {
                    try Files.changeOwner(path, uid: uid_t(user), gid: gid_t(user))
                }
            }
            defer { for root in roots { _ = Files.removeDirectory(root) } }
            let outcome = try bundle.run()
            #expect(outcome.output == "21\nmemory\npids\n", "\(outcome)")
            #expect(outcome.errors.contains("linux.cgroupsPath: not made in "))
            #expect(outcome.errors.contains("cgroup2"))
            bundle.config.linux.resources = ["cpu": ["shares": 100]]
            expectFailure(try bundle.run(), saying: "linux.resources.cpu", "not delegated to the caller")
            bundle.expectNothingLeft()
        }

        // MARK: More ids than one

        @Test(.needs("newuidmap"))
        func `ids that the host grants are mapped by its helpers`() throws {
            let bundle = try Bundle.rootless {
                $0.linux.uidMappings.append(["containerID": 1, "hostID": 300_000, "size": 1000])
                $0.linux.gidMappings.append(["containerID": 1, "hostID": 400_000, "size": 1000])
                $0.process.user = ["uid": 5, "gid": 6, "additionalGids": [7]]
            }
            try bundle.grant("300000:1000", "400000:1000")
            let seen = try bundle.report()
            #expect(seen.uid.real == 5)
            #expect(seen.gid.real == 6)
            #expect(seen.groups == [7])
            #expect(seen.setgroups == "allow\n")
            let lines = (seen.uidMap.text ?? "").split(separator: "\n").map {
                $0.split(separator: " ").map(String.init)
            }
            #expect(lines == [["0", "\(user)", "1"], ["1", "300000", "1000"]])
        }

        @Test(.needs("newuidmap"))
        func `ids that the host does not grant are refused, with advice`() throws {
            let bundle = try Bundle.rootless {
                $0.linux.uidMappings.append(["containerID": 1, "hostID": 300_000, "size": 1001])
            }
            try bundle.grant("300000:1000", "400000:1000")
            expectFailure(
                try bundle.run(), saying: "linux.uidMappings", "newuidmap: exit status 1", "not allowed",
                "/etc/subuid has to grant the caller 300000-301000")
            bundle.expectNothingLeft()
        }

        // MARK: /sys (CVE-2023-25809)

        @Test func `cgroups below a read-only sys are read-only`() throws {
            let bundle = try Bundle.rootless {
                $0.unmount("/sys/fs/cgroup")
                $0.shell(
                    """
                    grep -c ' /sys/fs/cgroup' /proc/self/mountinfo
                    grep ' /sys/fs/cgroup' /proc/self/mountinfo | grep -vc ' ro[ ,]'
                    """)
            }
            let counts = try bundle.run().output.split(separator: "\n")
            #expect(counts.first != "0")
            #expect(counts.last == "0")
        }

        @Test func `a container without a cgroup sees an empty directory that is read-only`() throws {
            let bundle = try Bundle.rootless { $0.ask("--list", "/sys/fs/cgroup", "--try-mkdir", "/sys/fs/cgroup/x") }
            let seen = try bundle.report()
            #expect(seen.lists["/sys/fs/cgroup"] == [])
            #expect(seen.tries["mkdir /sys/fs/cgroup/x"] == "EROFS")
        }

        @Test func `sysfs of a network that is not his is the host's, read-only`() throws {
            let bundle = try Bundle.rootless {
                $0.unmount("/sys")
                $0.mount("sysfs", at: "/sys", "nosuid", "noexec", "nodev")
                $0.unmount("/sys/fs/cgroup")
                $0.shell("ls /sys/class >/dev/null; grep -c ' /sys ro,' /proc/self/mountinfo")
            }
            #expect(try bundle.run().ok().output == "1\n")
        }
    }
}

/// A user and a group that have no name here.
private let user = 60_778

extension Bundle {
    /// A bundle of the ordinary user's, as `spec --rootless` would have it.
    static func rootless(_ change: (inout Value) throws -> Void = { _ in }) throws -> Bundle {
        let bundle = try minimal {
            $0.mapUsers(to: user, size: 1)
            $0.share("network")
            $0.linux.remove("resources")
            $0.linux.remove("cgroupsPath")
            $0.unmount("/dev/pts")
            $0.mount("devpts", at: "/dev/pts", "nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620")
            $0.mounts = .array(
                $0.mounts.items.map { mount in
                    guard mount.destination == "/sys" else { return mount }
                    return [
                        "destination": "/sys", "type": "none", "source": "/sys",
                        "options": ["rbind", "nosuid", "noexec", "nodev", "ro"],
                    ]
                })
            try change(&$0)
        }
        try Files.makeDirectory(bundle.workspace.root, mode: 0o700)
        for path in [bundle.workspace.root, bundle.directory] {
            try Files.changeOwner(path, uid: uid_t(user), gid: gid_t(user))
        }
        bundle.wrapper = bundle.becomingUser
        return bundle
    }

    /// With the root of the file system given to him, which `save` does by the mappings of the configuration.
    func ownedByUser(_ body: () throws -> Outcome) throws -> Outcome {
        prepare("chown \(user):\(user) \(rootfs)")
        wrapper = Array(wrapper.suffix(4)) + wrapper.dropLast(4)
        return try body()
    }

    var becomingUser: [String] {
        ["/usr/bin/setpriv", "--reuid", "\(user)", "--regid", "\(user)", "--clear-groups"]
    }

    /// A host, for the runtime alone, that knows the ordinary user and grants him these ids.
    func grant(_ users: String, _ groups: String, then script: String = "true") throws {
        let files = [
            ("passwd", (Files.read("/etc/passwd") ?? "") + "apus-test:x:\(user):\(user)::/:/bin/sh\n"),
            ("subuid", "\(user):\(users)\n"), ("subgid", "\(user):\(groups)\n"),
        ]
        let mounts = try files.map { name, text in
            "[ -e /etc/\(name) ] || touch /etc/\(name); mount --bind \(try hostFile(name, text)) /etc/\(name)"
        }
        wrapper =
            [
                "/usr/bin/unshare", "--mount", "--propagation", "private", "/bin/sh", "-ec",
                mounts.joined(separator: "\n") + "\n\(script)\nexec \"$@\"", "sh",
            ] + becomingUser
    }

    func userDirectory(_ name: String) throws -> String {
        let path = try hostDirectory(name, mode: 0o700)
        try Files.changeOwner(path, uid: uid_t(user), gid: gid_t(user))
        return path
    }

    func commandByUser(_ arguments: [String]) -> Command {
        var command = command(arguments)
        command.arguments = becomingUser + command.arguments
        return command
    }

    /// `COMMAND ID WORDS...` by the ordinary user.
    func byUser(_ name: String, _ words: String...) throws -> Outcome { try commandByUser([name, id] + words).run() }
}

/// The inode of the user namespace that a namespace belongs to (ioctl_ns(2), NS_GET_USERNS).
private func ownerOfNamespace(_ kind: String, of pid: pid_t) -> Value {
    let file = open("/proc/\(pid)/ns/\(kind)", O_RDONLY | O_CLOEXEC)
    defer { close(file) }
    let owner = ioctl(file, 0xb701)
    defer { close(owner) }
    var status = stat()
    return fstat(owner, &status) == 0 ? Value(Int(status.st_ino)) : .null
}
