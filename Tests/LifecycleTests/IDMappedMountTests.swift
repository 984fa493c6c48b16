import Harness
import Testing

private let user = 60_778

extension Containers {
    /// `uidMappings`, `gidMappings`, `idmap` and `ridmap` of mounts (config.md, "Mounts"; mount_setattr(2),
    /// "ID-mapped mounts"), seen by who owns what inside. The bind mounts are in `MountMeaningTests` too.
    @Suite struct IDMappedMountTests {
        /// What the file system has as 0 to 9 the mount shows as these on the host.
        private static func mapping(to hostID: Int) -> Value {
            [["containerID": 0, "hostID": Value(hostID), "size": 10]]
        }

        /// Of the last mount.
        private static func map(_ config: inout Value, to hostID: Int) {
            let last = config.mounts.items.count - 1
            config.mounts[last].uidMappings = mapping(to: hostID)
            config.mounts[last].gidMappings = mapping(to: hostID + 100)
        }

        // MARK: New file systems

        @Test(arguments: ["tmpfs", "tmpfs with idmap", "tmpfs with ridmap"])
        func `a new tmpfs shows the ids that its mappings say`(kind: String) throws {
            let bundle = try Bundle.minimal {
                $0.mount("tmpfs", at: "/data", "mode=755")
                if let option = kind.split(separator: " ").dropFirst(2).first {
                    $0.mounts[7].options.append(.string(String(option)))
                }
                Self.map(&$0, to: 1000)
                $0.ask("--stat", "/data")
            }
            let seen = try bundle.report()
            #expect(seen.paths["/data"].uid == 1000)
            #expect(seen.paths["/data"].gid == 1100)
            #expect(seen.mounted(at: "/data").type == "tmpfs")
            bundle.expectNothingLeft()
        }

        @Test func `what is written there gets the id that is mapped to the writer's`() throws {
            let bundle = try Bundle.minimal {
                $0.mount("tmpfs", at: "/data", "mode=777")
                Self.map(&$0, to: 1000)
                $0.process.user = ["uid": 1003, "gid": 1104]
                $0.shell("echo >/data/file && stat -c '%u %g' /data/file")
            }
            #expect(try bundle.run().ok().output == "1003 1104\n")
        }

        @Test func `whoever has no id there can make nothing`() throws {
            let bundle = try Bundle.minimal {
                $0.mount("tmpfs", at: "/data", "mode=777")
                Self.map(&$0, to: 1000)
                $0.ask("--try-create", "/data/file")
            }
            #expect(try bundle.report().tries["create /data/file"] == "EOVERFLOW")
        }

        @Test func `a mount point in there that nobody can make is an error that says why`() throws {
            let bundle = try Bundle.minimal {
                $0.mount("tmpfs", at: "/data")
                Self.map(&$0, to: 1000)
                $0.mount("tmpfs", at: "/data/inner")
            }
            expectFailure(try bundle.run(), saying: "mounts[8]", "/data/inner", "map one to it")
            bundle.expectNothingLeft()
        }

        @Test func `what tmpcopyup copies keeps its owner in the file system`() throws {
            let bundle = try Bundle.minimal {
                $0.mount("tmpfs", at: "/data", "tmpcopyup", "ro")
                Self.map(&$0, to: 1000)
                $0.ask("--stat", "/data/file", "--stat", "/data")
            }
            try bundle.put("data/file")
            try Files.changeOwner("\(bundle.rootfs)/data/file", uid: 3, gid: 4)
            let seen = try bundle.report()
            #expect(seen.paths["/data/file"].uid == 1003)
            #expect(seen.paths["/data/file"].gid == 1104)
            #expect(seen.mounted(at: "/data").options.contains("ro"))
        }

        @Test func `the runtime's own option works for new file systems too`() throws {
            let seen = try Bundle.minimal {
                $0.mount("tmpfs", at: "/data", "idmap=uids=0-7-1;gids=0-8-1")
                $0.ask("--stat", "/data")
            }.report()
            #expect(seen.paths["/data"].uid == 7)
            #expect(seen.paths["/data"].gid == 8)
        }

        @Test func `an ext4 on a loop device shows the ids that its mappings say`() throws {
            guard Host.has("mkfs.ext4"), Host.has("losetup"), Files.exists("/dev/loop-control") else { return }
            let bundle = try Bundle.minimal { $0.ask("--stat", "/data/lost+found", "--list", "/data") }
            let image = try bundle.hostFile("image", "")
            let script =
                "truncate -s 8M \(image); mkfs.ext4 -q \(image); losetup --find --show \(image) >\(image).device"
            try bundle.workspace.command(["/bin/sh", "-ec", script]).run().ok()
            let device = try #require(Files.line("\(image).device"))
            defer { _ = try? bundle.workspace.command(["/sbin/losetup", "--detach", device]).run() }
            bundle.config.mount("ext4", at: "/data", source: device, "idmap")
            bundle.config.linux.resources.devices.append(["allow": true, "type": "b", "major": 7, "access": "rw"])
            Self.map(&bundle.config, to: 1000)
            let seen = try bundle.report()
            #expect(seen.paths["/data/lost+found"].uid == 1000)
            #expect(seen.paths["/data/lost+found"].gid == 1100)
            #expect(seen.mounted(at: "/data").type == "ext4")
        }

        // MARK: In a user namespace

        @Test func `without mappings a new file system has the container's ids, as it has anyway`() throws {
            for option in ["idmap", "ridmap"] {
                let seen = try Bundle.minimal {
                    $0.mapUsers()
                    $0.mount("tmpfs", at: "/data", option)
                    $0.ask("--stat", "/data", "--try-create", "/data/file")
                }.report()
                #expect(seen.paths["/data"].uid == 0)
                #expect(seen.tries["create /data/file"] == "ok")
            }
        }

        @Test func `mappings of a new file system count from its own ids, to those of the host`() throws {
            let bundle = try Bundle.minimal {
                $0.mapUsers(to: 100_000)
                $0.mount("tmpfs", at: "/data", "idmap", "mode=755")
                Self.map(&$0, to: 100_005)
                $0.ask("--stat", "/data")
            }
            let seen = try bundle.report()
            #expect(seen.paths["/data"].uid == 5)
            #expect(seen.paths["/data"].gid == 105)
            bundle.expectNothingLeft()
        }

        @Test func `crun's option counts from where the container's ids are`() throws {
            let seen = try Bundle.minimal {
                $0.mapUsers(to: 100_000)
                $0.mount("tmpfs", at: "/data", "idmap=uids=@0-6-10;gids=@0-7-10")
                $0.ask("--stat", "/data")
            }.report()
            #expect(seen.paths["/data"].uid == 6)
            #expect(seen.paths["/data"].gid == 7)
        }

        @Test func `a user namespace that is joined is one to map through`() throws {
            let bundle = try Bundle.minimal { $0.ask("--stat", "/new", "--stat", "/data") }
            let holder = try bundle.workspace.start(
                bundle.workspace.command(["/usr/bin/unshare", "--user", "/bin/sleep", "1000"])
            ).pid
            #expect(eventually { Host.namespace("user", of: "\(holder)") != Host.namespace("user") })
            for map in ["uid_map", "gid_map"] { try Files.write("0 100000 100", to: "/proc/\(holder)/\(map)") }
            bundle.config.join("user", "/proc/\(holder)/ns/user")
            bundle.prepare("chown 100000:100000 \(bundle.rootfs)")
            let source = try bundle.hostDirectory("source")
            bundle.config.mount("tmpfs", at: "/new", "idmap")
            bundle.config.bind(source, to: "/data", "bind", "idmap")
            bundle.config.unmount("/dev/pts")
            let seen = try bundle.report()
            #expect(seen.paths["/new"].uid == 0)
            #expect(seen.paths["/data"].uid == 0)
        }

        @Test func `a tree of the container's own file system is bound as it is`() throws {
            let bundle = try Bundle.minimal {
                $0.mapUsers()
                $0.mount("tmpfs", at: "/data")
                $0.ask("--stat", "/again")
            }
            bundle.config.bind("\(bundle.rootfs)/data", to: "/again", "bind", "idmap")
            #expect(try bundle.report().paths["/again"].uid == 0)
        }

        // MARK: Recursion

        @Test(arguments: [("idmap", 65534), ("ridmap", 1000)])
        func `what is mounted below the source is mapped only if that is asked for`(option: String, inner: Int) throws {
            let bundle = try Bundle.minimal { $0.ask("--stat", "/data", "--stat", "/data/inner") }
            let source = try bundle.hostDirectory("source")
            try Files.makeDirectory("\(source)/inner")
            bundle.wrapper = ["/usr/bin/unshare", "--mount"]
            bundle.prepare("mount -t tmpfs -o mode=755,uid=0 none \(source)/inner")
            bundle.config.bind(source, to: "/data", "rbind", option)
            Self.map(&bundle.config, to: 1000)
            let seen = try bundle.report()
            #expect(seen.paths["/data"].uid == 1000)
            #expect(seen.paths["/data/inner"].uid == (option == "idmap" ? 0 : 1000))
        }

        // MARK: Overlays

        @Test func `an overlay is made of layers whose ids are mapped`() throws {
            let bundle = try Bundle.minimal { $0.ask("--stat", "/all/file", "--try-create", "/all/new") }
            let lower = try bundle.hostDirectory("lower")
            try Files.write("", to: "\(lower)/file")
            try Files.changeOwner("\(lower)/file", uid: 5, gid: 5)
            let upper = try bundle.hostDirectory("upper")
            let work = try bundle.hostDirectory("work")
            bundle.config.bind(lower, to: "/layer", "bind", "idmap")
            Self.map(&bundle.config, to: 1000)
            bundle.config.mount(
                "overlay", at: "/all", "lowerdir=\(bundle.rootfs)/layer,upperdir=\(upper),workdir=\(work)")
            let seen = try bundle.report()
            #expect(seen.paths["/all/file"].uid == 1005)
            #expect(seen.tries["create /all/new"] == "ok")
        }

        @Test func `an overlay itself has no ids to map, long options or not`() throws {
            for extra in [0, 5] {
                let bundle = try Bundle.minimal()
                let layers = try (0...extra + 1).map { index in
                    try bundle.hostDirectory("layer-\(index)-" + String(repeating: "x", count: 60))
                }
                bundle.config.mount("overlay", at: "/data", "lowerdir=\(layers.joined(separator: ":"))")
                Self.map(&bundle.config, to: 1000)
                bundle.config.mounts[7].options.append("idmap")
                expectFailure(
                    try bundle.run(), saying: "mounts[7]", "overlay at /data", "invalid argument", "bind its layers")
                bundle.expectNothingLeft()
            }
        }

        // MARK: File systems that the kernel maps no ids of

        @Test(arguments: ["proc", "sysfs", "mqueue", "devpts", "cgroup", "cgroup2"])
        func `a file system that has no id-mapped mounts is named`(type: String) throws {
            let bundle = try Bundle.minimal {
                $0.mount(type, at: "/data", "idmap")
                Self.map(&$0, to: 1000)
            }
            let outcome = try bundle.run()
            if type.hasPrefix("cgroup") {
                expectFailure(outcome, saying: "mounts[7]: the ids of a \(type) file system cannot be mapped")
            } else {
                expectFailure(
                    outcome, saying: "mounts[7]: map the ids of \(type) at /data: invalid argument",
                    "no id-mapped mounts of \(type)")
            }
            bundle.expectNothingLeft()
        }

        @Test(arguments: [false, true])
        func `so is the one that a bind mount's source is on`(inUserNamespace: Bool) throws {
            let bundle = try Bundle.minimal {
                if inUserNamespace { $0.mapUsers() }
                $0.bind("/proc/sys/fs", to: "/data", "bind", "idmap")
                Self.map(&$0, to: 100_000)
            }
            expectFailure(try bundle.run(), saying: "mounts[7]: map the ids of proc at /data: invalid argument")
            bundle.expectNothingLeft()
        }

        @Test func `below a recursive bind mount any one may be it`() throws {
            let bundle = try Bundle.minimal()
            let source = try bundle.hostDirectory("source")
            bundle.wrapper = ["/usr/bin/unshare", "--mount"]
            bundle.prepare("mkdir \(source)/inner; mount -t proc none \(source)/inner")
            bundle.config.bind(source, to: "/data", "rbind", "ridmap")
            Self.map(&bundle.config, to: 1000)
            expectFailure(try bundle.run(), saying: "mounts[7]", "something that is mounted below it")
        }

        // MARK: An ordinary user

        @Test func `an ordinary user's own file systems have his container's ids`() throws {
            let bundle = try Bundle.rootless {
                $0.mount("tmpfs", at: "/data", "idmap", "mode=755")
                $0.ask("--stat", "/data")
            }
            #expect(try bundle.ownedByUser { try bundle.run() }.report.paths["/data"].uid == 0)
        }

        @Test(.needs("newuidmap")) func `an ordinary user maps the ids of his own file systems`() throws {
            let bundle = try Bundle.rootless {
                $0.mount("tmpfs", at: "/data", "idmap", "mode=755")
                $0.ask("--stat", "/data", "--stat", "/again")
            }
            try bundle.grant("300000:1000", "400000:1000")
            bundle.config.linux.uidMappings = [
                ["containerID": 0, "hostID": Value(user), "size": 1],
                ["containerID": 1, "hostID": 300_000, "size": 1000],
            ]
            bundle.config.linux.gidMappings = [
                ["containerID": 0, "hostID": Value(user), "size": 1],
                ["containerID": 1, "hostID": 400_000, "size": 1000],
            ]
            // Two ranges of the host are one of the mount: the caller's own id, and what he is granted.
            bundle.config.mounts[7].uidMappings = [
                ["containerID": 0, "hostID": 300_004, "size": 1], ["containerID": 1, "hostID": Value(user), "size": 1],
            ]
            bundle.config.mounts[7].gidMappings = [["containerID": 0, "hostID": 400_005, "size": 10]]
            bundle.config.bind("\(bundle.rootfs)/data", to: "/again")
            let seen = try bundle.ownedByUser { try bundle.run() }.report
            for path in ["/data", "/again"] {
                #expect(seen.paths[path].uid == 5)
                #expect(seen.paths[path].gid == 6)
            }
            bundle.expectNothingLeft()
        }

        @Test func `only to ids that are his container's`() throws {
            let bundle = try Bundle.rootless { $0.mount("tmpfs", at: "/data", "idmap=uids=0-5-1;gids=0-5-1") }
            expectFailure(
                try bundle.ownedByUser { try bundle.run() },
                saying: "mounts[7].uidMappings: id 5 is not one of the container's user namespace")
            bundle.expectNothingLeft()
        }

        @Test func `a file system that has no id-mapped mounts is named for him too`() throws {
            let bundle = try Bundle.rootless {
                $0.mount("mqueue", at: "/data", "idmap=uids=0-\(user)-1;gids=0-\(user)-1")
            }
            expectFailure(
                try bundle.ownedByUser { try bundle.run() },
                saying: "mounts[7]: map the ids of mqueue at /data: invalid argument")
            bundle.expectNothingLeft()
        }

        @Test func `an ordinary user maps the ids of no mount of the host`() throws {
            let bundle = try Bundle.rootless { $0.bind("/usr", to: "/data", "bind", "idmap") }
            expectFailure(
                try bundle.ownedByUser { try bundle.run() },
                saying: "mounts[7]: mapping the ids of a mount of the host takes root"
            )
        }
    }
}
